"""Streams of asyncio, uvloop, trio and anyio on our engine, against OpenSSL in both
roles."""

import asyncio
import contextlib
import hashlib
import os
import ssl

import anyio
import anyio.streams.tls
import pytest
import trio
import uvloop
from conftest import PATIENCE
from peers import (
    HOSTNAME_MISMATCH,
    IP_MISMATCH,
    UNKNOWN_CA,
    openssl_client,
    openssl_server,
    verify_code,
)

import tlsmith
import tlsmith.ssl

DATA = os.urandom(1_000_000)

LOOPS = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


@pytest.fixture(params=LOOPS)
def run(request):
    """Runs a coroutine on a loop of each kind."""

    def run(coroutine):
        with asyncio.Runner(loop_factory=LOOPS[request.param]) as runner:
            return runner.run(asyncio.wait_for(coroutine, PATIENCE))

    return run


@pytest.fixture(params=["client", "server", "both"])
def contexts(request, ca, localhost):
    """The contexts of a client and a server: ours and OpenSSL's."""
    client = server = None
    if request.param != "server":
        client = tlsmith.Client(trust=ca).ssl_context()
    if request.param != "client":
        server = tlsmith.Server(localhost).ssl_context()
    return client or openssl_client(ca), server or openssl_server(localhost)


def check(engine, contexts):
    """That each context that is ours made one connection."""
    client, server = contexts
    assert len(engine.clients) == isinstance(client, tlsmith.ssl.SSLContext)
    assert len(engine.servers) == isinstance(server, tlsmith.ssl.SSLContext)


@pytest.fixture
def refusals(ca, localhost):
    """Where a client goes, what it trusts, and what is wrong with that."""
    client = tlsmith.Client(trust=ca).ssl_context()
    stranger = tlsmith.Client(trust=tlsmith.CA()).ssl_context()
    return (
        ("127.0.0.1", None, client, IP_MISMATCH),
        ("127.0.0.1", "other.test", client, HOSTNAME_MISMATCH),
        ("127.0.0.1", "localhost", stranger, UNKNOWN_CA),
    )


# asyncio and uvloop.


async def answer(reader, writer):
    """Sends the digest of what comes, and it back."""
    data = await reader.readexactly(len(DATA))
    writer.write(hashlib.sha256(data).digest() + data)
    await writer.drain()
    writer.close()
    # A client that closes first may have gone before the end.
    with contextlib.suppress(OSError):
        await writer.wait_closed()


async def ask(reader, writer):
    writer.write(DATA)
    await writer.drain()
    assert await reader.readexactly(32) == hashlib.sha256(DATA).digest()
    assert await reader.readexactly(len(DATA)) == DATA
    assert await reader.read() == b""
    writer.close()
    await writer.wait_closed()


def port_of(server):
    return server.sockets[0].getsockname()[1]


def test_streams_of_asyncio(engine, run, contexts):
    client, server = contexts

    async def main():
        async with await asyncio.start_server(answer, "127.0.0.1", 0, ssl=server) as serving:
            streams = await asyncio.open_connection("localhost", port_of(serving), ssl=client)
            tls = streams[1].get_extra_info("ssl_object")
            assert isinstance(tls, ssl.SSLObject)
            assert tls.version() == "TLSv1.3"
            assert streams[1].get_extra_info("peercert")["subjectAltName"] == (
                ("DNS", "localhost"),
            )
            await ask(*streams)

    run(main())
    check(engine, contexts)


def test_asyncio_rejects_untrusted_server(engine, run, localhost, refusals):
    async def main():
        serving = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=openssl_server(localhost))
        async with serving:
            for host, name, context, code in refusals:
                with pytest.raises(ssl.SSLCertVerificationError) as caught:
                    await asyncio.open_connection(
                        host, port_of(serving), ssl=context, server_hostname=name
                    )
                assert caught.value.verify_code == code

    run(main())
    assert len(engine.cores) == 3 and not engine.clients


def test_start_tls_of_streams(engine, run, contexts):
    """The whole of STARTTLS: plain lines first, then TLS on the same connection."""
    client, server = contexts

    async def upgrade(reader, writer):
        assert await reader.readline() == b"STARTTLS\n"
        writer.write(b"go\n")
        await writer.drain()
        await writer.start_tls(server)
        await answer(reader, writer)

    async def main():
        async with await asyncio.start_server(upgrade, "127.0.0.1", 0) as serving:
            reader, writer = await asyncio.open_connection("localhost", port_of(serving))
            writer.write(b"STARTTLS\n")
            assert await reader.readline() == b"go\n"
            await writer.start_tls(client, server_hostname="localhost")
            assert writer.get_extra_info("ssl_object").version() == "TLSv1.3"
            await ask(reader, writer)

    run(main())
    check(engine, contexts)


def test_start_tls_rejects_untrusted_server(engine, run, localhost, refusals):
    async def upgrade(_reader, writer):
        # The client is gone by the end of this.
        with contextlib.suppress(OSError):
            await writer.start_tls(openssl_server(localhost))
        writer.close()

    async def main():
        async with await asyncio.start_server(upgrade, "127.0.0.1", 0) as serving:
            for host, name, context, code in refusals:
                _, writer = await asyncio.open_connection(host, port_of(serving))
                with pytest.raises(ssl.SSLCertVerificationError) as caught:
                    await writer.start_tls(context, server_hostname=name or host)
                assert caught.value.verify_code == code

    run(main())
    assert len(engine.cores) == 3 and not engine.clients


