"""tlsmith crl: the list of what the authority revoked."""

from __future__ import annotations

from ._arguments import Verbs, days
from ._authority import add_folder, existing, update_crl
from ._describe import crl_json
from ._files import write_public
from ._output import print_json, write_bytes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace

_SAYS = """
It is signed anew, and goes to the standard output as PEM, and into ca.crl of the
authority.  Who checks with a CRL wants one that is not too old: sign it anew in
time.  JSON is that of `inspect` with the keys file (null without --out) and pem.
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
    parser.add_argument("--der", action="store_true", help="DER, which belongs at a URL")
    add_folder(parser)


def run(options: Namespace) -> int:
    """Sign it anew and write it."""
    crl = update_crl(options.ca_dir, existing(options.ca_dir), valid=f"{options.days}d")
    content = crl.der if options.der else crl.pem
    if options.out:
        write_public(options.out, content)
    if options.json:
        print_json({**crl_json(crl), "file": options.out, "pem": crl.pem.decode()})
    elif not options.out:
        write_bytes(content)
    return 0
