"""Server: the configuration of servers."""

from __future__ import annotations

from ._certs import Identity
from ._checks import flag, instance, listed, octets, optional_function, text
from ._config import Config
from ._context import trusting
from ._errors import config_error
from ._hello import alert_number, selection
from ._listener import Listener
from ._options import depth
from ._plain import bind, handshake_limit
from ._settings import early_bytes, kept_in, native, own, ticket_count
from ._socket import Connection, Socket
from ._trust import Trust, warn
from ._wrap import wrap

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Sequence
    from typing import Any, Literal, NoReturn, Self, Unpack

    from _typeshed import ReadableBuffer

    from ._config import Version
    from ._hello import Answer, Selectable
    from ._keywords import ServerArguments
    from ._options import Clock, KeyLog
    from ._plain import Address
    from ._session_store import SessionStore
    from ._trust import Trusted
    from ._tuples import ClientHello
    from .ssl._context import SSLContext


class Server(Config):
    """How to be a server.

    identity      identities to present; of several, the SNI name selects one
    client_trust  who may have issued the certificates of clients
    client_auth   "none", "optional" or "required": the default with client_trust
    omit_certificate_authorities  do not name the CAs of client_trust to clients;
                  a list of more than 64,511 bytes is never sent
    insecure_allow_unverified_clients  request client certificates and accept those that
                  fail verification, like nginx's `optional_no_ca`: any client gets in.
                  The program decides by Socket.verify_error, which has the reason.
                  client_auth is "optional" by default then, and client_trust may be
                  None.  The client still proves that it has the private key (RFC 8446,
                  section 4.4.3).  Unverified clients get no tickets, no resumption and
                  no early data
    alpn          protocols to speak, best first
    ignore_unknown_alpn  negotiate no protocol with clients that offer only others,
                  instead of refusing them (RFC 7301, section 3.2)
    prefer_own_ciphers  choose the first of our cipher suites that the client offers,
                  instead of the first of the client's
    min_version, max_version, groups, ciphers, verify_schemes, max_fragment,
    min_security, strict, keylog, now: as for Client
    signing_schemes, match_issuer: as for Client, for each identity
    max_depth     how many CAs may stand between a client's certificate and its root
    on_hello      a function that inspects the ClientHello of each client and returns
                  the Server, Identity or Selection to answer with, None for this
                  server, or the number of an alert to refuse it with (RFC 8446, section
                  6.2), such as 112 for unrecognized_name.  The handshake re-raises its
                  exceptions.  It must not wait for a thread that uses the connection:
                  they would deadlock.  For slow lookups, use Socket.receive_hello().
    require_known_name  refuse clients that request a name that no identity is for
    tickets       TLS 1.3 tickets per client, at most 16; 0: only a TLS 1.2 session
                  cache
    ticket_keys   32 random bytes each; servers sharing them resume each other's
                  sessions: the first encrypts, all decrypt
    resume        False: no resumption; a number: size of the session cache (True: 1024)
    share_sessions  share a session cache with this Server, before its first connection:
                  each resumes the other's sessions, and only one accepts early data,
                  once
    session_store  a SessionStore, such as one over Redis, to keep sessions in instead of
                  in tickets: an object with put() and take().  Needs ticket_keys: servers
                  with equal keys and client-authentication policy resume each other's
                  sessions, TLS 1.3 ones once.  Not with share_sessions
    early_data    maximum early data (0-RTT) per connection, in bytes;
                  Socket.recv_early() returns it
    ocsp          the OCSP response (DER) to staple to the last identity
    """

    __slots__ = ("_has_chosen_insecure",)

    def __init__(
        self,
        identity: Identity | Sequence[Identity],
        *,
        client_trust: Trusted | None = None,
        client_auth: Literal["none", "optional", "required"] | None = None,
        omit_certificate_authorities: bool = False,
        insecure_allow_unverified_clients: bool = False,
        alpn: Sequence[str] = (),
        ignore_unknown_alpn: bool = False,
        min_version: Version = "1.2",
        max_version: Version = "1.3",
        groups: Sequence[str] | None = None,
        ciphers: Sequence[str] | None = None,
        prefer_own_ciphers: bool = False,
        verify_schemes: Sequence[str] | None = None,
        signing_schemes: Sequence[str] | None = None,
        match_issuer: bool = False,
        max_fragment: int | None = None,
        max_depth: int | None = None,
        min_security: int = 112,
        strict: bool = False,
        on_hello: Callable[[ClientHello], Selectable | int | None] | None = None,
        require_known_name: bool = False,
        tickets: int = 2,
        ticket_keys: Sequence[ReadableBuffer] = (),
        resume: bool | int = True,
        share_sessions: Server | None = None,
        session_store: SessionStore | None = None,
        early_data: int = 0,
        ocsp: bytes | None = None,
        keylog: KeyLog | None = None,
        now: Clock | None = None,
    ) -> None:
        arguments = {name: value for name, value in locals().items() if name != "self"}
        identities = [identity] if isinstance(identity, Identity) else listed("identity", identity)
        if not identities:
            raise config_error("a server needs at least one identity")
        lenient = flag("insecure_allow_unverified_clients", insecure_allow_unverified_clients)
        if lenient and client_auth is None:
            client_auth = "optional"
        if lenient and client_auth == "none":
            raise config_error(
                'client_auth="none" asks for no certificate, so no client can be accepted with '
                "one that is not verified: leave insecure_allow_unverified_clients away"
            )
        if client_auth in ("optional", "required") and client_trust is None and not lenient:
            raise config_error(
                f'client_auth="{client_auth}" needs client_trust: '
                "who may have issued the certificates of clients?"
            )
        if client_auth is None:
            client_auth = "none" if client_trust is None else "required"
        whom = None if client_trust is None else Trust._of(client_trust)
        if whom is not None and whom._insecure:
            warn("no certificate of a client is checked", 3)
        elif lenient:
            warn("clients are accepted whose certificate is not verified", 3)
        self._has_chosen_insecure = False
        settings = {
            **trusting(whom),
            "identities": [native("each of identity", one) for one in identities],
            "client_auth": text("client_auth", client_auth),
            "omit_certificate_authorities": flag(
                "omit_certificate_authorities", omit_certificate_authorities
            ),
            "insecure_allow_unverified_clients": lenient,
            "max_depth": depth(max_depth),
            "alpn_is_optional": flag("ignore_unknown_alpn", ignore_unknown_alpn),
            "prefer_own_ciphers": flag("prefer_own_ciphers", prefer_own_ciphers),
            "on_hello": None if on_hello is None else self._asking(on_hello),
            "require_known_name": flag("require_known_name", require_known_name),
            "share_sessions": None
            if share_sessions is None
            else instance("share_sessions", share_sessions, Server)._context,
            "tickets": ticket_count(tickets),
            "ticket_keys": [
                octets("each of ticket_keys", one) for one in listed("ticket_keys", ticket_keys)
            ],
            "session_store": None if session_store is None else kept_in(session_store, arguments),
            "early_data": early_bytes(early_data),
            "ocsp": None if ocsp is None else octets("ocsp", ocsp),
        }
        self._build(arguments, settings)

    def _asking(
        self, on_hello: Callable[[ClientHello], Selectable | int | None]
    ) -> Callable[..., Answer | int | None]:
        """What the extension calls with the fields of a ClientHello."""
        optional_function("on_hello", on_hello)

        def ask(*fields: Any) -> Answer | int | None:
            from ._tuples import ClientHello

            return self._selected(on_hello(ClientHello(*fields)))

        return ask

    def _selected(self, chosen: Selectable | int | None) -> Answer | int | None:
        """What on_hello returned, as the extension takes it."""
        if chosen is None:
            return None
        if isinstance(chosen, int):
            return alert_number("the alert that on_hello returned", chosen)
        server, selected = selection("what on_hello returns", chosen)
        if server is not None and not server._verifies():
            self._has_chosen_insecure = True
        return selected

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "a Server has private keys and cannot be pickled: make it in the other process, "
            "from the files of its identities, or fork"
        )

    def _verifies(self) -> bool:
        return super()._verifies() and not self._has_chosen_insecure

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
        handshake_timeout  limits each whole handshake, in seconds from its first call,
                           in addition to settimeout(); on expiry the call raises
                           TimedOut.  None: no limit
        """
        limit = handshake_limit(handshake_timeout)
        return Listener(self._context, bind(address, backlog, reuse_port), limit)

    def wrap(
        self,
        sock: socket.socket,
        *,
        alpn: Sequence[str] | None = None,
        identity: Identity | None = None,
        handshake: bool = True,
        received: ReadableBuffer = b"",
    ) -> Socket:
        """Return a server Socket over a connected socket.  `sock` is detached, its
        timeout kept.

        alpn       the protocols of this connection, in place of the server's; () is none
        identity   the identity to present, in place of all of the server's
        handshake  make the handshake now, and not with the first recv or send
        received   TLS bytes already read from `sock`, such as those buffered after a
                   PROXY line or STARTTLS
        """
        options = own(alpn, identity)
        return wrap(self._context, sock, True, None, handshake, received, options)

    def buffer(
        self, *, alpn: Sequence[str] | None = None, identity: Identity | None = None
    ) -> Connection:
        """Be a server without I/O.  `alpn` and `identity` are for this connection, as in
        wrap()."""
        return Connection(self._context, True, None, own(alpn, identity))

    def ssl_context(self) -> SSLContext:
        """The same as an ssl.SSLContext, for asyncio, aiohttp, uvicorn.

        For clients accepted only by insecure_allow_unverified_clients, no method
        returns a certificate as verified: getpeercert() is {}, getpeercert(True) and
        get_verified_chain() are None.  get_unverified_chain() returns what they sent.
        """
        from .ssl._context import SSLContext

        return SSLContext._of_server(self)
