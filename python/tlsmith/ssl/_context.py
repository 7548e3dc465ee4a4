"""tlsmith's ssl.SSLContext.

It is a real subclass, since asyncio, aiohttp, uvicorn and others check with isinstance().
OpenSSL's object behind it never makes a connection.  It stores the plain settings
(versions, verify_mode, flags), so that each Python version keeps its own defaults and
checks.  The first connection reads them and creates a context of the extension.
"""

from __future__ import annotations

import _ssl
import os
import ssl
import weakref

from .. import _tlsmith
from .._context import context as native_context
from . import _original
from ._files import begin_keylog
from ._flags import NEVER_CHECK_SUBJECT, check_host_flags, check_options, check_verify_flags
from ._green_threads import GreenCore, is_green
from ._names import group_named, of_every_version
from ._negotiation import Negotiation
from ._object import Core
from ._sessions import Sessions, SSLSession
from ._settings import (
    Key,
    enabled_ciphers,
    is_plain,
    settings_after_switch,
    settings_of,
    shared,
)
from ._sockets import SSLObject, SSLSocket
from ._store import Store
from ._unsupported import INHERITED, refuse_unknown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Self

    from .._client import Client
    from .._server import Server

    _Switched = tuple[tuple[bool, int, int], _tlsmith.Context]

_ORIGINAL = _original.SSLContext
_RAW: Any = _ssl._SSLContext
_TLS_12, _TLS_13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
_OLD_PROTOCOLS = {
    getattr(ssl, name, None)
    for name in ("PROTOCOL_SSLv2", "PROTOCOL_SSLv3", "PROTOCOL_TLSv1", "PROTOCOL_TLSv1_1")
} - {None}


class OpenSSLSettings:
    """The settings of contexts that OpenSSL still uses.  After install(), the setters of the
    standard library look them up with super(SSLContext, SSLContext)."""

    if TYPE_CHECKING:
        minimum_version: Any
        maximum_version: Any
        options: Any
        verify_flags: Any
        verify_mode: Any
        _msg_callback: Any


def _stored(
    name: str, kind: Callable[[Any], Any], check: Callable[[Any, Any], None] | None = None
) -> Any:
    """Return the property of a setting that OpenSSL's object stores and checks.

    check  called with the old and the new value; raises for values that OpenSSL accepts
           and tlsmith does not support
    """
    raw = getattr(_RAW, name)

    def get(self: SSLContext) -> Any:
        value = raw.__get__(self)
        try:
            return kind(value)
        except ValueError:
            return value

    def put(self: SSLContext, value: Any) -> None:
        before = raw.__get__(self)
        # OpenSSL's own checks and exceptions come first.
        raw.__set__(self, value)
        after = raw.__get__(self)
        if after == before:
            return
        try:
            if check is not None:
                check(before, after)
        except NotImplementedError:
            raw.__set__(self, before)
            raise
        self._changed()

    return property(get, put, doc=getattr(raw, "__doc__", None))


class _ContextType(type):
    """Keeps isinstance(context, ssl.SSLContext) true for contexts that were created before
    install().  aiohttp, for example, verifies nothing if it is false."""

    def __instancecheck__(cls, instance: object) -> bool:
        if super().__instancecheck__(instance):
            return True
        return cls is ssl.SSLContext and isinstance(instance, _ORIGINAL)


