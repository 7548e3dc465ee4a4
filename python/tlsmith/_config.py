"""What connections are made with: clients, servers.

Everything here is immutable and may be shared between threads.
"""

from __future__ import annotations

from . import _tlsmith
from ._certs import Identity
from ._checks import flag, instance, listed, octets, optional_text, seconds, strings, text, whole
from ._context import context, trusting
from ._errors import config_error, state_error
from ._options import clock, depth, keylog
from ._plain import bind, check_address, dial_unix, handshake_limit, host_and_port
from ._socket import Connection, Listener, Socket
from ._trust import Pin, Trust, warn

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Sequence
    from typing import Any, Literal, NoReturn, Self, TypeAlias, Unpack

    from _typeshed import ReadableBuffer

    from ._keywords import ClientArguments, ServerArguments
    from ._options import Clock, KeyLog
    from ._plain import Address
    from ._trust import Trusted
    from ._tuples import ClientHello
    from .ssl._context import SSLContext

    Version: TypeAlias = Literal["1.2", "1.3"]


class _Config:
    """What Client and Server have in common: a context, and how it was made."""

    __slots__ = ("_arguments", "_context", "_settings")

    _arguments: dict[str, Any]
    _settings: dict[str, Any]
    _context: _tlsmith.Context

    def _build(self, arguments: dict[str, Any], settings: dict[str, Any]) -> None:
        """From all arguments, and from what is not the same for both sides of them."""
        self._arguments = arguments
        self._settings = {**settings, **_for_both(arguments)}
        self._context = context(self._settings)

    def _verifies(self) -> bool:
        """Whether no peer's certificate is accepted without having been verified."""
        return bool(self._settings.get("verify", True))

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, _memo: object) -> Self:
        return self


