"""asyncio streams over our connections.

reader, writer = await tlsmith.aio.open_connection("example.org", 443)
server = await tlsmith.aio.start_server(handle, ("", 8443), tlsmith.Server(identity))

The streams are asyncio's own.  Unlike those of `asyncio.open_connection(ssl=...)`
they tell a connection that was cut off from one that ended: reading raises
TruncatedError where no close_notify came.  All failures are tlsmith's exceptions, and
those of the network the builtin ones too, such as ConnectionResetError.
`writer.get_extra_info("tlsmith")` is the tlsmith.Connection, with `info` and the
certificates of the peer.

After the peer's close_notify nothing more is received: what a peer sends then stays in
the network, and writing goes on until close().
"""

from __future__ import annotations

import asyncio
import inspect
import re
import socket
import warnings
from typing import cast

from ._config import Client, Server
from ._errors import (
    Error,
    TimedOut,
    TruncatedError,
    WantRead,
    WantWrite,
    config_error,
    io_error,
    shown,
    shown_path,
)
from ._plain import check_address, check_port, handshake_limit, host_and_port

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import Any

    from ._plain import Address
    from ._socket import Connection

__all__ = ["open_connection", "start_server"]

_LIMIT = 2**16
_DELAY_OF_HAPPY_EYEBALLS = 0.25


