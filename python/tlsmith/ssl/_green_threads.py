"""Waiting under gevent and eventlet.

They run many green threads in one thread, and replace `select.select()` by one that
switches to others.  The extension would block them all in system calls: if `select` is
replaced, connections wait here instead.
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
    """Return whether `select.select()` is replaced, so that sockets must wait with it."""
    return not isinstance(select.select, BuiltinFunctionType)


class GreenCore(Core):
    """A connection over a socket that lets other green threads run while it waits."""

    _nonblocking: _NonBlockingSocket

    def __new__(cls, context: SSLContext, transport: Any, *others: Any) -> Self:
        nonblocking = _NonBlockingSocket(transport)
        self = super().__new__(cls, context, nonblocking, *others)
        self._nonblocking = nonblocking
        self._socket = weakref.ref(transport)
        return self

    def do_handshake(self) -> None:
        self._wait_and_retry("handshake", super().do_handshake)

    def read(self, *arguments: Any) -> Any:
        return self._wait_and_retry("read", super().read, *arguments)

    def write(self, data: Any) -> int:
        return int(self._wait_and_retry("write", super().write, data))

    def finish(self) -> None:
        self._wait_and_retry("shutdown", super().finish)

    def _wait_and_retry(self, operation: str, call: Callable[..., Any], *arguments: Any) -> Any:
        """Repeat a call until it succeeds, or until the timeout of the socket."""
        limit = self._nonblocking.limit()
        deadline = None if limit is None else time.monotonic() + limit
        while True:
            try:
                return call(*arguments)
            except (ssl.SSLWantReadError, ssl.SSLWantWriteError) as want:
                if limit == 0:
                    raise
                wants_read = isinstance(want, ssl.SSLWantReadError)
            wait(self._nonblocking, wants_read, deadline, operation)


class _NonBlockingSocket:
    """The socket as the extension sees it: non-blocking."""

    __slots__ = ("__weakref__", "_socket")

    def __init__(self, sock: Any) -> None:
        self._socket = weakref.ref(sock)

    def fileno(self) -> int:
        sock = self._socket()
        return -1 if sock is None else sock.fileno()

    def gettimeout(self) -> float:
        return 0.0

    def limit(self) -> float | None:
        """Return the timeout of the socket."""
        sock = self._socket()
        return 0.0 if sock is None else sock.gettimeout()


def wait(sock: Any, wants_read: bool, deadline: float | None, operation: str) -> None:
    """Wait until a socket is readable, or else writable.  Raises TimeoutError."""
    left = None if deadline is None else max(deadline - time.monotonic(), 0)
    waiting = [sock.fileno()]
    ready = select.select(waiting if wants_read else [], [] if wants_read else waiting, [], left)
    if not any(ready):
        raise TimeoutError(f"The {operation} operation timed out")
