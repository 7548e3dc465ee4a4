"""Server: the configuration of servers."""

from __future__ import annotations

from ._checks import flag, instance, listed, octets, optional_function, text
from ._client_hello import alert_number, selection
from ._config import Config
from ._context import trust_settings
from ._errors import config_error
from ._identity import Identity
from ._listener import Listener
from ._options import depth
from ._plain_sockets import bind, handshake_limit
from ._settings import early_bytes, native, own, store_functions, ticket_count
from ._socket import Connection, Socket
from ._trust import Trust, warn
from ._wrap import wrap

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Sequence
    from typing import Any, Literal, NoReturn, Self, Unpack

    from _typeshed import ReadableBuffer

    from ._client_hello import Answer, Selectable
    from ._config import Version
    from ._keywords import ServerArguments
    from ._options import Clock, KeyLog
    from ._plain_sockets import Address
    from ._session_store import SessionStore
    from ._trust import Trusted
    from ._tuples import ClientHello
    from .ssl._context import SSLContext


class Server(Config):
    """The configuration of servers.

    identity      the identities to present; SNI selects among several
    client_trust  trust anchors for client certificates
    client_auth   "none", "optional" or "required"; default "required" with
                  client_trust, else "none"
    omit_certificate_authorities  do not send certificate_authorities, the names of
                  the CAs in client_trust; a list above 64,511 bytes is never sent
    insecure_allow_unverified_clients  request client certificates and accept those that
                  fail verification, like nginx's `optional_no_ca`: anyone can
                  impersonate a client.  The program must check Socket.verify_error, which
                  is the reason.
                  client_auth is "optional" by default then, and client_trust may be
                  None.  The client must still prove possession of the private key (RFC
                  8446, section 4.4.3).  Unverified clients get no tickets, no resumption and
                  no early data
    alpn          the protocols to select from, best first
    ignore_unknown_alpn  continue without ALPN if a client offers only unknown
                  protocols, instead of refusing it (RFC 7301, section 3.2)
    prefer_own_ciphers  select by the order of the server's cipher suites instead of
                  the client's
    min_version, max_version, groups, ciphers, verify_schemes, max_fragment,
    min_security, strict, keylog, now: as for Client
    signing_schemes, match_issuer: as for Client, for each identity
    max_depth     how many CAs may be between a client's certificate and the root
    on_hello      a function that inspects the ClientHello of each client and returns
                  the Server, Identity or Selection to answer with, None for this
                  server, or the number of an alert to refuse it with (RFC 8446, section
                  6.2), such as 112 for unrecognized_name.  The handshake re-raises its
                  exceptions.  It must not wait for a thread that uses the connection:
                  they would deadlock.  For slow lookups, use Socket.receive_hello().
    require_known_name  reject clients whose SNI name matches no identity
    tickets       TLS 1.3 tickets per client, at most 16; 0: only a TLS 1.2 session
                  cache
    ticket_keys   32 random bytes each; servers sharing them resume each other's
                  sessions: the first encrypts, all decrypt.  Not with share_sessions and,
                  without a session_store, not with early_data or tickets=0: such a
                  server caches its sessions
    resume        False: no resumption; a number: size of the session cache (True: 1024)
    share_sessions  share the session cache of this Server, before its first connection:
                  each resumes the other's sessions, and only one of them accepts the
                  early data of a session, once
    session_store  a SessionStore, for example over Redis, which keeps sessions instead
                  of tickets: an object with put() and take().  Needs ticket_keys: servers
                  with equal keys and client-authentication policy resume each other's
                  sessions, TLS 1.3 ones once.  Not with share_sessions
    early_data    maximum early data (0-RTT) per connection, in bytes;
                  Socket.recv_early() returns it
    ocsp          the OCSP response (DER) to staple to the last of `identity`
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
            raise config_error(
                "a server needs at least one identity: give one that CA.issue() or Identity.load() "
                "returned"
            )
        lenient = flag("insecure_allow_unverified_clients", insecure_allow_unverified_clients)
        if lenient and client_auth is None:
            client_auth = "optional"
        if lenient and client_auth == "none":
            raise config_error(
                'client_auth="none" requests no client certificate, so there is none to accept '
                "unverified: leave out insecure_allow_unverified_clients or client_auth"
            )
        if client_auth in ("optional", "required") and client_trust is None and not lenient:
            raise config_error(
                f'client_auth="{client_auth}" needs client_trust, the trust anchors for '
                "client certificates"
            )
        if client_auth is None:
            client_auth = "none" if client_trust is None else "required"
        trust = None if client_trust is None else Trust._of(client_trust)
        if trust is not None and trust._insecure:
            warn("client certificates are not verified", 3)
        elif lenient:
            warn("clients that fail verification are accepted", 3)
        self._has_chosen_insecure = False
        settings = {
            **trust_settings(trust),
            "identities": [native("each of identity", one) for one in identities],
            "client_auth": text("client_auth", client_auth),
            "omit_certificate_authorities": flag(
                "omit_certificate_authorities", omit_certificate_authorities
            ),
            "insecure_allow_unverified_clients": lenient,
            "max_depth": depth(max_depth),
            "alpn_is_optional": flag("ignore_unknown_alpn", ignore_unknown_alpn),
            "prefer_own_ciphers": flag("prefer_own_ciphers", prefer_own_ciphers),
            "on_hello": None if on_hello is None else self._hello_callback(on_hello),
            "require_known_name": flag("require_known_name", require_known_name),
            "share_sessions": None
            if share_sessions is None
            else instance("share_sessions", share_sessions, Server)._context,
            "tickets": ticket_count(tickets),
            "ticket_keys": [
                octets("each of ticket_keys", one) for one in listed("ticket_keys", ticket_keys)
            ],
            "session_store": None
            if session_store is None
            else store_functions(session_store, arguments),
            "early_data": early_bytes(early_data),
            "ocsp": None if ocsp is None else octets("ocsp", ocsp),
        }
        self._build(arguments, settings)

    def _hello_callback(
        self, on_hello: Callable[[ClientHello], Selectable | int | None]
    ) -> Callable[..., Answer | int | None]:
        """Return the function that the extension calls with the fields of a ClientHello."""
        optional_function("on_hello", on_hello)

        def call(*fields: Any) -> Answer | int | None:
            from ._tuples import ClientHello

            return self._selected(on_hello(ClientHello(*fields)))

        return call

    def _selected(self, chosen: Selectable | int | None) -> Answer | int | None:
        """Convert the return value of on_hello for the extension."""
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
            "a Server has private keys and cannot be pickled: create it in the other process, "
            "or fork"
        )

    def _verifies(self) -> bool:
        return super()._verifies() and not self._has_chosen_insecure

    def replace(self, **changes: Unpack[ServerArguments]) -> Self:
        """Return a copy with some arguments of Server() changed."""
        return type(self)(**{**self._arguments, **changes})

    def listen(
        self,
        address: Address,
        *,
        backlog: int | None = None,
        reuse_port: bool = False,
        handshake_timeout: float | None = 5.0,
    ) -> Listener:
        """Listen on (host, port), or on a Unix socket at a path, whose file remains after
        the listener is closed.  Host None or "" means all addresses, port 0 any free
        port.

        backlog            how many connections may wait for accept(); None: the system's
                           maximum (net.core.somaxconn on Linux)
        reuse_port         share a TCP port with other listeners that also set this; the
                           system distributes clients among them (SO_REUSEPORT)
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
        """Start TLS as a server on a connected socket, and return the Socket.  `sock` is
        detached; its timeout is kept.

        alpn       the protocols of this connection instead of the server's; () is none
        identity   the identity to present instead of the server's identities
        handshake  complete the handshake now instead of in the first recv or send
        received   TLS bytes already read from `sock`, such as those buffered after a
                   PROXY line or STARTTLS
        """
        options = own(alpn, identity)
        return wrap(self._context, sock, True, None, handshake, received, options)

    def buffer(
        self, *, alpn: Sequence[str] | None = None, identity: Identity | None = None
    ) -> Connection:
        """Create a server Connection without I/O.  `alpn` and `identity` are for this
        connection, as in wrap()."""
        return Connection(self._context, True, None, own(alpn, identity))

    def ssl_context(self) -> SSLContext:
        """Return an ssl.SSLContext with these settings, for asyncio, aiohttp and uvicorn.

        For clients accepted only by insecure_allow_unverified_clients, no method
        returns a certificate as verified: getpeercert() is {}, getpeercert(True) and
        get_verified_chain() are None.  get_unverified_chain() returns what they sent.
        """
        from .ssl._context import SSLContext

        return SSLContext._of_server(self)
