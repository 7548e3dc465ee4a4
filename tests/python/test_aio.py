"""tlsmith.aio: asyncio streams over our connections, with asyncio's own streams
over the standard library's `ssl` as the peer."""

import asyncio
import ssl

import pytest
from conftest import ssl_context

import tlsmith
from tlsmith import aio


def run(coroutine):
    async def limited():
        async with asyncio.timeout(30):
            return await coroutine

    return asyncio.run(limited())


async def echo(reader, writer):
    while data := await reader.read(65_536):
        writer.write(data)
        await writer.drain()
    writer.close()
    await writer.wait_closed()


async def exchange(reader, writer, data):
    async def write():
        writer.write(data)
        await writer.drain()
        writer.write_eof()

    _, back = await asyncio.gather(write(), reader.read())
    writer.close()
    await writer.wait_closed()
    return back


def test_client_connects_to_asyncio_server(ca, identity):
    async def main():
        server = await asyncio.start_server(
            echo, "127.0.0.1", 0, ssl=ssl_context(ssl.PROTOCOL_TLS_SERVER, identity)
        )
        async with server:
            address = server.sockets[0].getsockname()
            reader, writer = await aio.open_connection(*address, client=tlsmith.Client(trust=ca))
            assert writer.get_extra_info("tlsmith").info.version == "1.3"
            writer.write(b"hello")
            assert await reader.readexactly(5) == b"hello"
            writer.close()
            await writer.wait_closed()

    run(main())


def test_server_accepts_asyncio_client(ca, identity):
    async def main():
        server = await aio.start_server(echo, ("127.0.0.1", 0), tlsmith.Server(identity))
        async with server:
            address = server.sockets[0].getsockname()
            reader, writer = await asyncio.open_connection(
                *address,
                ssl=ssl_context(ssl.PROTOCOL_TLS_CLIENT, ca=ca),
                server_hostname="localhost",
            )
            writer.write(b"hello")
            assert await reader.readexactly(5) == b"hello"
            writer.close()
            await writer.wait_closed()

    run(main())


def test_megabytes_go_both_ways_at_once_with_half_close(ca, identity):
    data = bytes(range(256)) * 40_000

    async def main():
        server = await aio.start_server(echo, ("localhost", 0), tlsmith.Server(identity))
        async with server:
            port = server.sockets[0].getsockname()[1]
            reader, writer = await aio.open_connection(
                "localhost", port, client=tlsmith.Client(trust=ca)
            )
            assert await exchange(reader, writer, data) == data

    run(main())


def test_server_works_over_unix_socket(ca, identity, tmp_path):
    path = tmp_path / "socket"

    async def main():
        async with await aio.start_server(echo, path, tlsmith.Server(identity)):
            client = tlsmith.Client(trust=ca)

            def talk():
                with client.connect(path, server_name="localhost") as sock:
                    sock.sendall(b"hello")
                    return sock.recv()

            assert await asyncio.to_thread(talk) == b"hello"

    run(main())


def test_untrusted_server_fails_on_both_sides(ca, identity):
    failures = []

    async def main():
        server = await aio.start_server(
            echo, ("127.0.0.1", 0), tlsmith.Server(identity), on_failure=failures.append
        )
        async with server:
            address = server.sockets[0].getsockname()
            with pytest.raises(tlsmith.VerifyError, match=r"other\.example") as caught:
                await aio.open_connection(
                    *address, client=tlsmith.Client(trust=ca), server_name="other.example"
                )
            assert caught.value.chain[0] == identity.cert
            while not failures:
                await asyncio.sleep(0)

    run(main())
    assert isinstance(failures[0], (tlsmith.AlertError, OSError))


def test_truncation_differs_from_close_notify(ca, identity):
    async def cut(reader, writer):
        writer.write(b"half of it")
        await writer.drain()
        # The plain transport below, which knows nothing of close_notify.
        writer.transport._plain.close()

    async def main():
        server = await aio.start_server(cut, ("127.0.0.1", 0), tlsmith.Server(identity))
        async with server:
            address = server.sockets[0].getsockname()
            reader, _writer = await aio.open_connection(*address, client=tlsmith.Client(trust=ca))
            assert await reader.readexactly(10) == b"half of it"
            with pytest.raises(tlsmith.TruncatedError):
                await reader.read()

    run(main())


def test_server_drops_silent_client_in_time(identity):
    failures = []

    async def main():
        server = await aio.start_server(
            echo,
            ("127.0.0.1", 0),
            tlsmith.Server(identity),
            handshake_timeout=0.05,
            on_failure=failures.append,
        )
        async with server:
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            assert await reader.read() == b""
            writer.close()

    run(main())
    assert isinstance(failures[0], tlsmith.TimedOut)


def test_connect_to_silent_server_times_out(ca):
    async def main():
        server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
        async with server:
            with pytest.raises(tlsmith.TimedOut, match=r"0\.05 seconds"):
                await aio.open_connection(
                    *server.sockets[0].getsockname(), client=tlsmith.Client(trust=ca), timeout=0.05
                )

    run(main())


def test_slow_reader_blocks_the_writer(ca, identity):
    async def main():
        total = 8 << 20
        stalled = asyncio.Event()

        async def flood(_reader, writer):
            sent = 0
            while sent < total:
                writer.write(bytes(65_536))
                sent += 65_536
                if writer.transport.get_write_buffer_size() > 65_536:
                    stalled.set()
                await writer.drain()
            writer.close()

        server = await aio.start_server(flood, ("127.0.0.1", 0), tlsmith.Server(identity))
        async with server:
            address = server.sockets[0].getsockname()
            reader, _writer = await aio.open_connection(*address, client=tlsmith.Client(trust=ca))
            await stalled.wait()
            assert len(await reader.read()) == total

    run(main())


def test_wrong_arguments(server):
    async def main():
        with pytest.raises(TypeError, match="server must be a Server, not int"):
            await aio.start_server(echo, ("127.0.0.1", 0), 5)
        with pytest.raises(TypeError, match="client must be a Client, not Server"):
            await aio.open_connection("localhost", 443, client=server)
        for port in (True, "443", 1.5, None):
            with pytest.raises(TypeError, match="a port must be an int"):
                await aio.open_connection("localhost", port)
        for port in (-1, 70_000):
            with pytest.raises(tlsmith.ConfigError, match=f"the port is {port}"):
                await aio.open_connection("localhost", port)
        for address in (None, ["localhost", 0], ("localhost",)):
            with pytest.raises(TypeError, match=r"\(host, port\)"):
                await aio.start_server(echo, address, server)

    run(main())
