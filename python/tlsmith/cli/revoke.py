"""tlsmith revoke: revoke certificates of the local CA."""

from __future__ import annotations

import os

from .._loading import load_certificate
from ._arguments import UsageError, Verbs
from ._ca_folder import add_folder, crl_file, existing, update_crl
from ._output import print_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace

    from .._ca import CA
    from .._tlsmith import Certificate

REASONS = (
    "unspecified",
    "key_compromise",
    "ca_compromise",
    "affiliation_changed",
    "superseded",
    "cessation_of_operation",
    "certificate_hold",
    "privilege_withdrawn",
    "aa_compromise",
)

_DETAILS = """
Adds the certificate to the CRL of the local CA, which is ca.crl in its folder.
--json prints the keys serial (hexadecimal), reason, crl (path) and revoked (the
number of revoked certificates).
"""

_EXAMPLES = """
  tlsmith revoke localhost.pem --reason key_compromise
  tlsmith revoke 0x2d1f0c93
"""


def add(verbs: Verbs) -> None:
    """Add the parser of the verb."""
    parser = verbs.add(
        "revoke", run, "revoke a certificate of the local CA", details=_DETAILS, examples=_EXAMPLES
    )
    parser.add_argument(
        "cert", metavar="CERT", help="the certificate's file, or its serial number in hex, as 0x..."
    )
    parser.add_argument(
        "--reason",
        metavar="REASON",
        choices=REASONS,
        default=REASONS[0],
        help=f"one of {', '.join(REASONS)}; default {REASONS[0]}",
    )
    add_folder(parser)


def run(options: Namespace) -> int:
    """Revoke the certificate and write the CRL."""
    ca = existing(options.ca_dir)
    cert = _certificate(options.cert)
    serial = cert if isinstance(cert, int) else cert.serial

    def change(ca: CA) -> None:
        ca.revoke(cert, reason=options.reason)

    crl = update_crl(options.ca_dir, ca, valid="7d", change=change)
    path = crl_file(options.ca_dir)
    if options.json:
        report = {"serial": f"{serial:x}", "reason": options.reason}
        print_json({**report, "crl": path, "revoked": len(crl)})
    else:
        print(f"revoked {serial:x} ({options.reason}): '{path}' now lists {len(crl)} certificates")
    return 0


def _certificate(text: str) -> Certificate | int:
    if text.startswith("0x") and not os.path.exists(text):
        try:
            return int(text, 16)
        except ValueError:
            raise UsageError(
                f"'{text}' is not a serial number: write it in hex, such as 0x2d1f0c93"
            ) from None
    return load_certificate(text)
