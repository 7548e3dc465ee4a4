"""Listener: the listening socket of a Server."""

from __future__ import annotations

import _warnings
import errno
import os
import time

from . import _tlsmith
from ._errors import Error, TimedOut, WantRead, io_error, state_error
from ._settings import own
from ._socket import Socket

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator, Sequence
    from typing import Any, Self

    from ._identity import Identity

_PAUSE = 0.1
"""Seconds before accept() retries after a lack of descriptors or memory."""


class Listener:
    """A listening socket of a Server.

    for sock in listener: ...   # until close() is called, from any thread

    No client can end that loop, and neither can a lack of descriptors or memory: it
    continues once they are available.  Later errors of a client, including those of its
    handshake, raise from the methods of its socket.

    An unclosed listener emits a ResourceWarning when it is collected.
    """

    __slots__ = ("_context", "_handshake_timeout", "_logger", "_plain", "_waiting")

    def __init__(
        self,
        context: _tlsmith.Context,
        plain: socket.socket,
        handshake_timeout: float | None,
    ) -> None:
        # Imported now: accept() logs a lack of descriptors, when no import can open files.
        import logging

        self._logger = logging.getLogger("tlsmith")
        self._context = context
        self._plain = plain
        self._handshake_timeout = handshake_timeout
        # The process id of each thread that waits in accept().
        self._waiting: list[int] = []

    def accept(
        self,
        *,
        handshake: bool = False,
        alpn: Sequence[str] | None = None,
        identity: Identity | None = None,
    ) -> tuple[Socket, Any]:
        """Accept a connection, and return its socket and the address of its peer.

        The handshake runs in do_handshake() or the first recv or send, so that a slow
        client does not delay others; with `handshake` True it runs at once.  It takes
        no longer than the `handshake_timeout` of listen(). `alpn` and `identity` are
        for this connection, as in Server.wrap().

        Skips clients that disconnected while queued.  Without a descriptor or memory
        for another client, retries every 0.1 seconds and logs one warning to "tlsmith";
        a listener that is non-blocking or has a timeout raises Error.  Raises TimedOut
        if no client connected within the timeout.
        """
        options = own(alpn, identity)
        process = os.getpid()
        self._waiting.append(process)
        try:
            plain, address = self._accept()
        finally:
            self._waiting.remove(process)
        limit = self._handshake_timeout
        sock = Socket(self._context, plain.detach(), True, None, None, limit, None, options)
        if handshake:
            try:
                sock.do_handshake()
            except BaseException:
                sock.close()
                raise
        return sock, address

    def _accept(self) -> tuple[socket.socket, Any]:
        """Accept a connection that is still open."""
        has_warned = False
        while True:
            if self.fileno() < 0:
                raise state_error("the listener is closed")
            try:
                plain, address = self._plain.accept()
            except BlockingIOError as error:
                raise WantRead(error.errno, "no client is waiting to be accepted") from error
            except OSError as error:
                if isinstance(error, TimeoutError) and error.errno is None:
                    seconds = self._plain.gettimeout()
                    raise TimedOut(None, f"no client connected within {seconds} s") from error
                if error.errno in _CLIENT_ERRORS:
                    continue
                if error.errno not in _SHORTAGES or not _blocks(self.fileno()):
                    raise io_error("cannot accept a connection", error) from error
                if not has_warned:
                    has_warned = True
                    self._logger.warning("cannot accept a connection: %s", error.strerror)
                time.sleep(_PAUSE)
                continue
            # socket.setdefaulttimeout() has made it non-blocking.
            plain.setblocking(True)
            try:
                plain.getpeername()
            except OSError:
                # The client has reset it: not an error of the listener.
                plain.close()
                continue
            return plain, address

    @property
    def address(self) -> Any:
        """The address that it listens on."""
        return self.getsockname()

    def getsockname(self) -> Any:
        """The address that it listens on, like `address`."""
        return self._call_plain("getsockname")

    def getpeername(self) -> Any:
        """Raises Error, since a listening socket has no peer."""
        return self._call_plain("getpeername")

    def gettimeout(self) -> float | None:
        """The timeout of accept(), in seconds."""
        return self._plain.gettimeout()

    def settimeout(self, value: float | None, /) -> None:
        """Set the timeout of accept(), in seconds.  None: no limit.  With 0,
        accept() raises WantRead if no client is waiting."""
        self._plain.settimeout(value)

    def _call_plain(self, method: str) -> Any:
        if self.fileno() < 0:
            raise state_error("the listener is closed")
        try:
            return getattr(self._plain, method)()
        except OSError as error:
            raise io_error(f"{method} failed", error) from error

    def fileno(self) -> int:
        """The file descriptor, or -1 after close()."""
        return self._plain.fileno()

    def close(self) -> None:
        """Stop listening.  A thread that waits in accept() gets an Error.

        If no thread waits, forked processes with the same listener continue, and the
        port is released when the last of them closes it.
        """
        import socket

        try:
            if os.getpid() in self._waiting:
                self._plain.shutdown(socket.SHUT_RDWR)
        except OSError:
            # Another thread has closed it.
            pass
        self._plain.close()

    def __iter__(self) -> Iterator[Socket]:
        return self

    def __next__(self) -> Socket:
        try:
            return self.accept()[0]
        except Error:
            # close() wakes this thread by a shutdown, just before it closes.
            if self.fileno() < 0 or not _is_listening(self._plain):
                raise StopIteration from None
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def __repr__(self) -> str:
        fd = self.fileno()
        return "<tlsmith.Listener closed>" if fd < 0 else f"<tlsmith.Listener fd={fd}>"

    def __del__(self, _warn: Callable[..., None] = _warnings.warn) -> None:
        if self._plain.fileno() >= 0:
            _warn(f"unclosed {self!r}", ResourceWarning, source=self)
            self._plain.close()


# accept() reports network errors of the first queued connection, which is then gone (Linux),
# or EPROTO (other systems): see accept(2).
_CLIENT_ERRORS = frozenset(
    getattr(errno, name)
    for name in (
        *("ECONNABORTED", "ECONNRESET", "EPROTO", "ENOPROTOOPT", "ENETDOWN", "ENETUNREACH"),
        *("EHOSTDOWN", "EHOSTUNREACH", "ENONET", "ETIMEDOUT"),
    )
    if hasattr(errno, name)
)

# These are temporary: other connections release descriptors and memory.
_SHORTAGES = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


def _blocks(descriptor: int) -> bool:
    """Return whether its calls block; False after another thread closed it."""
    try:
        return os.get_blocking(descriptor)
    except OSError:
        return False


def _is_listening(plain: socket.socket) -> bool:
    import socket

    try:
        return bool(plain.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))
    except OSError:
        return False