class SSLContext(Negotiation, Store, OpenSSLSettings, _ORIGINAL, metaclass=_ContextType):
    """ssl.SSLContext, documented in the standard library.  Unsupported settings raise
    NotImplementedError or ValueError."""

    sslsocket_class: Any = SSLSocket
    sslobject_class: Any = SSLObject

    _keylog: Any
    _extra: dict[str, Any]
    _made: dict[Key, _tlsmith.Context]
    _current: dict[bool, _tlsmith.Context]
    _switched: weakref.WeakKeyDictionary[SSLContext, _Switched]
    _revision: int
    _completed: dict[tuple[Any, ...], _tlsmith.Identity]
    _sessions: Sessions
    _stats: dict[str, int]

    def __new__(cls, protocol: int | None = None, *_args: object, **_kwargs: object) -> Self:
        if protocol in _OLD_PROTOCOLS:
            raise ValueError("invalid or unsupported protocol version: use TLS 1.2 or 1.3")
        self = super().__new__(cls, protocol)
        self._set_negotiation_defaults()
        self._clear_store()
        self._keylog = None
        # Settings of a Client or Server that the standard library does not have.
        self._extra = {}
        # All native contexts, and the one for the current settings.
        self._made, self._current, self._completed = {}, {}, {}
        # For connections of other contexts that were assigned this one.
        self._switched = weakref.WeakKeyDictionary()
        self._revision = 0
        self._sessions = Sessions()
        self._stats = dict.fromkeys(_RAW.session_stats(self), 0)
        return self

    @classmethod
    def _of_client(cls, client: Client) -> Self:
        self = cls(ssl.PROTOCOL_TLS_CLIENT)
        settings = client._settings
        self.check_hostname = settings["check_hostname"] and settings["verify"]
        self.verify_mode = ssl.CERT_REQUIRED if settings["verify"] else ssl.CERT_NONE
        self.hostname_checks_common_name = settings["allow_common_name"]
        # Sessions of an ssl context are SSLSession objects.
        taken = {"check_hostname", "verify", "allow_common_name", "on_session"}
        self._take(settings, taken)
        return self

    @classmethod
    def _of_server(cls, server: Server) -> Self:
        self = cls(ssl.PROTOCOL_TLS_SERVER)
        settings = server._settings
        modes = {
            "none": ssl.CERT_NONE,
            "optional": ssl.CERT_OPTIONAL,
            "required": ssl.CERT_REQUIRED,
        }
        self.verify_mode = modes[settings["client_auth"]]
        if settings["tickets"] is not None:
            self.num_tickets = settings["tickets"]
        if settings["prefer_own_ciphers"]:
            self.options |= ssl.OP_CIPHER_SERVER_PREFERENCE
        # An ssl context always ignores unknown protocols.
        self._take(settings, {"client_auth", "tickets", "prefer_own_ciphers", "alpn_is_optional"})
        return self

    def _take(self, settings: dict[str, Any], taken: set[str]) -> None:
        """Copy the settings of a Client or Server.  Settings that the standard library has
        are stored in its own attributes, so that its setters still work."""
        versions = {"1.2": _TLS_12, "1.3": _TLS_13}
        self.minimum_version = versions[settings["min_version"]]
        self.maximum_version = versions[settings["max_version"]]
        self._alpn = list(settings["alpn"])
        self._keylog = settings["keylog"]
        if settings["ciphers"] is not None:
            self._ciphers = of_every_version(settings["ciphers"])
        if settings["groups"] is not None:
            self._groups = [group_named(name) or name for name in settings["groups"]]
        own = {"alpn", "min_version", "max_version", "ciphers", "groups", "keylog", *taken}
        self._extra = {name: value for name, value in settings.items() if name not in own}
        if settings["resumption"] == 0:
            self._sessions.leave_to_application()
        self._changed()

    # Settings that OpenSSL's object stores.

    check_hostname = _stored("check_hostname", bool)
    verify_mode = _stored("verify_mode", ssl.VerifyMode)
    verify_flags = _stored("verify_flags", ssl.VerifyFlags, check_verify_flags)
    options = _stored("options", ssl.Options, check_options)
    minimum_version = _stored("minimum_version", ssl.TLSVersion)
    maximum_version = _stored("maximum_version", ssl.TLSVersion)
    num_tickets = _stored("num_tickets", int)
    sni_callback = _stored("sni_callback", lambda callback: callback)
    _host_flags = _stored("_host_flags", int, check_host_flags)

    @property
    def hostname_checks_common_name(self) -> bool:
        return not self._host_flags & NEVER_CHECK_SUBJECT

    @hostname_checks_common_name.setter
    def hostname_checks_common_name(self, value: bool) -> None:  # pyright: ignore
        others = self._host_flags & ~NEVER_CHECK_SUBJECT
        self._host_flags = others if value else others | NEVER_CHECK_SUBJECT

    # Not in a base class, where contexts from before install() would find it too.
    @property
    def _msg_callback(self) -> None:
        return None

    @_msg_callback.setter
    def _msg_callback(self, callback: object) -> None:
        if callback is not None:
            raise NotImplementedError(
                "_msg_callback is not supported: handshake messages cannot be observed"
            )

    @property
    def protocol(self) -> Any:  # type: ignore[override]
        return ssl._SSLMethod(_RAW.protocol.__get__(self))

    @property
    def security_level(self) -> int:  # type: ignore[override]
        """OpenSSL's security level: set_ciphers() with "@SECLEVEL=n" sets it."""
        return int(_RAW.security_level.__get__(self))

    @property
    def post_handshake_auth(self) -> Any:
        """None: it is not supported, and libraries read it."""
        return None

    @post_handshake_auth.setter
    def post_handshake_auth(self, value: bool) -> None:  # pyright: ignore
        if value:
            raise NotImplementedError("post-handshake authentication is not supported")

    @property
    def keylog_filename(self) -> Any:
        return None if callable(self._keylog) else self._keylog

    @keylog_filename.setter
    def keylog_filename(self, path: Any) -> None:  # pyright: ignore
        if path is None:
            self._keylog = None
        else:
            begin_keylog(os.fspath(path))
            self._keylog = path
        self._changed()

    def session_stats(self) -> dict[str, int]:
        return dict(self._stats)

    def _count(self, core: Core) -> None:
        """Count a complete handshake, and note its root: certificates of a folder appear in
        get_ca_certs() once they were used."""
        if self._is_lazy:
            self._used.update(dict.fromkeys(core.verified_chain[-1:]))
        kind = "accept" if core.server_side else "connect"
        self._stats[kind] += 1
        self._stats[f"{kind}_good"] += 1
        self._stats["hits"] += bool(core.session_reused)

    def _allows(self, cipher: str) -> bool:
        enabled = enabled_ciphers(self)
        return enabled is None or cipher in enabled

    # Connections.

    def _wrap_socket(
        self,
        sock: Any,
        server_side: bool,
        server_hostname: str | None = None,
        *,
        owner: object = None,
        session: SSLSession | None = None,
    ) -> Core:
        return self._wrap(sock, server_side, server_hostname, owner, session)

    def _wrap_bio(
        self,
        incoming: Any,
        outgoing: Any,
        server_side: bool,
        server_hostname: str | None = None,
        *,
        owner: object = None,
        session: SSLSession | None = None,
    ) -> Core:
        for bio in (incoming, outgoing):
            if not isinstance(bio, ssl.MemoryBIO):
                raise TypeError(f"a MemoryBIO must be given, not {type(bio).__name__}")
        return self._wrap((incoming, outgoing), server_side, server_hostname, owner, session)

    def _wrap(
        self,
        transport: Any,
        server_side: bool,
        server_hostname: str | None,
        owner: object,
        session: SSLSession | None,
    ) -> Core:
        wrong = ssl.PROTOCOL_TLS_CLIENT if server_side else ssl.PROTOCOL_TLS_SERVER
        if _RAW.protocol.__get__(self) == wrong:
            side = "server" if server_side else "client"
            raise ssl.SSLError(1, f"Cannot create a {side} socket with a {wrong.name} context")
        if server_hostname is not None and (not server_hostname or server_hostname.startswith(".")):
            raise ValueError(
                "server_hostname cannot be an empty string or start with a leading dot."
            )
        if server_hostname is not None and "\0" in server_hostname:
            raise TypeError("server_hostname must not have a null character")
        if not server_side and server_hostname is None and self.check_hostname:
            raise ValueError("check_hostname requires server_hostname")
        waits_here = is_green() and not isinstance(transport, tuple)
        core = GreenCore if waits_here else Core
        return core(self, transport, bool(server_side), server_hostname, owner, session)

    # The native context of the extension.

    def _changed(self) -> None:
        self._revision += 1
        self._current.clear()

    def _native(self, server_side: bool) -> _tlsmith.Context:
        """Return the native context.  The same settings give the same one, so that sessions
        survive libraries that set everything again for each connection."""
        current = self._current.get(server_side)
        if current is None:
            settings = settings_of(self, server_side)
            current = self._known(settings, not server_side and is_plain(self))
            self._current[server_side] = current
        return current

    def _native_after(self, before: SSLContext, server_side: bool) -> _tlsmith.Context:
        """Return the native context of a connection that was switched to this context."""
        state = server_side, before._revision, self._revision
        known = self._switched.get(before)
        if known is None or known[0] != state:
            native = self._known(settings_after_switch(before, self, server_side), False)
            known = self._switched[before] = state, native
        return known[1]

    def _known(self, settings: dict[str, Any], is_shared: bool) -> _tlsmith.Context:
        key = Key(settings)
        known = self._made.get(key)
        if known is None:
            if len(self._made) >= _MAX_MADE:
                self._made.clear()
                self._completed.clear()
            known = shared(key, settings) if is_shared else native_context(settings)
            self._made[key] = known
        return known


_MAX_MADE = 32

REFUSED = refuse_unknown(SSLContext, _ORIGINAL, "ssl.SSLContext", INHERITED)
for _name, _member in vars(_ORIGINAL).items():
    if isinstance(_member, property) and hasattr(_RAW, _name):
        setattr(OpenSSLSettings, _name, getattr(_RAW, _name))
