"""Looking at what one does not know: a file, bytes, a server."""

from __future__ import annotations

from . import _tlsmith
from ._certs import Identity
from ._checks import seconds
from ._context import context, trusting
from ._errors import CertError, shown
from ._requests import CSR
from ._socket import Socket
from ._sources import (
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
from ._trust import INSECURE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias

    from ._sources import Password, Source

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
    """Look at something, and say by its class what it is.

    source    a path, PEM, DER, or the (host, port) of a server
    password  for a PKCS#12 file, or for a key that is encrypted
    timeout   in seconds, for a server; None waits for ever

    Returns a Certificate, a CSR, a CRL, a Key; an Identity for a key with its
    chain, which is what a PKCS#12 file has; a list where there are several
    certificates or CRLs; and for a server always the list of certificates that
    it shows, its own first.

    Nothing here is verified: a server's certificates are fetched to be looked
    at, and nothing is sent over that connection.  Trust.verify() judges them.

    Raises CertError where it is none of these, ConfigError where the password is
    wrong or lacks.
    """
    if isinstance(source, tuple):
        return _shown_by(*source, timeout)
    with naming(source):
        content = read(source)
        return _in_der(content, password) if is_der(content) else _in_pem(content, password)


def _shown_by(host: str, port: int, timeout: float | None) -> list[_tlsmith.Certificate]:
    if not isinstance(host, str) or not isinstance(port, int):
        raise TypeError(f"a server is (host, port), a str and an int, not {shown((host, port))}")
    looking = context(trusting(INSECURE))
    fd = _tlsmith.dial(host, str(port), seconds("timeout", timeout))
    with Socket(looking, fd, False, host, timeout) as sock:
        sock.do_handshake()
        return list(sock.peer_chain)


def _in_pem(content: bytes, password: Password | None) -> Document:
    """By the labels: RFC 7468 and the older ones of OpenSSL; and PKCS#7."""
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
    # Of nothing, this says what is there instead.
    certificates = load_certificates(content)
    return certificates[0] if len(certificates) == 1 else certificates


_INTEGER, _OBJECT_IDENTIFIER, _VERSION = b"\x02", b"\x06", b"\xa0"


def _in_der(content: bytes, password: Password | None) -> Document:
    """DER has no labels: it is told by how it begins, and by what parses."""
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
    # The first version of a certificate, a CRL and a request begin alike.
    for parse in (_tlsmith.Certificate.from_der, _tlsmith.CRL.from_der):
        try:
            return parse(content)
        except CertError:
            continue
    return CSR.load(content)
