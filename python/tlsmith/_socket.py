"""Socket and Connection: TLS over a socket, and TLS without I/O."""

from __future__ import annotations

import _warnings
import os

from . import _tlsmith
from ._checks import seconds
from ._client_hello import alert_number, selection
from ._errors import io_error, state_error

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from collections.abc import Callable
    from typing import IO, Any, Literal, Self

    from ._client_hello import Selectable
    from ._errors import VerifyError
    from ._tuples import ClientHello, Info


class _Peer(_tlsmith.Peer):
    """The methods that Socket and Connection have in common."""

    __slots__ = ()

    def _require_handshake(self) -> None:
        """Complete the handshake, or raise.  Before that the peer is unknown, and None would
        look like a peer without a certificate."""
        raise NotImplementedError

    def receive_hello(self) -> ClientHello:
        """Receive the ClientHello and pause the handshake.  Later calls return the same one.

        Then call select() to choose the answer, or refuse() to reject the client, from any
        thread and at any time.  do_handshake(), reading and writing continue the handshake.
        `on_hello` of the server is not called.  On a connection without I/O, call this
        before the first receive_data().

        Blocks, or raises WantRead, as do_handshake() does.  Raises Error, code "state", on
        a client, and after the ClientHello was answered.
        """
        from ._tuples import ClientHello

        return ClientHello(*self._receive_hello())

    def select(self, chosen: Selectable) -> None:
        """Choose the Server, Identity or Selection that answers the ClientHello from
        receive_hello().  The default is the connection's server.

        Raises Error, code "state", before receive_hello() and after the ClientHello was
        answered.
        """
        self._select(*selection("the argument of select()", chosen)[1])

    def refuse(self, alert: int) -> None:
        """Reject the client whose ClientHello receive_hello() received, with this alert
        (RFC 8446, section 6.2), such as 112 for unrecognized_name.  Every later call raises
        HandshakeError.
        """
        self._refuse(alert_number("alert", alert))

    @property
    def peer(self) -> _tlsmith.Certificate | None:
        """The peer's certificate, or None if it presented none.  Check `verify_error` for
        whether it is verified.  Like `info`, it needs a complete handshake."""
        self._require_handshake()
        return super().peer

    @property
    def peer_chain(self) -> tuple[_tlsmith.Certificate, ...]:
        """The certificates that the peer presented, its own first.  Check `verify_error` for
        whether they are verified.  Like `info`, it needs a complete handshake."""
        self._require_handshake()
        return super().peer_chain

    @property
    def verified_chain(self) -> tuple[_tlsmith.Certificate, ...]:
        """The verified chain, up to the root; empty if none was built, as in a resumed
        session.  Like `info`, it needs a complete handshake."""
        self._require_handshake()
        return super().verified_chain

    @property
    def verify_error(self) -> VerifyError | None:
        """Why the peer is not verified: the VerifyError, with `reason` and `chain`,
        that Server(insecure_allow_unverified_clients=True) ignored.  None only if the
        peer's certificate is verified, in a resumed session too.  Like `info`, it needs
        a complete handshake.

        Its code is "verify.missing" for a peer without a certificate, and "verify.other"
        if verification is off.
        """
        self._require_handshake()
        return super().verify_error

    @property
    def verify_status(self) -> str | None:
        """The code of `verify_error`, such as "verify.expired"; None if the peer is
        verified."""
        self._require_handshake()
        return super().verify_status

    @property
    def ocsp_response(self) -> bytes | None:
        """The OCSP response that the server stapled, in DER (RFC 6960), or None.  It is
        not verified.  Like `info`, it needs a complete handshake."""
        self._require_handshake()
        return super().ocsp_response

    @property
    def session(self) -> _tlsmith.Session | None:
        """A new Session with all that the server has sent for resumption so far.  The Client
        keeps it too: each TLS 1.3 ticket is used once, by whichever connection is first.

        None if there is nothing: on a server, before the handshake is complete, in TLS
        1.3 before the first read (tickets follow the handshake), and for
        Client(resume=False) without on_session.
        """
        return self._get_session()

    def channel_binding(
        self, kind: Literal["tls-exporter", "tls-server-end-point"] = "tls-exporter"
    ) -> bytes:
        """Return the channel binding of this type, which is the same on both sides:
        "tls-exporter" (RFC 9266) or "tls-server-end-point" (RFC 5929, section 4).  Like
        `info`, it needs a complete handshake.

        Raises ConfigError if the type is not defined for the connection: tls-exporter in
        TLS 1.2 without the extended master secret, and tls-server-end-point for a
        certificate signed with Ed25519, Ed448 or ML-DSA.
        """
        self._require_handshake()
        return super().channel_binding(kind)


