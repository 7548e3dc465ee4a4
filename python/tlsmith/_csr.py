"""CSR: certificate signing requests."""

from __future__ import annotations

from . import _tlsmith
from ._checks import strings
from ._loading import discreet, is_der, naming, read
from ._options import options

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from ._loading import Password, Source, StrPath
    from ._options import Usage


class CSR:
    """A certificate signing request (PKCS#10, RFC 2986) for host names, IP addresses,
    e-mail addresses or URIs.

    key           the type of a key to generate, or a Key
    common_name   the CN of the subject; default the first host name or e-mail
                  address, if any
    organization  the O of the subject
    usage         a list of "server", "client", "email", "code", "ocsp"; default
                  server, or client for e-mail addresses
    ca            request a CA certificate

    A CA uses the requested extensions, other than the names, only if it signs with
    copy_extensions.  A pickle does not include the key.
    """

    __slots__ = ("_native",)

    def __init__(
        self,
        *names: str,
        key: str | _tlsmith.Key = "ecdsa-p256",
        common_name: str | None = None,
        organization: str | None = None,
        usage: Sequence[Usage] | None = None,
        ca: bool = False,
    ) -> None:
        wanted = strings("names", names)
        request_options = options(
            key,
            common_name=common_name,
            organization=organization,
            usage=usage,
            ca=ca,
            names=wanted,
        )
        self._native = _tlsmith.CSR(wanted, request_options)

    @classmethod
    @discreet
    def load(cls, source: Source) -> CSR:
        """Load a request from a PEM file, from PEM text, or from DER.

        Its signature is verified.  Raises CertError if it is wrong, and ConfigError if its
        algorithm is not supported.
        """
        with naming(source):
            content = read(source)
            if is_der(content):
                return _from_der(content)
            self = cls.__new__(cls)
            self._native = _tlsmith.CSR.from_pem(content)
            return self

    @property
    def names(self) -> tuple[str, ...]:
        """The requested alternative names, as text."""
        return self._native.names

    @property
    def alternative_names(self) -> tuple[tuple[str, str], ...]:
        """The requested alternative names of every type, each with its type, as in
        Certificate.alternative_names."""
        return self._native.alternative_names

    @property
    def other_names(self) -> tuple[str, ...]:
        """The requested alternative names of other types, each after its type.

        For example "directory CN=alice", "identifier 1.2.3" or "other name
        1.3.6.1.4.1.311.20.2.3 alice@corp.example".  CA.sign() rejects all but directory
        names and identifiers without allow_other_names.
        """
        return self._native.other_names

    @property
    def subject(self) -> str:
        """The requested subject (RFC 4514)."""
        return self._native.subject

    @property
    def key(self) -> _tlsmith.Key | None:
        """Its private key, or None if the request was created elsewhere."""
        return self._native.key

    @property
    def key_type(self) -> str:
        """The type of its key, such as "ecdsa-p256"."""
        return self._native.key_type

    @property
    def pem(self) -> bytes:
        """Its PEM."""
        return self._native.pem

    @property
    def der(self) -> bytes:
        """Its DER."""
        return self._native.der

    def text(self) -> str:
        """A human-readable summary of all it requests."""
        return self._native.text()

    def save(
        self,
        csr_file: StrPath,
        key_file: StrPath | None = None,
        password: Password | None = None,
    ) -> None:
        """Write the request as PEM, with mode 0644, and its key with mode 0600: both or
        neither.  Replaces existing files.  A password encrypts the key.

        Raises Error, code "state", if the key is not available.  Raises ConfigError if
        a file cannot be written; the old files are kept then.
        """
        self._native.save(csr_file, key_file, password)

    def to_cryptography(self) -> Any:
        """Convert to an object of the package cryptography, which must be installed."""
        from ._interop import csr

        return csr(self)

    def __reduce__(self) -> tuple[Callable[[bytes], CSR], tuple[bytes]]:
        # Without its key: pickles never contain private keys.
        return _from_der, (self.der,)

    def __repr__(self) -> str:
        return f"<tlsmith.CSR {self.subject}>"


def _from_der(der: bytes) -> CSR:
    csr = CSR.__new__(CSR)
    csr._native = _tlsmith.CSR.from_der(der)
    return csr
