"""Connections: over sockets, and over nothing but memory."""

from __future__ import annotations

import _warnings
import errno
import os
import time

from . import _tlsmith
from ._checks import seconds
from ._errors import Error, TimedOut, WantRead, io_error, state_error

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator
    from typing import IO, Any, Literal, Self

    from ._tuples import Info


class _Peer(_tlsmith.Peer):
    """What sockets and connections without I/O know alike."""

    __slots__ = ()

    def _agree(self) -> None:
        """Have the handshake complete, or raise: before, nobody knows who the peer is,
        and nothing would look like a peer without a certificate."""
        raise NotImplementedError

    @property
    def peer(self) -> _tlsmith.Certificate | None:
        """The peer's certificate, or None where it presented none.  As `info`, known
        once the handshake is complete."""
        self._agree()
        return super().peer

    @property
    def peer_chain(self) -> tuple[_tlsmith.Certificate, ...]:
        """The certificates that the peer sent, its own first.  As `info`, known once
        the handshake is complete."""
        self._agree()
        return super().peer_chain

    @property
    def verified_chain(self) -> tuple[_tlsmith.Certificate, ...]:
        """The path that was accepted, up to the root; empty where none was checked, as
        in a resumed session.  As `info`, known once the handshake is complete."""
        self._agree()
        return super().verified_chain

    @property
    def ocsp_response(self) -> bytes | None:
        """The OCSP response that the server stapled, in DER (RFC 6960), or None.  It is
        not verified.  As `info`, known once the handshake is complete."""
        self._agree()
        return super().ocsp_response

    def channel_binding(
        self, kind: Literal["tls-exporter", "tls-server-end-point"] = "tls-exporter"
    ) -> bytes:
        """Return what binds a login to this connection, the same on both sides:
        "tls-exporter" (RFC 9266) or "tls-server-end-point" (RFC 5929, section 4).  As
        `info`, known once the handshake is complete.

        Raises ConfigError where that type does not bind: tls-exporter in TLS 1.2 without
        the extended master secret, and tls-server-end-point for a certificate signed with
        Ed25519, Ed448 or ML-DSA, for which it is undefined.
        """
        self._agree()
        return super().channel_binding(kind)


