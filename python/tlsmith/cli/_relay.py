"""Relaying data between a connection and standard input and output."""

from __future__ import annotations

import os
import threading
import time

from .._errors import Error, TruncatedError
from ._arguments import Failure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from .._socket import Socket

CHUNK = 65_536


class Relay:
    """Sends standard input to the peer, and writes received data to standard output,
    until the peer sends close_notify.

    text        sent instead of standard input
    half_close  send close_notify at the end of the input
    timeout     how many seconds the peer may be silent after that

    The two directions do not wait for each other.
    """

    def __init__(
        self, sock: Socket, *, text: bytes | None, half_close: bool, timeout: float
    ) -> None:
        self._sock = sock
        self._text = text
        self._half_close = half_close
        self._timeout = timeout
        self._failure: OSError | None = None
        self._ended = threading.Event()
        self._timed_out = False
        self._sent_close_notify = False
        self._received_data = False
        self._last_received = time.monotonic()

    def run(self) -> None:
        """Relay until the peer sends close_notify.  Raises the error that ended it earlier."""
        self._sock.settimeout(None)
        # A thread that waits for a keyboard cannot be stopped: it ends with the process.
        threading.Thread(target=self._send, daemon=True).start()
        try:
            while part := self._sock.recv(CHUNK):
                self._received_data = True
                write_all(part)
                self._last_received = time.monotonic()
        except Error as error:
            if self._timed_out:
                sentence = f"the peer sent neither data nor close_notify within {self._timeout:g} s"
                raise Failure(sentence, "timeout") from None
            # Without any data, nothing can have been truncated after our close_notify.
            is_empty = self._sent_close_notify and not self._received_data
            if not (is_empty and isinstance(error, TruncatedError)):
                raise
            return
        finally:
            self._ended.set()
        if self._failure is not None:
            raise self._failure

    def _send(self) -> None:
        try:
            self._send_input()
        except Error as error:
            # Receiving usually fails too, with the better error.
            self._failure = error
            return
        except OSError as error:
            self._failure = OSError(error.errno, f"cannot read the input: {error.strerror}")
        if self._half_close:
            self._end()

    def _send_input(self) -> None:
        if self._text is not None:
            self._sock.sendall(self._text)
            return
        # os.read: a daemon thread must not hold the lock of sys.stdin at exit.
        while part := os.read(0, CHUNK):
            self._sock.sendall(part)

    def _end(self) -> None:
        """Send close_notify, and close the connection if the peer stays silent."""
        self._sent_close_notify = True
        try:
            self._sock.close_write()
        except Error as error:
            self._failure = error
            return
        self._last_received = time.monotonic()
        while not self._ended.wait(self._last_received + self._timeout - time.monotonic()):
            if time.monotonic() >= self._last_received + self._timeout:
                self._timed_out = True
                self._sock.close()
                return


def write_all(content: bytes) -> None:
    """Write all of it to standard output, which may be a pipe or a terminal."""
    view = memoryview(content)
    while view:
        view = view[os.write(1, view) :]


def copy(
    read: Callable[[int], bytes], write: Callable[[bytes], object], end: Callable[[], object]
) -> None:
    """Relay one direction to its end."""
    while part := read(CHUNK):
        write(part)
    end()
