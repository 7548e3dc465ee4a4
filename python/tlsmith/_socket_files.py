"""Socket.makefile() and Socket.sendfile()."""

from __future__ import annotations

import io

from ._errors import WantRead, WantWrite, state_error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import IO, Any

    from _typeshed import ReadableBuffer, WriteableBuffer

    from ._socket import Socket

_CHUNK = 256 * 1024


class SocketFile(io.RawIOBase):
    """The raw file of a socket."""

    def __init__(self, sock: Socket, mode: str) -> None:
        self._sock = sock
        self._mode = mode
        sock._files += 1

    def readinto(self, buffer: WriteableBuffer, /) -> int | None:
        self._check(self.readable(), "read")
        try:
            return self._sock.recv_into(buffer)
        except WantRead:
            return None

    def write(self, data: ReadableBuffer, /) -> int | None:
        self._check(self.writable(), "write")
        try:
            return self._sock.send(data)
        except WantWrite:
            return None

    def _check(self, is_allowed: bool, operation: str) -> None:
        if self.closed:
            raise ValueError("the file is closed")
        if not is_allowed:
            raise io.UnsupportedOperation(f"the file is not open to {operation}")

    def readable(self) -> bool:
        return "r" in self._mode

    def writable(self) -> bool:
        return "w" in self._mode

    def fileno(self) -> int:
        return self._sock.fileno()

    def close(self) -> None:
        if self.closed:
            return
        super().close()
        self._sock._files -= 1
        if self._sock._closing:
            self._sock.close()


def open_file(
    sock: Socket,
    mode: str,
    buffering: int | None,
    encoding: str | None,
    errors: str | None,
    newline: str | None,
) -> IO[Any]:
    """Implement Socket.makefile()."""
    letters = set(mode)
    if not letters <= {"r", "w", "b"}:
        raise ValueError(f"invalid mode {mode!r} (only r, w, b allowed)")
    if sock.fileno() < 0:
        raise state_error("the socket is closed")
    binary = "b" in letters
    raw = SocketFile(sock, ("r" if "r" in letters or "w" not in letters else "") + mode)
    if buffering == 0:
        if not binary:
            raw.close()
            raise ValueError("unbuffered streams must be binary")
        return raw  # type: ignore[return-value]
    size = io.DEFAULT_BUFFER_SIZE if buffering is None or buffering < 0 else buffering
    buffered: Any
    if raw.readable() and raw.writable():
        buffered = io.BufferedRWPair(raw, raw, size)
    elif raw.readable():
        buffered = io.BufferedReader(raw, size)
    else:
        buffered = io.BufferedWriter(raw, size)
    if binary:
        return buffered  # type: ignore[no-any-return]
    return io.TextIOWrapper(buffered, encoding, errors, newline)


def send_file(sock: Socket, file: IO[bytes], offset: int, count: int | None) -> int:
    """Implement Socket.sendfile()."""
    if count is not None and count < 0:
        raise ValueError(f"count is {count}: it cannot be negative")
    if offset < 0:
        raise ValueError(f"offset is {offset}: it cannot be negative")
    seekable = offset > 0 or file.seekable()
    if seekable:
        file.seek(offset)
    sent = 0
    try:
        while count is None or sent < count:
            wanted = _CHUNK if count is None else min(_CHUNK, count - sent)
            data = file.read(wanted)
            if not data:
                break
            taken = sock.send(data)
            sent += taken
            if taken < len(data):
                break
    except WantWrite:
        if sent == 0:
            raise
        # The socket is non-blocking: the caller sends the rest later.
    finally:
        if seekable:
            file.seek(offset + sent)
    return sent
