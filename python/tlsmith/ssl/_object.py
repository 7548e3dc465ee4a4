"""The object behind the standard library's SSLSocket and SSLObject, in place of
`_ssl._SSLSocket`."""

from __future__ import annotations

import _ssl
import ssl
import sys
import weakref

from .. import _tlsmith
from .._errors import Error
from .._tuples import Info
from ._connection_info import ConnectionInfo
from ._errors import ssl_error, translate
from ._names import cipher, is_known
from ._sessions import SSLSession
from ._unsupported import refuse_unknown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Self

    from .._client_hello import Answer
    from ._context import SSLContext

_HANDSHAKE_FAILURE, _INTERNAL_ERROR = 40, 80


class Core(_tlsmith.SslObject, ConnectionInfo):
    """One connection, with the names and exceptions of the standard library."""

    server_side: bool
    server_hostname: str | None
    _context: SSLContext
    _first: SSLContext
    """The context that it was created with, whose SNI callback it keeps."""
    _owner: weakref.ref[Any] | None
    _socket: weakref.ref[Any] | None
    _native: _tlsmith.Context
    """The native context in use, of `_context` or of both after a switch."""
    _in_callback: bool
    """Whether the SNI callback is running."""
    _tickets: _tlsmith.Session | None
    _given: SSLSession | None
    _session: SSLSession | None
    _done: bool

    def __new__(
        cls,
        context: SSLContext,
        transport: Any,
        server_side: bool,
        server_hostname: str | None,
        owner: object,
        session: SSLSession | None,
    ) -> Self:
        known: list[weakref.ref[Core]] = []
        on_hello = _hello_callback(known) if server_side and _has_callback(context) else None
        try:
            native = context._native(server_side)
            tickets = None
            if session is not None:
                tickets = _check_session(session, context, native, server_side, server_hostname)
            elif not server_side:
                tickets = context._sessions.of_server(native, server_hostname)
            self = super().__new__(
                cls,
                native,
                transport,
                server_side,
                server_hostname,
                on_hello,
                translate,
                tickets,
            )
        except Error as error:
            raise translate(error, "connect") from error
        known.append(weakref.ref(self))
        self._context = self._first = context
        self.server_side = server_side
        self.server_hostname = server_hostname
        self._owner = None if owner is None else weakref.ref(owner)
        self._socket = None if isinstance(transport, tuple) else weakref.ref(transport)
        self._native = native
        self._in_callback = False
        self._verifies = context.verify_mode != ssl.CERT_NONE
        self._tickets = tickets
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
        """Switch to the certificates, trust anchors and CRLs of another context: before
        the handshake, or on a server in the SNI callback.

        Verification stays as strict as the stricter of both contexts.  Raises
        NotImplementedError once the handshake has begun.  After it, only the attribute
        changes, as in `ssl`.
        """
        check_context(context)
        if context is self._context:
            return
        if self._in_callback:
            self._native = context._native_after(self._context, True)
        elif not self.begun:
            self._begin_with(context)
        elif self.handshaking:
            raise NotImplementedError(
                "the context cannot be changed once the handshake has begun: assign it "
                "before, or on a server in its SNI callback"
            )
        if self.handshaking:
            self._verifies |= context.verify_mode != ssl.CERT_NONE
        self._context = context

    def _begin_with(self, context: SSLContext) -> None:
        """Restart with another context, before anything was sent."""
        name, server_side = self.server_hostname, self.server_side
        if self._given is not None:
            raise ValueError("Session refers to a different SSLContext: assign the context first")
        if not server_side and name is None and context.check_hostname:
            raise ValueError("check_hostname requires server_hostname")
        asks = server_side and (_has_callback(context) or _has_callback(self._context))
        try:
            native = context._native_after(self._context, server_side)
            tickets = None if server_side else context._sessions.of_server(native, name)
            on_hello = _hello_callback([weakref.ref(self)]) if asks else None
            self.begin_anew(native, name, on_hello, tickets)
        except Error as error:
            raise translate(error, "connect") from error
        self._native, self._tickets = native, tickets

    def _call_callback(self, server_name: str | None, *others: Any) -> Answer | int | None:
        """Call the application's SNI callback, and return its answer."""
        # As in OpenSSL: without a callback, an assigned context keeps that of the first.
        calling = self._context if _has_callback(self._context) else self._first
        native = self._native
        callback: Any = calling.sni_callback
        if callback is None:
            on_hello = calling._extra.get("on_hello")
            chosen = None if on_hello is None else on_hello(server_name, *others)
            if isinstance(chosen, int):
                return chosen
            context, options = (None, None) if chosen is None else chosen
            return context or native, options
        self._in_callback = True
        try:
            result = callback(self.owner or self, server_name, calling)
        except Exception:
            _report_unraisable(callback)
            return _HANDSHAKE_FAILURE
        finally:
            self._in_callback = False
        if result is not None and not isinstance(result, int):
            try:
                raise TypeError(
                    "servername callback must return None or an integer, "
                    f"not '{type(result).__name__}'"
                )
            except TypeError:
                _report_unraisable(result)
            return _INTERNAL_ERROR
        if result:
            return result
        return None if self._native is native else (self._native, None)

    def shutdown(self) -> object:
        if self.handshaking:
            raise ssl_error("SHUTDOWN_WHILE_IN_INIT")
        self.finish()
        return None if self._socket is None else self._socket()

    # Connection information.

    @property
    def info(self) -> Info | None:
        """The negotiated parameters; None before the handshake is complete."""
        return None if self.handshaking else Info(*self.facts())

    def shared_ciphers(self) -> list[tuple[str, str, int]] | None:
        offered = self.offered_ciphers
        if offered is None or self.handshaking:
            return None
        allowed = self._context._allows
        return [cipher(name) for name in offered if is_known(name) and allowed(name)]

    def verify_client_post_handshake(self) -> None:
        raise NotImplementedError(
            "post-handshake authentication is not supported: request the certificate in the "
            "handshake, with verify_mode"
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
                self._session = SSLSession(
                    context, self._native, self.server_hostname, self._tickets
                )
            context._sessions.leave_to_application()
        return self._session

    @session.setter
    def session(self, session: SSLSession | None) -> None:
        name = self.server_hostname
        tickets = _check_session(session, self._context, self._native, self.server_side, name)
        if self.begun:
            raise ValueError("Cannot set session after handshake.")
        self.begin_anew(self._native, name, None, tickets)
        self._tickets, self._given = tickets, session

    @property
    def session_reused(self) -> bool | None:
        return self.resumed


def _check_session(
    session: SSLSession | None,
    context: SSLContext,
    native: _tlsmith.Context,
    server_side: bool,
    server_hostname: str | None,
) -> _tlsmith.Session:
    """Return the native session of one that the application gives, after checking that this
    connection may resume it."""
    if not isinstance(session, SSLSession):
        raise TypeError("Value is not a SSLSession.")
    if session._context is not context:
        raise ValueError("Session refers to a different SSLContext.")
    if server_side or session._tickets is None:
        raise ValueError("Cannot set session for server-side SSLSocket.")
    if session._native is not native:
        raise ValueError(
            "Session was created with other settings of its SSLContext, which may have verified "
            "less: use a new session"
        )
    if session._server_hostname != server_hostname:
        raise ValueError(
            f"Session belongs to a connection to {session._server_hostname!r}, and this one is "
            f"to {server_hostname!r}"
        )
    context._sessions.leave_to_application()
    return session._tickets


def _hello_callback(known: list[weakref.ref[Core]]) -> Callable[..., Answer | int | None]:
    """Return the function that the extension calls with a ClientHello.  It refers weakly
    to the connection, so that this is freed once it is unused."""

    def on_hello(server_name: str | None, *others: Any) -> Answer | int | None:
        core = known[0]()
        return None if core is None else core._call_callback(server_name, *others)

    return on_hello


def check_context(context: object) -> None:
    """Raise TypeError unless it is an SSLContext of tlsmith.ssl."""
    from ._context import OpenSSLSettings

    if not isinstance(context, OpenSSLSettings):
        raise TypeError("The value must be a SSLContext of tlsmith.ssl")


def _has_callback(context: SSLContext) -> bool:
    """Return whether the application has a callback for the ClientHello."""
    return context.sni_callback is not None or "on_hello" in context._extra


def _report_unraisable(source: object) -> None:
    """Pass the current exception to sys.unraisablehook()."""
    from types import SimpleNamespace

    kind, value, traceback = sys.exc_info()
    unraisable: Any = SimpleNamespace(
        exc_type=kind, exc_value=value, exc_traceback=traceback, err_msg=None, object=source
    )
    sys.unraisablehook(unraisable)


_RAW: Any = vars(_ssl)["_SSLSocket"]
REFUSED = refuse_unknown(Core, _RAW, "ssl.SSLSocket", {"server_hostname", "server_side"})
