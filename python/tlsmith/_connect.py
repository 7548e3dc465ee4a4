"""A connection in one call, and a listener."""

from __future__ import annotations

from ._config import Client, Server

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Literal

    from _typeshed import ReadableBuffer

    from ._certs import Identity
    from ._config import Version
    from ._options import Clock, KeyLog
    from ._plain import Address
    from ._socket import Listener, Socket
    from ._trust import Pin, Trusted
    from ._tuples import ClientHello


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
) -> Socket:
    """Connect to a server and verify it: Client(...).connect((host, port)).

    Client describes the arguments from `trust` on, Client.connect() the others.  Raises
    VerifyError for a server that is not the one.
    """
    client = Client(
        trust=trust,
        identity=identity,
        alpn=alpn,
        min_version=min_version,
        max_version=max_version,
        groups=groups,
        ciphers=ciphers,
        check_hostname=check_hostname,
        pins=pins,
        max_depth=max_depth,
        ech=ech,
        resume=resume,
        early_data=early_data,
        keylog=keylog,
        now=now,
    )
    return client.connect((host, port), server_name=server_name, timeout=timeout)


def listen(
    address: Address,
    identity: Identity | Sequence[Identity],
    *,
    backlog: int | None = None,
    handshake_timeout: float | None = 5.0,
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
) -> Listener:
    """Listen as a server: Server(identity, ...).listen(address).

    Server describes the arguments from `client_trust` on, Server.listen() the others.
    """
    server = Server(
        identity,
        client_trust=client_trust,
        client_auth=client_auth,
        omit_certificate_authorities=omit_certificate_authorities,
        alpn=alpn,
        min_version=min_version,
        max_version=max_version,
        groups=groups,
        ciphers=ciphers,
        max_depth=max_depth,
        on_hello=on_hello,
        strict_names=strict_names,
        tickets=tickets,
        ticket_keys=ticket_keys,
        early_data=early_data,
        ocsp=ocsp,
        keylog=keylog,
        now=now,
    )
    return server.listen(address, backlog=backlog, handshake_timeout=handshake_timeout)