class Client(_Config):
    """How to be a client.

    trust           whom to believe: "system", a CA, a Trust, certificates
    identity        what to show to servers that ask for a certificate
    alpn            protocols to offer, best first
    min_version     the lowest version to speak, "1.2" or "1.3"
    max_version     the highest one
    groups          the key exchange groups to offer, best first, by their IANA
                    names; None: X25519MLKEM768 and the usual ones
    ciphers         the cipher suites to offer, best first, by IANA's or OpenSSL's
                    names.  A version of which they name none keeps its own:
                    min_version and max_version switch a version off
    check_hostname  False is insecure: the chain is checked, the name is not
    pins            keys of which one has to be in the accepted path: Pin.spki()
    max_depth       how many CAs may stand between the server's certificate and its
                    root; None: as many as path building finds, which is 6
    ech             an ECHConfigList, in bytes, that encrypts the ClientHello (RFC
                    9849), or "grease"; such a client speaks TLS 1.3 alone.  A server
                    that rejects it makes the handshake fail with a HandshakeError,
                    code "handshake.ech_rejected", whose `ech_retry_configs` is the
                    list for the next attempt
    resume          whether to resume sessions, of up to 32 servers
    early_data      whether connect(early_data=) may go out with the ClientHello
    keylog          a file (mode 0600) that the secrets of connections are
                    appended to, in the NSS format, or a function for each line
    now             when certificates have to be valid: an aware datetime, or a
                    function that gives one; None: now

    Pickled, it takes along what it trusts, and leaves its sessions behind; with an
    `identity` it cannot be, since private keys do not travel in pickles.
    """

    __slots__ = ()

    def __init__(
        self,
        *,
        trust: Trusted | Literal["system"] = "system",
        identity: Identity | None = None,
        alpn: Sequence[str] = (),
        min_version: Version = "1.2",
        max_version: Version = "1.3",
        groups: Sequence[str] | None = None,
        ciphers: Sequence[str] | None = None,
        check_hostname: bool = True,
        pins: Sequence[Pin] = (),
        max_depth: int | None = None,
        ech: bytes | Literal["grease"] | None = None,
        resume: bool = True,
        early_data: bool = False,
        keylog: KeyLog | None = None,
        now: Clock | None = None,
    ) -> None:
        arguments = {name: value for name, value in locals().items() if name != "self"}
        # Files are read once, also for replace() and in another process.
        arguments["trust"] = whom = Trust._of(trust)
        if whom._insecure or not flag("check_hostname", check_hostname):
            warn("no certificate is checked" if whom._insecure else "no name is checked", 3)
        settings = {
            **trusting(whom),
            "identities": [] if identity is None else [_native("identity", identity)],
            "check_hostname": check_hostname,
            "pins": [_key_pin(pin) for pin in listed("pins", pins)],
            "max_depth": depth(max_depth),
            "ech": _ech(ech),
            "resume": flag("resume", resume),
            "early_data": int(flag("early_data", early_data)),
        }
        self._build(arguments, settings)

    def replace(self, **changes: Unpack[ClientArguments]) -> Self:
        """The same with some arguments changed: those of Client()."""
        return type(self)(**{**self._arguments, **changes})

    def connect(
        self,
        address: Address,
        *,
        server_name: str | None = None,
        timeout: float | None = 30.0,
        early_data: ReadableBuffer | None = None,
    ) -> Socket:
        """Connect and shake hands.

        address      (host, port), or the path of a Unix socket; an IPv6 address may
                     have a zone, ("fe80::1%eth0", 443) or ("fe80::1", 443, 0, 2)
        server_name  what the certificate is checked for, by default the host, without
                     its zone
        timeout      limits connecting and each later call, in seconds; None
                     waits for ever
        early_data   what to say first.  Where `Client(early_data=True)` resumes a
                     session that allows it, it goes out with the ClientHello
                     (0-RTT): whoever records that can send it again, so it has
                     to be harmless when repeated.  Else, and where the server
                     does not take it, it is sent after the handshake.
                     `info.early_data` tells which.

        Raises VerifyError for a server that is not the one.
        """
        early = None if early_data is None else octets("early_data", early_data)
        optional_text("server_name", server_name)
        seconds("timeout", timeout)
        check_address(address)
        if isinstance(address, tuple):
            host, port = host_and_port(address)
            if host is None:
                raise config_error("a client needs the host to connect to")
            name = host if server_name is None else server_name
            fd = _tlsmith.dial(host, str(port), timeout)
        else:
            name = server_name or ""
            if server_name is None and self._settings["check_hostname"]:
                raise config_error(
                    "over a Unix socket server_name says what the certificate has to be for"
                )
            fd = dial_unix(address, timeout)
        sock = Socket(self._context, fd, False, name or None, timeout)
        try:
            _begin(sock, early)
        except BaseException:
            sock.close()
            raise
        return sock

    def wrap(
        self,
        sock: socket.socket,
        server_name: str | None,
        *,
        handshake: bool = True,
        received: ReadableBuffer = b"",
    ) -> Socket:
        """Be a client over a connected socket, which is taken over: `sock` is
        detached, its timeout kept.

        handshake  make the handshake now, and not with the first recv or send
        received   what was read from `sock` already and is the server's TLS: the rest
                   of a buffer, behind the answer to STARTTLS
        """
        return _wrap(self._context, sock, False, server_name, handshake, received)

    def buffer(self, server_name: str | None) -> Connection:
        """Be a client without I/O."""
        return Connection(self._context, False, optional_text("server_name", server_name))

    def ssl_context(self) -> SSLContext:
        """The same as an ssl.SSLContext, for requests, httpx, aiohttp, asyncio."""
        from .ssl._context import SSLContext

        return SSLContext._of_client(self)

    def __reduce__(self) -> tuple[Callable[..., Client], tuple[type[Client], dict[str, Any]]]:
        if self._arguments["identity"] is not None:
            raise TypeError(
                "a Client with an identity has a private key and cannot be pickled: make it in "
                "the other process, from files, or pickle client.replace(identity=None)"
            )
        return _client, (type(self), self._arguments)


