"""The API of the package trustme, with certificates of tlsmith.

A test suite that has `import trustme` switches with one line:

import tlsmith.trustme as trustme

and scripts with `python -m tlsmith.trustme` in place of `python -m trustme`.

Like trustme's, the certificates are for tests: valid from 2000 to 3000, for servers,
clients and code signing.
"""

from __future__ import annotations

import datetime
import ipaddress
import os
from base64 import b64encode, urlsafe_b64encode
from contextlib import contextmanager
from enum import Enum

from . import _tlsmith
from ._identity import Identity
from ._loading import load_certificate, load_key
from ._options import _escape, epoch_seconds, options

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from ._loading import StrPath

__all__ = ["CA", "Blob", "KeyType", "LeafCert"]

_NOT_BEFORE = datetime.datetime(2000, 1, 1)
_NOT_AFTER = datetime.datetime(3000, 1, 1)


class KeyType(Enum):
    """The type of a key."""

    RSA = 0
    ECDSA = 1


_KEYS = {KeyType.RSA: "rsa-2048", KeyType.ECDSA: "ecdsa-p256"}


class Blob:
    """Bytes, such as PEM, and methods that write them to files."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def bytes(self) -> bytes:
        """The bytes."""
        return self._data

    def write_to_path(self, path: StrPath, append: bool = False) -> None:
        """Write them to a file, or append them."""
        with open(path, "ab" if append else "wb") as file:
            file.write(self._data)

    @contextmanager
    def tempfile(self, dir: str | None = None) -> Iterator[str]:
        """Write them to a temporary file for the duration of a `with` block: its path."""
        from tempfile import mkstemp

        descriptor, path = mkstemp(suffix=".pem", dir=dir)
        try:
            with open(descriptor, "wb") as file:
                file.write(self._data)
            yield path
        finally:
            os.unlink(path)


class CA:
    """A CA: a root, or an intermediate CA below `parent_cert`.

    path_length             how many CAs may be below it
    organization_name       the O of the subject
    organization_unit_name  the OU; default a unique one
    key_type                the type of its key
    """

    def __init__(
        self,
        parent_cert: CA | None = None,
        path_length: int = 9,
        organization_name: str | None = None,
        organization_unit_name: str | None = None,
        key_type: KeyType = KeyType.ECDSA,
    ) -> None:
        unit = organization_unit_name or f"Testing CA #{_random_text()}"
        certificate_options = _options(
            key_type, _subject(unit, organization_name), ca=True, path_len=path_length
        )
        self.parent_cert = parent_cert
        if parent_cert is None:
            self._native = _tlsmith.gen_ca(certificate_options)
        else:
            self._native = _tlsmith.issue(parent_cert._native, [], certificate_options)

    @property
    def _certificate(self) -> _tlsmith.Certificate:
        return self._native.chain[0]

    @property
    def cert_pem(self) -> Blob:
        """Its certificate."""
        return Blob(self._certificate.pem)

    @property
    def private_key_pem(self) -> Blob:
        """Its private key."""
        return Blob(_key_pem(self._native))

    def create_child_ca(self, key_type: KeyType = KeyType.ECDSA) -> CA:
        """Create an intermediate CA.  Raises ValueError if path_length is 0."""
        left = self._certificate.path_len
        if left == 0:
            raise ValueError("path_length of this CA is 0, so no CA may be below it")
        return CA(self, path_length=8 if left is None else left - 1, key_type=key_type)

    def issue_cert(
        self,
        *identities: str,
        common_name: str | None = None,
        organization_name: str | None = None,
        organization_unit_name: str | None = None,
        not_before: datetime.datetime | None = None,
        not_after: datetime.datetime | None = None,
        key_type: KeyType = KeyType.ECDSA,
    ) -> LeafCert:
        """Issue a certificate for host names, IP addresses, networks and e-mail addresses.
        Times without a zone are in UTC."""
        for name in (*identities, "" if common_name is None else common_name):
            if not isinstance(name, str):
                raise TypeError(f"a name must be a str, not {type(name).__name__}")
        if not identities and common_name is None:
            raise ValueError("a certificate needs a name: give one, or a common_name")
        unit = organization_unit_name or f"Testing cert #{_random_text()}"
        subject = _subject(unit, organization_name, common_name)
        certificate_options = _options(key_type, subject, not_before, not_after)
        certificate_options["extensions"] = [_KEY_USAGE, _EXTENDED_KEY_USAGE]
        names, networks = _sort(identities)
        native = _tlsmith.issue_unchecked(self._native, names, certificate_options)
        if networks:
            # The core does not put networks into end-entity certificates, and trustme does.
            other = native.chain[0].extensions().get(_ALTERNATIVE_NAMES, (False, b"\x30\x00"))
            _, inside, _ = _split(other[1])
            der = _element(0x30, inside + b"".join(networks))
            certificate_options["extensions"].append((_ALTERNATIVE_NAMES, False, der))
            native = _tlsmith.issue_unchecked(self._native, names, certificate_options)
        return LeafCert(native)

    issue_server_cert = issue_cert

    def configure_trust(self, ctx: Any) -> None:
        """Add this CA to the trust anchors of an ssl.SSLContext or an OpenSSL.SSL.Context."""
        from ._interop import add_root

        add_root(ctx, self._certificate)

    @classmethod
    def from_pem(cls, cert_bytes: bytes, private_key_bytes: bytes) -> CA:
        """Load a CA from its certificate and key."""
        ca = cls.__new__(cls)
        ca.parent_cert = None
        certificate, key = load_certificate(cert_bytes), load_key(private_key_bytes)
        ca._native = _tlsmith.Identity([certificate], key)
        return ca


class LeafCert:
    """A certificate that a CA issued.

    private_key_pem                 its private key
    cert_chain_pems                 the certificate and its intermediate CAs
    private_key_and_cert_chain_pem  key and chain together
    """

    def __init__(self, native: _tlsmith.Identity) -> None:
        self._native = native
        self.private_key_pem = Blob(_key_pem(native))
        self.cert_chain_pems = [Blob(cert.pem) for cert in native.chain]
        self.private_key_and_cert_chain_pem = Blob(_key_pem(native) + native.chain_pem)

    def configure_cert(self, ctx: Any) -> None:
        """Load it into an ssl.SSLContext or an OpenSSL.SSL.Context."""
        Identity._wrap(self._native).configure(ctx)


def _random_text() -> str:
    return urlsafe_b64encode(os.urandom(12)).decode()


def _subject(unit: str, organization: str | None, common_name: str | None = None) -> str:
    """Format a subject, the most general attribute last (RFC 4514)."""
    parts = [("CN", common_name), ("OU", unit), ("O", organization or "tlsmith.trustme")]
    return ",".join(f"{label}={_escape(value)}" for label, value in parts if value is not None)


def _options(
    key_type: KeyType,
    subject: str,
    not_before: datetime.datetime | None = None,
    not_after: datetime.datetime | None = None,
    **others: Any,
) -> dict[str, Any]:
    first = _seconds("not_before", not_before or _NOT_BEFORE)
    last = _seconds("not_after", not_after or _NOT_AFTER)
    if last <= first:
        raise ValueError(f"not_after is {not_after or _NOT_AFTER}, which is not after not_before")
    certificate_options = options(_KEYS[key_type], outlive_ca=True, **others)
    return {
        **certificate_options,
        "subject": subject,
        "not_before": first,
        "lifetime": last - first,
    }


def _seconds(name: str, when: datetime.datetime) -> int:
    if when.tzinfo is None:
        when = when.replace(tzinfo=datetime.UTC)
    seconds = epoch_seconds(name, when)
    assert seconds is not None
    return seconds


def _sort(identities: tuple[str, ...]) -> tuple[list[str], list[bytes]]:
    """Return the names, and the networks as GeneralNames in DER."""
    names, networks = [], []
    for identity in identities:
        try:
            network = ipaddress.ip_network(identity if "/" in identity else "")
        except ValueError:
            names.append(identity)
        else:
            mask = network.netmask.packed
            networks.append(_element(0x87, network.network_address.packed + mask))
    return names, networks


# DER for what only trustme needs.

_ALTERNATIVE_NAMES = "2.5.29.17"
# digitalSignature and keyEncipherment, whatever the key.
_KEY_USAGE = ("2.5.29.15", True, bytes.fromhex("030205a0"))
# clientAuth, serverAuth, codeSigning.
_EXTENDED_KEY_USAGE = (
    "2.5.29.37",
    True,
    bytes.fromhex("301e06082b0601050507030206082b0601050507030106082b06010505070303"),
)


def _element(tag: int, content: bytes) -> bytes:
    length = len(content)
    if length < 0x80:
        return bytes([tag, length]) + content
    size = (length.bit_length() + 7) // 8
    return bytes([tag, 0x80 | size]) + length.to_bytes(size, "big") + content


def _split(der: bytes) -> tuple[int, bytes, bytes]:
    """Return the tag of the first element, its content, and the rest."""
    tag, length, start = der[0], der[1], 2
    if length & 0x80:
        start += length & 0x7F
        length = int.from_bytes(der[2:start], "big")
    return tag, der[start : start + length], der[start + length :]


def _elements(der: bytes) -> Iterator[tuple[int, bytes]]:
    while der:
        tag, content, der = _split(der)
        yield tag, content


def _key_pem(native: _tlsmith.Identity) -> bytes:
    """Encode a key in its older format: PKCS#1 or SEC1 (RFC 5915)."""
    assert native.key is not None
    _, outer, _ = _split(native.key.der)
    (_, _version), (_, algorithm), (_, key) = list(_elements(outer))[:3]
    if native.key.type.startswith("rsa"):
        return _pem("RSA PRIVATE KEY", key)
    _, (_, curve) = _elements(algorithm)
    (_, version), (_, secret), *others = _elements(_split(key)[1])
    parameters = _element(0xA0, _element(0x06, curve))
    public = b"".join(_element(tag, content) for tag, content in others if tag == 0xA1)
    parts = _element(0x02, version) + _element(0x04, secret) + parameters + public
    return _pem("EC PRIVATE KEY", _element(0x30, parts))


def _pem(label: str, der: bytes) -> bytes:
    text = b64encode(der).decode()
    lines = "\n".join(text[start : start + 64] for start in range(0, len(text), 64))
    return f"-----BEGIN {label}-----\n{lines}\n-----END {label}-----\n".encode()


if __name__ == "__main__":
    import sys

    from tlsmith._trustme_cli import main

    try:
        main()
    except (OSError, ValueError) as error:
        sys.exit(f"tlsmith.trustme: {error}")
