"""What tlsmith.aio raises: tlsmith's exceptions, which are the builtin ones too."""

import asyncio
import contextlib
import errno
import socket
import struct

import pytest
from test_aio import echo, run

import tlsmith
from tlsmith import aio


def reset(plain):
    """The transport of a socket ends with an RST in place of a FIN."""
    sock = plain.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    plain.abort()


def raised(kind, failing):
    """What this raises, which is of both kinds."""

    async def main():
        with pytest.raises(kind) as caught:
            await failing()
        return caught.value

    error = run(main())
    assert isinstance(error, tlsmith.Error)
    return error


async def ended_by(ca, identity, handle, use):
    """Has a client use its streams, which a server of ours ends."""
    server = await aio.start_server(handle, ("127.0.0.1", 0), tlsmith.Server(identity))
    async with server:
        address = server.sockets[0].getsockname()
        reader, writer = await aio.open_connection(*address, client=tlsmith.Client(trust=ca))
        writer.write(b"x")
        try:
            await use(reader, writer)
        finally:
            writer.transport.abort()


async def reset_it(reader, writer):
    await reader.read(1)
    reset(writer.transport._plain)


async def close_it(reader, writer):
    await reader.read(1)
    writer.close()


async def read(reader, _writer):
    await reader.read()


async def wait_closed(reader, writer):
    with contextlib.suppress(OSError):
        await reader.read()
    await writer.wait_closed()


async def drain(reader, writer):
    with contextlib.suppress(OSError):
        await reader.read()
    while True:
        writer.write(bytes(65_536))
        await writer.drain()


@pytest.mark.parametrize("use", [read, wait_closed, drain])
def test_a_reset_is_a_connection_reset_error(ca, identity, use):
    error = raised(ConnectionResetError, lambda: ended_by(ca, identity, reset_it, use))
    assert (error.errno, error.code) == (errno.ECONNRESET, "io")


def test_draining_to_a_peer_that_is_gone_is_a_connection_error(ca, identity):
    assert raised(ConnectionError, lambda: ended_by(ca, identity, close_it, drain)).code == "io"


def test_closed_port_raises_connection_refused(ca):
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    # localhost has two addresses, of which asyncio tells in one sentence.
    for host in ("127.0.0.1", "localhost"):
        error = raised(ConnectionRefusedError, lambda host=host: aio.open_connection(host, port))
        assert (error.errno, error.code) == (errno.ECONNREFUSED, "io")
        assert f"cannot connect to '{host}', port {port}" in str(error)


def test_a_name_without_an_address_is_the_resolvers_error():
    error = raised(socket.gaierror, lambda: aio.open_connection("name.invalid"))
    assert error.code == "resolve" and error.errno in (socket.EAI_NONAME, socket.EAI_AGAIN)
    assert "'name.invalid'" in str(error)


def test_a_time_limit_is_a_timeout_with_its_code(ca):
    async def silent():
        server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
        async with server:
            await aio.open_connection(*server.sockets[0].getsockname(), timeout=0.05)

    error = raised(TimeoutError, silent)
    assert error.code == "timeout" and error.errno is None


def test_error_names_invalid_listen_address(identity, tmp_path):
    server = tlsmith.Server(identity)

    def listen(address):
        return lambda: aio.start_server(echo, address, server)

    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = taken.getsockname()
        error = raised(OSError, listen(address))
        assert error.errno == errno.EADDRINUSE and str(address[1]) in str(error)
    path = tmp_path / "none" / "socket"
    assert str(path) in str(raised(FileNotFoundError, listen(path)))
    error = raised(socket.gaierror, listen(("name.invalid", 0)))
    assert error.code == "resolve" and "'name.invalid'" in str(error)


# on_failure.


async def fail_one(identity, on_failure, spoil):
    """The address of a client that spoils its handshake."""
    done = asyncio.Event()

    def failed(*arguments):
        on_failure(*arguments)
        done.set()

    server = await aio.start_server(
        echo, ("127.0.0.1", 0), tlsmith.Server(identity), on_failure=failed
    )
    async with server:
        _, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        address = writer.get_extra_info("sockname")
        spoil(writer)
        await done.wait()
        writer.transport.abort()
    return address


@pytest.mark.parametrize(
    ("spoil", "kind"),
    [
        (lambda writer: writer.write(b"GET / HTTP/1.0\r\n\r\n"), tlsmith.HandshakeError),
        (lambda writer: writer.close(), tlsmith.TruncatedError),
        (lambda writer: reset(writer.transport), ConnectionResetError),
    ],
    ids=["no TLS", "close", "reset"],
)
def test_on_failure_gets_the_error_and_the_address(identity, spoil, kind):
    failures = []
    address = run(fail_one(identity, lambda *both: failures.append(both), spoil))
    [(error, client)] = failures
    assert isinstance(error, kind) and isinstance(error, tlsmith.Error)
    assert client == address


def test_on_failure_may_take_only_the_error(identity):
    async def main(on_failure):
        server = await aio.start_server(
            echo, ("127.0.0.1", 0), tlsmith.Server(identity), on_failure=on_failure
        )
        async with server:
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            writer.write(b"GET / HTTP/1.0\r\n\r\n")
            await reader.read()
            writer.close()

    failures = []
    run(main(failures.append))
    run(main(lambda error: failures.append(error)))
    assert [type(error) for error in failures] == [tlsmith.HandshakeError] * 2
    with pytest.raises(TypeError, match="on_failure must be a function, not int"):
        run(main(5))


def test_invalid_handshake_timeout_is_rejected(identity):
    async def main(limit):
        server = await aio.start_server(
            echo, ("127.0.0.1", 0), tlsmith.Server(identity), handshake_timeout=limit
        )
        server.close()

    run(main(None))
    for wrong in (0, -1, float("inf")):
        with pytest.raises(tlsmith.ConfigError, match="handshake_timeout is"):
            run(main(wrong))


def test_many_clients_may_wait(identity):
    async def main():
        async with await aio.start_server(
            echo, ("127.0.0.1", 0), tlsmith.Server(identity)
        ) as server:
            address = server.sockets[0].getsockname()
            with contextlib.ExitStack() as stack:
                # Nothing is accepted meanwhile: asyncio's own queue has room for 100.
                for _ in range(min(socket.SOMAXCONN, 200)):
                    stack.enter_context(socket.create_connection(address, 10))

    run(main())
