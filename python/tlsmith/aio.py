"""asyncio streams over TLS.

reader, writer = await tlsmith.aio.open_connection("example.org", 443)
server = await tlsmith.aio.start_server(handle, ("", 8443), tlsmith.Server(identity))
reader, writer = await tlsmith.aio.start_tls(reader, writer, tlsmith.Server(identity))

The streams are asyncio's own.  Unlike those of `asyncio.open_connection(ssl=...)`
they detect truncation: reading raises TruncatedError if the connection ends without
close_notify.  All failures are tlsmith's exceptions, and those of the network the
builtin ones too, such as ConnectionResetError. `writer.get_extra_info("tlsmith")` is
the tlsmith.Connection, with `info` and the certificates of the peer; "ssl_object",
"peercert" and "cipher" are the values that asyncio has by these names.

After the peer's close_notify nothing more is read from the network; writing works until
close().
"""

from __future__ import annotations

import asyncio
import inspect
import re
import socket
import sys

from ._client import Client
from ._errors import (
    Error,
    TimedOut,
    config_error,
    io_error,
    quote,
    quote_path,
    state_error,
)
from ._plain_sockets import check_address, check_port, handshake_limit, host_and_port
from ._server import Server
from ._transport import TLSProtocol

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any, Literal, Unpack

    from ._identity import Identity
    from ._keywords import ConnectingArguments, ListeningArguments
    from ._plain_sockets import Address
    from ._tlsmith import Session
    from ._transport import Connected, OnHello, TLSTransport

__all__ = ["open_connection", "start_server", "start_tls"]

_LIMIT = 2**16
_HAPPY_EYEBALLS_DELAY = 0.25