class Socket(_tlsmith.Socket, _Peer):
    """A TLS connection over a socket of its own, with the methods of
    socket.socket.

    Client.connect(), Client.wrap(), Server.wrap() and Listener.accept() make
    them.  Reading and writing complete the handshake first.  One thread may
    read while another writes; a second reader, or a second writer, gets Error,
    code "state".  So does a function or a signal handler that is called in the
    middle of the handshake, and uses the connection itself.

    A connection is used by one process, since two must not encrypt with the same
    keys.  A forked child may close its copy, which the peer does not hear of;
    everything else raises Error, code "state".  Servers that fork for each client
    have the child wrap() the plain socket.

    A socket that nobody has closed emits a ResourceWarning when it is collected.
    """

    __slots__ = ("_closing", "_files")

    def __init__(self, *_arguments: object) -> None:
        self._files = 0
        self._closing = False

    def _agree(self) -> None:
        if self.handshaking:
            self.do_handshake()

    @property
    def info(self) -> Info:
        """What was agreed; completes the handshake."""
        self.do_handshake()
        from ._tuples import Info

        return Info(*self.facts())

    @property
    def closed_cleanly(self) -> bool:
        """Whether the peer has said close_notify."""
        return self.peer_closed

    def makefile(
        self,
        mode: str = "r",
        buffering: int | None = None,
        *,
        encoding: str | None = None,
        errors: str | None = None,
        newline: str | None = None,
    ) -> IO[Any]:
        """A file over this socket, as socket.socket.makefile() gives it.  The
        socket stays open until its files are closed too."""
        from ._files import open_file

        return open_file(self, mode, buffering, encoding, errors, newline)

    def sendfile(self, file: IO[bytes], offset: int = 0, count: int | None = None) -> int:
        """Send a file that is open in binary mode, from `offset`, at most `count`
        bytes: how many.  The file stands behind what was sent."""
        from ._files import send_file

        return send_file(self, file, offset, count)

    def getpeername(self) -> Any:
        """The address of the peer."""
        return self._of_plain("getpeername")

    def getsockname(self) -> Any:
        """The address of this end."""
        return self._of_plain("getsockname")

    def setsockopt(self, level: int, name: int, value: int | bytes, /) -> None:
        """Set an option of the socket, such as TCP_NODELAY."""
        self._of_plain("setsockopt", level, name, value)

    def getsockopt(self, level: int, name: int, length: int = 0, /) -> Any:
        """An option of the socket."""
        return self._of_plain("getsockopt", level, name, length)

    def _of_plain(self, method: str, *arguments: object) -> Any:
        """Asks a plain socket for the same descriptor."""
        import socket

        if self.fileno() < 0:
            raise state_error("the socket is closed")
        blocking = os.get_blocking(self.fileno())
        try:
            with socket.socket(fileno=os.dup(self.fileno())) as plain:
                # socket.setdefaulttimeout() has made both of them not block.
                os.set_blocking(plain.fileno(), blocking)
                return getattr(plain, method)(*arguments)
        except OSError as error:
            raise io_error(f"{method} failed", error) from error

    def unwrap(self, *, timeout: float | None = None) -> tuple[socket.socket, bytes]:
        """Say close_notify and wait for the peer's: the plain socket, and the
        bytes that came after the peer's close_notify.  What the peer still sent
        before it is lost.

        `timeout`, in seconds, limits all of it, whatever the peer sends; the plain
        socket keeps it.  None: what settimeout() set, or 30 seconds where that is None.
        Raises TimedOut, and can be called again."""
        import socket

        if seconds("timeout", timeout) is not None:
            self.settimeout(timeout)
        leftover = self.finish()
        plain = socket.socket(fileno=self.detach())
        plain.settimeout(self.gettimeout())
        return plain, leftover

    def close(self) -> None:
        """Close the socket, with a close_notify where one can be said at once.
        Where files of makefile() are open, the last one closes it.

        A thread that waits in another call is woken: the call raises Error, code
        "state".  Where that call was writing, no close_notify is said, and the peer
        is told by TruncatedError, or its like, that it has not got everything.
        """
        self._closing = True
        if self._files == 0:
            super().close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def __repr__(self) -> str:
        fd = self.fileno()
        return "<tlsmith.Socket closed>" if fd < 0 else f"<tlsmith.Socket fd={fd}>"

    # As the end of the program leaves it: without the globals of this module.
    def __del__(self, _warn: Callable[..., None] = _warnings.warn) -> None:
        if self.fileno() >= 0:
            _warn(f"unclosed {self!r}", ResourceWarning, source=self)


class Connection(_tlsmith.Connection, _Peer):
    """A TLS connection without I/O: the program moves the bytes itself.

    connection.receive_data(bytes from the peer)
    connection.data_to_send()   # bytes for the peer: after everything else
    connection.read(), connection.write(data)

    Client.buffer() and Server.buffer() make them.  Reading and writing complete
    the handshake first, and raise WantRead while it needs the peer.  A failure
    leaves its alert in data_to_send().
    """

    __slots__ = ()

    def __init__(self, *_arguments: object) -> None:
        pass

    def _agree(self) -> None:
        if self.handshaking:
            raise state_error("the handshake is not complete")

    @property
    def info(self) -> Info:
        """What was agreed.  Raises Error, code "state", before the handshake is
        complete."""
        from ._tuples import Info

        return Info(*self.facts())

    def __repr__(self) -> str:
        state = "handshaking" if self.handshaking else "open"
        return f"<tlsmith.Connection {state}>"


_PAUSE = 0.1
"""Seconds until a listener tries again that had no descriptor, or no memory, left."""


