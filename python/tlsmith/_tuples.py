"""The named tuples of the package, imported when the first one is needed: `collections`
takes a third of the time of `import tlsmith`, and `typing` would take more."""

from __future__ import annotations

from collections import namedtuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Literal, NamedTuple

    from ._identity import Identity
    from ._server import Server

    class _Files(NamedTuple):
        cert: str
        key: str | None
        chain: str
        ca: str | None
        combined: str | None

    class _ClientHello(NamedTuple):
        server_name: str | None
        alpn: tuple[str, ...]
        versions: tuple[str, ...]
        ciphers: tuple[str, ...]
        groups: tuple[str, ...]
        signature_schemes: tuple[str, ...]

    class _Selection(NamedTuple):
        server: Server | None = None
        identity: Identity | None = None
        alpn: Sequence[str] | None = None

    class _Info(NamedTuple):
        version: Literal["1.2", "1.3"]
        cipher: str
        group: str | None
        alpn: str | None
        server_name: str | None
        resumed: bool
        signature_scheme: str | None
        early_data: Literal["none", "accepted", "rejected"]
        ech: Literal["none", "grease", "accepted"]

else:
    _Files = namedtuple("Files", ["cert", "key", "chain", "ca", "combined"])
    _ClientHello = namedtuple(
        "ClientHello",
        ["server_name", "alpn", "versions", "ciphers", "groups", "signature_schemes"],
    )
    _Selection = namedtuple(
        "Selection", ["server", "identity", "alpn"], defaults=[None, None, None]
    )
    _Info = namedtuple(
        "Info",
        [
            "version",
            "cipher",
            "group",
            "alpn",
            "server_name",
            "resumed",
            "signature_scheme",
            "early_data",
            "ech",
        ],
    )


class Files(_Files):
    """The paths of the files that Identity.write() wrote.

    cert      the certificate
    key       its private key, mode 0600, or None if it is not available
    chain     the certificate and its intermediate CAs
    ca        the root, or None if it is not known
    combined  key and chain in one file, mode 0600, or None like `key`
    """

    __slots__ = ()


class ClientHello(_ClientHello):
    """A ClientHello (RFC 8446, section 4.1.2), for Server(on_hello=) and
    Socket.receive_hello().

    server_name        the requested server name (SNI), or None
    alpn               the offered protocols, best first.  A client may offer any
                       bytes: those that are not UTF-8 are lone surrogates, so that they
                       equal no protocol that a program names, and
                       name.encode(errors="surrogateescape") has the exact bytes
    versions           the offered versions, best first, such as "1.3"; a number such as
                       "0x5a5a" if it has no name here
    ciphers            the offered cipher suites, by their IANA names or numbers
    groups             the supported key exchange groups, likewise
    signature_schemes  the accepted signature schemes, likewise
    """

    __slots__ = ()


class Selection(_Selection):
    """The answer to a ClientHello, for Server(on_hello=) and Socket.select().  None changes
    nothing.

    server    the Server, with its settings, identities and sessions
    identity  the identity to present, instead of the server's identities
    alpn      the protocols, best first, instead of the server's; () is none
    """

    __slots__ = ()


class Info(_Info):
    """The negotiated parameters of a connection.

    version           "1.2" or "1.3"
    cipher            the IANA name of the cipher suite, such as "TLS_AES_128_GCM_SHA256"
    group             the key exchange group, such as "X25519MLKEM768", or None
    alpn              the protocol that ALPN selected, or None
    server_name       the name to verify; on a server, the client's SNI or None
    resumed           whether an earlier session was resumed
    signature_scheme  the scheme of the peer's handshake signature, or None if it did not
                      sign
    early_data        "none", "accepted" or "rejected"
    ech               "none", "grease" or "accepted" (RFC 9849)
    """

    __slots__ = ()