async def open_connection(
    host: str,
    port: int = 443,
    *,
    client: Client | None = None,
    server_name: str | None = None,
    sni: str | Literal[False] | None = None,
    alpn: Sequence[str] | None = None,
    identity: Identity | None = None,
    session: Session | None = None,
    timeout: float | None = 30.0,
    shutdown_timeout: float | None = 30.0,
    limit: int = _LIMIT,
    **options: Unpack[ConnectingArguments],
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Connect to a server, verify it, and return its streams.

    client            the Client; default Client()
    server_name       the name to verify; default the host
    sni, alpn, identity, session: for this connection, as in Client.connect()
    timeout           for connecting and handshake, in seconds; None: no limit
    shutdown_timeout  how long close() may take to send written data, in seconds; then the
                      connection is dropped, and wait_closed() raises TimedOut.  None: no
                      limit
    limit             reader buffer limit in bytes, as in asyncio.open_connection()

    Other options go to loop.create_connection().  Raises VerifyError if server
    verification fails.
    """
    if not isinstance(client, Client | None):
        raise TypeError(f"client must be a Client, not {type(client).__name__}")
    if options.get("sock") is None:
        check_port(port)
    loop = asyncio.get_running_loop()
    how = Client() if client is None else client
    name = host if server_name is None else server_name
    connection = how.buffer(name, sni=sni, alpn=alpn, identity=identity, session=session)
    reader = asyncio.StreamReader(limit=limit, loop=loop)
    protocol = TLSProtocol(how, connection, reader, None, shutdown_timeout)
    more: dict[str, Any] = {"happy_eyeballs_delay": _HAPPY_EYEBALLS_DELAY, **options}
    try:
        async with asyncio.timeout(timeout):
            await loop.create_connection(lambda: protocol, host, port, **more)
            return await protocol.streams(reader)
    except BaseException as error:
        protocol.give_up()
        if isinstance(error, Error) or not isinstance(error, OSError):
            raise
        if isinstance(error, TimeoutError) and error.errno is None:
            raise TimedOut(
                None, f"no connection to {quote(host)} within {timeout} seconds"
            ) from error
        raise _not_connected(host, port, error) from error


def _not_connected(host: str, port: int, error: OSError) -> Error:
    """Convert an error of asyncio's connecting."""
    if isinstance(error, socket.gaierror):
        return io_error(f"cannot resolve {quote(host)}", error)
    numbers = re.findall(r"\[Errno (\d+)\]", str(error)) if error.errno is None else []
    if numbers:
        # It tried several addresses: report the last error, as without asyncio.
        error = OSError(int(numbers[-1]), str(error))
    return io_error(f"cannot connect to {quote(host)}, port {port}", error)


async def start_server(
    connected: Connected,
    address: Address,
    server: Server,
    *,
    on_hello: OnHello | None = None,
    handshake_timeout: float | None = 60.0,
    shutdown_timeout: float | None = 30.0,
    on_failure: Callable[[Error, Any], object] | Callable[[Error], object] | None = None,
    limit: int = _LIMIT,
    **options: Unpack[ListeningArguments],
) -> asyncio.Server:
    """Listen, and call `connected` with the streams of each client after its handshake.  If
    it is a coroutine function, it runs as a task.

    address            (host, port), or the path of a Unix socket
    on_hello           like Server(on_hello=), but a coroutine function: while it awaits
                       something, only the handshake of its own client waits
    handshake_timeout  time limit of each handshake, in seconds; None: no limit
    shutdown_timeout   as for open_connection()
    on_failure         called with the error of each handshake that failed, and with the
                       address of its client, as getpeername() gives it; a function of
                       one argument gets the error alone
    limit              reader buffer limit in bytes, as in asyncio.start_server()

    Other options go to loop.create_server() or loop.create_unix_server().  The default of
    `backlog`, how many clients may wait, is socket.SOMAXCONN.
    """
    if not isinstance(server, Server):
        raise TypeError(f"server must be a Server, not {type(server).__name__}")
    seconds = handshake_limit(handshake_timeout)
    if on_hello is not None and not callable(on_hello):
        raise TypeError(f"on_hello must be a function, not {type(on_hello).__name__}")
    report = None if on_failure is None else _with_address(on_failure)
    loop = asyncio.get_running_loop()

    def accept() -> TLSProtocol:
        reader = asyncio.StreamReader(limit=limit, loop=loop)
        connection = server.buffer()
        protocol = TLSProtocol(server, connection, reader, connected, shutdown_timeout, on_hello)
        protocol.ready.add_done_callback(lambda ready: completed(ready, protocol.address))
        if seconds is not None:
            protocol.expect(seconds)
        return protocol

    def completed(ready: asyncio.Future[TLSTransport], client: Any) -> None:
        failure = None if ready.cancelled() else ready.exception()
        if isinstance(failure, Error) and report is not None:
            report(failure, client)

    check_address(address)
    more: dict[str, Any] = {"backlog": socket.SOMAXCONN, **options}
    try:
        if isinstance(address, tuple):
            host, port = host_and_port(address)
            return await loop.create_server(accept, host or None, port, **more)
        return await loop.create_unix_server(accept, address, **more)
    except OSError as error:
        if isinstance(error, Error):
            raise
        raise io_error(f"cannot listen on {_where(address)}", error) from error


async def start_tls(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    how: Client | Server,
    *,
    server_name: str | None = None,
    sni: str | Literal[False] | None = None,
    alpn: Sequence[str] | None = None,
    identity: Identity | None = None,
    session: Session | None = None,
    timeout: float | None = 30.0,
    shutdown_timeout: float | None = 30.0,
    limit: int = _LIMIT,
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Start TLS on streams already in use, after STARTTLS or a PROXY line.  Returns new
    streams; the old ones must not be used any more.

    how               a Client or a Server
    server_name       the name to verify, required for a Client
    sni, session      for a Client, as in Client.connect()
    alpn, identity    for this connection, as in Client.connect() and Server.wrap()
    timeout           limits the handshake, in seconds; None: no limit
    shutdown_timeout  as for open_connection()
    limit             buffer limit of the new reader, in bytes

    Bytes buffered in the old reader are parsed as TLS, so that no plaintext later
    passes for encrypted data (RFC 3207, section 6).  If the handshake fails, the
    connection is closed.
    """
    if not isinstance(how, Client | Server):
        raise TypeError(f"a Client or a Server must be given, not {type(how).__name__}")
    if isinstance(how, Server):
        for name, value in (("server_name", server_name), ("sni", sni), ("session", session)):
            if value is not None:
                raise config_error(f"{name} needs a Client, and a Server was given: leave it out")
    if writer.is_closing():
        raise state_error("the connection is closed")
    if isinstance(how, Server):
        connection = how.buffer(alpn=alpn, identity=identity)
    else:
        own: Any = {"sni": sni, "alpn": alpn, "identity": identity, "session": session}
        connection = how.buffer(server_name, **own)
    encrypted = asyncio.StreamReader(limit=limit, loop=asyncio.get_running_loop())
    protocol = TLSProtocol(how, connection, encrypted, None, shutdown_timeout)
    try:
        async with asyncio.timeout(timeout):
            await writer.drain()
            protocol.take_over(reader, writer, _take_buffered(reader))
            return await protocol.streams(encrypted)
    except BaseException as error:
        protocol.give_up()
        # A time limit may pass before the protocol has the transport.
        writer.transport.abort()
        if isinstance(error, TimeoutError) and not isinstance(error, Error):
            raise TimedOut(None, f"no handshake within {timeout} seconds") from error
        raise


def _take_buffered(reader: asyncio.StreamReader) -> bytes:
    """Take all buffered bytes out of the reader, without waiting.

    They are the beginning of TLS: asyncio may have received the peer's first flight along
    with the last plain line, and the transport will not deliver it again.  The reader is
    empty afterwards, so that the bytes cannot be read as plaintext too.
    """
    # A StreamReader has no method for this; the first step of read() takes the buffer.
    reading = reader.read(sys.maxsize)
    try:
        reading.send(None)
    except StopIteration as done:
        buffered: bytes = done.value
        return buffered
    # It waits for data, so nothing is buffered.
    reading.close()
    return b""


def _with_address(on_failure: Callable[..., object]) -> Callable[[Error, Any], object]:
    """Wrap a function of one argument so that it takes the address too."""
    if not callable(on_failure):
        raise TypeError(f"on_failure must be a function, not {type(on_failure).__name__}")
    try:
        inspect.signature(on_failure).bind(None, None)
    except TypeError:
        return lambda error, _address: on_failure(error)
    except ValueError:
        # A function in C may have no signature.
        pass
    return on_failure


def _where(address: Address) -> str:
    if isinstance(address, tuple):
        host, port = address[:2]
        return f"{quote(host) if host else 'every address'}, port {port}"
    return quote_path(address) or "a text that looks like a key"
