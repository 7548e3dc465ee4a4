"""tlsmith sign: the certificate that a request asks for."""

from __future__ import annotations

import os
import re

from .._authority import CA
from .._certs import file_stem
from .._requests import CSR
from ._arguments import Verbs
from ._files import are_same, place
from .issue import add_issuing, issuing, save_and_report

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace

    from .._certs import Identity
    from .._tlsmith import Certificate

_SAYS = """
The local authority signs it, and is made where there is none: for the key, the
subject and the names of the request.  If the request has no alternative name, a
server's certificate gets each common name that is a host.

Into DIR go NAME.pem, NAME-chain.pem and ca.pem, as `issue` has them.  NAME is that
of the request's file, NAME-csr.pem, or of --out FILE.pem; nothing in the request
chooses it.  Where NAME.pem is the request itself, the files are NAME-cert.pem and
so on.  What is replaced, the warnings and the JSON are as for `issue`.
"""

_EXAMPLES = """
  tlsmith sign localhost-csr.pem
  tlsmith sign localhost-csr.pem --copy-extensions --days 90
  tlsmith sign sub-csr.pem --allow-ca
  tlsmith sign request.der --out www.example.test.pem
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
    folder, stem = place(options.out, _stem(options.csr))
    if folder == options.out and are_same(os.path.join(folder, f"{stem}.pem"), options.csr):
        stem += "-cert"
    ca = CA.local(options.ca_dir)
    site, hosts = _sign(options, ca, csr)
    warnings = [_FROM_COMMON_NAME.format(", ".join(hosts))] if hosts else []
    where = (folder, stem)
    save_and_report(options, ca, site, where, inputs=[options.csr], warnings=warnings)
    return 0


_FROM_COMMON_NAME = "the request has no alternative name, so the common name becomes one: {}"


# What says that a file is a request, and in which format: "-csr.pem", ".csr".
_REQUEST = re.compile(r"([-_](csr|req))?(\.(pem|csr|req|p10|der|txt))*", re.IGNORECASE)


def _stem(path: str) -> str | None:
    """What the file of a request is called without what says that it is one; None
    where it is no file, but a pipe."""
    if not os.path.isfile(path):
        return None
    name = os.path.basename(path)
    ends = (end for end in range(len(name) + 1) if _REQUEST.fullmatch(name, end))
    return file_stem(name[: next(ends)] or "request")


def _sign(options: Namespace, ca: CA, csr: CSR) -> tuple[Identity, list[str]]:
    """The certificate, and the hosts in its common names where it needs them as
    alternative names."""

    def sign(names: list[str] | None) -> Identity:
        return ca.sign(
            csr,
            names=names,
            copy_extensions=options.copy_extensions,
            allow_other_names=options.allow_other_names,
            ca=options.allow_ca,
            **issuing(options),
        )

    site = sign(options.name)
    cert = site.cert
    if cert.names or cert.is_ca or "serverAuth" not in cert.extended_key_usage:
        return site, []
    hosts = [name for name in _common_names(cert) if _is_host(name)]
    return (sign(hosts), hosts) if hosts else (site, [])


_COMMON_NAME = "2.5.4.3"


def _common_names(cert: Certificate) -> list[str]:
    parts = cert._subject_parts()
    return [value for part in parts for oid, value in part if oid == _COMMON_NAME]


_LABEL = "[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_HOST = re.compile(rf"(?:\*\.)?(?:{_LABEL}\.)*(?!\d+\Z){_LABEL}")


def _is_host(name: str) -> bool:
    """Whether it is a host name or a wildcard, and no address."""
    return len(name) <= 253 and _HOST.fullmatch(name) is not None
