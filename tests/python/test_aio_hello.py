"""Servers of tlsmith.aio that look something up before they answer a ClientHello."""

import asyncio

import pytest

import tlsmith
from tlsmith import aio


@pytest.fixture
def other(ca):
    return ca.issue("localhost", "other.example")


def serve_streams(server, on_hello, talk, **more):
    async def main():
        async with await aio.start_server(
            lambda reader, writer: writer.close(),
            ("127.0.0.1", 0),
            server,
            on_hello=on_hello,
            **more,
        ) as listening:
            await talk(*listening.sockets[0].getsockname())

    asyncio.run(asyncio.wait_for(main(), 30))


def test_streams_wait_for_a_decision_and_other_clients_do_not(client, server, other, identity):
    held = asyncio.Event()

    async def choose(hello):
        if hello.server_name == "other.example":
            await held.wait()
            return other
        return None

    async def talk(host, port):
        def connect(name):
            return aio.open_connection(host, port, client=client, server_name=name)

        slow = asyncio.create_task(connect("other.example"))
        streams = [await connect("localhost")]
        assert not slow.done()
        held.set()
        streams.append(await slow)
        certs = [writer.get_extra_info("tlsmith").peer for _, writer in streams]
        assert certs == [identity.cert, other.cert]
        for reader, writer in streams:
            assert await reader.read() == b""
            writer.close()
            await writer.wait_closed()

    serve_streams(server, choose, talk)


def test_streams_refuse_with_an_alert(client, server):
    failures = []

    async def choose(hello):
        return 49

    async def talk(host, port):
        with pytest.raises(tlsmith.AlertError, match="access_denied"):
            await aio.open_connection(host, port, client=client)

    serve_streams(server, choose, talk, on_failure=failures.append)
    assert [type(failure) for failure in failures] == [tlsmith.HandshakeError]


def test_on_hello_coroutine_exception_rejects_client(client, server):
    told = []

    async def choose(hello):
        await asyncio.sleep(0)
        raise LookupError("no such site")

    async def talk(host, port):
        asyncio.get_running_loop().set_exception_handler(lambda loop, told_: told.append(told_))
        with pytest.raises(tlsmith.AlertError, match="unrecognized_name"):
            await aio.open_connection(host, port, client=client)

    serve_streams(server, choose, talk)
    assert [str(one["exception"]) for one in told] == ["no such site"]


@pytest.mark.parametrize("nonsense", [0, 256, "other.example", True])
def test_a_coroutine_that_returns_nonsense_refuses_the_client(client, server, nonsense):
    async def choose(hello):
        return nonsense

    async def talk(host, port):
        asyncio.get_running_loop().set_exception_handler(lambda loop, told: None)
        with pytest.raises(tlsmith.AlertError, match="unrecognized_name"):
            await aio.open_connection(host, port, client=client)

    serve_streams(server, choose, talk)


def test_a_decision_is_cancelled_when_the_handshake_takes_too_long(client, server):
    cancelled = asyncio.Event()

    async def choose(hello):
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    async def talk(host, port):
        with pytest.raises(tlsmith.Error):
            await aio.open_connection(host, port, client=client)
        await cancelled.wait()

    serve_streams(server, choose, talk, handshake_timeout=0.1)


def test_on_hello_must_be_callable(server):
    async def talk(host, port):
        raise AssertionError

    with pytest.raises(TypeError, match="on_hello must be a function"):
        serve_streams(server, "x", talk)