class Server(_Config):
    """How to be a server.

    identity      what to show; of several, by the name that the client asks for
    client_trust  who may have issued the certificates of clients
    client_auth   "none", "optional" or "required": the default with client_trust
    omit_certificate_authorities  do not name the CAs of client_trust to clients;
                  a list of more than 64,511 bytes is never sent
    alpn          protocols to speak, best first
    min_version, max_version, groups, ciphers, keylog, now: as for Client
    max_depth     how many CAs may stand between a client's certificate and its root
    on_hello      a function that looks at the ClientHello of each client and
                  gives the Server or the Identity that answers, or None for this
                  one.  What it raises ends the handshake, which raises it.
    strict_names  refuse clients that ask for a name that no identity is for
    tickets       how many tickets a client gets for resumption; with 0 sessions
                  are kept here
    ticket_keys   32 random bytes each, shared by servers that resume each other's
                  sessions: the first one seals, all open
    early_data    how many bytes of early data (0-RTT) a client may send:
                  Socket.recv_early() has them
    ocsp          the OCSP response (DER) to staple to the last identity
    """

    __slots__ = ("_chosen", "_has_chosen_insecure")

    def __init__(
        self,
        identity: Identity | Sequence[Identity],
        *,
        client_trust: Trusted | None = None,
        client_auth: Literal["none", "optional", "required"] | None = None,
        omit_certificate_authorities: bool = False,
        alpn: Sequence[str] = (),
        min_version: Version = "1.2",
        max_version: Version = "1.3",
        groups: Sequence[str] | None = None,
        ciphers: Sequence[str] | None = None,
        max_depth: int | None = None,
        on_hello: Callable[[ClientHello], Server | Identity | None] | None = None,
        strict_names: bool = False,
        tickets: int = 2,
        ticket_keys: Sequence[ReadableBuffer] = (),
        early_data: int = 0,
        ocsp: bytes | None = None,
        keylog: KeyLog | None = None,
        now: Clock | None = None,
    ) -> None:
        arguments = {name: value for name, value in locals().items() if name != "self"}
        identities = [identity] if isinstance(identity, Identity) else listed("identity", identity)
        if not identities:
            raise config_error("a server needs at least one identity")
        if client_auth in ("optional", "required") and client_trust is None:
            raise config_error(
                f'client_auth="{client_auth}" needs client_trust: '
                "who may have issued the certificates of clients?"
            )
        if client_auth is None:
            client_auth = "none" if client_trust is None else "required"
        whom = None if client_trust is None else Trust._of(client_trust)
        if whom is not None and whom._insecure:
            warn("no certificate of a client is checked", 3)
        if isinstance(early_data, bool):
            raise TypeError("early_data of a server is how many bytes a client may send")
        if not 0 <= whole("early_data", early_data) < 1 << 32:
            raise config_error(f"early_data is {early_data}: 0 to 2**32 - 1 bytes can be allowed")
        if whole("tickets", tickets) < 0:
            raise config_error(f"tickets is {tickets}: 0 to 16 can be sent")
        self._chosen: dict[int, tuple[Identity, Server]] = {}
        self._has_chosen_insecure = False
        settings = {
            **trusting(whom),
            "identities": [_native("each of identity", one) for one in identities],
            "client_auth": text("client_auth", client_auth),
            "omit_certificate_authorities": flag(
                "omit_certificate_authorities", omit_certificate_authorities
            ),
            "max_depth": depth(max_depth),
            "on_hello": None if on_hello is None else self._choose(on_hello),
            "require_known_name": flag("strict_names", strict_names),
            "tickets": tickets,
            "ticket_keys": [
                octets("each of ticket_keys", one) for one in listed("ticket_keys", ticket_keys)
            ],
            "early_data": early_data,
            "ocsp": None if ocsp is None else octets("ocsp", ocsp),
        }
        self._build(arguments, settings)

    def _choose(
        self, on_hello: Callable[[ClientHello], Server | Identity | None]
    ) -> Callable[..., _tlsmith.Context | None]:
        if not callable(on_hello):
            raise TypeError(f"on_hello is a function, not {type(on_hello).__name__}")

        def choose(*said: Any) -> _tlsmith.Context | None:
            from ._tuples import ClientHello

            chosen = on_hello(ClientHello(*said))
            if chosen is None:
                return None
            if isinstance(chosen, Identity):
                chosen = self._with(chosen)
            if not isinstance(chosen, Server):
                kind = type(chosen).__name__
                raise TypeError(f"on_hello gives a Server, an Identity or None, not {kind}")
            if not chosen._verifies():
                self._has_chosen_insecure = True
            return chosen._context

        return choose

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "a Server has private keys and cannot be pickled: make it in the other process, "
            "from the files of its identities, or fork"
        )

    def _verifies(self) -> bool:
        return super()._verifies() and not self._has_chosen_insecure

    def _with(self, identity: Identity) -> Server:
        """The same server with another identity, made once for each."""
        known = self._chosen.get(id(identity._native))
        if known is None:
            if len(self._chosen) >= _MOST_CHOSEN:
                self._chosen.clear()
            known = identity, self.replace(identity=identity, on_hello=None)
            # The identity stays alive as long as its number stands for it.
            self._chosen[id(identity._native)] = known
        return known[1]

    def replace(self, **changes: Unpack[ServerArguments]) -> Self:
        """The same with some arguments changed: those of Server()."""
        return type(self)(**{**self._arguments, **changes})

    def listen(
        self,
        address: Address,
        *,
        backlog: int | None = None,
        reuse_port: bool = False,
        handshake_timeout: float | None = 5.0,
    ) -> Listener:
        """Listen on (host, port), or on a Unix socket at a path, whose file stays
        when the listener is closed.  Host None or "" is every address, port 0 any
        free one.

        backlog            how many connections may wait for accept(); None: as many
                           as the system allows (net.core.somaxconn on Linux)
        reuse_port         share a TCP port with other listeners that say so too: the
                           system spreads the clients over them (SO_REUSEPORT)
        handshake_timeout  seconds that the handshake of each client may take in all,
                           from its first call on, beside what settimeout() says;
                           then that call raises TimedOut.  None is no limit
        """
        limit = handshake_limit(handshake_timeout)
        return Listener(self._context, bind(address, backlog, reuse_port), limit)

    def wrap(
        self, sock: socket.socket, *, handshake: bool = True, received: ReadableBuffer = b""
    ) -> Socket:
        """Be a server over a connected socket, which is taken over: `sock` is
        detached, its timeout kept.

        handshake  make the handshake now, and not with the first recv or send
        received   what was read from `sock` already and is the client's TLS: the rest
                   of a buffer, behind the line of a proxy or a STARTTLS
        """
        return _wrap(self._context, sock, True, None, handshake, received)

    def buffer(self) -> Connection:
        """Be a server without I/O."""
        return Connection(self._context, True, None)

    def ssl_context(self) -> SSLContext:
        """The same as an ssl.SSLContext, for asyncio, aiohttp, uvicorn."""
        from .ssl._context import SSLContext

        return SSLContext._of_server(self)


