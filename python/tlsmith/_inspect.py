"""inspect(): detecting and parsing certificates, requests, CRLs, keys and PKCS#12."""

from __future__ import annotations

from . import _tlsmith
from ._checks import seconds
from ._context import context, trust_settings
from ._csr import CSR
from ._errors import CertError, quote
from ._identity import Identity
from ._loading import (
    discreet,
    inside,
    is_der,
    is_pkcs7,
    is_pkcs12,
    load_certificates,
    load_crls,
    load_key,
    naming,
    read,
)
from ._socket import Socket
from ._trust import INSECURE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias

    from ._loading import Password, Source

    Document: TypeAlias = (
        _tlsmith.Certificate
        | CSR
        | _tlsmith.CRL
        | _tlsmith.Key
        | Identity
        | list[_tlsmith.Certificate]
        | list[_tlsmith.CRL]
    )


@discreet
def inspect(
    source: Source | tuple[str, int],
    *,
    password: Password | None = None,
    timeout: float | None = 30.0,
) -> Document:
    """Parse a document of unknown type, or fetch the certificates of a server.

    source    a path, PEM, DER, or the (host, port) of a server
    password  for a PKCS#12 file or an encrypted key
    timeout   in seconds, for a server; None: no limit

    Returns a Certificate, a CSR, a CRL or a Key; an Identity for a key with its chain,
    as in PKCS#12; a list for several certificates or CRLs; and for a server the list of
    certificates that it sent, its own first.

    Nothing is verified, and no data is sent to the server: use Trust.verify() for that.

    Raises CertError if it is none of these, and ConfigError if the password is wrong or
    missing.
    """
    if isinstance(source, tuple):
        return _fetch_chain(*source, timeout)
    with naming(source):
        content = read(source)
        return _in_der(content, password) if is_der(content) else _in_pem(content, password)


def _fetch_chain(host: str, port: int, timeout: float | None) -> list[_tlsmith.Certificate]:
    if not isinstance(host, str) or not isinstance(port, int):
        raise TypeError(
            f"a server must be (host, port), a str and an int, not {quote((host, port))}"
        )
    unverified = context(trust_settings(INSECURE))
    fd = _tlsmith.dial(host, str(port), seconds("timeout", timeout))
    with Socket(unverified, fd, False, host, timeout) as sock:
        sock.do_handshake()
        return list(sock.peer_chain)


def _in_pem(content: bytes, password: Password | None) -> Document:
    """Parse PEM by its labels: those of RFC 7468, older ones of OpenSSL, and PKCS#7."""
    has_key = b"PRIVATE KEY-----" in content
    if b"CERTIFICATE REQUEST-----" in content:
        return CSR.load(content)
    if b"BEGIN X509 CRL-----" in content:
        crls = load_crls(content)
        return crls[0] if len(crls) == 1 else crls
    if has_key and b"CERTIFICATE-----" not in content:
        return load_key(content, password)
    if has_key:
        return Identity.load(content, password=password)
    # Without a certificate, the error names the labels that were found.
    certificates = load_certificates(content)
    return certificates[0] if len(certificates) == 1 else certificates


_INTEGER, _OBJECT_IDENTIFIER, _VERSION = b"\x02", b"\x06", b"\xa0"


def _in_der(content: bytes, password: Password | None) -> Document:
    """Parse DER, which has no labels: by its first bytes, or by trial."""
    if is_pkcs7(content):
        return _in_pem(content, password)
    if is_pkcs12(content):
        return Identity.load_pkcs12(content, "" if password is None else password)
    beginning = inside(content)
    within = inside(beginning)
    if beginning.startswith(_INTEGER) or within.startswith(_OBJECT_IDENTIFIER):
        return load_key(content, password)
    if within.startswith(_VERSION):
        return _tlsmith.Certificate.from_der(content)
    # Version 1 certificates, CRLs and requests begin with the same bytes.
    for parse in (_tlsmith.Certificate.from_der, _tlsmith.CRL.from_der):
        try:
            return parse(content)
        except CertError:
            continue
    return CSR.load(content)
