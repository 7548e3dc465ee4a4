"""Conversion to the objects of other libraries: ssl, cryptography and pyOpenSSL."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from datetime import datetime
    from typing import Any

    from . import _tlsmith
    from ._csr import CSR
    from ._identity import Identity

# OpenSSL's names of attribute types, which are not the short ones of RFC 4519.
_ATTRIBUTES = {
    "2.5.4.3": "commonName",
    "2.5.4.4": "surname",
    "2.5.4.5": "serialNumber",
    "2.5.4.6": "countryName",
    "2.5.4.7": "localityName",
    "2.5.4.8": "stateOrProvinceName",
    "2.5.4.9": "streetAddress",
    "2.5.4.10": "organizationName",
    "2.5.4.11": "organizationalUnitName",
    "2.5.4.12": "title",
    "2.5.4.13": "description",
    "2.5.4.15": "businessCategory",
    "2.5.4.17": "postalCode",
    "2.5.4.41": "name",
    "2.5.4.42": "givenName",
    "2.5.4.43": "initials",
    "2.5.4.44": "generationQualifier",
    "2.5.4.46": "dnQualifier",
    "2.5.4.65": "pseudonym",
    "2.5.4.97": "organizationIdentifier",
    "0.9.2342.19200300.100.1.1": "userId",
    "0.9.2342.19200300.100.1.25": "domainComponent",
    "1.2.840.113549.1.9.1": "emailAddress",
    "1.3.6.1.4.1.311.60.2.1.1": "jurisdictionLocalityName",
    "1.3.6.1.4.1.311.60.2.1.2": "jurisdictionStateOrProvinceName",
    "1.3.6.1.4.1.311.60.2.1.3": "jurisdictionCountryName",
}

_OTHER, _EMAIL, _DNS, _X400, _DIRECTORY, _EDI, _URI, _ADDRESS, _REGISTERED = range(9)
_KINDS = {
    _OTHER: "othername",
    _EMAIL: "email",
    _DNS: "DNS",
    _X400: "X400Name",
    _EDI: "EdiPartyName",
    _URI: "URI",
    _REGISTERED: "Registered ID",
}
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def peer_dict(cert: _tlsmith.Certificate) -> dict[str, Any]:
    """Return what ssl.SSLSocket.getpeercert() returns for a certificate."""
    serial = f"{cert.serial:X}"
    found: dict[str, Any] = {
        "subject": _name(cert._subject_parts()),
        "issuer": _name(cert._issuer_parts()),
        "version": cert.version,
        "serialNumber": serial.zfill(len(serial) + len(serial) % 2),
        "notBefore": _time(cert.not_before),
        "notAfter": _time(cert.not_after),
    }
    lists = {
        "subjectAltName": tuple(_general_name(*name) for name in cert._alternative_names()),
        "OCSP": cert.ocsp_urls,
        "caIssuers": cert.issuer_urls,
        "crlDistributionPoints": cert.crl_urls,
    }
    # Empty entries are left out.
    return found | {key: value for key, value in lists.items() if value}


def _name(parts: list[list[tuple[str, str]]]) -> tuple[tuple[tuple[str, str], ...], ...]:
    return tuple(tuple((_ATTRIBUTES.get(oid, oid), value) for oid, value in part) for part in parts)


def _general_name(
    kind: int, text: str, parts: list[list[tuple[str, str]]] | None
) -> tuple[str, object]:
    if parts is not None:
        return "DirName", _name(parts)
    if kind == _ADDRESS:
        return "IP Address", _address(text)
    if kind in (_EMAIL, _DNS, _URI):
        return _KINDS[kind], text
    if kind == _REGISTERED:
        return _KINDS[kind], text.rpartition(" ")[2]
    return _KINDS.get(kind, "unknown"), "<unsupported>"


def _address(text: str) -> str:
    """Format an address as OpenSSL does: an IPv6 address in full, in capitals."""
    if ":" not in text:
        return text
    import ipaddress

    words = ipaddress.IPv6Address(text).exploded.split(":")
    return ":".join(f"{int(word, 16):X}" for word in words)


def _time(time: datetime) -> str:
    """Format a time as in "Jan  5 09:34:43 2018 GMT", in every locale."""
    clock = f"{time.hour:02}:{time.minute:02}:{time.second:02}"
    return f"{_MONTHS[time.month - 1]} {time.day:2} {clock} {time.year} GMT"


def certificate(cert: _tlsmith.Certificate) -> Any:
    """Convert to a cryptography.x509.Certificate."""
    from cryptography import x509

    return x509.load_der_x509_certificate(cert.der)


def crl(crl: _tlsmith.CRL) -> Any:
    """Convert to a cryptography.x509.CertificateRevocationList."""
    from cryptography import x509

    return x509.load_der_x509_crl(crl.der)


def csr(csr: CSR) -> Any:
    """Convert to a cryptography.x509.CertificateSigningRequest."""
    from cryptography import x509

    return x509.load_der_x509_csr(csr.der)


def key(key: _tlsmith.Key) -> Any:
    """Convert to a private key of cryptography, of the class for its type."""
    from cryptography.hazmat.primitives.serialization import load_der_private_key

    return load_der_private_key(key.der, None)


def _is_pyopenssl(ctx: object) -> bool:
    """Return whether it is a context of pyOpenSSL, without importing that."""
    return type(ctx).__module__.partition(".")[0] == "OpenSSL"


def use_identity(ctx: Any, identity: Identity) -> None:
    """Load an identity into a context of ssl or pyOpenSSL."""
    if _is_pyopenssl(ctx):
        leaf, *others = (certificate(one) for one in identity.chain)
        ctx.use_certificate(leaf)
        for other in others:
            ctx.add_extra_chain_cert(other)
        ctx.use_privatekey(key(identity.key))
        ctx.check_privatekey()
    elif hasattr(ctx, "load_cert_chain"):
        # The standard library takes files only.
        with identity.files() as files:
            ctx.load_cert_chain(files.chain, files.key)
    else:
        raise _not_a_context(ctx)


def add_root(ctx: Any, root: _tlsmith.Certificate) -> None:
    """Add a root to the trust anchors of a context of ssl or pyOpenSSL."""
    if _is_pyopenssl(ctx):
        from OpenSSL import crypto

        ctx.get_cert_store().add_cert(crypto.X509.from_cryptography(certificate(root)))
    elif hasattr(ctx, "load_verify_locations"):
        ctx.load_verify_locations(cadata=root.pem.decode())
    else:
        raise _not_a_context(ctx)


def _not_a_context(ctx: object) -> TypeError:
    kind = type(ctx).__name__
    return TypeError(f"an ssl.SSLContext or an OpenSSL.SSL.Context is needed, not {kind}")
