"""Requests for certificates."""

from __future__ import annotations

from . import _tlsmith
from ._checks import strings
from ._options import options
from ._sources import discreet, is_der, naming, read

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from ._options import Usage
    from ._sources import Password, Source, StrPath


class CSR:
    """A request for a certificate (PKCS#10) for host names, addresses, e-mail
    addresses, URIs.

    key           a type of key to generate, or a Key
    common_name   the CN of the subject, by default the first host name or e-mail
                  address, if any
    organization  the O of the subject
    usage         some of "server", "client", "email", "code", "ocsp"; by default
                  servers, and clients for e-mail addresses
    ca            ask to be a CA

    What it asks for beyond its names counts where the authority signs it with
    copy_extensions.  Pickled, it leaves its key behind.
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
        asked = options(
            key,
            common_name=common_name,
            organization=organization,
            usage=usage,
            ca=ca,
            names=wanted,
        )
        self._native = _tlsmith.CSR(wanted, asked)

    @classmethod
    @discreet
    def load(cls, source: Source) -> CSR:
        """Load a request from a PEM file, from PEM text, or from DER.

        Its own signature is checked: CertError where it is wrong, ConfigError
        where it is of a kind that cannot be checked.
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
        """The alternative names that it asks for, each as one would type it."""
        return self._native.names

    @property
    def alternative_names(self) -> tuple[tuple[str, str], ...]:
        """The alternative names of every type that it asks for, each with its type, as
        Certificate.alternative_names has them."""
        return self._native.alternative_names

    @property
    def other_names(self) -> tuple[str, ...]:
        """The alternative names of all other kinds, each with its kind in front,
        such as "directory CN=alice", "identifier 1.2.3" or "other name
        1.3.6.1.4.1.311.20.2.3 alice@corp.example".  CA.sign() refuses all but
        directory names and identifiers without allow_other_names."""
        return self._native.other_names

    @property
    def subject(self) -> str:
        """The subject that it asks for (RFC 4514)."""
        return self._native.subject

    @property
    def key(self) -> _tlsmith.Key | None:
        """Its private key, or None where it was not made here."""
        return self._native.key

    @property
    def key_type(self) -> str:
        """The kind of its key, such as "ecdsa-p256"."""
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
        """Write the request as PEM, with mode 0644, and its key with mode 0600, both
        or neither, in place of files that exist.  The key is encrypted where there
        is a password.

        Raises Error, code "state", where the key is not known; ConfigError where a
        file cannot be written, and the old files stay."""
        self._native.save(csr_file, key_file, password)

    def to_cryptography(self) -> Any:
        """The same request as an object of the package cryptography, which has to
        be there."""
        from ._foreign import csr

        return csr(self)

    def __reduce__(self) -> tuple[Callable[[bytes], CSR], tuple[bytes]]:
        # Without its key, which is not to travel in pickles.
        return _from_der, (self.der,)

    def __repr__(self) -> str:
        return f"<tlsmith.CSR {self.subject}>"


def _from_der(der: bytes) -> CSR:
    csr = CSR.__new__(CSR)
    csr._native = _tlsmith.CSR.from_der(der)
    return csr
