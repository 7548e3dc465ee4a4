"""TLS that begins in the middle of a connection: STARTTLS, the line of a proxy, and
bytes that were read too early."""

import asyncio
import contextlib
import gc
import socket
import ssl

import pytest
from conftest import PATIENCE, socketpair, ssl_context, thread

import tlsmith
from tlsmith import aio

PROXY = b"PROXY TCP4 192.0.2.1 192.0.2.2 56324 443\r\n"


def run(loop, coroutine):
    with runner_of(loop) as runner:
        return runner.run(asyncio.wait_for(coroutine, PATIENCE))


def runner_of(loop):
    if loop == "asyncio":
        return asyncio.Runner()
    import uvloop

    return asyncio.Runner(loop_factory=uvloop.new_event_loop)


@pytest.fixture(params=["asyncio", "uvloop"])
def loop(request):
    return request.param


async def close(writer):
    writer.close()
    await writer.wait_closed()


# asyncio.


async def starttls_server(server, answers, reader, writer):
    """A server that is asked for TLS in the clear, and echoes."""
    try:
        assert await reader.readline() == b"STARTTLS\r\n"
        writer.write(b"220 ready\r\n" + answers)
        await writer.drain()
        secret, sink = await aio.start_tls(reader, writer, server)
        sink.write(await secret.read(100))
        await close(sink)
    except tlsmith.Error:
        pass


async def starttls_listening(identity, answers=b""):
    """What accepts clients of starttls_server() on a port of its own."""
    server = tlsmith.Server(identity)
    return await asyncio.start_server(
        lambda *streams: starttls_server(server, answers, *streams), "127.0.0.1", 0
    )


async def starttls(address):
    """The streams of a client at the point where TLS begins."""
    reader, writer = await asyncio.open_connection(*address)
    writer.write(b"STARTTLS\r\n")
    assert await reader.readline() == b"220 ready\r\n"
    return reader, writer


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_starttls_upgrades_both_sides(loop, version, ca, identity):
    client = tlsmith.Client(trust=ca, max_version=version)

    async def main():
        listening = await starttls_listening(identity)
        async with listening:
            old = await starttls(listening.sockets[0].getsockname())
            reader, writer = await aio.start_tls(*old, client, server_name="localhost")
            assert writer.get_extra_info("tlsmith").info.version == version
            writer.write(b"secret")
            writer.write_eof()
            assert await reader.read() == b"secret"
            await close(writer)
            # The old streams are told, too, and nobody waits for them for ever.
            await old[1].wait_closed()
            assert await old[0].read() == b""

    run(loop, main())


@pytest.mark.parametrize("server_name", ["other.example", None])
def test_upgrade_rejects_wrong_server(loop, server_name, ca, identity):
    async def main():
        listening = await starttls_listening(identity)
        async with listening:
            old = await starttls(listening.sockets[0].getsockname())
            expected = tlsmith.VerifyError if server_name else tlsmith.ConfigError
            with pytest.raises(expected):
                client = tlsmith.Client(trust=ca)
                await aio.start_tls(*old, client, server_name=server_name)
            assert old[1].is_closing() is bool(server_name)
            old[1].close()

    run(loop, main())


def test_plaintext_is_never_read_as_encrypted(loop, ca, identity):
    async def main():
        listening = await starttls_listening(identity, b"250 injected\r\n")
        async with listening:
            old = await starttls(listening.sockets[0].getsockname())
            await asyncio.sleep(0)
            with pytest.raises(tlsmith.HandshakeError):
                client = tlsmith.Client(trust=ca)
                await aio.start_tls(*old, client, server_name="localhost")

    run(loop, main())


def test_a_client_hello_behind_the_line_of_a_proxy_is_not_lost(loop, ca, identity):
    server = tlsmith.Server(identity)
    found = []

    async def handle(reader, writer):
        found.append(await reader.readline())
        secret, sink = await aio.start_tls(reader, writer, server)
        found.append(await secret.readexactly(5))
        sink.write(b"world")
        await close(sink)

    def talk(address):
        connection = tlsmith.Client(trust=ca).buffer("localhost")
        with socket.create_connection(address, PATIENCE) as sock:
            # In one segment with the line.
            sock.sendall(PROXY + connection.data_to_send())
            while connection.handshaking:
                connection.receive_data(sock.recv(65_536))
                sock.sendall(connection.data_to_send())
            connection.write(b"hello")
            sock.sendall(connection.data_to_send())
            while True:
                with contextlib.suppress(tlsmith.WantRead):
                    return connection.read()
                connection.receive_data(sock.recv(65_536))

    async def main():
        listening = await asyncio.start_server(handle, "127.0.0.1", 0)
        async with listening:
            address = listening.sockets[0].getsockname()
            assert await asyncio.to_thread(talk, address) == b"world"

    run(loop, main())
    assert found == [PROXY, b"hello"]


