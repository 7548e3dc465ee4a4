"""tlsmith revoke: take a certificate back."""

from __future__ import annotations

import os

from .._sources import load_certificate
from ._arguments import UsageError, Verbs
from ._authority import add_folder, existing, record_file, update_crl
from ._output import print_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace

    from .._authority import CA
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

_SAYS = """
The CRL of the local authority lists it from now on: ca.crl in its folder, which
is its record too.  JSON has the keys serial (hexadecimal), reason, crl (the file)
and revoked (how many it lists).
"""

_EXAMPLES = """
  tlsmith revoke localhost.pem --reason key_compromise
  tlsmith revoke 0x2d1f0c93
"""


def add(verbs: Verbs) -> None:
    """The arguments."""
    parser = verbs.add(
        "revoke", run, "revoke a certificate of your own authority", says=_SAYS, examples=_EXAMPLES
    )
    parser.add_argument("cert", metavar="CERT", help="its file, or its serial number as 0x...")
    parser.add_argument(
        "--reason", metavar="REASON", choices=REASONS, default=REASONS[0], help=", ".join(REASONS)
    )
    add_folder(parser)


def run(options: Namespace) -> int:
    """Revoke it and write the CRL."""
    ca = existing(options.ca_dir)
    cert = _certificate(options.cert)
    serial = cert if isinstance(cert, int) else cert.serial

    def change(ca: CA) -> None:
        ca.revoke(cert, reason=options.reason)

    crl = update_crl(options.ca_dir, ca, valid="7d", change=change)
    path = record_file(options.ca_dir)
    if options.json:
        said = {"serial": f"{serial:x}", "reason": options.reason}
        print_json({**said, "crl": path, "revoked": len(crl)})
    else:
        print(f"revoked {serial:x} ({options.reason}): {path} lists {len(crl)}")
    return 0


def _certificate(text: str) -> Certificate | int:
    if text.startswith("0x") and not os.path.exists(text):
        try:
            return int(text, 16)
        except ValueError:
            raise UsageError(f"'{text}' is not a serial number") from None
    return load_certificate(text)
