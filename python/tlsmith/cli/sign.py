"""tlsmith sign: certificates for signing requests."""

from __future__ import annotations

import os
import re

from .._ca import CA
from .._csr import CSR
from .._identity import file_stem
from ._arguments import Verbs
from ._files import are_same, output_location
from .issue import add_issuing, issuing, save_and_report

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace

    from .._identity import Identity
    from .._tlsmith import Certificate

_DETAILS = """
The local CA issues a certificate for the key, subject and names of the request; the
CA is created if there is none.  If the request has no subject alternative name, a
server certificate gets its common names that are host names.

Writes NAME.pem, NAME-chain.pem and ca.pem, as `issue` does.  NAME comes from the
file of the request, NAME-csr.pem, or from --out FILE.pem, never from its content.
If NAME.pem is the request itself, the files are NAME-cert.pem and so on.  Replaced
files, warnings and --json are as for `issue`.
"""

_EXAMPLES = """
  tlsmith sign localhost-csr.pem
  tlsmith sign localhost-csr.pem --copy-extensions --days 90
  tlsmith sign sub-csr.pem --allow-ca
  tlsmith sign request.der --out www.example.test.pem
"""


def add(verbs: Verbs) -> None:
    """Add the parser of the verb."""
    parser = verbs.add(
        "sign", run, "sign a certificate signing request", details=_DETAILS, examples=_EXAMPLES
    )
    parser.add_argument("csr", metavar="CSR", help="the file of the request")
    parser.add_argument(
        "--name",
        metavar="NAME",
        action="append",
        help="a name to certify instead of those of the request; may be repeated",
    )
    parser.add_argument(
        "--copy-extensions",
        action="store_true",
        help="copy all requested extensions, byte for byte",
    )
    parser.add_argument(
        "--allow-other-names",
        action="store_true",
        help="allow names whose type cannot be checked, such as otherName",
    )
    parser.add_argument(
        "--allow-ca", action="store_true", help="issue a CA certificate if one is requested"
    )
    add_issuing(parser)


def run(options: Namespace) -> int:
    """Sign the request and write the certificate."""
    csr = CSR.load(options.csr)
    folder, stem = output_location(options.out, _stem(options.csr))
    if folder == options.out and are_same(os.path.join(folder, f"{stem}.pem"), options.csr):
        stem += "-cert"
    ca = CA.local(options.ca_dir)
    site, hosts = _sign(options, ca, csr)
    warnings = [_FROM_COMMON_NAME.format(", ".join(hosts))] if hosts else []
    where = (folder, stem)
    save_and_report(options, ca, site, where, inputs=[options.csr], warnings=warnings)
    return 0


_FROM_COMMON_NAME = (
    "the request has no subject alternative name, so its common name is used as one: {}"
)


# File name endings of requests, such as "-csr.pem" and ".csr".
_REQUEST = re.compile(r"([-_](csr|req))?(\.(pem|csr|req|p10|der|txt))*", re.IGNORECASE)


def _stem(path: str) -> str | None:
    """Return the file name of a request without the endings of requests; None for a
    pipe."""
    if not os.path.isfile(path):
        return None
    name = os.path.basename(path)
    ends = (end for end in range(len(name) + 1) if _REQUEST.fullmatch(name, end))
    return file_stem(name[: next(ends)] or "request")


def _sign(options: Namespace, ca: CA, csr: CSR) -> tuple[Identity, list[str]]:
    """Return the certificate, and the host names that it took from common names."""

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
    """Return whether it is a host name or a wildcard, and not an IP address."""
    return len(name) <= 253 and _HOST.fullmatch(name) is not None
