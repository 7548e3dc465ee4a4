"""Waiting under gevent and eventlet.

They have many green threads take turns in one thread, and replace `select.select()` by
one that lets the others go on.  The extension waits in system calls, which would stop
them all: where `select` is replaced, connections wait here.
"""

from __future__ import annotations

import select
import ssl
import time
import weakref
from types import BuiltinFunctionType

from ._object import Core

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Self

    from ._context import SSLContext


def is_green() -> bool:
    """Whether waiting is for `select.select()`, which somebody has replaced."""
    return not isinstance(select.select, BuiltinFunctionType)


class GreenCore(Core):
    """A connection over a socket that waits so that other green threads go on."""

    _impatient: _Impatient

    def __new__(cls, context: SSLContext, carrier: Any, *others: Any) -> Self:
        impatient = _Impatient(carrier)
        self = super().__new__(cls, context, impatient, *others)
        self._impatient = impatient
        self._socket = weakref.ref(carrier)
        return self

    def do_handshake(self) -> None:
        self._patiently("handshake", super().do_handshake)

    def read(self, *arguments: Any) -> Any:
        return self._patiently("read", super().read, *arguments)

    def write(self, data: Any) -> int:
        return int(self._patiently("write", super().write, data))

    def finish(self) -> None:
        self._patiently("shutdown", super().finish)

    def _patiently(self, operation: str, call: Callable[..., Any], *arguments: Any) -> Any:
        """Make a call again until it succeeds, or the time limit of the socket passes."""
        limit = self._impatient.limit()
        deadline = None if limit is None else time.monotonic() + limit
        while True:
            try:
                return call(*arguments)
            except (ssl.SSLWantReadError, ssl.SSLWantWriteError) as want:
                if limit == 0:
                    raise
                wants_read = isinstance(want, ssl.SSLWantReadError)
            wait(self._impatient, wants_read, deadline, operation)


class _Impatient:
    """A socket to the extension, for which no call waits."""

    __slots__ = ("__weakref__", "_socket")

    def __init__(self, sock: Any) -> None:
        self._socket = weakref.ref(sock)

    def fileno(self) -> int:
        sock = self._socket()
        return -1 if sock is None else sock.fileno()

    def gettimeout(self) -> float:
        return 0.0

    def limit(self) -> float | None:
        """The time limit of the socket."""
        sock = self._socket()
        return 0.0 if sock is None else sock.gettimeout()


def wait(sock: Any, wants_read: bool, deadline: float | None, operation: str) -> None:
    """Wait until a socket is readable, or else writable.  Raises TimeoutError."""
    left = None if deadline is None else max(deadline - time.monotonic(), 0)
    waiting = [sock.fileno()]
    ready = select.select(waiting if wants_read else [], [] if wants_read else waiting, [], left)
    if not any(ready):
        raise TimeoutError(f"The {operation} operation timed out")
