"""The types of keyword arguments that are passed on.  Only type checkers import this."""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from typing import Literal, TypedDict

from _typeshed import ReadableBuffer

from ._client_hello import Selectable
from ._config import Version
from ._identity import Identity
from ._options import Clock, KeyLog
from ._server import Server
from ._session_store import SessionStore
from ._tlsmith import Session
from ._trust import Pin, Trusted
from ._tuples import ClientHello


class _BothArguments(TypedDict, total=False):
    alpn: Sequence[str]
    min_version: Version
    max_version: Version
    groups: Sequence[str] | None
    ciphers: Sequence[str] | None
    verify_schemes: Sequence[str] | None
    signing_schemes: Sequence[str] | None
    match_issuer: bool
    max_fragment: int | None
    max_depth: int | None
    min_security: int
    strict: bool
    resume: bool | int
    keylog: KeyLog | None
    now: Clock | None


class ClientArguments(_BothArguments, total=False):
    """The arguments of Client()."""

    trust: Trusted | Literal["system"]
    identity: Identity | None
    check_hostname: bool
    allow_common_name: bool
    pins: Sequence[Pin]
    ech: bytes | Literal["grease"] | None
    early_data: bool
    on_session: Callable[[Session], object] | None


class ServerArguments(_BothArguments, total=False):
    """The arguments of Server()."""

    identity: Identity | Sequence[Identity]
    client_trust: Trusted | None
    client_auth: Literal["none", "optional", "required"] | None
    omit_certificate_authorities: bool
    insecure_allow_unverified_clients: bool
    ignore_unknown_alpn: bool
    prefer_own_ciphers: bool
    on_hello: Callable[[ClientHello], Selectable | int | None] | None
    require_known_name: bool
    share_sessions: Server | None
    session_store: SessionStore | None
    tickets: int
    ticket_keys: Sequence[ReadableBuffer]
    early_data: int
    ocsp: bytes | None


class _LoopArguments(TypedDict, total=False):
    family: int
    flags: int
    sock: socket.socket | None


class ConnectingArguments(_LoopArguments, total=False):
    """The arguments of asyncio.loop.create_connection() that TLS does not use."""

    proto: int
    local_addr: tuple[str, int] | None
    happy_eyeballs_delay: float | None
    interleave: int | None
    all_errors: bool


class ListeningArguments(_LoopArguments, total=False):
    """The arguments of asyncio.loop.create_server() and create_unix_server() that TLS does
    not use."""

    backlog: int
    reuse_address: bool | None
    reuse_port: bool | None
    keep_alive: bool | None
    start_serving: bool
    cleanup_socket: bool
