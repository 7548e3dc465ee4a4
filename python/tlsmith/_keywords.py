"""Arguments that functions hand on, for type checkers, which alone import this."""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from typing import Literal, TypedDict

from _typeshed import ReadableBuffer

from ._certs import Identity
from ._config import Server, Version
from ._options import Clock, KeyLog
from ._trust import Pin, Trusted
from ._tuples import ClientHello


class _BothArguments(TypedDict, total=False):
    alpn: Sequence[str]
    min_version: Version
    max_version: Version
    groups: Sequence[str] | None
    ciphers: Sequence[str] | None
    max_depth: int | None
    keylog: KeyLog | None
    now: Clock | None


class ClientArguments(_BothArguments, total=False):
    """Those of Client()."""

    trust: Trusted | Literal["system"]
    identity: Identity | None
    check_hostname: bool
    pins: Sequence[Pin]
    ech: bytes | Literal["grease"] | None
    resume: bool
    early_data: bool


class ServerArguments(_BothArguments, total=False):
    """Those of Server()."""

    identity: Identity | Sequence[Identity]
    client_trust: Trusted | None
    client_auth: Literal["none", "optional", "required"] | None
    omit_certificate_authorities: bool
    on_hello: Callable[[ClientHello], Server | Identity | None] | None
    strict_names: bool
    tickets: int
    ticket_keys: Sequence[ReadableBuffer]
    early_data: int
    ocsp: bytes | None


class _LoopArguments(TypedDict, total=False):
    family: int
    flags: int
    sock: socket.socket | None


class ConnectingArguments(_LoopArguments, total=False):
    """Those of asyncio.loop.create_connection() that TLS leaves."""

    proto: int
    local_addr: tuple[str, int] | None
    happy_eyeballs_delay: float | None
    interleave: int | None
    all_errors: bool


class ListeningArguments(_LoopArguments, total=False):
    """Those of asyncio.loop.create_server() and create_unix_server() that TLS leaves."""

    backlog: int
    reuse_address: bool | None
    reuse_port: bool | None
    keep_alive: bool | None
    start_serving: bool
    cleanup_socket: bool
