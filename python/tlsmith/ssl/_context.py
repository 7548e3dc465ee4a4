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

from .. import _tlsmith
from .._certs import Identity
from .._context import context as native_context
from .._errors import Error
from ._bundles import Bundle, parse_der_list, read_bundle, read_folder
from ._files import begin_keylog, password_of
from ._names import IANA_CIPHERS, IANA_GROUPS
from ._object import Core
from ._sessions import Sessions, SSLSession
from ._settings import Key, is_plain, settings_of, shared
from ._sockets import SSLObject, SSLSocket

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any, Self

    from .._config import Client, Server

_ORIGINAL = ssl.SSLContext
_RAW: Any = _ssl._SSLContext
_TLS_12, _TLS_13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
_NEVER_CHECK_SUBJECT = getattr(_ssl, "HOSTFLAG_NEVER_CHECK_SUBJECT", 0)
_HARMLESS_HOST_FLAGS = _NEVER_CHECK_SUBJECT | getattr(_ssl, "HOSTFLAG_NO_PARTIAL_WILDCARDS", 0)

# What of verify_flags is honoured.  Paths always end at the first certificate
# that is trusted, and are always checked strictly.
_VERIFY_FLAGS = (
    ssl.VERIFY_CRL_CHECK_LEAF
    | ssl.VERIFY_CRL_CHECK_CHAIN
    | ssl.VERIFY_X509_STRICT
    | ssl.VERIFY_X509_TRUSTED_FIRST
    | ssl.VERIFY_X509_PARTIAL_CHAIN
)
_OLD_PROTOCOLS = {
    getattr(ssl, name, None)
    for name in ("PROTOCOL_SSLv2", "PROTOCOL_SSLv3", "PROTOCOL_TLSv1", "PROTOCOL_TLSv1_1")
} - {None}


class Seam:
    """OpenSSL's own settings, for contexts that are still its own: once ours is
    `ssl.SSLContext`, the setters of the standard library look for them just
    behind it."""

    minimum_version = _RAW.minimum_version
    maximum_version = _RAW.maximum_version
    options = _RAW.options
    verify_flags = _RAW.verify_flags
    verify_mode = _RAW.verify_mode
    _msg_callback = _RAW._msg_callback


def _stored(name: str, kind: Callable[[Any], Any], check: str | None = None) -> Any:
    """A setting that OpenSSL's object keeps and checks."""
    raw = getattr(_RAW, name)

    def get(self: SSLContext) -> Any:
        value = raw.__get__(self)
        try:
            return kind(value)
        except ValueError:
            return value

    def put(self: SSLContext, value: Any) -> None:
        before = raw.__get__(self)
        if check is not None:
            getattr(self, check)(value)
        raw.__set__(self, value)
        if raw.__get__(self) != before:
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


