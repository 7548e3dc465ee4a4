"""The object that the standard library's SSLSocket and SSLObject drive: what
`_ssl._SSLSocket` is to OpenSSL."""

from __future__ import annotations

import ssl
import sys
import weakref

from .. import _tlsmith
from .._errors import Error
from .._socket import Info, end_point
from ._errors import ssl_error, translate
from ._names import PROTOCOLS, cipher, is_known
from ._sessions import SSLSession

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Self

    from ._context import SSLContext

_HANDSHAKE_FAILURE, _INTERNAL_ERROR = 40, 80


class Certificate:
    """A certificate as the chains of the standard library have it."""

    __slots__ = ("_certificate",)

    def __init__(self, certificate: _tlsmith.Certificate) -> None:
        self._certificate = certificate

    def public_bytes(self, format: int = 1) -> bytes | str:
        """PEM, as a str (1, the default), or DER (2)."""
        if format == 1:
            return self._certificate.pem.decode()
        if format == 2:
            return self._certificate.der
        raise ValueError("Unsupported format")

    def get_info(self) -> dict[str, Any]:
        """What getpeercert() shows."""
        return self._certificate.as_dict()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Certificate) and self._certificate == other._certificate

    def __hash__(self) -> int:
        return hash(self._certificate)

    def __repr__(self) -> str:
        return f"<_ssl.Certificate '{self._certificate.subject}'>"


class Core(_tlsmith.SslObject):
    """One connection.  The names and the exceptions are those of the standard
    library; the calls are in the extension."""

    server_side: bool
    server_hostname: str | None
    _context: SSLContext
    _owner: weakref.ref[Any] | None
    _socket: weakref.ref[Any] | None
    _native: _tlsmith.Context
    _kept: _tlsmith.Session | None
    _given: SSLSession | None
    _session: SSLSession | None
    _done: bool

    def __new__(
        cls,
        context: SSLContext,
        carrier: Any,
        server_side: bool,
        server_hostname: str | None,
        owner: object,
        session: SSLSession | None,
    ) -> Self:
        known: list[weakref.ref[Core]] = []
        asks = server_side and context.sni_callback is not None
        on_hello = _asking(known) if asks else None
        try:
            native = context._native(server_side)
            kept = None
            if session is not None:
                kept = _checked(session, context, native, server_side, server_hostname)
            elif not server_side:
                kept = context._sessions.of_server(native, server_hostname)
            self = super().__new__(
                cls, native, carrier, server_side, server_hostname, on_hello, translate, kept
            )
        except Error as error:
            raise translate(error, "connect") from error
        if asks:
            known.append(weakref.ref(self))
        self._context = context
        self.server_side = server_side
        self.server_hostname = server_hostname
        self._owner = None if owner is None else weakref.ref(owner)
        self._socket = None if isinstance(carrier, tuple) else weakref.ref(carrier)
        self._native = native
        self._kept = kept
        self._given = session
        self._session = None
        self._done = False
        return self

    def __init__(self, *_arguments: object) -> None:
        pass

    # The handshake.

    def do_handshake(self) -> None:
        super().do_handshake()
        if not self._done:
            self._done = True
            self._context._count(self)

    @property
    def owner(self) -> object:
        return None if self._owner is None else self._owner()

    @owner.setter
    def owner(self, owner: object) -> None:
        self._owner = None if owner is None else weakref.ref(owner)

    @property
    def context(self) -> SSLContext:
        return self._context

    @context.setter
    def context(self, context: SSLContext) -> None:
        from ._context import Seam

        if not isinstance(context, Seam):
            raise TypeError("The value must be a SSLContext, of tlsmith.ssl")
        self._context = context

    def _asked(self, server_name: str | None) -> _tlsmith.Context | int | None:
        """The answer of the application's SNI callback."""
        before = self._context
        callback: Any = before.sni_callback
        if callback is None:
            return None
        try:
            result = callback(self.owner or self, server_name, before)
        except Exception:
            _tell(callback)
            return _HANDSHAKE_FAILURE
        if result is not None and not isinstance(result, int):
            try:
                raise TypeError(
                    "servername callback must return None or an integer, "
                    f"not '{type(result).__name__}'"
                )
            except TypeError:
                _tell(result)
            return _INTERNAL_ERROR
        if result:
            return result
        return None if self._context is before else self._context._native(True)

    def shutdown(self) -> object:
        if self.handshaking:
            raise ssl_error("SHUTDOWN_WHILE_IN_INIT")
        self.finish()
        return None if self._socket is None else self._socket()

    # Facts.

    @property
    def info(self) -> Info | None:
        """What was agreed; None before the handshake is complete."""
        return None if self.handshaking else Info(*self.facts())

    def version(self) -> str | None:
        info = self.info
        return None if info is None else PROTOCOLS[info.version]

    def cipher(self) -> tuple[str, str, int] | None:
        info = self.info
        return None if info is None else cipher(info.cipher)

    def shared_ciphers(self) -> list[tuple[str, str, int]] | None:
        offered = self.offered_ciphers
        if offered is None or self.handshaking:
            return None
        allowed = self._context._allows
        return [cipher(name) for name in offered if is_known(name) and allowed(name)]

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
        if binary_form:
            return certificate.der
        if self._context.verify_mode == ssl.CERT_NONE:
            return {}
        return certificate.as_dict()

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
                "tls-unique needs what the engine keeps to itself, and TLS 1.3 has none: "
                "use tls-exporter (RFC 9266)"
            )
        if cb_type == "tls-exporter":
            return self.export("EXPORTER-Channel-Binding", 32, b"")
        certificate = self.peer
        if self.server_side or certificate is None:
            raise NotImplementedError(f"{cb_type} is for clients here")
        return end_point(certificate)

    def verify_client_post_handshake(self) -> None:
        raise NotImplementedError(
            "post-handshake authentication is not supported: ask for the certificate in "
            "the handshake, with verify_mode"
        )

    # Sessions.

    @property
    def session(self) -> SSLSession | None:
        if self.handshaking:
            return self._given
        if self._session is None:
            context, given = self._context, self._given
            if given is not None and self.resumed:
                self._session = given._resumed()
            else:
                self._session = SSLSession(context, self._native, self.server_hostname, self._kept)
            context._sessions.leave_to_application()
        return self._session

    @session.setter
    def session(self, session: SSLSession | None) -> None:
        name = self.server_hostname
        kept = _checked(session, self._context, self._native, self.server_side, name)
        if self.begun:
            raise ValueError("Cannot set session after handshake.")
        self.begin_in(kept, name)
        self._kept, self._given = kept, session

    @property
    def session_reused(self) -> bool | None:
        return self.resumed


