"""Certificates, CRLs, requests and keys as JSON and as text."""

from __future__ import annotations

from datetime import UTC, datetime

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from .._csr import CSR
    from .._tlsmith import CRL, Certificate, Key
    from ._output import Page

SOON = 30
"""Certificates that expire within so many days are highlighted."""


def format_time(value: datetime) -> str:
    """Format a time as in RFC 3339, in UTC."""
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def days_left(cert: Certificate, at: datetime | None = None) -> int:
    """Return whole days until it expires; negative afterwards."""
    return (cert.not_after - (at or datetime.now(UTC))).days


def status(first: datetime, last: datetime | None) -> str:
    """Return whether a validity period includes the current time."""
    now = datetime.now(UTC)
    if first > now:
        return "not_yet_valid"
    return "valid" if last is None or last >= now else "expired"


def certificate_json(cert: Certificate) -> dict[str, object]:
    """Describe a certificate for programs."""
    return {
        "type": "certificate",
        "subject": cert.subject,
        "issuer": cert.issuer,
        "serial": f"{cert.serial:x}",
        "names": list(cert.names),
        "not_before": format_time(cert.not_before),
        "not_after": format_time(cert.not_after),
        "status": status(cert.not_before, cert.not_after),
        "days_left": days_left(cert),
        "is_ca": cert.is_ca,
        "path_len": cert.path_len,
        "key_type": cert.key_type,
        "key_bits": cert.key_bits,
        "signature_algorithm": cert.signature_algorithm,
        "key_usage": sorted(cert.key_usage),
        "extended_key_usage": list(cert.extended_key_usage),
        "crl_urls": list(cert.crl_urls),
        "ocsp_urls": list(cert.ocsp_urls),
        "sha256": cert.sha256.hex(),
        "spki_sha256": cert.spki_sha256.hex(),
    }


def key_json(key: Key) -> dict[str, object]:
    """Describe a private key for programs, without anything secret."""
    return {"type": "key", "key_type": key.type}


def show_chain(page: Page, chain: Sequence[Certificate]) -> None:
    """Print a chain, the end-entity certificate first."""
    for number, cert in enumerate(chain):
        page.heading(f" {number} {cert.subject}")
        page.field("issuer", cert.issuer, indent=3)
        if number == 0:
            page.field("names", ", ".join(cert.names), indent=3)
        page.field("key", f"{key_name(cert)}, signed with {cert.signature_algorithm}", indent=3)
        show_validity(page, cert)


def key_name(cert: Certificate) -> str:
    """Return its key type, with the size unless the type names it."""
    bits = str(cert.key_bits)
    return cert.key_type if bits in cert.key_type else f"{cert.key_type} ({bits} bits)"


def show_validity(page: Page, cert: Certificate, indent: int = 3) -> None:
    """Print the validity period and the time that is left."""
    now = datetime.now(UTC)
    left = days_left(cert, now)
    if cert.not_before > now:
        rest, style = f"not valid for another {(cert.not_before - now).days} days", "red"
    elif cert.not_after < now:
        rest, style = f"expired {(now - cert.not_after).days} days ago", "red"
    else:
        rest, style = f"{left} days left", "yellow" if left < SOON else "green"
    span = f"{cert.not_before:%Y-%m-%d} to {cert.not_after:%Y-%m-%d}"
    page.field("valid", f"{span}, {rest}", indent=indent, style=style)


def crl_json(crl: CRL) -> dict[str, object]:
    """Describe a CRL for programs."""
    return {
        "type": "crl",
        "issuer": crl.issuer,
        "number": crl.number,
        "this_update": format_time(crl.this_update),
        "next_update": None if crl.next_update is None else format_time(crl.next_update),
        "status": status(crl.this_update, crl.next_update),
        "signature_algorithm": crl.signature_algorithm,
        "revoked": [
            {
                "serial": f"{serial:x}",
                "since": format_time(since),
                "reason": reason or "unspecified",
            }
            for serial, since, reason in crl
        ],
    }


def csr_json(csr: CSR) -> dict[str, object]:
    """Describe a request for programs."""
    return {
        "type": "csr",
        "subject": csr.subject,
        "names": list(csr.names),
        "other_names": list(csr.other_names),
        "key_type": csr.key_type,
    }
