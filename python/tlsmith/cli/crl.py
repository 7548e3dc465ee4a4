"""tlsmith crl: the CRL of the local CA."""

from __future__ import annotations

import os

from .._errors import Error
from .._loading import load_crls
from ._arguments import Failure, UsageError, Verbs, days
from ._ca_folder import add_folder, crl_file, existing, folder_files, update_crl
from ._describe import crl_json
from ._files import are_same, refuse_to_replace_inputs, write
from ._output import print_json, write_bytes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace

    from .._ca import CA

_DETAILS = """
Signs a new CRL, writes it to standard output or --out, and updates ca.crl in the
folder of the CA.  Verifiers reject a CRL after its nextUpdate: sign a new one
before that.  --out replaces an earlier CRL of the same CA; replacing any other file
needs --force.  --json prints the keys of `inspect`, and file (null without --out)
and pem.
"""

_EXAMPLES = """
  tlsmith crl --out ca.crl
  tlsmith crl --days 30 --der --out /var/www/ca.crl
  tlsmith crl | openssl crl -noout -text
"""


def add(verbs: Verbs) -> None:
    """Add the parser of the verb."""
    parser = verbs.add(
        "crl", run, "sign a CRL of the local CA", details=_DETAILS, examples=_EXAMPLES
    )
    parser.add_argument("--days", type=days, default=7, help="days until nextUpdate; default 7")
    parser.add_argument("--out", metavar="FILE", help="the file to write; default standard output")
    parser.add_argument("--force", action="store_true", help="replace any existing file")
    parser.add_argument(
        "--der",
        action="store_true",
        help="write DER instead of PEM, for publication at a URL (RFC 5280, section 4.2.1.13)",
    )
    add_folder(parser)


def run(options: Namespace) -> int:
    """Sign a new CRL and write it."""
    ca = existing(options.ca_dir)
    if options.out:
        _check(options, ca)
    crl = update_crl(options.ca_dir, ca, valid=f"{options.days}d")
    content = crl.der if options.der else crl.pem
    if options.out and not are_same(options.out, crl_file(options.ca_dir)):
        write([(options.out, content, False)])
    if options.json:
        print_json({**crl_json(crl), "file": options.out, "pem": crl.pem.decode()})
    elif not options.out:
        write_bytes(content)
    return 0


def _check(options: Namespace, ca: CA) -> None:
    """Refuse to replace anything but an earlier CRL of the CA."""
    cert, key, own_crl = folder_files(options.ca_dir)
    refuse_to_replace_inputs([options.out], [cert, key])
    if options.der and os.path.realpath(options.out) == os.path.realpath(own_crl):
        raise UsageError(f"'{own_crl}' is the local CA's own CRL, which is PEM: leave out --der")
    if options.force or not os.path.lexists(options.out):
        return
    try:
        is_file = os.path.isfile(options.out)
        is_earlier = is_file and load_crls(options.out)[0].issuer == ca.cert.subject
    except Error:
        is_earlier = False
    if not is_earlier:
        raise Failure(
            f"'{options.out}' exists already, and is not a CRL of '{ca.cert.subject}': "
            "use --force to replace it",
            "exists",
        )
