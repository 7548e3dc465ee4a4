"""What nobody closes: a ResourceWarning tells, as for the standard library's sockets."""

import asyncio
import gc
import socket
import ssl
import subprocess
import sys
import warnings

import pytest
from conftest import open_pair, shake_hands, socketpair, ssl_context, thread

import tlsmith
import tlsmith.ssl
from tlsmith import aio


def warned(use):
    """What is told of what `use` leaves behind."""
    gc.collect()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        use()
        gc.collect()
    assert {one.category for one in caught} <= {ResourceWarning}
    return [str(one.message) for one in caught]


def test_an_unclosed_socket_warns_and_is_closed(client, server):
    near, far = socketpair()
    with thread(lambda: server.wrap(far)) as accepting:
        ours = [client.wrap(near, "localhost")]
    fd = ours[0].fileno()
    (message,) = warned(ours.clear)
    assert message == f"unclosed <tlsmith.Socket fd={fd}>"
    with accepting.result as theirs, pytest.raises(tlsmith.Error) as caught:
        theirs.recv()
    # A reset, where what was not read is still there.
    assert caught.value.code in ("truncated", "io")


def test_unclosed_socket_warns_before_its_handshake(client):
    near, _far = socketpair()
    ours = [client.wrap(near, "localhost", handshake=False)]
    (message,) = warned(ours.clear)
    assert message.startswith("unclosed <tlsmith.Socket fd=")


def test_closed_or_detached_socket_does_not_warn(client, server):
    def use():
        with open_pair(client, server):
            pass
        with open_pair(client, server) as (ours, _theirs):
            socket.socket(fileno=ours.detach()).close()
        with open_pair(client, server) as (ours, theirs):
            with thread(lambda: theirs.unwrap()[0].close()):
                ours.unwrap()[0].close()
        with open_pair(client, server) as (ours, _theirs):
            with ours.makefile("rb"):
                ours.close()

    assert warned(use) == []


def test_a_failed_handshake_leaves_nothing_unclosed(server):
    def use():
        near, far = socketpair()

        def refuse():
            with pytest.raises(tlsmith.Error):
                server.wrap(far)

        with thread(refuse), pytest.raises(tlsmith.VerifyError):
            tlsmith.Client(trust=tlsmith.CA()).wrap(near, "localhost")

    assert warned(use) == []


def test_an_unclosed_listener_warns(server):
    listeners = [server.listen(("127.0.0.1", 0))]
    address = listeners[0].address
    (message,) = warned(listeners.clear)
    assert message.startswith("unclosed <tlsmith.Listener fd=")
    # The port is free.
    with server.listen(address):
        pass
    assert warned(lambda: server.listen(("127.0.0.1", 0)).close()) == []


@pytest.mark.parametrize("module", [ssl, tlsmith.ssl], ids=["ssl", "tlsmith.ssl"])
def test_an_unclosed_socket_of_either_ssl_warns(module, ca, identity):
    client = module.create_default_context(cadata=ca.cert.pem.decode())
    server = module.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    identity.configure(server)
    pair = list(shake_hands(client, server))
    messages = warned(pair.clear)
    assert len(messages) == 2
    assert all("unclosed <" in one and "SSLSocket" in one for one in messages)

    def use():
        for sock in shake_hands(client, server):
            sock.close()

    assert warned(use) == []


@pytest.mark.parametrize("kind", ["asyncio", "tlsmith.ssl", "tlsmith.aio"])
@pytest.mark.parametrize("closes", [True, False])
def test_unclosed_streams_warn_as_asyncios_do(kind, closes, ca, identity):
    async def echo(reader, writer):
        writer.write(await reader.read(10))
        writer.close()
        await writer.wait_closed()

    async def main():
        listening = await asyncio.start_server(
            echo, "127.0.0.1", 0, ssl=ssl_context(ssl.PROTOCOL_TLS_SERVER, identity)
        )
        async with listening:
            address = listening.sockets[0].getsockname()
            if kind == "tlsmith.aio":
                opening = aio.open_connection(*address, client=tlsmith.Client(trust=ca))
            else:
                module = ssl if kind == "asyncio" else tlsmith.ssl
                context = module.create_default_context(cadata=ca.cert.pem.decode())
                opening = asyncio.open_connection(
                    *address, ssl=context, server_hostname="localhost"
                )
            _reader, writer = await opening
            if closes:
                writer.close()
                await writer.wait_closed()

    messages = warned(lambda: asyncio.run(asyncio.wait_for(main(), 30)))
    ours = "tlsmith.aio.TLSTransport" if kind == "tlsmith.aio" else "_SSLProtocolTransport"
    assert any(ours in one for one in messages) is not closes


def test_unclosed_socket_warns_at_exit():
    program = """
import socket, tlsmith
near, far = socket.socketpair()
sock = tlsmith.Client(trust=tlsmith.CA()).wrap(near, "localhost", handshake=False)
far.close()
"""
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-c", program], capture_output=True, text=True, check=True
    )
    assert "ResourceWarning: unclosed <tlsmith.Socket fd=" in done.stderr
    assert "Traceback" not in done.stderr
