"""What connections are made with: clients, servers.

Everything here is immutable and may be shared between threads.
"""

from __future__ import annotations

from . import _tlsmith
from ._certs import Identity
from ._checks import flag, instance, listed, octets, optional_function, optional_text, seconds, text
from ._context import context, trusting
from ._errors import config_error
from ._hello import alert_number, selection
from ._listener import Listener
from ._options import depth
from ._plain import bind, check_address, dial_unix, handshake_limit, host_and_port
from ._settings import early_bytes, ech_mode, for_both, kept_in, key_pin, native, own, ticket_count
from ._socket import Connection, Socket
from ._trust import Pin, Trust, warn
from ._wrap import begin, wrap

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Sequence
    from typing import Any, Literal, NoReturn, Self, TypeAlias, Unpack

    from _typeshed import ReadableBuffer

    from ._hello import Answer, Selectable
    from ._keywords import ClientArguments, ServerArguments
    from ._options import Clock, KeyLog
    from ._plain import Address
    from ._session_store import SessionStore
    from ._tlsmith import Session
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
        self._settings = {**settings, **for_both(arguments)}
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

    trust           trust anchors: "system", a CA, a Trust, certificates
    identity        what to show to servers that ask for a certificate
    alpn            protocols to offer, best first
    min_version     the lowest version to speak, "1.2" or "1.3"
    max_version     the highest one
    groups          the key exchange groups to offer, best first, by their IANA
                    names; None: X25519MLKEM768 and the usual ones
    ciphers         the cipher suites to offer, best first, by IANA's or OpenSSL's
                    names.  A version of which they name none keeps its own:
                    min_version and max_version switch a version off
    verify_schemes  the signature schemes that servers may sign the handshake with
                    (RFC 8446, section 4.2.3), best first, by their IANA names, such as
                    "ecdsa_secp256r1_sha256"; not those in certificates
    signing_schemes  the schemes to sign handshakes with, for an identity whose key may
                    use only some of its algorithm's, for example in an HSM
    match_issuer    present the identity only to servers that name an issuer in its chain
                    in certificate_authorities (RFC 8446, section 4.2.4)
    max_fragment    the most bytes in a record that is sent, 512 to 16384; None: 16384
    check_hostname  False is insecure: the chain is checked, the name is not
    allow_common_name  where a certificate has no alternative names, check its common
                    name, as before RFC 9525
    pins            keys of which one has to be in the accepted path: Pin.spki()
    max_depth       how many CAs may stand between the server's certificate and its
                    root; None: as many as path building finds, which is 6
    min_security    the least security, in bits, of each key and signature in the path:
                    112, 128, 192 or 256 (NIST SP 800-57, part 1, table 2)
    strict          require certificates to follow RFC 5280 to the letter, as
                    OpenSSL's X509_V_FLAG_X509_STRICT does
    ech             an ECHConfigList, in bytes, that encrypts the ClientHello (RFC
                    9849), or "grease"; such a client speaks TLS 1.3 alone.  A server
                    that rejects it makes the handshake fail with a HandshakeError,
                    code "handshake.ech_rejected", whose `ech_retry_configs` is the
                    list for the next attempt
    resume          whether to resume sessions, or how many to keep; True keeps 256
    on_session      called with each new Session, once per ticket, by the call that
                    received it: the handshake (TLS 1.2) or a read (TLS 1.3).  It must
                    not use that connection.  An Exception it raises goes to
                    sys.unraisablehook(); anything else, such as KeyboardInterrupt,
                    propagates from that call.  With resume=False only connect(session=)
                    resumes.  Not for ssl_context()
    early_data      whether connect(early_data=) may go out with the ClientHello
    keylog          a file (mode 0600) that the secrets of connections are
                    appended to, in the NSS format, or a function for each line.  What
                    the function raises is treated as with on_session
    now             the time of verification: an aware datetime, or a function returning
                    one; None: now.  If the function raises, nothing is valid; the
                    exception is handled as for on_session

    A pickle includes the trust, but no sessions.  With an `identity` pickling fails,
    since pickles never contain private keys.
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
        verify_schemes: Sequence[str] | None = None,
        signing_schemes: Sequence[str] | None = None,
        match_issuer: bool = False,
        max_fragment: int | None = None,
        check_hostname: bool = True,
        allow_common_name: bool = False,
        pins: Sequence[Pin] = (),
        max_depth: int | None = None,
        min_security: int = 112,
        strict: bool = False,
        ech: bytes | Literal["grease"] | None = None,
        resume: bool | int = True,
        on_session: Callable[[Session], object] | None = None,
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
            "identities": [] if identity is None else [native("identity", identity)],
            "check_hostname": check_hostname,
            "allow_common_name": flag("allow_common_name", allow_common_name),
            "pins": [key_pin(pin) for pin in listed("pins", pins)],
            "max_depth": depth(max_depth),
            "ech": ech_mode(ech),
            "on_session": optional_function("on_session", on_session),
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
        sni: str | Literal[False] | None = None,
        alpn: Sequence[str] | None = None,
        identity: Identity | None = None,
        session: Session | None = None,
        timeout: float | None = 30.0,
        early_data: ReadableBuffer | None = None,
    ) -> Socket:
        """Connect and complete the handshake.

        address      (host, port), or the path of a Unix socket; an IPv6 address may
                     have a zone, ("fe80::1%eth0", 443) or ("fe80::1", 443, 0, 2)
        server_name  what the certificate is checked for, by default the host, without
                     its zone
        sni          the name to request of the server (SNI, RFC 6066, section 3),
                     where it is not server_name; False requests none
        alpn         the protocols to offer, in place of the client's; () offers none
        identity     the identity to present, in place of the client's; the client keeps
                     the last 16 of them, with their keys, to resume their sessions
        session      the Session to resume, of this Client with the same server_name, sni
                     and identity, in place of those that the client keeps.  What the
                     server gives goes there.  `info.resumed` tells whether it worked
        timeout      limits connecting and each later call, in seconds; None
                     waits for ever
        early_data   data to send first.  If `Client(early_data=True)` resumes a session
                     that allows it, it is sent with the ClientHello (0-RTT): an
                     attacker can replay it, so it must be harmless when repeated.
                     Otherwise, or if the server rejects it, it is sent after the
                     handshake. `info.early_data` tells which.

        Raises VerifyError if server verification fails.
        """
        early = None if early_data is None else octets("early_data", early_data)
        options = own(alpn, identity, sni, session, self._context)
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
        sock = Socket(self._context, fd, False, name or None, timeout, None, None, options)
        try:
            begin(sock, early)
        except BaseException:
            sock.close()
            raise
        return sock

    def wrap(
        self,
        sock: socket.socket,
        server_name: str | None,
        *,
        sni: str | Literal[False] | None = None,
        alpn: Sequence[str] | None = None,
        identity: Identity | None = None,
        session: Session | None = None,
        handshake: bool = True,
        received: ReadableBuffer = b"",
    ) -> Socket:
        """Return a client Socket over a connected socket.  `sock` is detached, its
        timeout kept.

        sni, alpn, identity, session: for this connection, as in connect()
        handshake  make the handshake now, and not with the first recv or send
        received   TLS bytes already read from `sock`, such as those buffered after the
                   answer to STARTTLS
        """
        options = own(alpn, identity, sni, session, self._context)
        return wrap(self._context, sock, False, server_name, handshake, received, options)

    def buffer(
        self,
        server_name: str | None,
        *,
        sni: str | Literal[False] | None = None,
        alpn: Sequence[str] | None = None,
        identity: Identity | None = None,
        session: Session | None = None,
    ) -> Connection:
        """Be a client without I/O.  `sni`, `alpn`, `identity` and `session` are for this
        connection, as in connect()."""
        name = optional_text("server_name", server_name)
        options = own(alpn, identity, sni, session, self._context)
        return Connection(self._context, False, name, options)

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


def _client(kind: type[Client], arguments: dict[str, Any]) -> Client:
    """A client out of a pickle."""
    return kind(**arguments)