_MOST_CHOSEN = 64


def _client(kind: type[Client], arguments: dict[str, Any]) -> Client:
    """A client out of a pickle."""
    return kind(**arguments)


def _for_both(arguments: dict[str, Any]) -> dict[str, Any]:
    """The settings that a Client and a Server have from the same arguments."""
    groups, ciphers = arguments["groups"], arguments["ciphers"]
    return {
        "alpn": strings("alpn", arguments["alpn"]),
        "min_version": text("min_version", arguments["min_version"]),
        "max_version": text("max_version", arguments["max_version"]),
        "groups": None if groups is None else strings("groups", groups),
        "ciphers": None if ciphers is None else strings("ciphers", ciphers),
        "keylog": keylog(arguments["keylog"]),
        "now": clock(arguments["now"]),
    }


def _native(name: str, identity: Identity) -> _tlsmith.Identity:
    return instance(name, identity, Identity)._native


def _key_pin(pin: Pin) -> str:
    if instance("each of pins", pin, Pin)._kind != "spki":
        raise config_error(f"{pin} is a certificate: Trust.pinned() is for those")
    return pin._sha256


def _ech(ech: bytes | str | None) -> bytes | str | None:
    return ech if ech is None or isinstance(ech, str) else octets("ech", ech)


def _begin(sock: Socket, early: bytes | None) -> None:
    """Shakes hands, and says first what is to be said first."""
    if early is None:
        return sock.do_handshake()
    taken = sock.send_early(early) if early else 0
    if sock.info.early_data != "accepted":
        taken = 0
    if early[taken:]:
        sock.sendall(early[taken:])


def _wrap(
    context: _tlsmith.Context,
    sock: socket.socket,
    is_server: bool,
    server_name: str | None,
    handshake: bool,
    received: ReadableBuffer,
) -> Socket:
    import socket

    before = octets("received", received)
    flag("handshake", handshake)

    if not isinstance(sock, socket.socket) or hasattr(sock, "do_handshake"):
        raise TypeError(f"a socket.socket is needed, not {type(sock).__name__}")
    optional_text("server_name", server_name)
    if sock.fileno() < 0:
        raise state_error("the socket is closed")
    timeout = sock.gettimeout()
    # The time limit is ours from now on, and the descriptor blocks.
    sock.setblocking(True)
    wrapped = Socket(context, sock.detach(), is_server, server_name, timeout, None, before)
    if handshake:
        try:
            wrapped.do_handshake()
        except BaseException:
            wrapped.close()
            raise
    return wrapped
