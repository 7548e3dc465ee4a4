"""Connections: over sockets, and over nothing but memory."""

from __future__ import annotations

import _warnings
import os

from . import _tlsmith
from ._checks import seconds
from ._errors import io_error, state_error
from ._hello import alert_number, selection

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from collections.abc import Callable
    from typing import IO, Any, Literal, Self

    from ._errors import VerifyError
    from ._hello import Selectable
    from ._tuples import ClientHello, Info


class _Peer(_tlsmith.Peer):
    """What sockets and connections without I/O know alike."""

    __slots__ = ()

    def _agree(self) -> None:
        """Have the handshake complete, or raise: before, nobody knows who the peer is,
        and nothing would look like a peer without a certificate."""
        raise NotImplementedError

    def receive_hello(self) -> ClientHello:
        """Receive the ClientHello of a client and pause there, as often as it is called.

        Then select() says what answers it, or refuse() refuses the client, from any thread
        and at any later time; do_handshake(), reading and writing go on.  `on_hello` of the
        server is not called.  On a connection without I/O, call it before the first
        receive_data().

        Blocks, or raises WantRead, as do_handshake() does.  Raises Error, code "state", on
        a client, and after the ClientHello was answered.
        """
        from ._tuples import ClientHello

        return ClientHello(*self._receive_hello())

    def select(self, chosen: Selectable) -> None:
        """Choose what answers the ClientHello from receive_hello(): a Server, an
        Identity or a Selection; by default the connection's server.

        Raises Error, code "state", before receive_hello() and after the ClientHello was
        answered.
        """
        self._select(*selection("what is selected", chosen)[1])

    def refuse(self, alert: int) -> None:
        """Refuse the client whose ClientHello receive_hello() received: send this alert
        (RFC 8446, section 6.2), such as 112 for unrecognized_name.  Every later call raises
        HandshakeError.
        """
        self._refuse(alert_number("alert", alert))

    @property
    def peer(self) -> _tlsmith.Certificate | None:
        """The peer's certificate, or None where it presented none; `verify_error` says
        whether it is verified.  As `info`, known once the handshake is complete."""
        self._agree()
        return super().peer

    @property
    def peer_chain(self) -> tuple[_tlsmith.Certificate, ...]:
        """The certificates that the peer sent, its own first; `verify_error` says whether
        they are verified.  As `info`, known once the handshake is complete."""
        self._agree()
        return super().peer_chain

    @property
    def verified_chain(self) -> tuple[_tlsmith.Certificate, ...]:
        """The path that was accepted, up to the root; empty where none was checked, as
        in a resumed session.  As `info`, known once the handshake is complete."""
        self._agree()
        return super().verified_chain

    @property
    def verify_error(self) -> VerifyError | None:
        """Why the peer is not verified: the VerifyError, with `reason` and `chain`,
        that Server(insecure_allow_unverified_clients=True) ignored.  None only if the
        peer's certificate is verified, in a resumed session too.  As `info`, known once
        the handshake is complete.

        Its code is "verify.missing" for a peer without a certificate, and "verify.other"
        where nothing is verified."""
        self._agree()
        return super().verify_error

    @property
    def verify_status(self) -> str | None:
        """The code of `verify_error`, such as "verify.expired"; None if the peer is
        verified."""
        self._agree()
        return super().verify_status

    @property
    def ocsp_response(self) -> bytes | None:
        """The OCSP response that the server stapled, in DER (RFC 6960), or None.  It is
        not verified.  As `info`, known once the handshake is complete."""
        self._agree()
        return super().ocsp_response

    @property
    def session(self) -> _tlsmith.Session | None:
        """A new Session with all that the server has sent to resume with, which the
        Client also keeps: each ticket is used once, by whichever takes it first.

        None if there is nothing: on a server, before the handshake is complete, in TLS
        1.3 before the first read (tickets follow the handshake), and for
        Client(resume=False) without on_session.
        """
        return self._get_session()

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
    code "state".  So does a callback or signal handler that uses the connection during
    its handshake.

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
        """Whether the peer has sent close_notify."""
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
        """Send a binary file from `offset`, at most `count` bytes (None: all); return
        the count.  The file is left after what was sent."""
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
        """Send close_notify, wait for the peer's, and return the plain socket and the
        bytes received after it.  Data that the peer sent before it is lost.

        `timeout` limits the whole call, in seconds; the plain socket keeps it.  None:
        the value of settimeout(), or 30 seconds if that is None. After TimedOut, it can
        be called again."""
        import socket

        if seconds("timeout", timeout) is not None:
            self.settimeout(timeout)
        leftover = self.finish()
        plain = socket.socket(fileno=self.detach())
        plain.settimeout(self.gettimeout())
        return plain, leftover

    def close(self) -> None:
        """Close the socket, sending close_notify if that does not block. Where files of
        makefile() are open, the last one closes it.

        A thread that waits in another call is woken: the call raises Error, code
        "state".  If that call was writing, no close_notify is sent, so that the peer
        detects the truncation (TruncatedError in tlsmith).
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
