"""tlsmith sign: the certificate that a request asks for."""

from __future__ import annotations

from .._authority import CA
from .._requests import CSR
from ._arguments import Verbs
from ._files import make_folder
from .issue import add_issuing, issuing, report

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace

_SAYS = """
The local authority signs it, and is made where there is none: for the key, the
subject and the names of the request.  Into DIR go NAME.pem, NAME-chain.pem and
ca.pem, as `issue` has them; JSON is that of `issue`.
"""

_EXAMPLES = """
  tlsmith sign localhost-csr.pem
  tlsmith sign localhost-csr.pem --copy-extensions --days 3650
  tlsmith sign sub-csr.pem --allow-ca
"""


def add(verbs: Verbs) -> None:
    """The arguments."""
    parser = verbs.add("sign", run, "sign a request", says=_SAYS, examples=_EXAMPLES)
    parser.add_argument("csr", metavar="CSR", help="the file of the request")
    parser.add_argument(
        "--name", metavar="NAME", action="append", help="instead of the names of the request"
    )
    parser.add_argument(
        "--copy-extensions", action="store_true", help="all that it asks for, byte for byte"
    )
    parser.add_argument(
        "--allow-other-names",
        action="store_true",
        help="also names of kinds that cannot be checked, such as otherName",
    )
    parser.add_argument("--allow-ca", action="store_true", help="let it be a CA if it asks to")
    add_issuing(parser)


def run(options: Namespace) -> int:
    """Sign it and write it."""
    csr = CSR.load(options.csr)
    site = CA.local(options.ca_dir).sign(
        csr,
        names=options.name,
        copy_extensions=options.copy_extensions,
        allow_other_names=options.allow_other_names,
        ca=options.allow_ca,
        **issuing(options),
    )
    make_folder(options.out)
    report(options, site, site.write(options.out))
    return 0
