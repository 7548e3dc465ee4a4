"""Information about a connection under the names of the standard library, for
`_object.Core` and for the "ssl_object" of asyncio transports."""

from __future__ import annotations

from .._errors import ConfigError
from ._names import PROTOCOLS, cipher

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Literal

    from .. import _tlsmith
    from .._socket import Connection
    from .._tuples import Info


class Certificate:
    """A certificate, with the methods of `_ssl.Certificate`."""

    __slots__ = ("_certificate",)

    def __init__(self, certificate: _tlsmith.Certificate) -> None:
        self._certificate = certificate

    def public_bytes(self, format: int = 1) -> bytes | str:
        """Return PEM as a str (1, the default), or DER (2)."""
        if format == 1:
            return self._certificate.pem.decode()
        if format == 2:
            return self._certificate.der
        raise ValueError("Unsupported format")

    def get_info(self) -> dict[str, Any]:
        """Return the dict of getpeercert()."""
        return self._certificate.as_dict()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Certificate) and self._certificate == other._certificate

    def __hash__(self) -> int:
        return hash(self._certificate)

    def __repr__(self) -> str:
        return f"<_ssl.Certificate '{self._certificate.subject}'>"


class ConnectionInfo:
    """The methods of the standard library.  Subclasses provide the connection."""

    server_side: bool
    _verifies: bool
    """Whether the peer's certificate is verified, if it presents one."""

    if TYPE_CHECKING:

        def channel_binding(
            self, kind: Literal["tls-exporter", "tls-server-end-point"]
        ) -> bytes: ...
        @property
        def info(self) -> Info | None: ...
        @property
        def handshaking(self) -> bool: ...
        @property
        def peer(self) -> _tlsmith.Certificate | None: ...
        @property
        def peer_chain(self) -> tuple[_tlsmith.Certificate, ...]: ...
        @property
        def verified_chain(self) -> tuple[_tlsmith.Certificate, ...]: ...
        @property
        def verify_status(self) -> str | None: ...
        @property
        def resumed(self) -> bool | None: ...
        def export(self, label: str, length: int, context: bytes | None = None) -> bytes: ...

    def group(self) -> str | None:
        """Return the IANA name of the key exchange group."""
        info = self.info
        return None if info is None else info.group

    def client_sigalg(self) -> str | None:
        """Return the signature scheme of the client, on servers; None if it did not sign:
        without a certificate, or in a resumed session."""
        return self._peer_scheme("client_sigalg", self.server_side)

    def server_sigalg(self) -> str | None:
        """Return the signature scheme of the server, on clients."""
        return self._peer_scheme("server_sigalg", not self.server_side)

    def _peer_scheme(self, method: str, is_known: bool) -> str | None:
        if not is_known:
            raise NotImplementedError(
                f"{method}() is supported only on the other side of the connection"
            )
        info = self.info
        return None if info is None else info.signature_scheme

    def version(self) -> str | None:
        info = self.info
        return None if info is None else PROTOCOLS[info.version]

    def cipher(self) -> tuple[str, str, int] | None:
        info = self.info
        return None if info is None else cipher(info.cipher)

    def selected_alpn_protocol(self) -> str | None:
        info = self.info
        return None if info is None else info.alpn

    def compression(self) -> None:
        return None

    def getpeercert(self, binary_form: bool = False) -> dict[str, Any] | bytes | None:
        if self.handshaking:
            raise ValueError("handshake not done yet")
        certificate = self.peer
        if certificate is None:
            return None
        if self._verifies and self.verify_status is not None:
            # Programs that request verification take any certificate for verified, since the
            # standard library rejects all others.
            return None if binary_form else {}
        if binary_form:
            return certificate.der
        return certificate.as_dict() if self._verifies else {}

    def get_unverified_chain(self) -> list[Certificate] | None:
        return [Certificate(one) for one in self.peer_chain] or None

    def get_verified_chain(self) -> list[Certificate] | None:
        return [Certificate(one) for one in self.verified_chain] or None

    def get_channel_binding(self, cb_type: str = "tls-unique") -> bytes | None:
        if cb_type not in ("tls-unique", "tls-exporter", "tls-server-end-point"):
            raise ValueError(f"{cb_type} channel binding type not implemented")
        if self.handshaking:
            return None
        if cb_type == "tls-unique":
            raise NotImplementedError(
                "tls-unique is not supported, and not defined for TLS 1.3: use tls-exporter (RFC "
                "9266)"
            )
        try:
            return self.channel_binding(cb_type)  # type: ignore[arg-type]
        except ConfigError as error:
            # The type is known, but not defined for this connection.
            raise NotImplementedError(str(error)) from error


class View(ConnectionInfo):
    """An established connection: the "ssl_object" of an asyncio transport."""

    def __init__(self, connection: Connection, server_side: bool, verifies: bool) -> None:
        self._connection = connection
        self._verifies = verifies
        self.server_side = server_side
        self.server_hostname = None if server_side else connection.info.server_name

    @property
    def info(self) -> Info:
        """The negotiated parameters."""
        return self._connection.info

    @property
    def handshaking(self) -> bool:
        return self._connection.handshaking

    @property
    def peer(self) -> _tlsmith.Certificate | None:
        return self._connection.peer

    @property
    def peer_chain(self) -> tuple[_tlsmith.Certificate, ...]:
        return self._connection.peer_chain

    @property
    def verified_chain(self) -> tuple[_tlsmith.Certificate, ...]:
        return self._connection.verified_chain

    @property
    def verify_status(self) -> str | None:
        return self._connection.verify_status

    @property
    def resumed(self) -> bool | None:
        return self._connection.resumed

    @property
    def session_reused(self) -> bool | None:
        return self.resumed

    def channel_binding(self, kind: Literal["tls-exporter", "tls-server-end-point"]) -> bytes:
        return self._connection.channel_binding(kind)

    def export(self, label: str, length: int, context: bytes | None = None) -> bytes:
        return self._connection.export(label, length, context)

    def __repr__(self) -> str:
        return f"<tlsmith.ssl.View of {self._connection!r}>"
