"""connect() and listen(): a Client's connection, and a Server's listener, in one call."""

from __future__ import annotations

from ._client import Client
from ._server import Server

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Literal

    from _typeshed import ReadableBuffer

    from ._client_hello import Selectable
    from ._config import Version
    from ._identity import Identity
    from ._listener import Listener
    from ._options import Clock, KeyLog
    from ._plain_sockets import Address
    from ._session_store import SessionStore
    from ._socket import Socket
    from ._tlsmith import Session
    from ._trust import Pin, Trusted
    from ._tuples import ClientHello


def connect(
    host: str,
    port: int = 443,
    *,
    timeout: float | None = 30.0,
    server_name: str | None = None,
    sni: str | Literal[False] | None = None,
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
) -> Socket:
    """Connect to a server and verify it: Client(...).connect((host, port)).

    Client describes the arguments from `trust` on, Client.connect() the others.  Each
    call creates a new Client: to resume sessions, reuse one and its connect().  Raises
    VerifyError if server verification fails.
    """
    client = Client(
        trust=trust,
        identity=identity,
        alpn=alpn,
        min_version=min_version,
        max_version=max_version,
        groups=groups,
        ciphers=ciphers,
        verify_schemes=verify_schemes,
        signing_schemes=signing_schemes,
        match_issuer=match_issuer,
        max_fragment=max_fragment,
        check_hostname=check_hostname,
        allow_common_name=allow_common_name,
        pins=pins,
        max_depth=max_depth,
        min_security=min_security,
        strict=strict,
        ech=ech,
        resume=resume,
        on_session=on_session,
        early_data=early_data,
        keylog=keylog,
        now=now,
    )
    return client.connect((host, port), server_name=server_name, sni=sni, timeout=timeout)


def listen(
    address: Address,
    identity: Identity | Sequence[Identity],
    *,
    backlog: int | None = None,
    handshake_timeout: float | None = 5.0,
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
) -> Listener:
    """Listen as a server: Server(identity, ...).listen(address).

    Server describes the arguments from `client_trust` on, Server.listen() the others.
    """
    server = Server(
        identity,
        client_trust=client_trust,
        client_auth=client_auth,
        omit_certificate_authorities=omit_certificate_authorities,
        insecure_allow_unverified_clients=insecure_allow_unverified_clients,
        alpn=alpn,
        ignore_unknown_alpn=ignore_unknown_alpn,
        min_version=min_version,
        max_version=max_version,
        groups=groups,
        ciphers=ciphers,
        prefer_own_ciphers=prefer_own_ciphers,
        verify_schemes=verify_schemes,
        signing_schemes=signing_schemes,
        match_issuer=match_issuer,
        max_fragment=max_fragment,
        max_depth=max_depth,
        min_security=min_security,
        strict=strict,
        on_hello=on_hello,
        require_known_name=require_known_name,
        tickets=tickets,
        ticket_keys=ticket_keys,
        resume=resume,
        share_sessions=share_sessions,
        session_store=session_store,
        early_data=early_data,
        ocsp=ocsp,
        keylog=keylog,
        now=now,
    )
    return server.listen(address, backlog=backlog, handshake_timeout=handshake_timeout)