async def open_connection(
    host: str,
    port: int = 443,
    *,
    client: Client | None = None,
    server_name: str | None = None,
    timeout: float | None = 30.0,
    shutdown_timeout: float | None = 30.0,
    limit: int = _LIMIT,
    **options: Any,
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Connect to a server, verify it, and give its streams.

    client            how, by default Client()
    server_name       what the certificate is checked for, by default the host
    timeout           limits connecting and the handshake together, in seconds
    shutdown_timeout  how long close() may take to send what was written, in seconds;
                      then the connection is dropped, and wait_closed() raises TimedOut.
                      None: as long as the network takes
    limit             how much the reader holds back, as in asyncio.open_connection()

    Other options go to loop.create_connection().  Raises VerifyError for a server
    that is not the one.
    """
    if not isinstance(client, Client | None):
        raise TypeError(f"a Client is needed, not {type(client).__name__}")
    if options.get("sock") is None:
        check_port(port)
    loop = asyncio.get_running_loop()
    how = Client() if client is None else client
    connection = how.buffer(host if server_name is None else server_name)
    reader = asyncio.StreamReader(limit=limit, loop=loop)
    application = _StreamProtocol(reader, loop=loop)
    ready: asyncio.Future[TLSTransport] = loop.create_future()
    options.setdefault("happy_eyeballs_delay", _DELAY_OF_HAPPY_EYEBALLS)
    protocol = TLSProtocol(loop, connection, application, ready, shutdown_timeout)
    try:
        async with asyncio.timeout(timeout):
            await loop.create_connection(lambda: protocol, host, port, **options)
            transport = await ready
    except BaseException as error:
        protocol.give_up()
        if isinstance(error, Error) or not isinstance(error, OSError):
            raise
        if isinstance(error, TimeoutError) and error.errno is None:
            raise TimedOut(None, f"no connection to '{host}' within {timeout} seconds") from error
        raise _not_connected(host, port, error) from error
    return reader, asyncio.StreamWriter(transport, application, reader, loop)


def _not_connected(host: str, port: int, error: OSError) -> Error:
    """For what asyncio raises where it cannot connect."""
    if isinstance(error, socket.gaierror):
        return io_error(f"cannot find the address of {shown(host)}", error)
    numbers = re.findall(r"\[Errno (\d+)\]", str(error)) if error.errno is None else []
    if numbers:
        # It tried several addresses: how the last attempt failed, as without asyncio.
        error = OSError(int(numbers[-1]), str(error))
    return io_error(f"cannot connect to {shown(host)}, port {port}", error)


async def start_server(
    connected: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None] | None],
    address: Address,
    server: Server,
    *,
    handshake_timeout: float | None = 60.0,
    shutdown_timeout: float | None = 30.0,
    on_failure: Callable[[Error, Any], object] | Callable[[Error], object] | None = None,
    limit: int = _LIMIT,
    **options: Any,
) -> asyncio.Server:
    """Listen, and call `connected` with the streams of each client whose handshake
    is complete: as a task where it is a coroutine function.

    address            (host, port), or the path of a Unix socket
    handshake_timeout  how long a client may take for it, in seconds; None: no limit
    shutdown_timeout   as for open_connection()
    on_failure         called with the error of each handshake that failed, and with the
                       address of its client, as getpeername() gives it; a function of
                       one argument gets the error alone
    limit              how much a reader holds back

    Other options go to loop.create_server() or loop.create_unix_server().  `backlog`,
    how many clients may wait there, is socket.SOMAXCONN by default.
    """
    if not isinstance(server, Server):
        raise TypeError(f"a Server is needed, not {type(server).__name__}")
    seconds = handshake_limit(handshake_timeout)
    report = None if on_failure is None else _with_address(on_failure)
    loop = asyncio.get_running_loop()

    def accept() -> TLSProtocol:
        reader = asyncio.StreamReader(limit=limit, loop=loop)
        application = _StreamProtocol(reader, connected, loop=loop)
        ready: asyncio.Future[TLSTransport] = loop.create_future()
        connection = server.buffer()
        protocol = TLSProtocol(loop, connection, application, ready, shutdown_timeout)
        ready.add_done_callback(lambda ready: told(ready, protocol.address))
        if seconds is not None:
            protocol.expect(seconds)
        return protocol

    def told(ready: asyncio.Future[TLSTransport], client: Any) -> None:
        failure = None if ready.cancelled() else ready.exception()
        if isinstance(failure, Error) and report is not None:
            report(failure, client)

    check_address(address)
    options.setdefault("backlog", socket.SOMAXCONN)
    try:
        if isinstance(address, tuple):
            host, port = host_and_port(address)
            return await loop.create_server(accept, host or None, port, **options)
        return await loop.create_unix_server(accept, address, **options)
    except OSError as error:
        if isinstance(error, Error):
            raise
        raise io_error(f"cannot listen on {_where(address)}", error) from error


def _with_address(on_failure: Callable[..., object]) -> Callable[[Error, Any], object]:
    """The function as one that takes the address too."""
    if not callable(on_failure):
        raise TypeError(f"on_failure is a function, not {type(on_failure).__name__}")
    try:
        inspect.signature(on_failure).bind(None, None)
    except TypeError:
        return lambda error, _address: on_failure(error)
    except ValueError:
        # What is written in C may have no signature that could be asked for.
        pass
    return on_failure


def _where(address: Address) -> str:
    if isinstance(address, tuple):
        host, port = address[:2]
        return f"{shown(host) if host else 'every address'}, port {port}"
    return shown_path(address) or "a text that looks like a key"


class _StreamProtocol(asyncio.StreamReaderProtocol):
    """Has drain() raise ours where the connection is lost already."""

    async def _drain_helper(self) -> None:
        try:
            await super()._drain_helper()  # type: ignore[misc]
        except ConnectionResetError as error:
            if isinstance(error, Error):
                raise
            raise io_error("cannot send to the peer", error) from error


class TLSProtocol(asyncio.Protocol):
    """Moves bytes between a plain transport, a connection and an application."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        connection: Connection,
        application: asyncio.StreamReaderProtocol,
        ready: asyncio.Future[TLSTransport],
        shutdown_timeout: float | None,
    ) -> None:
        self._loop = loop
        self.connection = connection
        self._application = application
        self._ready = ready
        self._shutdown_timeout = shutdown_timeout
        self._plain: asyncio.Transport | None = None
        self._transport: TLSTransport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._failure: BaseException | None = None
        self._may_read = True
        self.paused = False
        self.address: Any = None

    def expect(self, seconds: float) -> None:
        """Gives up if the handshake takes longer."""
        self._timer = self._loop.call_later(seconds, self._too_late, seconds)

    def _too_late(self, seconds: float) -> None:
        self._fail(TimedOut(None, f"the client did not complete the handshake in {seconds} s"))

    def give_up(self) -> None:
        """Drops the connection, if there is one yet: nobody waits for the handshake."""
        if not self._ready.cancel() and not self._ready.cancelled():
            # Else asyncio logs that nobody has asked for it.
            self._ready.exception()
        self._abort()

    def _abort(self) -> None:
        if self._plain is not None:
            self._plain.abort()

    def close_plain(self) -> None:
        """Closes the connection below as soon as everything is sent, or it took too
        long."""
        if self._plain is None or self._plain.is_closing():
            return
        self._plain.close()
        if self._timer is not None:
            self._timer.cancel()
        if self._shutdown_timeout is not None:
            seconds = self._shutdown_timeout
            self._timer = self._loop.call_later(seconds, self._unsent, seconds)

    def _unsent(self, seconds: float) -> None:
        if self._failure is None:
            self._failure = TimedOut(
                None, f"the peer did not take what was written within {seconds} s of close()"
            )
        self._abort()

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # Not asyncio.Transport by its class where the loop is uvloop's.
        self._plain = cast("asyncio.Transport", transport)
        self.address = transport.get_extra_info("peername")
        if self._ready.cancelled():
            self._abort()
            return
        self._pump()

    def data_received(self, data: bytes) -> None:
        if self.connection.peer_closed:
            # It is not TLS, and came before the transport was paused.
            return
        self.connection.receive_data(data)
        self._pump()

    def eof_received(self) -> bool:
        self.connection.receive_data(b"")
        self._pump()
        # Half-closed: what the application still writes goes out.
        return not self._ready.cancelled() and self._failure is None and self._transport is not None

    def connection_lost(self, exc: Exception | None) -> None:
        failure = self._failure or exc
        if isinstance(failure, OSError) and not isinstance(failure, Error):
            failure = io_error("the connection was lost", failure)
        if self._timer is not None:
            self._timer.cancel()
        if not self._ready.done():
            self._ready.set_exception(failure or TruncatedError(None, "the connection was lost"))
        if self._transport is not None:
            self._application.connection_lost(failure if isinstance(failure, Exception) else None)

    def pause_writing(self) -> None:
        self._application.pause_writing()

    def resume_writing(self) -> None:
        self._application.resume_writing()

    # How the bytes move.

    def _pump(self) -> None:
        """Goes as far as what came allows."""
        try:
            if self._transport is None and not self._shake_hands():
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
        """The peer has sent close_notify: what it sends after that is not received, which
        would take memory without end."""
        self._may_read = False
        assert self._plain is not None
        self._plain.pause_reading()
        self._application.eof_received()

    def _shake_hands(self) -> bool:
        try:
            self.connection.do_handshake()
        except (WantRead, WantWrite):
            return False
        if self._timer is not None:
            self._timer.cancel()
        if self._ready.cancelled():
            self._abort()
            return False
        assert self._plain is not None
        self._transport = TLSTransport(self, self._plain)
        self._application.connection_made(self._transport)
        self._ready.set_result(self._transport)
        return True

    def flush(self) -> None:
        """Hands over what there is for the peer."""
        assert self._plain is not None
        while data := self.connection.data_to_send():
            self._plain.write(data)

    def resume(self) -> None:
        """The application reads again: first what is here already."""
        self.paused = False
        if not self._may_read:
            return
        assert self._plain is not None
        self._plain.resume_reading()
        self._loop.call_soon(self._pump)

    def _fail(self, error: BaseException) -> None:
        """The alert goes out, if there is one, and nothing else."""
        self._failure = error
        if self._plain is not None:
            self.flush()
            self.close_plain()


class TLSTransport(asyncio.Transport):
    """What the application writes to."""

    def __init__(self, protocol: TLSProtocol, plain: asyncio.Transport) -> None:
        super().__init__()
        self._protocol = protocol
        self._plain = plain

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """What a plain transport has, and "tlsmith": the Connection."""
        if name == "tlsmith":
            return self._protocol.connection
        return self._plain.get_extra_info(name, default)

    def write(self, data: bytes | bytearray | memoryview[Any]) -> None:
        """Seal all of it, and hand it over."""
        if not isinstance(data, (bytes, bytearray, memoryview)):
            raise TypeError(f"a bytes-like object is needed, not {type(data).__name__}")
        rest = memoryview(data).cast("B")
        while rest:
            rest = rest[self._protocol.connection.write(rest) :]
            self._protocol.flush()

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        """Send close_notify; reading goes on."""
        self._protocol.connection.close()
        self._protocol.flush()

    def close(self) -> None:
        """Send close_notify, and close when everything is sent, or after
        `shutdown_timeout`."""
        if not self._plain.is_closing():
            try:
                self.write_eof()
            except Error:
                # One that failed has nothing to send any more.
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