class Listener:
    """A listening socket of a Server.

    for sock in listener: ...   # until close() is called, from any thread

    Nothing that one client does ends that loop, nor does a lack of descriptors or
    memory: accepting goes on when there are some again.  What a client does later, its
    handshake included, raises from the methods of its socket.

    A listener that nobody has closed emits a ResourceWarning when it is collected.
    """

    __slots__ = ("_context", "_handshake_timeout", "_logger", "_plain", "_waiting")

    def __init__(
        self,
        context: _tlsmith.Context,
        plain: socket.socket,
        handshake_timeout: float | None,
    ) -> None:
        # What it is for comes without a descriptor that an import could open files with.
        import logging

        self._logger = logging.getLogger("tlsmith")
        self._context = context
        self._plain = plain
        self._handshake_timeout = handshake_timeout
        # The processes of the threads that wait: one more for each of them.
        self._waiting: list[int] = []

    def accept(self, *, handshake: bool = False) -> tuple[Socket, Any]:
        """Accept one connection: its socket and the address of its peer.

        The handshake waits for do_handshake(), or the first recv or send, so that
        a client that is slow does not keep others waiting; `handshake` True: it
        is made at once.  It takes no longer than the `handshake_timeout` of listen().

        Clients that hang up while they wait are passed over.  Without a descriptor or
        memory for one more client, it tries again every 0.1 seconds, and the logger
        "tlsmith" gets one warning; a listener that does not block, or has a time limit,
        raises Error.  TimedOut where no client came within that.
        """
        process = os.getpid()
        self._waiting.append(process)
        try:
            plain, address = self._accept()
        finally:
            self._waiting.remove(process)
        sock = Socket(self._context, plain.detach(), True, None, None, self._handshake_timeout)
        if handshake:
            try:
                sock.do_handshake()
            except BaseException:
                sock.close()
                raise
        return sock, address

    def _accept(self) -> tuple[socket.socket, Any]:
        """A connection whose client has not hung up yet."""
        has_warned = False
        while True:
            if self.fileno() < 0:
                raise state_error("the listener is closed")
            try:
                plain, address = self._plain.accept()
            except BlockingIOError as error:
                raise WantRead(error.errno, "no client waits") from error
            except OSError as error:
                if isinstance(error, TimeoutError) and error.errno is None:
                    seconds = self._plain.gettimeout()
                    raise TimedOut(None, f"no client came within {seconds} s") from error
                if error.errno in _OF_ONE_CLIENT:
                    continue
                if error.errno not in _SHORTAGES or not _blocks(self.fileno()):
                    raise io_error("cannot accept a connection", error) from error
                if not has_warned:
                    has_warned = True
                    self._logger.warning("cannot accept a connection: %s", error.strerror)
                time.sleep(_PAUSE)
                continue
            # It is not, after socket.setdefaulttimeout().
            plain.setblocking(True)
            try:
                plain.getpeername()
            except OSError:
                # It was reset meanwhile: nothing to bother the program with.
                plain.close()
                continue
            return plain, address

    @property
    def address(self) -> Any:
        """The address that it listens on."""
        return self.getsockname()

    def getsockname(self) -> Any:
        """The address that it listens on, as `address` has it."""
        return self._of_plain("getsockname")

    def getpeername(self) -> Any:
        """Raises Error, as sockets that listen do: only what accept() gives has a peer."""
        return self._of_plain("getpeername")

    def gettimeout(self) -> float | None:
        """How many seconds accept() waits, as settimeout() set it."""
        return self._plain.gettimeout()

    def settimeout(self, value: float | None, /) -> None:
        """Limit the waiting of accept(), in seconds: None waits for ever; 0 does not
        wait, and WantRead is raised where no client does."""
        self._plain.settimeout(value)

    def _of_plain(self, method: str) -> Any:
        if self.fileno() < 0:
            raise state_error("the listener is closed")
        try:
            return getattr(self._plain, method)()
        except OSError as error:
            raise io_error(f"{method} failed", error) from error

    def fileno(self) -> int:
        """The descriptor, or -1 once it is closed."""
        return self._plain.fileno()

    def close(self) -> None:
        """Stop listening; a thread that waits in accept() fails.

        Where none waits, processes that have the same listener by a fork go on with
        it, and the port is free when the last one has closed it.
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
            # Whoever waits is woken by the shutdown, just before the close.
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


# Accepting failed for the first connection that waits, which is gone then: Linux reports
# network errors of it so, and EPROTO is that of other systems (accept(2)).
_OF_ONE_CLIENT = frozenset(
    getattr(errno, name)
    for name in (
        *("ECONNABORTED", "ECONNRESET", "EPROTO", "ENOPROTOOPT", "ENETDOWN", "ENETUNREACH"),
        *("EHOSTDOWN", "EHOSTUNREACH", "ENONET", "ETIMEDOUT"),
    )
    if hasattr(errno, name)
)

# Others give it back in time.
_SHORTAGES = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


def _blocks(descriptor: int) -> bool:
    """Whether its calls wait; those of one that another thread has closed do not."""
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