def test_upgrade_times_out_with_silent_peer(loop, identity):
    async def main():
        near, far = socketpair()
        with far:
            near.setblocking(False)
            streams = await asyncio.open_connection(sock=near)
            with pytest.raises(tlsmith.TimedOut, match=r"no handshake within 0\.05 seconds"):
                await aio.start_tls(*streams, tlsmith.Server(identity), timeout=0.05)
            with contextlib.suppress(tlsmith.Error):
                await streams[1].wait_closed()
            assert far.recv(1) == b""

    run(loop, main())


@pytest.mark.parametrize("when", ["before", "while it begins"])
def test_a_peer_that_hangs_up_ends_the_upgrade(loop, when, identity):
    async def main():
        near, far = socketpair()
        near.setblocking(False)
        reader, writer = await asyncio.open_connection(sock=near)
        if when == "before":
            far.close()
            assert await reader.read() == b""
        else:
            asyncio.get_running_loop().call_later(0.05, far.close)
        with pytest.raises(tlsmith.Error) as caught:
            await aio.start_tls(reader, writer, tlsmith.Server(identity))
        assert caught.value.code in ("truncated", "io")

    run(loop, main())


def test_streams_that_are_dropped_after_an_upgrade_do_not_close_it(loop, ca, identity):
    async def main():
        near, far = socketpair()
        for sock in (near, far):
            sock.setblocking(False)

        async def upgraded(sock, how, **options):
            return await aio.start_tls(*await asyncio.open_connection(sock=sock), how, **options)

        client = tlsmith.Client(trust=ca)
        (reader, writer), (other, sink) = await asyncio.gather(
            upgraded(near, client, server_name="localhost"),
            upgraded(far, tlsmith.Server(identity)),
        )
        gc.collect()
        writer.write(b"still here")
        assert await other.readexactly(10) == b"still here"
        await asyncio.gather(close(writer), close(sink))
        assert await reader.read() == b""

    run(loop, main())


def test_megabytes_wait_for_the_upgrade(loop, ca, identity):
    """What is written in the clear before is all sent in the clear."""
    data = bytes(4 << 20)

    async def handle(reader, writer):
        writer.write(data)
        _, sink = await aio.start_tls(reader, writer, tlsmith.Server(identity))
        sink.write(b"end")
        await close(sink)

    async def main():
        listening = await asyncio.start_server(handle, "127.0.0.1", 0)
        async with listening:
            address = listening.sockets[0].getsockname()
            reader, writer = await asyncio.open_connection(*address)
            assert await reader.readexactly(len(data)) == data
            client = tlsmith.Client(trust=ca)
            reader, writer = await aio.start_tls(reader, writer, client, server_name="localhost")
            assert await reader.read() == b"end"
            await close(writer)

    run(loop, main())


def test_an_upgrade_refuses_wrong_arguments(identity):
    async def main():
        near, far = socketpair()
        near.setblocking(False)
        with far:
            streams = await asyncio.open_connection(sock=near)
            server = tlsmith.Server(identity)
            with pytest.raises(TypeError, match="must be given, not SSLContext"):
                await aio.start_tls(*streams, server.ssl_context())
            with pytest.raises(tlsmith.ConfigError, match="server_name needs a Client"):
                await aio.start_tls(*streams, server, server_name="localhost")
            await close(streams[1])
            with pytest.raises(tlsmith.Error, match="closed") as caught:
                await aio.start_tls(*streams, server)
            assert caught.value.code == "state"

    asyncio.run(main())


# What asyncio's libraries ask.


