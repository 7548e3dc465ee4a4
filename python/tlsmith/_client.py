"""Client: the configuration of clients."""

from __future__ import annotations

from . import _tlsmith
from ._checks import flag, listed, octets, optional_function, optional_text, seconds
from ._config import Config
from ._context import trust_settings
from ._errors import config_error
from ._options import depth
from ._plain_sockets import check_address, dial_unix, host_and_port
from ._settings import ech_mode, key_pin, native, own
from ._socket import Connection, Socket
from ._trust import Pin, Trust, warn
from ._wrap import begin, wrap

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Sequence
    from typing import Any, Literal, Self, Unpack

    from _typeshed import ReadableBuffer

    from ._config import Version
    from ._identity import Identity
    from ._keywords import ClientArguments
    from ._options import Clock, KeyLog
    from ._plain_sockets import Address
    from ._tlsmith import Session
    from ._trust import Trusted
    from .ssl._context import SSLContext


class Client(Config):
    """The configuration of clients.

    trust           trust anchors: "system", a CA, a Trust, certificates
    identity        the identity to present to servers that request a certificate
    alpn            protocols to offer, best first
    min_version     the lowest version to negotiate, "1.2" or "1.3"
    max_version     the highest one
    groups          the key exchange groups to offer, best first, by their IANA
                    names; None: X25519MLKEM768, x25519, secp256r1, secp384r1
                    and secp521r1.  group_names() lists all of them
    ciphers         the cipher suites to offer, best first, by IANA's or OpenSSL's
                    names.  A version without a suite in the list keeps its default
                    suites: disable it with min_version and max_version
    verify_schemes  the signature schemes that servers may use in the handshake (RFC
                    8446, section 4.2.3), best first, by their IANA names, such as
                    "ecdsa_secp256r1_sha256"; not for signatures in certificates
    signing_schemes  the schemes to sign handshakes with, for an identity whose key may
                    use only some of its algorithm's, for example in an HSM
    match_issuer    present the identity only to servers that name an issuer in its chain
                    in certificate_authorities (RFC 8446, section 4.2.4)
    max_fragment    the maximum plaintext of a sent record, 512 to 16384 bytes; None:
                    16384
    check_hostname  False is insecure: the chain is verified, the name is not
    allow_common_name  accept the only common name of a certificate as a DNS name, as
                    before RFC 9525, if subjectAltName is absent or empty and every
                    name constraint of the chain permits it
    pins            public keys, one of which must be in the verified chain:
                    Pin.spki()
    max_depth       how many CAs may be between the server's certificate and the root;
                    None: 6, the limit of path building
    min_security    the minimum security, in bits, of each key and signature in the chain:
                    112, 128, 192 or 256 (NIST SP 800-57, part 1, table 2)
    strict          require certificates to follow RFC 5280 strictly, as
                    OpenSSL's X509_V_FLAG_X509_STRICT does
    ech             an ECHConfigList, as bytes, to encrypt the ClientHello with (RFC
                    9849), or "grease"; such a client offers TLS 1.3 only.  A server
                    that rejects it makes the handshake fail with a HandshakeError,
                    code "handshake.ech_rejected", whose `ech_retry_configs` is the
                    list for the next attempt
    resume          whether to resume sessions, or how many to cache; True: 256
    on_session      called with each new Session, once per ticket, by the call that
                    received it: the handshake (TLS 1.2) or a read (TLS 1.3).  It must
                    not use that connection.  An Exception it raises goes to
                    sys.unraisablehook(); anything else, such as KeyboardInterrupt,
                    propagates from that call.  With resume=False only connect(session=)
                    resumes.  Not for ssl_context()
    early_data      whether connect(early_data=) may be sent with the ClientHello
    keylog          a file (mode 0600) to append session secrets to, in the NSS key log
                    format, or a function called with each line.  Its exceptions are
                    handled as for on_session
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
        # Files are read once: replace() and pickling reuse the result.
        arguments["trust"] = trust = Trust._of(trust)
        if trust._insecure or not flag("check_hostname", check_hostname):
            warn(
                "certificates are not verified" if trust._insecure else "names are not verified", 3
            )
        settings = {
            **trust_settings(trust),
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
        """Return a copy with some arguments of Client() changed."""
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
        server_name  the name to verify; default the host, without its zone
        sni          the name to send as SNI (RFC 6066, section 3), if it differs from
                     server_name; False sends none
        alpn         the protocols to offer, instead of the client's; () offers none
        identity     the identity to present instead of the client's; the client keeps
                     the last 16 of them, with their keys, to resume their sessions
        session      the Session to resume, of this Client with the same server_name, sni
                     and identity, instead of those that the client keeps.  New tickets
                     are stored in it.  `info.resumed` tells whether it was resumed
        timeout      limits connecting and each later call, in seconds; None: no limit
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
                raise config_error("the host is None: a client needs the name of its server")
            name = host if server_name is None else server_name
            fd = _tlsmith.dial(host, str(port), timeout)
        else:
            name = server_name or ""
            if server_name is None and self._settings["check_hostname"]:
                raise config_error("a Unix socket has no host name to verify: give server_name")
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
        """Start TLS as a client on a connected socket, and return the Socket.  `sock` is
        detached; its timeout is kept.

        sni, alpn, identity, session: for this connection, as in connect()
        handshake  complete the handshake now instead of in the first recv or send
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
        """Create a client Connection without I/O.  `sni`, `alpn`, `identity` and `session`
        are for this connection, as in connect()."""
        name = optional_text("server_name", server_name)
        options = own(alpn, identity, sni, session, self._context)
        return Connection(self._context, False, name, options)

    def ssl_context(self) -> SSLContext:
        """Return an ssl.SSLContext with these settings, for requests, httpx, aiohttp and
        asyncio."""
        from .ssl._context import SSLContext

        return SSLContext._of_client(self)

    def __reduce__(self) -> tuple[Callable[..., Client], tuple[type[Client], dict[str, Any]]]:
        if self._arguments["identity"] is not None:
            raise TypeError(
                "a Client with an identity has a private key and cannot be pickled: create it in "
                "the other process, or pickle client.replace(identity=None)"
            )
        return _client, (type(self), self._arguments)


def _client(kind: type[Client], arguments: dict[str, Any]) -> Client:
    """Unpickle a Client."""
    return kind(**arguments)
