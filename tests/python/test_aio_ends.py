"""How connections of asyncio end, those of tlsmith.aio and those of tlsmith.ssl: peers
that send on after close_notify, peers that do not read, calls that are cancelled."""

import asyncio
import contextlib
import gc
import logging
import socket
import ssl
import threading

import pytest
from conftest import PATIENCE, socketpair

import tlsmith
import tlsmith.ssl
from tlsmith import aio


def run(coroutine):
    return asyncio.run(asyncio.wait_for(coroutine, PATIENCE))


async def receive_handshake(loop, sock, connection):
    """Complete a handshake of a connection without I/O over a plain socket."""
    while connection.handshaking:
        await loop.sock_sendall(sock, connection.data_to_send())
        if connection.handshaking:
            connection.receive_data(await loop.sock_recv(sock, 65_536))
    await loop.sock_sendall(sock, connection.data_to_send())


async def flood_until_stalled(loop, sock):
    """Send what is not TLS until nobody takes any more: how many bytes."""
    sent, junk = 0, bytes(65_536)
    with contextlib.suppress(ConnectionError, TimeoutError):
        while sent < 64 << 20:
            await asyncio.wait_for(loop.sock_sendall(sock, junk), 0.5)
            sent += len(junk)
    return sent


def servers_of_asyncio(kind, identity, handle, path):
    """A server of tlsmith.aio, or of asyncio over tlsmith.ssl, in one event loop or the
    other, to be awaited."""
    if kind == "tlsmith.aio":
        return aio.start_server(handle, path, tlsmith.Server(identity))
    context = tlsmith.ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    identity.configure(context)
    return asyncio.start_unix_server(handle, path, ssl=context)


def runner_of(loop):
    if loop == "asyncio":
        return asyncio.Runner()
    import uvloop

    return asyncio.Runner(loop_factory=uvloop.new_event_loop)


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
@pytest.mark.parametrize("kind", ["tlsmith.aio", "tlsmith.ssl"])
@pytest.mark.parametrize("does", ["reads", "waits", "writes", "closes"])
def test_no_more_is_received_after_the_peers_close_notify(kind, loop, does, ca, identity, tmp_path):
    path = str(tmp_path / "socket")

    async def main():
        stalled = asyncio.Event()

        async def handle(reader, writer):
            if does == "reads":
                assert await reader.read() == b"request"
            elif does != "waits":
                # More than the client, which reads nothing, lets through.
                writer.write(bytes(8 << 20))
            if does == "closes":
                writer.close()
            await stalled.wait()
            with contextlib.suppress(OSError):
                writer.write(b"answer")
                writer.close()
                await writer.wait_closed()

        running = asyncio.get_running_loop()
        async with await servers_of_asyncio(kind, identity, handle, path):
            with socket.socket(socket.AF_UNIX) as sock:
                sock.setblocking(False)
                await running.sock_connect(sock, path)
                connection = tlsmith.Client(trust=ca).buffer("localhost")
                await receive_handshake(running, sock, connection)
                connection.write(b"request")
                connection.close()
                await running.sock_sendall(sock, connection.data_to_send())
                sent = await flood_until_stalled(running, sock)
                assert sent < 4 << 20
                stalled.set()
                if kind == "tlsmith.ssl" or does in ("writes", "closes"):
                    # asyncio answers close_notify with its own at once.
                    return
                answer = b""
                while not answer:
                    connection.receive_data(await running.sock_recv(sock, 65_536))
                    with contextlib.suppress(tlsmith.WantRead):
                        answer = connection.read()
                assert answer == b"answer"

    with runner_of(loop) as runner:
        runner.run(asyncio.wait_for(main(), PATIENCE))


def test_reading_can_be_resumed_after_the_end_and_nothing_comes(ca, identity):
    async def main():
        ended = asyncio.Event()

        async def handle(reader, writer):
            assert await reader.read() == b"request"
            writer.transport.pause_reading()
            writer.transport.resume_reading()
            assert writer.transport.is_reading()
            assert await reader.read() == b""
            writer.write(b"answer")
            writer.close()
            ended.set()

        async with await aio.start_server(handle, ("127.0.0.1", 0), tlsmith.Server(identity)) as s:
            address = s.sockets[0].getsockname()
            reader, writer = await aio.open_connection(*address, client=tlsmith.Client(trust=ca))
            writer.write(b"request")
            writer.write_eof()
            assert await reader.read() == b"answer"
            await ended.wait()
            writer.close()
            await writer.wait_closed()

    run(main())


def test_both_ends_of_tlsmith_ssl_close_in_every_loop(context, serving):
    """Which waits for SSLZeroReturnError, or that the loop's own timeout passes."""

    async def main():
        done = asyncio.Event()

        async def handle(reader, writer):
            assert await reader.read() == b"request"
            writer.close()
            await writer.wait_closed()
            done.set()

        async with await asyncio.start_server(
            handle, "127.0.0.1", 0, ssl=serving, ssl_shutdown_timeout=10 * PATIENCE
        ) as server:
            address = server.sockets[0].getsockname()
            _reader, writer = await asyncio.open_connection(
                *address,
                ssl=context,
                server_hostname="localhost",
                ssl_shutdown_timeout=10 * PATIENCE,
            )
            writer.write(b"request")
            writer.close()
            await writer.wait_closed()
            await done.wait()

    for loop in ("asyncio", "uvloop"):
        with runner_of(loop) as runner:
            runner.run(asyncio.wait_for(main(), PATIENCE))


