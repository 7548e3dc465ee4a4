"""The TLS protocol and transport between asyncio's plain transport and its streams."""

from __future__ import annotations

import asyncio
import warnings
from typing import cast

from ._errors import (
    Error,
    TimedOut,
    TruncatedError,
    WantRead,
    WantWrite,
    config_error,
    io_error,
)
from ._server import Server

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import Any, TypeAlias

    from ._client import Client
    from ._client_hello import Selectable
    from ._socket import Connection
    from ._tuples import ClientHello
    from .ssl._connection_info import View

    OnHello: TypeAlias = Callable[[ClientHello], Awaitable[Selectable | int | None]]

    Connected: TypeAlias = Callable[
        [asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None] | None
    ]


# The alert that the core sends if Server(on_hello=) raises.
_UNRECOGNIZED_NAME = 112


class StreamProtocol(asyncio.StreamReaderProtocol):
    """Makes drain() raise tlsmith's exceptions after the connection is lost."""

    async def _drain_helper(self) -> None:
        try:
            await super()._drain_helper()  # type: ignore[misc]
        except ConnectionResetError as error:
            if isinstance(error, Error):
                raise
            raise io_error("cannot send to the peer", error) from error


class TLSProtocol(asyncio.Protocol):
    """Transfers data between a plain transport, a Connection and an application."""

    def __init__(
        self,
        how: Client | Server,
        connection: Connection,
        reader: asyncio.StreamReader,
        connected: Connected | None,
        shutdown_timeout: float | None,
        on_hello: OnHello | None = None,
    ) -> None:
        self._loop = loop = asyncio.get_running_loop()
        self._how = how
        self.connection = connection
        # The reader is not kept, so that it is collected once the program drops it.
        self._application = StreamProtocol(reader, connected, loop=loop)
        self.ready: asyncio.Future[TLSTransport] = loop.create_future()
        self._before: tuple[asyncio.BaseProtocol, asyncio.StreamWriter] | None = None
        self._shutdown_timeout = shutdown_timeout
        self._on_hello = on_hello
        self._deciding: asyncio.Task[None] | None = None
        self._plain: asyncio.Transport | None = None
        self._transport: TLSTransport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._failure: BaseException | None = None
        self._may_read = True
        self.paused = False
        self.address: Any = None

    def take_over(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, received: bytes
    ) -> None:
        """Start on the transport of other streams, with the data that they had received."""
        transport = writer.transport
        # The old writer would close the transport when it is collected.
        self._before = transport.get_protocol(), writer
        transport.set_protocol(self)
        self.connection_made(transport)
        if received:
            self.data_received(received)
        if reader.at_eof():
            self.eof_received()

    async def streams(
        self, reader: asyncio.StreamReader
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Return the streams for the program, once the handshake is complete."""
        transport = await self.ready
        return reader, asyncio.StreamWriter(transport, self._application, reader, self._loop)

    def view(self) -> View:
        """Return the connection with the methods of ssl.SSLObject."""
        from .ssl._connection_info import View

        server_side = isinstance(self._how, Server)
        connection = self.connection
        # A resumed session builds no chain: it counts as verified if the Client verifies.
        verifies = bool(connection.verified_chain) or self._how._verifies()
        return View(connection, server_side, verifies)

    def expect(self, seconds: float) -> None:
        """Limit the time of the handshake."""
        self._timer = self._loop.call_later(seconds, self._handshake_timed_out, seconds)

    def _handshake_timed_out(self, seconds: float) -> None:
        self._fail(TimedOut(None, f"the client did not complete the handshake in {seconds} s"))

    def give_up(self) -> None:
        """Drop the connection, if it exists: nobody waits for its handshake any more."""
        if not self.ready.cancel() and not self.ready.cancelled():
            # Otherwise asyncio logs that the exception was never retrieved.
            self.ready.exception()
        self._abort()

    def _abort(self) -> None:
        if self._plain is not None:
            self._plain.abort()

    def close_plain(self) -> None:
        """Close the plain transport once everything is sent, or after the time limit."""
        if self._plain is None or self._plain.is_closing():
            return
        self._plain.close()
        if self._timer is not None:
            self._timer.cancel()
        if self._shutdown_timeout is not None:
            seconds = self._shutdown_timeout
            self._timer = self._loop.call_later(seconds, self._shutdown_timed_out, seconds)

    def _shutdown_timed_out(self, seconds: float) -> None:
        if self._failure is None:
            self._failure = TimedOut(
                None, f"the peer did not receive all written data within {seconds} s of close()"
            )
        self._abort()

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports do not derive from asyncio.Transport.
        self._plain = cast("asyncio.Transport", transport)
        self.address = transport.get_extra_info("peername")
        if self.ready.cancelled():
            self._abort()
            return
        self._pump()

    def data_received(self, data: bytes) -> None:
        if self.connection.peer_closed:
            # It is not TLS, and arrived before the transport was paused.
            return
        self.connection.receive_data(data)
        self._pump()

    def eof_received(self) -> bool:
        self.connection.receive_data(b"")
        self._pump()
        # Half-closed: the application may still write.
        return not self.ready.cancelled() and self._failure is None and self._transport is not None

    def connection_lost(self, exc: Exception | None) -> None:
        failure = self._failure or exc
        if isinstance(failure, OSError) and not isinstance(failure, Error):
            failure = io_error("the connection was lost", failure)
        if self._timer is not None:
            self._timer.cancel()
        if self._deciding is not None:
            self._deciding.cancel()
        if not self.ready.done():
            self.ready.set_exception(failure or TruncatedError(None, "the connection was lost"))
            # Otherwise asyncio logs that the exception was never retrieved, if the loop ends
            # before the waiting task runs.
            self.ready.exception()
        reported = failure if isinstance(failure, Exception) else None
        if self._transport is not None:
            self._application.connection_lost(reported)
        if self._before is not None:
            self._before[0].connection_lost(reported)
            self._before = None

    def pause_writing(self) -> None:
        self._application.pause_writing()

    def resume_writing(self) -> None:
        self._application.resume_writing()

    # Data transfer.

    def _pump(self) -> None:
        """Process received data as far as possible."""
        try:
            if self._transport is None and not self._handshake():
                return
            while self._may_read and not self.paused:
                data = self.connection.read()
                if data:
                    self._application.data_received(data)
                else:
                    self._end_reading()
        except WantRead:
            pass
        except Error as error:
            self._fail(error)
        finally:
            self.flush()

    def _end_reading(self) -> None:
        """Stop receiving after close_notify: later data would take memory without a limit."""
        self._may_read = False
        assert self._plain is not None
        self._plain.pause_reading()
        self._application.eof_received()

    def _handshake(self) -> bool:
        try:
            if self._on_hello is not None:
                self._inspect(self._on_hello)
                return False
            self.connection.do_handshake()
        except (WantRead, WantWrite):
            return False
        if self._timer is not None:
            self._timer.cancel()
        if self.ready.cancelled():
            self._abort()
            return False
        assert self._plain is not None
        self._transport = TLSTransport(self, self._plain)
        self._application.connection_made(self._transport)
        self.ready.set_result(self._transport)
        return True

    def _inspect(self, on_hello: OnHello) -> None:
        """Start on_hello once the ClientHello is complete."""
        if self._deciding is None:
            hello = self.connection.receive_hello()
            # The client cannot fill memory while on_hello runs.
            assert self._plain is not None
            self._plain.pause_reading()
            self._deciding = self._loop.create_task(self._decide(on_hello, hello))

    async def _decide(self, on_hello: OnHello, hello: ClientHello) -> None:
        assert isinstance(self._how, Server) and self._plain is not None
        try:
            chosen = self._how._selected(await on_hello(hello))
            if isinstance(chosen, int):
                self.connection.refuse(chosen)
            elif chosen is not None:
                self.connection._select(*chosen)
        except Exception as error:
            if self._failure is None:
                self.connection.refuse(_UNRECOGNIZED_NAME)
                self._fail(error)
            if not isinstance(error, Error):
                self._loop.call_exception_handler(
                    {"message": "on_hello failed", "exception": error, "protocol": self}
                )
            return
        finally:
            self._deciding = self._on_hello = None
        self._plain.resume_reading()
        self._pump()

    def flush(self) -> None:
        """Write pending output to the plain transport."""
        assert self._plain is not None
        while data := self.connection.data_to_send():
            self._plain.write(data)

    def resume(self) -> None:
        """Resume reading, first of data that has been received already."""
        self.paused = False
        if not self._may_read:
            return
        assert self._plain is not None
        self._plain.resume_reading()
        self._loop.call_soon(self._pump)

    def _fail(self, error: BaseException) -> None:
        """Send the alert, if there is one, and close."""
        self._failure = error
        if self._plain is not None:
            self.flush()
            self.close_plain()


class TLSTransport(asyncio.Transport):
    """The transport of the application."""

    def __init__(self, protocol: TLSProtocol, plain: asyncio.Transport) -> None:
        super().__init__()
        self._protocol = protocol
        self._plain = plain

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Return "tlsmith", the Connection; "ssl_object", "peercert", "cipher" and
        "compression", as asyncio does over `ssl`; or a value of the plain transport."""
        match name:
            case "tlsmith":
                return self._protocol.connection
            case "ssl_object":
                return self._protocol.view()
            case "peercert":
                return self._protocol.view().getpeercert()
            case "cipher":
                return self._protocol.view().cipher()
            case "compression":
                return None
        return self._plain.get_extra_info(name, default)

    def write(self, data: bytes | bytearray | memoryview[Any]) -> None:
        """Encrypt all data, and write it to the plain transport."""
        if not isinstance(data, (bytes, bytearray, memoryview)):
            raise TypeError(f"data must be a bytes-like object, not {type(data).__name__}")
        rest = memoryview(data).cast("B")
        while rest:
            rest = rest[self._protocol.connection.write(rest) :]
            self._protocol.flush()

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        """Send close_notify.  Reading still works."""
        self._protocol.connection.close()
        self._protocol.flush()

    def close(self) -> None:
        """Send close_notify, and close once everything is sent, or after `shutdown_timeout`."""
        if not self._plain.is_closing():
            try:
                self.write_eof()
            except Error:
                # A failed connection has nothing more to send.
                pass
            self._protocol.close_plain()

    def abort(self) -> None:
        self._plain.abort()

    def is_closing(self) -> bool:
        return self._plain.is_closing()

    def is_reading(self) -> bool:
        return not self._protocol.paused

    def pause_reading(self) -> None:
        self._protocol.paused = True
        self._plain.pause_reading()

    def resume_reading(self) -> None:
        self._protocol.resume()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self._plain.set_write_buffer_limits(high, low)

    def get_write_buffer_size(self) -> int:
        return self._plain.get_write_buffer_size()

    def get_write_buffer_limits(self) -> tuple[int, int]:
        return self._plain.get_write_buffer_limits()

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        raise config_error("the protocol of this transport cannot be changed")

    def get_protocol(self) -> asyncio.BaseProtocol:
        return self._protocol._application

    def __repr__(self) -> str:
        return f"<tlsmith.aio.TLSTransport over {self._plain!r}>"

    def __del__(self, _warn: Callable[..., None] = warnings.warn) -> None:
        if not self._plain.is_closing():
            _warn(f"unclosed transport {self!r}", ResourceWarning, source=self)