class SSLContext(Seam, _ORIGINAL, metaclass=_Kind):
    """ssl.SSLContext: the settings of connections.  See the documentation of the
    standard library; what cannot be honoured raises NotImplementedError or
    ValueError."""

    sslsocket_class: Any = SSLSocket
    sslobject_class: Any = SSLObject

    _bundles: dict[int, Bundle]
    _is_lazy: bool
    _identities: dict[str, Identity]
    _alpn: list[str]
    _ciphers: list[str] | None
    _group: str | None
    _keylog: Any
    _extra: dict[str, Any]
    _made: dict[Key, _tlsmith.Context]
    _current: dict[bool, _tlsmith.Context]
    _completed: dict[tuple[Any, ...], _tlsmith.Identity]
    _used: dict[_tlsmith.Certificate, None]
    _sessions: Sessions
    _stats: dict[str, int]

    def __new__(cls, protocol: int | None = None, *_args: object, **_kwargs: object) -> Self:
        if protocol in _OLD_PROTOCOLS:
            raise ValueError("invalid or unsupported protocol version: TLS 1.2 and 1.3 are spoken")
        self = super().__new__(cls, protocol)
        self._bundles, self._is_lazy = {}, False
        self._identities = {}
        self._alpn = []
        self._ciphers = self._group = self._keylog = None
        # What a Client or a Server has, and the standard library has no name for.
        self._extra = {}
        # Every context that was made, and the one for the settings of now.
        self._made, self._current, self._completed = {}, {}, {}
        self._used = {}
        self._sessions = Sessions()
        self._stats = dict.fromkeys(_RAW.session_stats(self), 0)
        return self

    @classmethod
    def _of_client(cls, client: Client) -> Self:
        self = cls(ssl.PROTOCOL_TLS_CLIENT)
        settings = client._settings
        self.check_hostname = settings["check_hostname"] and settings["verify"]
        self.verify_mode = ssl.CERT_REQUIRED if settings["verify"] else ssl.CERT_NONE
        self._take(settings)
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
        self._take(settings)
        return self

    def _take(self, settings: dict[str, Any]) -> None:
        """Takes over what a Client or a Server was made with: what has a setting
        of the standard library as that, the rest as it is."""
        versions = {"1.2": _TLS_12, "1.3": _TLS_13}
        self.minimum_version = versions[settings["min_version"]]
        self.maximum_version = versions[settings["max_version"]]
        self._alpn = list(settings["alpn"])
        own = {"alpn", "min_version", "max_version", "check_hostname", "verify", "client_auth"}
        self._extra = {name: value for name, value in settings.items() if name not in own}
        if not settings.get("resume", True):
            self._sessions.leave_to_application()
        self._changed()

    # Settings that OpenSSL's object keeps.

    check_hostname = _stored("check_hostname", bool)
    verify_mode = _stored("verify_mode", ssl.VerifyMode)
    verify_flags = _stored("verify_flags", ssl.VerifyFlags, "_check_verify_flags")
    options = _stored("options", ssl.Options)
    minimum_version = _stored("minimum_version", ssl.TLSVersion)
    maximum_version = _stored("maximum_version", ssl.TLSVersion)
    num_tickets = _stored("num_tickets", int)
    sni_callback = _stored("sni_callback", lambda callback: callback)
    _host_flags = _stored("_host_flags", int, "_check_host_flags")

    def _check_verify_flags(self, flags: Any) -> None:
        unknown = int(flags) & ~_VERIFY_FLAGS
        if unknown:
            raise NotImplementedError(f"{ssl.VerifyFlags(unknown)!r} cannot be honoured")

    def _check_host_flags(self, flags: Any) -> None:
        unknown = int(flags) & ~_HARMLESS_HOST_FLAGS
        if unknown:
            raise NotImplementedError(f"host flags {unknown:#x} cannot be honoured")

    @property
    def hostname_checks_common_name(self) -> bool:
        return not self._host_flags & _NEVER_CHECK_SUBJECT

    @hostname_checks_common_name.setter
    def hostname_checks_common_name(self, value: bool) -> None:  # pyright: ignore
        others = self._host_flags & ~_NEVER_CHECK_SUBJECT
        self._host_flags = others if value else others | _NEVER_CHECK_SUBJECT

    @property
    def protocol(self) -> Any:  # type: ignore[override]
        return ssl._SSLMethod(_RAW.protocol.__get__(self))

    @property
    def security_level(self) -> int:  # type: ignore[override]
        """OpenSSL's, of which nothing depends here."""
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
    def _msg_callback(self) -> None:
        return None

    @_msg_callback.setter
    def _msg_callback(self, callback: object) -> None:
        if callback is not None:
            raise NotImplementedError("handshake messages cannot be watched")

    # Ciphers, groups, protocols.

    def set_ciphers(self, cipherlist: str, /) -> None:
        _RAW.set_ciphers(self, cipherlist)
        names = [one["name"] for one in _RAW.get_ciphers(self)]
        known = [IANA_CIPHERS[name] for name in names if name in IANA_CIPHERS]
        if not known:
            raise ssl.SSLError("No cipher can be selected.")
        if known != self._ciphers:
            self._ciphers = known
            self._changed()

    def get_ciphers(self) -> list[Any]:
        return [one for one in _RAW.get_ciphers(self) if one["name"] in IANA_CIPHERS]

    def set_ecdh_curve(self, name: str | bytes, /) -> None:
        _RAW.set_ecdh_curve(self, name)
        text = name.decode() if isinstance(name, bytes) else name
        if text not in IANA_GROUPS:
            raise NotImplementedError(f"the curve {text} is not for key exchange here")
        self._group = IANA_GROUPS[text]
        self._changed()

    def load_dh_params(self, path: Any, /) -> None:
        """Raises NotImplementedError for parameters that can be read: the cipher
        suites that they would be for are not spoken here."""
        _RAW.load_dh_params(self, path)
        raise NotImplementedError(
            "there is no finite-field Diffie-Hellman here, so its parameters cannot be used: "
            "leave load_dh_params() out, since clients agree on an elliptic curve"
        )

    def set_psk_client_callback(self, callback: object) -> None:
        """Raises NotImplementedError for any callback: rustls agrees on no keys that
        were shared before."""
        self._check_psk(callback)

    def set_psk_server_callback(self, callback: object, identity_hint: object = None) -> None:
        """As set_psk_client_callback()."""
        self._check_psk(callback)

    def _check_psk(self, callback: object) -> None:
        if callback is not None:
            raise NotImplementedError(
                "keys that were shared before (PSK) cannot be used: use certificates"
            )

    def _set_alpn_protocols(self, protocols: bytes, /) -> None:
        alpn = []
        rest = bytes(protocols)
        while rest:
            end = 1 + rest[0]
            alpn.append(rest[1:end].decode("latin-1"))
            rest = rest[end:]
        if alpn != self._alpn:
            self._alpn = alpn
            self._changed()

    # Certificates.

    def load_cert_chain(
        self,
        certfile: Any,
        keyfile: Any = None,
        password: Any = None,
    ) -> None:
        cert, key = os.fsdecode(certfile), None if keyfile is None else os.fsdecode(keyfile)
        try:
            identity = Identity.load(
                cert, key, password=password_of(password, cert if key is None else key)
            )
        except Error as error:
            # OpenSSL has its own words for what is wrong, and programs know them.
            _RAW.load_cert_chain(self, certfile, keyfile, password)
            raise ssl.SSLError(1, str(error)) from error
        # One of each kind, as OpenSSL has it.
        kind = identity.cert.key_type.partition("-")[0]
        self._identities[kind] = identity
        self._changed()

    def load_verify_locations(
        self, cafile: Any = None, capath: Any = None, cadata: Any = None
    ) -> None:
        try:
            found = []
            if cafile is not None:
                found.append(read_bundle(os.fsdecode(cafile)))
            if cadata is not None:
                found.append(parse_der_list(cadata))
            if capath is not None:
                found.append(read_folder(os.fsdecode(capath)))
            if not found:
                raise TypeError("cafile, capath and cadata cannot be all omitted")
        except (Error, ValueError) as error:
            _RAW.load_verify_locations(self, cafile, capath, cadata)
            raise ssl.SSLError(1, str(error)) from error
        for bundle in found:
            self._add(bundle)

    def _add(self, bundle: Bundle) -> None:
        if id(bundle) not in self._bundles:
            # Parsed bundles are shared: the same one again changes nothing.
            self._bundles[id(bundle)] = bundle
            self._is_lazy |= bundle.lazy
            self._changed()

    def set_default_verify_paths(self) -> None:
        """The system's roots, or those that SSL_CERT_FILE and SSL_CERT_DIR name."""
        paths = ssl.get_default_verify_paths()
        try:
            if paths.cafile:
                self._add(read_bundle(paths.cafile))
            if paths.capath and (paths.capath != paths.openssl_capath or not paths.cafile):
                self._add(read_folder(paths.capath))
        except Error:
            # As OpenSSL: what is not there is not trusted.
            pass

    def _certificates(self) -> Iterable[_tlsmith.Certificate]:
        """What is trusted, each once."""
        return dict.fromkeys(
            one for bundle in self._bundles.values() for one in bundle.certificates
        )

    def cert_store_stats(self) -> dict[str, int]:
        eager = [bundle for bundle in self._bundles.values() if not bundle.lazy]
        known = set().union(*(bundle.certificates for bundle in eager))
        crls = sum(len(bundle.crls) for bundle in eager)
        cas = sum(map(_is_authority, known))
        return {"x509": len(known), "crl": crls, "x509_ca": cas}

    def get_ca_certs(self, binary_form: bool = False) -> Any:
        eager = [bundle for bundle in self._bundles.values() if not bundle.lazy]
        known = dict.fromkeys(one for bundle in eager for one in bundle.certificates)
        known.update(self._used)
        cas = [one for one in known if _is_authority(one)]
        return [one.der if binary_form else one.as_dict() for one in cas]

    @property
    def keylog_filename(self) -> Any:
        return self._keylog

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
        return self._ciphers is None or cipher in self._ciphers

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
        return Core(self, carrier, bool(server_side), server_hostname, owner, session)

    # The context of the extension.

    def _changed(self) -> None:
        self._current.clear()

    def _native(self, server_side: bool) -> _tlsmith.Context:
        """What connections are made with: the same one for the same settings, so
        that sessions outlive libraries that set everything anew each time."""
        current = self._current.get(server_side)
        if current is None:
            settings = settings_of(self, server_side)
            key = Key(settings)
            current = self._made.get(key)
            if current is None:
                if len(self._made) >= _MOST_MADE:
                    self._made.clear()
                    self._completed.clear()
                is_shared = not server_side and is_plain(self)
                current = shared(key, settings) if is_shared else native_context(settings)
                self._made[key] = current
            self._current[server_side] = current
        return current


_MOST_MADE = 32


def _is_authority(certificate: _tlsmith.Certificate) -> bool:
    """Whether OpenSSL counts it as a CA's: of version 1 those that sign themselves."""
    is_root = certificate.subject == certificate.issuer
    return certificate.is_ca or (certificate.version == 1 and is_root)
