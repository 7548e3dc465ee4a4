"""The named tuples of the package, imported when the first one is needed: `collections`
takes a third of the time of `import tlsmith`, and `typing` would take more."""

from __future__ import annotations

from collections import namedtuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Literal, NamedTuple

    from ._certs import Identity
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
    """Paths of what Identity.write() wrote.

    cert      the certificate alone
    key       its private key, mode 0600, or None where it is not known
    chain     the certificate and the CAs between it and the root
    ca        the root, or None where it is not known
    combined  key and chain in one file, mode 0600, or None like `key`
    """

    __slots__ = ()


class ClientHello(_ClientHello):
    """A ClientHello (RFC 8446, section 4.1.2), for Server(on_hello=) and
    Socket.receive_hello().

    server_name        the server that it requests (SNI), or None
    alpn               the protocols that it offers, best first.  A client may offer any
                       bytes: those that are not UTF-8 are lone surrogates, so that they
                       equal no protocol that a program names, and
                       name.encode(errors="surrogateescape") has the exact bytes
    versions           the versions of TLS that it offers, best first: "1.3", or
                       their numbers where they have no name here: "0x5a5a"
    ciphers            the cipher suites that it offers, by their IANA names, or
                       their numbers likewise
    groups             the key exchange groups that it supports, likewise
    signature_schemes  the signatures that it can check, likewise
    """

    __slots__ = ()


class Selection(_Selection):
    """What answers a ClientHello, for Server(on_hello=) and Socket.select().  What is None
    stays as it is.

    server    the Server, with its settings, identities and sessions
    identity  the identity to present, in place of all of the server's
    alpn      the protocols, best first, in place of the server's; () is none
    """

    __slots__ = ()


class Info(_Info):
    """What the two sides of a connection agreed on.

    version           "1.2" or "1.3"
    cipher            by its IANA name, such as "TLS_AES_128_GCM_SHA256"
    group             of the key exchange, such as "X25519MLKEM768", or None
    alpn              the protocol that ALPN chose, or None
    server_name       the name asked for; on a server, the client's SNI or None
    resumed           whether an earlier session was resumed
    signature_scheme  what the peer signed with, or None where it did not
    early_data        "none", "accepted" or "rejected"
    ech               "none", "grease" or "accepted" (RFC 9849)
    """

    __slots__ = ()
