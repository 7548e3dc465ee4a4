"""What connections are made with: trust, clients, servers.

Everything here is immutable and may be shared between threads.
"""

from __future__ import annotations

from collections import namedtuple

from . import _tlsmith
from ._certs import Identity
from ._errors import config_error
from ._options import strings
from ._trust import Trust, context, warn

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from collections.abc import Sequence
    from typing import Any, Literal, Self

    from ._trust import Trusted, Version


# collections, since importing typing would double the time of `import tlsmith`.
class Info(
    namedtuple(
        "Info",
        ["version", "cipher", "group", "alpn", "server_name", "resumed", "signature_scheme"],
    )
):
    """What the two sides of a connection agreed on.

    version           "1.2" or "1.3"
    cipher            by its IANA name, such as "TLS_AES_128_GCM_SHA256"
    group             of the key exchange, such as "X25519MLKEM768", or None
    alpn              the protocol that ALPN chose, or None
    server_name       the name asked for; on a server, the client's SNI or None
    resumed           whether an earlier session was resumed
    signature_scheme  what the peer signed with, or None where it did not
    """

    __slots__ = ()


class _Config:
    """What Client and Server have in common: a context, and how it was made."""

    __slots__ = ("_context", "_settings")

    def _build(
        self,
        settings: dict[str, object],
        *,
        trust: Trust | None,
        alpn: Sequence[str],
        check_hostname: bool = True,
        **others: Any,
    ) -> None:
        insecure = trust is not None and trust._insecure
        if insecure or not check_hostname:
            warn("no certificate is checked" if insecure else "no name is checked", 4)
        self._settings = settings
        self._context = context(
            trust, alpn=strings("alpn", alpn), check_hostname=check_hostname, **others
        )

    def replace(self, **changes: object) -> Self:
        """The same with some arguments changed."""
        return type(self)(**{**self._settings, **changes})


class Client(_Config):
    """How to be a client.

    trust           whom to believe: "system", a CA, a Trust, certificates
    identity        what to show to servers that ask for a certificate
    alpn            protocols to offer, best first
    check_hostname  False is insecure: the chain is checked, the name is not
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
        check_hostname: bool = True,
    ) -> None:
        settings = {name: value for name, value in locals().items() if name != "self"}
        self._build(
            settings,
            trust=Trust._of(trust),
            identities=[] if identity is None else [identity],
            alpn=alpn,
            min_version=min_version,
            max_version=max_version,
            check_hostname=check_hostname,
        )

    def connect(
        self,
        address: tuple[str, int],
        *,
        server_name: str | None = None,
        timeout: float | None = 30.0,
    ) -> _tlsmith.Socket:
        """Connect to (host, port) and shake hands.

        The certificate is checked for `server_name`, by default the host.
        `timeout`, in seconds, limits connecting and each later call; None waits
        for ever.  Raises VerifyError for a server that is not the one.
        """
        host, port = address
        _check_port(port)
        name = host if server_name is None else server_name
        return _tlsmith.connect(self._context, host, str(port), name, timeout)

    def wrap(
        self, sock: socket.socket, server_name: str | None, *, handshake: bool = True
    ) -> _tlsmith.Socket:
        """Be a client over a connected socket, which is taken over: `sock` is
        detached, its timeout kept."""
        return _wrap(self._context, sock, False, server_name, handshake)


class Server(_Config):
    """How to be a server.

    identity     what to show; of several, by the name that the client asks for
    client_trust who may have issued the certificates of clients
    client_auth  "none", "optional" or "required": the default with client_trust
    """

    __slots__ = ()

    def __init__(
        self,
        identity: Identity | Sequence[Identity],
        *,
        client_trust: Trusted | None = None,
        client_auth: Literal["none", "optional", "required"] | None = None,
        alpn: Sequence[str] = (),
        min_version: Version = "1.2",
        max_version: Version = "1.3",
    ) -> None:
        settings = {name: value for name, value in locals().items() if name != "self"}
        identities = [identity] if isinstance(identity, Identity) else list(identity)
        if not identities:
            raise config_error("a server needs at least one identity")
        if client_auth in ("optional", "required") and client_trust is None:
            raise config_error(
                f'client_auth="{client_auth}" needs client_trust: '
                "who may have issued the certificates of clients?"
            )
        if client_auth is None:
            client_auth = "none" if client_trust is None else "required"
        self._build(
            settings,
            trust=None if client_trust is None else Trust._of(client_trust),
            identities=identities,
            alpn=alpn,
            min_version=min_version,
            max_version=max_version,
            client_auth=client_auth,
        )

    def listen(self, address: tuple[str | None, int]) -> _tlsmith.Listener:
        """Listen on (host, port): host None or "" is every address, port 0 any
        free one."""
        host, port = address
        _check_port(port)
        return _tlsmith.listen(self._context, host or None, str(port))

    def wrap(self, sock: socket.socket, *, handshake: bool = True) -> _tlsmith.Socket:
        """Be a server over a connected socket, which is taken over: `sock` is
        detached, its timeout kept."""
        return _wrap(self._context, sock, True, None, handshake)


def _check_port(port: int) -> None:
    if not isinstance(port, int):
        raise TypeError(f"a port is an int, not {type(port).__name__}: {port!r}")


def _wrap(
    context: _tlsmith.Context,
    sock: socket.socket,
    is_server: bool,
    server_name: str | None,
    handshake: bool,
) -> _tlsmith.Socket:
    timeout = sock.gettimeout()
    # The time limit is ours from now on, and the descriptor blocks.
    sock.setblocking(True)
    wrapped = _tlsmith.wrap(context, sock.detach(), is_server, server_name, timeout)
    if handshake:
        wrapped.do_handshake()
    return wrapped


def connect(
    host: str,
    port: int = 443,
    *,
    timeout: float | None = 30.0,
    server_name: str | None = None,
    trust: Trusted | Literal["system"] = "system",
    identity: Identity | None = None,
    alpn: Sequence[str] = (),
    min_version: Version = "1.2",
    max_version: Version = "1.3",
    check_hostname: bool = True,
) -> _tlsmith.Socket:
    """Connect to a server and verify it: Client(...).connect((host, port))."""
    client = Client(
        trust=trust,
        identity=identity,
        alpn=alpn,
        min_version=min_version,
        max_version=max_version,
        check_hostname=check_hostname,
    )
    return client.connect((host, port), server_name=server_name, timeout=timeout)


def listen(
    address: tuple[str | None, int],
    identity: Identity | Sequence[Identity],
    *,
    client_trust: Trusted | None = None,
    client_auth: Literal["none", "optional", "required"] | None = None,
    alpn: Sequence[str] = (),
    min_version: Version = "1.2",
    max_version: Version = "1.3",
) -> _tlsmith.Listener:
    """Listen as a server: Server(identity, ...).listen(address)."""
    server = Server(
        identity,
        client_trust=client_trust,
        client_auth=client_auth,
        alpn=alpn,
        min_version=min_version,
        max_version=max_version,
    )
    return server.listen(address)