class Socket(_tlsmith.Socket, _Peer):
    """A TLS connection over a socket of its own, with the methods of
    socket.socket.

    Client.connect(), Client.wrap(), Server.wrap() and Listener.accept() return it.
    Reading and writing complete the handshake first.  One thread may
    read while another writes; a second reader, or a second writer, gets Error,
    code "state".  So does a callback or signal handler that uses the connection during
    its handshake.

    Only one process may use a connection, since two must not encrypt with the same keys.
    A forked child may close its copy, which sends nothing to the peer; other calls raise
    Error, code "state".  Servers that fork for each client should call wrap() in the
    child.

    An unclosed socket emits a ResourceWarning when it is collected.
    """

    __slots__ = ("_closing", "_files")

    def __init__(self, *_arguments: object) -> None:
        self._files = 0
        self._closing = False

    def _require_handshake(self) -> None:
        if self.handshaking:
            self.do_handshake()

    @property
    def info(self) -> Info:
        """The negotiated parameters.  Completes the handshake."""
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
        """Return a file object for this socket, as socket.socket.makefile() does.  The socket
        stays open until its files are closed too."""
        from ._socket_files import open_file

        return open_file(self, mode, buffering, encoding, errors, newline)

    def sendfile(self, file: IO[bytes], offset: int = 0, count: int | None = None) -> int:
        """Send a binary file from `offset`, at most `count` bytes (None: all), and return how
        many were sent.  The file position is then after the sent bytes."""
        from ._socket_files import send_file

        return send_file(self, file, offset, count)

    def getpeername(self) -> Any:
        """The address of the peer."""
        return self._call_plain("getpeername")

    def getsockname(self) -> Any:
        """The local address."""
        return self._call_plain("getsockname")

    def setsockopt(self, level: int, name: int, value: int | bytes, /) -> None:
        """Set an option of the socket, such as TCP_NODELAY."""
        self._call_plain("setsockopt", level, name, value)

    def getsockopt(self, level: int, name: int, length: int = 0, /) -> Any:
        """Return an option of the socket."""
        return self._call_plain("getsockopt", level, name, length)

    def _call_plain(self, method: str, *arguments: object) -> Any:
        """Call a method of a plain socket for the same descriptor."""
        import socket

        if self.fileno() < 0:
            raise state_error("the socket is closed")
        blocking = os.get_blocking(self.fileno())
        try:
            with socket.socket(fileno=os.dup(self.fileno())) as plain:
                # socket.setdefaulttimeout() has made both descriptors non-blocking.
                os.set_blocking(plain.fileno(), blocking)
                return getattr(plain, method)(*arguments)
        except OSError as error:
            raise io_error(f"{method} failed", error) from error

    def unwrap(self, *, timeout: float | None = None) -> tuple[socket.socket, bytes]:
        """Send close_notify, wait for the peer's, and return the plain socket and the
        bytes received after it.  Unread data before it is lost.

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
        """Close the socket, and send close_notify if that does not block.  If files of
        makefile() are open, closing the last one closes it.

        Calls in other threads end with Error, code "state".  If one of them was writing,
        no close_notify is sent, so that the peer detects the truncation (TruncatedError in
        tlsmith).
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

    # At exit, the globals of this module may be gone.
    def __del__(self, _warn: Callable[..., None] = _warnings.warn) -> None:
        if self.fileno() >= 0:
            _warn(f"unclosed {self!r}", ResourceWarning, source=self)


class Connection(_tlsmith.Connection, _Peer):
    """A TLS connection without I/O: the program transfers the bytes.

    connection.receive_data(bytes from the peer)
    connection.data_to_send()   # bytes for the peer: call it after every other call
    connection.read(), connection.write(data)

    Client.buffer() and Server.buffer() return it.  Reading and writing complete the
    handshake first, and raise WantRead while that needs bytes from the peer.  After an
    error, data_to_send() returns its alert.
    """

    __slots__ = ()

    def __init__(self, *_arguments: object) -> None:
        pass

    def _require_handshake(self) -> None:
        if self.handshaking:
            raise state_error("the handshake is not complete: call do_handshake() first")

    @property
    def info(self) -> Info:
        """The negotiated parameters.  Raises Error, code "state", before the handshake is
        complete."""
        from ._tuples import Info

        return Info(*self.facts())

    def __repr__(self) -> str:
        state = "handshaking" if self.handshaking else "open"
        return f"<tlsmith.Connection {state}>"