# Peers that do not read.


def test_close_gives_up_on_a_peer_that_does_not_read(ca, identity, tmp_path):
    path = str(tmp_path / "socket")

    async def main():
        failures = asyncio.Queue()

        async def handle(_reader, writer):
            writer.write(bytes(4 << 20))
            writer.close()
            try:
                await writer.wait_closed()
                failures.put_nowait(None)
            except OSError as error:
                failures.put_nowait(error)

        server = tlsmith.Server(identity)
        async with await aio.start_server(handle, path, server, shutdown_timeout=0.1):
            running = asyncio.get_running_loop()
            with socket.socket(socket.AF_UNIX) as sock:
                sock.setblocking(False)
                await running.sock_connect(sock, path)
                connection = tlsmith.Client(trust=ca).buffer("localhost")
                await receive_handshake(running, sock, connection)
                failure = await failures.get()
        assert isinstance(failure, tlsmith.TimedOut)
        assert "0.1 s of close()" in str(failure)

    run(main())


def test_client_close_times_out(ca, identity):
    async def main():
        near, far = socketpair()
        near.setblocking(False)
        shaking = threading.Thread(
            target=lambda: tlsmith.Server(identity).wrap(far).detach(), daemon=True
        )
        shaking.start()
        _reader, writer = await aio.open_connection(
            None,
            None,
            sock=near,
            happy_eyeballs_delay=None,
            client=tlsmith.Client(trust=ca),
            server_name="localhost",
            shutdown_timeout=0.1,
        )
        writer.write(bytes(4 << 20))
        writer.close()
        with pytest.raises(tlsmith.TimedOut, match=r"0\.1 s of close"):
            await writer.wait_closed()

    run(main())


def test_close_waits_for_a_reading_peer(ca, identity):
    total = 4 << 20

    async def main():
        async def handle(_reader, writer):
            writer.write(bytes(total))
            writer.close()
            await writer.wait_closed()

        server = tlsmith.Server(identity)
        async with await aio.start_server(
            handle, ("127.0.0.1", 0), server, shutdown_timeout=None
        ) as listening:
            address = listening.sockets[0].getsockname()
            reader, writer = await aio.open_connection(*address, client=tlsmith.Client(trust=ca))
            assert len(await reader.read()) == total
            writer.close()
            await writer.wait_closed()

    run(main())


# Calls that are cancelled.


@pytest.mark.parametrize("how", ["cancelled", "timeout"])
def test_an_open_connection_that_ends_early_logs_nothing(how, ca, caplog):
    caplog.set_level(logging.DEBUG, "asyncio")
    told = []

    async def main():
        asyncio.get_running_loop().set_exception_handler(lambda _loop, what: told.append(what))
        accepted, done = asyncio.Event(), asyncio.Event()

        async def accept(reader, writer):
            await reader.readexactly(1)
            accepted.set()
            with contextlib.suppress(OSError):
                await reader.read()
            writer.close()
            done.set()

        async with await asyncio.start_server(accept, "127.0.0.1", 0) as server:
            address = server.sockets[0].getsockname()
            opening = asyncio.create_task(
                aio.open_connection(
                    *address,
                    client=tlsmith.Client(trust=ca),
                    timeout=0.05 if how == "timeout" else 30,
                )
            )
            await accepted.wait()
            if how == "cancelled":
                opening.cancel()
            with pytest.raises((asyncio.CancelledError, tlsmith.TimedOut)):
                await opening
            del opening
            await done.wait()
            gc.collect()

    run(main())
    gc.collect()
    records = [one for one in caplog.records if one.levelno > logging.DEBUG]
    assert told == [] and records == []


def test_a_connection_cancelled_at_any_moment_logs_nothing(ca, identity, caplog):
    """After each number of turns of the loop, from the first to where it is open."""
    caplog.set_level(logging.INFO, "asyncio")
    told = []

    async def main():
        asyncio.get_running_loop().set_exception_handler(lambda _loop, what: told.append(what))

        async def handle(reader, writer):
            with contextlib.suppress(OSError):
                await reader.read()
            writer.close()

        async with await aio.start_server(handle, ("127.0.0.1", 0), tlsmith.Server(identity)) as s:
            address = s.sockets[0].getsockname()
            turns, is_open = 0, False
            while not is_open:
                # A name that the certificate is not for: it fails at the last moment.
                for name in ("localhost", "other.example"):
                    opening = asyncio.create_task(
                        aio.open_connection(
                            *address, client=tlsmith.Client(trust=ca), server_name=name
                        )
                    )
                    for _ in range(turns):
                        await asyncio.sleep(0)
                    opening.cancel()
                    try:
                        _reader, writer = await opening
                        is_open = True
                        writer.close()
                        await writer.wait_closed()
                    except (asyncio.CancelledError, tlsmith.VerifyError):
                        pass
                    del opening
                turns += 1
            assert turns > 3
            gc.collect()

    run(main())
    gc.collect()
    assert told == [] and caplog.records == []
