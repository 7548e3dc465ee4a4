"""ssl.SSLContext on our engine.

It is a real subclass, since asyncio, aiohttp, uvicorn and others ask with
isinstance().  The object of OpenSSL that comes with it never makes a connection.
It keeps the plain settings (versions, verify_mode, flags), so that each Python
has its own defaults and checks them in its own way; everything that a connection
needs is read from there, and turned into one of our contexts when the first
connection asks for it.
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
from ._green import GreenCore, is_green
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
from ._unknown import INHERITED, refuse_unknown

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


class Seam:
    """OpenSSL's own settings, for contexts that are still its own: once ours is
    `ssl.SSLContext`, the setters of the standard library look for them just
    behind it."""

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
    """A setting that OpenSSL's object keeps and checks.

    check  raises for what OpenSSL accepts and tlsmith does not apply; it gets the value
           of before and the new one
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
        # First what OpenSSL refuses, with its own exceptions.
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


class _Kind(type):
    """What ours being `ssl.SSLContext` must not change: contexts of before are
    contexts still.  To aiohttp, for one, whatever is none means that nothing shall
    be verified."""

    def __instancecheck__(cls, instance: object) -> bool:
        if super().__instancecheck__(instance):
            return True
        return cls is ssl.SSLContext and isinstance(instance, _ORIGINAL)


class SSLContext(Negotiation, Store, Seam, _ORIGINAL, metaclass=_Kind):
    """ssl.SSLContext: the settings of connections.  See the documentation of the
    standard library; what cannot be honoured raises NotImplementedError or
    ValueError."""

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
            raise ValueError("invalid or unsupported protocol version: TLS 1.2 and 1.3 are spoken")
        self = super().__new__(cls, protocol)
        self._negotiate_defaults()
        self._store_nothing()
        self._keylog = None
        # What a Client or a Server has, and the standard library has no name for.
        self._extra = {}
        # Every context that was made, and the one for the settings of now.
        self._made, self._current, self._completed = {}, {}, {}
        # For connections of other contexts that were given this one.
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
        # The sessions of a context of ssl are SSLSession.
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
        # A context of ssl ignores unknown protocols always.
        self._take(settings, {"client_auth", "tickets", "prefer_own_ciphers", "alpn_is_optional"})
        return self

    def _take(self, settings: dict[str, Any], taken: set[str]) -> None:
        """Takes over what a Client or a Server was made with: what has a setting
        of the standard library as that, so that its setters still work, the rest as it
        is."""
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

    # Settings that OpenSSL's object keeps.

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

    # Here and not further behind, where contexts of before would find it, too.
    @property
    def _msg_callback(self) -> None:
        return None

    @_msg_callback.setter
    def _msg_callback(self, callback: object) -> None:
        if callback is not None:
            raise NotImplementedError("handshake messages cannot be watched")

    @property
    def protocol(self) -> Any:  # type: ignore[override]
        return ssl._SSLMethod(_RAW.protocol.__get__(self))

    @property
    def security_level(self) -> int:  # type: ignore[override]
        """OpenSSL's security level: set_ciphers() with "@SECLEVEL=n" sets it."""
        return int(_RAW.security_level.__get__(self))

    @property
    def post_handshake_auth(self) -> Any:
        """None: there is no such thing here, which libraries ask for."""
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
        """Counts a handshake that is complete, and the root that it came to: what
        a folder has shows up when it was needed."""
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
                raise TypeError(f"a MemoryBIO is needed, not {type(bio).__name__}")
        return self._wrap((incoming, outgoing), server_side, server_hostname, owner, session)

    def _wrap(
        self,
        carrier: Any,
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
        waits_here = is_green() and not isinstance(carrier, tuple)
        core = GreenCore if waits_here else Core
        return core(self, carrier, bool(server_side), server_hostname, owner, session)

    # The context of the extension.

    def _changed(self) -> None:
        self._revision += 1
        self._current.clear()

    def _native(self, server_side: bool) -> _tlsmith.Context:
        """What connections are made with: the same one for the same settings, so
        that sessions outlive libraries that set everything anew each time."""
        current = self._current.get(server_side)
        if current is None:
            settings = settings_of(self, server_side)
            current = self._known(settings, not server_side and is_plain(self))
            self._current[server_side] = current
        return current

    def _native_after(self, before: SSLContext, server_side: bool) -> _tlsmith.Context:
        """The same for a connection of another context whose context is now this one."""
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
            if len(self._made) >= _MOST_MADE:
                self._made.clear()
                self._completed.clear()
            known = shared(key, settings) if is_shared else native_context(settings)
            self._made[key] = known
        return known


_MOST_MADE = 32

REFUSED = refuse_unknown(SSLContext, _ORIGINAL, "ssl.SSLContext", INHERITED)
for _name, _member in vars(_ORIGINAL).items():
    if isinstance(_member, property) and hasattr(_RAW, _name):
        setattr(Seam, _name, getattr(_RAW, _name))