def test_unanswered_handshake_times_out(engine, run, ca):
    async def silent(reader, writer):
        await reader.read()
        writer.close()

    async def main():
        context = tlsmith.Client(trust=ca).ssl_context()
        async with await asyncio.start_server(silent, "127.0.0.1", 0) as serving:
            with pytest.raises(ConnectionAbortedError, match="handshake is taking longer"):
                await asyncio.open_connection(
                    "localhost", port_of(serving), ssl=context, ssl_handshake_timeout=0.1
                )

    run(main())
    assert engine.cores and not engine.clients


def test_a_thousand_small_messages_arrive_in_order(engine, run, contexts):
    client, server = contexts

    async def echo(reader, writer):
        while line := await reader.readline():
            writer.write(line)
        writer.close()

    async def main():
        async with await asyncio.start_server(echo, "127.0.0.1", 0, ssl=server) as serving:
            reader, writer = await asyncio.open_connection(
                "localhost", port_of(serving), ssl=client
            )
            for number in range(1000):
                writer.write(b"%d\n" % number)
            assert [int(await reader.readline()) for _ in range(1000)] == list(range(1000))
            writer.close()
            await writer.wait_closed()

    run(main())
    check(engine, contexts)


# trio.


def test_streams_of_trio(engine, contexts):
    client, server = contexts

    async def echo(stream):
        async for data in stream:
            await stream.send_all(data)

    async def main():
        with trio.fail_after(PATIENCE):
            async with trio.open_nursery() as nursery:
                listeners = await nursery.start(
                    lambda task_status: trio.serve_ssl_over_tcp(
                        echo, 0, server, host="127.0.0.1", task_status=task_status
                    )
                )
                port = listeners[0].transport_listener.socket.getsockname()[1]
                stream = await trio.open_ssl_over_tcp_stream("localhost", port, ssl_context=client)
                async with stream, trio.open_nursery() as both:
                    both.start_soon(stream.send_all, DATA)
                    got = b""
                    while len(got) < len(DATA):
                        got += await stream.receive_some()
                    assert got == DATA
                nursery.cancel_scope.cancel()

    trio.run(main)
    check(engine, contexts)


def test_trio_rejects_untrusted_server(engine, localhost, refusals):
    async def be_refused(stream):
        with pytest.raises(trio.BrokenResourceError):
            await stream.do_handshake()

    async def main():
        with trio.fail_after(PATIENCE):
            async with trio.open_nursery() as nursery:
                plain = (await trio.open_tcp_listeners(0, host="127.0.0.1"))[0]
                listener = trio.SSLListener(plain, openssl_server(localhost))
                nursery.start_soon(trio.serve_listeners, be_refused, [listener])
                for host, name, context, code in refusals:
                    stream = trio.SSLStream(
                        await trio.open_tcp_stream(host, plain.socket.getsockname()[1]),
                        context,
                        server_hostname=name or host,
                    )
                    with pytest.raises(trio.BrokenResourceError) as caught:
                        await stream.do_handshake()
                    assert verify_code(caught.value) == code
                    await trio.aclose_forcefully(stream)
                nursery.cancel_scope.cancel()

    trio.run(main)
    assert len(engine.cores) == 3 and not engine.clients


# anyio, on each of what it runs on.

BACKENDS = {
    "asyncio": ("asyncio", {}),
    "uvloop": ("asyncio", {"use_uvloop": True}),
    "trio": ("trio", {}),
}


@pytest.fixture(params=BACKENDS)
def run_anyio(request):
    backend, options = BACKENDS[request.param]

    def run(main):
        async def patiently():
            with anyio.fail_after(PATIENCE):
                await main()

        anyio.run(patiently, backend=backend, backend_options=options)

    return run


@contextlib.asynccontextmanager
async def anyio_server(context):
    """An echo server; its port."""

    async def echo(stream):
        async with stream:
            async for data in stream:
                await stream.send(data)

    plain = await anyio.create_tcp_listener(local_host="127.0.0.1")
    port = plain.extra(anyio.abc.SocketAttribute.local_port)
    async with anyio.create_task_group() as tasks:
        listener = anyio.streams.tls.TLSListener(plain, context, standard_compatible=True)
        tasks.start_soon(listener.serve, echo)
        yield port
        tasks.cancel_scope.cancel()
    await plain.aclose()


def test_streams_of_anyio(engine, run_anyio, contexts):
    client, server = contexts

    async def main():
        async with anyio_server(server) as port:
            stream = await anyio.connect_tcp("localhost", port, ssl_context=client)
            tls = stream.extra(anyio.streams.tls.TLSAttribute.ssl_object)
            assert isinstance(tls, ssl.SSLObject)
            async with stream, anyio.create_task_group() as tasks:
                tasks.start_soon(stream.send, DATA)
                got = b""
                while len(got) < len(DATA):
                    got += await stream.receive()
                assert got == DATA

    run_anyio(main)
    check(engine, contexts)


def test_anyio_rejects_untrusted_server(engine, run_anyio, localhost, refusals):
    async def main():
        async with anyio_server(openssl_server(localhost)) as port:
            for host, name, context, code in refusals:
                with pytest.raises(ssl.SSLCertVerificationError) as caught:
                    await anyio.connect_tcp(
                        host, port, ssl_context=context, tls_hostname=name or host
                    )
                assert caught.value.verify_code == code

    run_anyio(main)
    assert len(engine.cores) == 3 and not engine.clients


def test_anyio_creates_tlsmith_contexts_after_install(
    installed, run_anyio, localhost, monkeypatch, ca_file
):
    monkeypatch.setenv("SSL_CERT_FILE", ca_file)

    async def main():
        async with anyio_server(openssl_server(localhost)) as port:
            async with await anyio.connect_tcp("localhost", port, tls=True) as stream:
                await stream.send(b"hello")
                assert await stream.receive() == b"hello"

    run_anyio(main)
    assert len(installed.clients) == 1
