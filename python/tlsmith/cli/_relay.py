"""Carrying bytes between a connection and what is at the other side of it."""

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
    """Carries the standard input to the peer, and what it sends to the standard
    output, until the peer says close_notify.

    text        sent in place of the standard input
    half_close  say close_notify at the end of the input
    patience    seconds of silence to bear after that

    The two directions do not wait for each other.
    """

    def __init__(
        self, sock: Socket, *, text: bytes | None, half_close: bool, patience: float
    ) -> None:
        self._sock = sock
        self._text = text
        self._half_close = half_close
        self._patience = patience
        self._failure: OSError | None = None
        self._received = threading.Event()
        self._gave_up = False
        self._said_goodbye = False
        self._anything = False
        self._heard = time.monotonic()

    def run(self) -> None:
        """Carry all.  Raises what ended it before its time."""
        self._sock.settimeout(None)
        # A thread that waits for a keyboard cannot be ended: it ends with us.
        threading.Thread(target=self._send, daemon=True).start()
        try:
            while part := self._sock.recv(CHUNK):
                self._anything = True
                write_all(part)
                self._heard = time.monotonic()
        except Error as error:
            if self._gave_up:
                sentence = f"the peer said neither a word nor close_notify for {self._patience:g} s"
                raise Failure(sentence, "timeout") from None
            # Nothing lacks of nothing, where we ended it ourselves.
            nothing = self._said_goodbye and not self._anything
            if not (nothing and isinstance(error, TruncatedError)):
                raise
            return
        finally:
            self._received.set()
        if self._failure is not None:
            raise self._failure

    def _send(self) -> None:
        try:
            self._send_input()
        except Error as error:
            # Most often it comes of what receiving tells better.
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
        """Say close_notify, and see to it that nobody waits for ever."""
        self._said_goodbye = True
        try:
            self._sock.close_write()
        except Error as error:
            self._failure = error
            return
        self._heard = time.monotonic()
        while not self._received.wait(self._heard + self._patience - time.monotonic()):
            if time.monotonic() >= self._heard + self._patience:
                self._gave_up = True
                self._sock.close()
                return


def write_all(content: bytes) -> None:
    """All of it on the standard output, whatever that is."""
    view = memoryview(content)
    while view:
        view = view[os.write(1, view) :]


def copy(
    read: Callable[[int], bytes], write: Callable[[bytes], object], end: Callable[[], object]
) -> None:
    """Carry one direction to its end."""
    while part := read(CHUNK):
        write(part)
    end()
