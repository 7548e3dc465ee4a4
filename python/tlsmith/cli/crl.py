"""tlsmith crl: the list of what the authority revoked."""

from __future__ import annotations

import os

from .._errors import Error
from .._sources import load_crls
from ._arguments import Failure, UsageError, Verbs, days
from ._authority import add_folder, existing, folder_files, record_file, update_crl
from ._describe import crl_json
from ._files import are_same, refuse_to_replace_inputs, write
from ._output import print_json, write_bytes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace

    from .._authority import CA

_SAYS = """
It is signed anew, and goes to the standard output as PEM, and into ca.crl of the
authority.  Who checks with a CRL wants one that is not too old: sign it anew in
time.  FILE of --out is replaced if it is an earlier CRL of the same authority;
anything else needs --force.  JSON is that of `inspect` with the keys file (null
without --out) and pem.
"""

_EXAMPLES = """
  tlsmith crl --out ca.crl
  tlsmith crl --days 30 --der --out /var/www/ca.crl
  tlsmith crl | openssl crl -noout -text
"""


def add(verbs: Verbs) -> None:
    """The arguments."""
    parser = verbs.add(
        "crl", run, "the list of what your own authority revoked", says=_SAYS, examples=_EXAMPLES
    )
    parser.add_argument("--days", type=days, default=7, help="how long it is good for, 7")
    parser.add_argument("--out", metavar="FILE", help="where to write it")
    parser.add_argument("--force", action="store_true", help="replace whatever is there")
    parser.add_argument("--der", action="store_true", help="DER, which belongs at a URL")
    add_folder(parser)


def run(options: Namespace) -> int:
    """Sign it anew and write it."""
    ca = existing(options.ca_dir)
    if options.out:
        _check(options, ca)
    crl = update_crl(options.ca_dir, ca, valid=f"{options.days}d")
    content = crl.der if options.der else crl.pem
    if options.out and not are_same(options.out, record_file(options.ca_dir)):
        write([(options.out, content, False)])
    if options.json:
        print_json({**crl_json(crl), "file": options.out, "pem": crl.pem.decode()})
    elif not options.out:
        write_bytes(content)
    return 0


def _check(options: Namespace, ca: CA) -> None:
    """Refuse to replace anything but an earlier CRL of the authority."""
    cert, key, record = folder_files(options.ca_dir)
    refuse_to_replace_inputs([options.out], [cert, key])
    if options.der and os.path.realpath(options.out) == os.path.realpath(record):
        raise UsageError(f"'{record}' is the record of the authority, and PEM: drop --der")
    if options.force or not os.path.lexists(options.out):
        return
    try:
        is_file = os.path.isfile(options.out)
        is_earlier = is_file and load_crls(options.out)[0].issuer == ca.cert.subject
    except Error:
        is_earlier = False
    if not is_earlier:
        raise Failure(
            f"'{options.out}' is there already, and is not a CRL of '{ca.cert.subject}': "
            "--force replaces it",
            "exists",
        )
