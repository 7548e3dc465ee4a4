"""WebSockets by the package of that name, with threads and with asyncio, on our
engine and on OpenSSL in both roles."""

import asyncio
import contextlib
import os
import ssl

import pytest
import websockets.asyncio.client
import websockets.asyncio.server
import websockets.sync.client
import websockets.sync.server
from conftest import thread
from peers import (
    IP_MISMATCH,
    UNKNOWN_CA,
    in_loop,
    openssl_client,
    openssl_server,
    verify_code,
)

import tlsmith

MESSAGES = ["a word", b"", os.urandom(500_000), "ü" * 70_000]


@pytest.fixture(params=["client", "server", "both"])
def contexts(request, ca, localhost):
    """The contexts of a client and a server: ours and OpenSSL's."""
    client, server = openssl_client(ca), openssl_server(localhost)
    if request.param != "server":
        client = tlsmith.Client(trust=ca).ssl_context()
    if request.param != "client":
        server = tlsmith.Server(localhost).ssl_context()
    return client, server


def check(engine, contexts):
    """That each context that is ours made one connection."""
    client, server = contexts
    assert len(engine.clients) == isinstance(client, tlsmith.ssl.SSLContext)
    assert len(engine.servers) == isinstance(server, tlsmith.ssl.SSLContext)


# With threads.


@contextlib.contextmanager
def threaded_server(context):
    def echo(connection):
        for message in connection:
            connection.send(message)

    server = websockets.sync.server.serve(echo, "127.0.0.1", 0, ssl=context)
    with thread(server.serve_forever):
        yield server.socket.getsockname()[1]
        server.shutdown()


def test_messages_between_threads(engine, contexts):
    client, server = contexts
    with threaded_server(server) as port:
        uri = f"wss://localhost:{port}"
        with websockets.sync.client.connect(uri, ssl=client, proxy=None) as connection:
            for message in MESSAGES:
                connection.send(message)
                assert connection.recv() == message
    check(engine, contexts)


def test_one_thread_sends_while_another_receives(engine, ca, localhost):
    context = tlsmith.Client(trust=ca).ssl_context()
    with threaded_server(tlsmith.Server(localhost).ssl_context()) as port:
        uri = f"wss://localhost:{port}"
        with websockets.sync.client.connect(uri, ssl=context, proxy=None) as connection:
            with thread(lambda: [connection.recv() for _ in range(200)]) as receiving:
                for number in range(200):
                    connection.send(str(number) * 100)
            assert receiving.result == [str(number) * 100 for number in range(200)]
    assert len(engine.clients) == len(engine.servers) == 1


def test_thread_rejects_untrusted_server(engine, ca, localhost):
    ours, stranger = (tlsmith.Client(trust=one).ssl_context() for one in (ca, tlsmith.CA()))
    with threaded_server(openssl_server(localhost)) as port:
        for host, context, code in (
            ("127.0.0.1", ours, IP_MISMATCH),
            ("localhost", stranger, UNKNOWN_CA),
        ):
            with pytest.raises(ssl.SSLCertVerificationError) as caught:
                websockets.sync.client.connect(f"wss://{host}:{port}", ssl=context, proxy=None)
            assert caught.value.verify_code == code
    assert len(engine.cores) == 2 and not engine.clients


# With asyncio.


def asyncio_server(context):
    async def echo(connection):
        async for message in connection:
            await connection.send(message)

    async def serve(listener, stop):
        async with websockets.asyncio.server.serve(echo, sock=listener, ssl=context):
            await stop.wait()

    return in_loop(serve)


def connect(host, port, context):
    return websockets.asyncio.client.connect(f"wss://{host}:{port}", ssl=context, proxy=None)


def test_messages_between_coroutines(engine, contexts):
    client, server = contexts

    async def talk(port):
        async with connect("localhost", port, client) as connection:
            for message in MESSAGES:
                await connection.send(message)
                assert await connection.recv() == message

    with asyncio_server(server) as port:
        asyncio.run(talk(port))
    check(engine, contexts)


def test_coroutine_rejects_untrusted_server(engine, ca, localhost):
    ours, stranger = (tlsmith.Client(trust=one).ssl_context() for one in (ca, tlsmith.CA()))

    async def be_refused(host, port, context):
        async with connect(host, port, context):
            pass

    with asyncio_server(openssl_server(localhost)) as port:
        for host, context, code in (
            ("127.0.0.1", ours, IP_MISMATCH),
            ("localhost", stranger, UNKNOWN_CA),
        ):
            with pytest.raises(ssl.SSLCertVerificationError) as caught:
                asyncio.run(be_refused(host, port, context))
            assert verify_code(caught.value) == code
    assert len(engine.cores) == 2 and not engine.clients