def _checked(
    session: SSLSession | None,
    context: SSLContext,
    native: _tlsmith.Context,
    server_side: bool,
    server_hostname: str | None,
) -> _tlsmith.Session:
    """What a session that the application gives can be resumed with, where it is
    one that this connection may have."""
    if not isinstance(session, SSLSession):
        raise TypeError("Value is not a SSLSession.")
    if session._context is not context:
        raise ValueError("Session refers to a different SSLContext.")
    if server_side or session._kept is None:
        raise ValueError("Cannot set session for server-side SSLSocket.")
    if session._native is not native:
        raise ValueError(
            "Session was made with other settings of its SSLContext: what was verified "
            "then may be too little now"
        )
    if session._server_hostname != server_hostname:
        raise ValueError(
            f"Session is of a connection to {session._server_hostname!r}, and this one is "
            f"to {server_hostname!r}"
        )
    context._sessions.leave_to_application()
    return session._kept


def _asking(known: list[weakref.ref[Core]]) -> Callable[..., _tlsmith.Context | int | None]:
    """What the extension calls with a ClientHello; weak, so that a connection is
    gone as soon as nobody has it."""

    def on_hello(server_name: str | None, *_others: object) -> _tlsmith.Context | int | None:
        core = known[0]()
        return None if core is None else core._asked(server_name)

    return on_hello


def _tell(source: object) -> None:
    """Tells of an exception that nobody can catch."""
    from types import SimpleNamespace

    kind, value, traceback = sys.exc_info()
    unraisable: Any = SimpleNamespace(
        exc_type=kind, exc_value=value, exc_traceback=traceback, err_msg=None, object=source
    )
    sys.unraisablehook(unraisable)