@pytest.mark.parametrize("with_certificate", [False, True])
def test_streams_have_asyncios_extra_info(with_certificate, ca, identity):
    alice = ca.issue_client("alice@example.org") if with_certificate else None
    names = ("peercert", "cipher", "compression", "ssl_object", "peername", "sockname", "nothing")
    told = {}

    def note(who, writer):
        told[who] = {name: writer.get_extra_info(name, "default") for name in names}

    async def main():
        done = asyncio.Event()

        async def handle(_reader, writer):
            note("server", writer)
            done.set()
            await close(writer)

        server = tlsmith.Server(identity, client_trust=ca, client_auth="optional")
        async with await aio.start_server(handle, ("127.0.0.1", 0), server) as listening:
            address = listening.sockets[0].getsockname()
            client = tlsmith.Client(trust=ca, identity=alice)
            reader, writer = await aio.open_connection(
                *address, client=client, server_name="localhost"
            )
            note("client", writer)
            told["address"] = address
            await done.wait()
            assert await reader.read() == b""
            await close(writer)

    asyncio.run(asyncio.wait_for(main(), PATIENCE))
    ours, theirs = told["client"], told["server"]
    assert ours["peername"] == theirs["sockname"] == told["address"]
    assert theirs["peername"] == ours["sockname"]
    assert ours["peercert"] == identity.cert.as_dict()
    assert theirs["peercert"] == (alice.cert.as_dict() if alice else None)
    assert ours["cipher"] == theirs["cipher"]
    assert ours["cipher"][1:] == ("TLSv1.3", 256)
    assert ours["compression"] is theirs["compression"] is None
    assert ours["nothing"] == "default"
    view = ours["ssl_object"]
    assert (view.version(), view.selected_alpn_protocol()) == ("TLSv1.3", None)
    assert (view.server_side, view.server_hostname) == (False, "localhost")
    assert view.getpeercert(binary_form=True) == identity.cert.der
    assert view.session_reused is False
    binding = view.get_channel_binding("tls-exporter")
    assert binding == theirs["ssl_object"].get_channel_binding("tls-exporter")
    assert theirs["ssl_object"].server_side


def test_extra_info_equals_that_of_asyncio_over_ssl(ca, identity):
    found = []

    async def handle(reader, writer):
        await reader.read()
        writer.close()

    async def main():
        server = await aio.start_server(handle, ("127.0.0.1", 0), tlsmith.Server(identity))
        async with server:
            port = server.sockets[0].getsockname()[1]
            ours = await aio.open_connection("localhost", port, client=tlsmith.Client(trust=ca))
            theirs = await asyncio.open_connection(
                "localhost", port, ssl=ssl_context(ssl.PROTOCOL_TLS_CLIENT, ca=ca)
            )
            for _, writer in (ours, theirs):
                names = ("peercert", "cipher", "compression")
                facts = [writer.get_extra_info(name) for name in names]
                tls = writer.get_extra_info("ssl_object")
                found.append([*facts, tls.version(), tls.selected_alpn_protocol()])
                writer.close()

    asyncio.run(asyncio.wait_for(main(), PATIENCE))
    assert found[0] == found[1]


@pytest.mark.parametrize("resumed", [False, True])
def test_getpeercert_returns_no_unverified_certificate(resumed, ca, identity):
    stranger = tlsmith.CA().issue_client("mallory@example.org")
    with pytest.warns(tlsmith.InsecureWarning):
        lenient = tlsmith.Server(identity, client_trust=tlsmith.INSECURE)
    strict = tlsmith.Server(identity, client_trust=ca, on_hello=lambda _hello: lenient)
    told = []

    async def handle(_reader, writer):
        told.append(writer.get_extra_info("peercert"))
        assert writer.get_extra_info("tlsmith").info.resumed is (resumed and len(told) == 2)
        await close(writer)

    async def main():
        async with await aio.start_server(handle, ("127.0.0.1", 0), strict) as listening:
            port = listening.sockets[0].getsockname()[1]
            client = tlsmith.Client(trust=ca, identity=stranger, resume=resumed)
            for _ in range(2):
                reader, writer = await aio.open_connection("localhost", port, client=client)
                assert await reader.read() == b""
                await close(writer)

    asyncio.run(asyncio.wait_for(main(), PATIENCE))
    assert told == [{}, {}]


# Sockets.


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_server_parses_received_bytes_as_tls(kind, client, server):
    near, far = socketpair()
    connection = client.buffer("localhost")
    near.sendall(PROXY + connection.data_to_send())
    read = b""
    while b"\r\n" not in read:
        read += far.recv(65_536)
    line, _, rest = read.partition(b"\r\n")
    assert line + b"\r\n" == PROXY and len(rest) > 100

    def go_on():
        while connection.handshaking:
            connection.receive_data(near.recv(65_536))
            near.sendall(connection.data_to_send())

    with near, thread(go_on), server.wrap(far, received=kind(rest)) as sock:
        assert sock.info.server_name == "localhost"


def test_client_parses_received_bytes_as_tls(client):
    near, far = socketpair()
    with near, pytest.raises(tlsmith.HandshakeError):
        client.wrap(far, "localhost", received=b"250 injected\r\n")
    with pytest.raises(TypeError):
        client.wrap(socketpair()[0], "localhost", received="text")
