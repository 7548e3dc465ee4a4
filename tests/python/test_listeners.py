"""Listeners, and connecting to them: over TCP and Unix sockets."""

import contextlib
import os
import socket
import threading

import pytest
from conftest import PATIENCE, receive_all, thread

import tlsmith

# Unix sockets.


def test_a_unix_socket_has_a_path(client, server, tmp_path):
    path = tmp_path / "tls.sock"
    with server.listen(path) as listener:
        assert listener.address == str(path)
        with thread(lambda: listener.accept(handshake=True)) as accepting:
            sock = client.connect(str(path), server_name="localhost", timeout=PATIENCE)
        theirs, address = accepting.result
        assert address == ""
        with sock, theirs:
            assert sock.getpeername() == theirs.getsockname() == str(path)
            assert sock.getsockname() == theirs.getpeername() == ""
            assert sock.info.server_name == "localhost"
            theirs.sendall(b"hello")
            assert sock.recv() == b"hello"
    with pytest.raises(tlsmith.Error, match="in use") as caught:
        server.listen(str(path))
    assert caught.value.errno == 98 and str(path) in str(caught.value)
    with pytest.raises(tlsmith.Error, match="refused"):
        client.connect(path, server_name="localhost")


def test_unix_socket_needs_server_name(client, server, tmp_path):
    with pytest.raises(tlsmith.ConfigError, match="server_name"):
        client.connect(tmp_path / "tls.sock")
    with pytest.raises(tlsmith.Error, match="No such file") as caught:
        client.connect(tmp_path / "none.sock", server_name="localhost")
    assert caught.value.errno == 2
    for call in (server.listen, lambda path: client.connect(path, server_name="x")):
        with pytest.raises(tlsmith.Error, match="too long"):
            call("x" * 200)
        with pytest.raises(TypeError):
            call(5)
    with pytest.raises(tlsmith.ConfigError, match="reuse_port"):
        server.listen(tmp_path / "tls.sock", reuse_port=True)


def test_connect_times_out_if_listener_does_not_accept(client, tmp_path):
    with contextlib.ExitStack() as stack:
        plain = stack.enter_context(socket.socket(socket.AF_UNIX))
        plain.bind(str(tmp_path / "full.sock"))
        plain.listen(0)
        waiting = stack.enter_context(socket.socket(socket.AF_UNIX))
        waiting.connect(str(tmp_path / "full.sock"))
        with pytest.raises(tlsmith.TimedOut) as caught:
            client.connect(tmp_path / "full.sock", server_name="localhost", timeout=0.02)
        assert caught.value.code == "timeout" and isinstance(caught.value, TimeoutError)


# TCP.


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", None, ""])
def test_addresses_are_those_of_sockets(client, server, host):
    with server.listen((host, 0)) as listener:
        to = (host or "127.0.0.1", listener.address[1])
        with thread(lambda: listener.accept(handshake=True)) as accepting:
            sock = client.connect(to, timeout=PATIENCE)
        theirs, address = accepting.result
        with sock, theirs:
            assert sock.getpeername()[:2] == to
            assert theirs.getpeername() == address
            if host:
                assert theirs.getsockname() == sock.getpeername()
                assert sock.getsockname() == theirs.getpeername()
                assert len(address) == (4 if ":" in host else 2)


def test_listeners_may_share_a_port(server):
    with server.listen(("127.0.0.1", 0), reuse_port=True) as first:
        with server.listen(first.address, reuse_port=True) as second:
            assert first.address == second.address
        with pytest.raises(tlsmith.Error, match="in use") as caught:
            server.listen(first.address)
        assert str(first.address[1]) in str(caught.value)


def test_setdefaulttimeout_does_not_change_tlsmith_timeouts(client, server):
    with server.listen(("127.0.0.1", 0)) as listener:
        socket.setdefaulttimeout(PATIENCE)
        try:
            with thread(lambda: listener.accept(handshake=True)) as accepting:
                sock = client.connect(listener.address, timeout=None)
            theirs, _ = accepting.result
            with sock, theirs:
                assert sock.gettimeout() is None and theirs.gettimeout() is None
                sock.getpeername()
                with thread(lambda: (sock.recv(), theirs.recv())) as receiving:
                    theirs.sendall(b"x")
                    sock.sendall(b"y")
                assert receiving.result == (b"x", b"y")
                sock.getpeername()
                assert os.get_blocking(sock.fileno())
        finally:
            socket.setdefaulttimeout(None)


# Accepting.


def test_nonblocking_accept_raises_want_read(server):
    with server.listen(("127.0.0.1", 0)) as listener:
        os.set_blocking(listener.fileno(), False)
        with pytest.raises(BlockingIOError):
            listener.accept()
        with pytest.raises(BlockingIOError):
            next(listener)


def test_accept_with_handshake_completes_it(client, server, ca):
    stranger = tlsmith.Client(trust=tlsmith.CA())
    with server.listen(("127.0.0.1", 0), backlog=5) as listener:

        def try_it():
            with pytest.raises(tlsmith.VerifyError):
                stranger.connect(listener.address, server_name="localhost")

        with thread(try_it), pytest.raises(tlsmith.AlertError):
            listener.accept(handshake=True)
        with thread(lambda: client.connect(listener.address)) as connecting:
            sock, address = listener.accept()
            with sock:
                assert sock.handshaking and address[0] == "127.0.0.1"
                sock.do_handshake()
                assert not sock.handshaking
        connecting.result.close()


def test_a_listener_serves_until_another_thread_closes_it(client, server):
    listener = server.listen(("127.0.0.1", 0))
    served = threading.Event()

    def serve():
        count = 0
        for sock in listener:
            with sock:
                sock.sendall(b"hello")
                count += 1
                served.set()
        return count

    with thread(serve) as serving:
        for _ in range(3):
            with client.connect(listener.address, timeout=PATIENCE) as sock:
                assert receive_all(sock) == b"hello"
        address = listener.address
        listener.close()
    assert serving.result == 3
    assert listener.fileno() == -1
    for call in (listener.accept, lambda: listener.address):
        with pytest.raises(tlsmith.Error, match="closed") as caught:
            call()
        assert caught.value.code == "state"
    with pytest.raises(StopIteration):
        next(listener)
    with pytest.raises(tlsmith.Error, match="refused"):
        client.connect(address)
    listener.close()


def test_invalid_port_is_rejected(client, server):
    for call in (lambda port: server.listen(("localhost", port)),
                 lambda port: client.connect(("localhost", port))):  # fmt: skip
        for wrong in (-1, 65_536, 2**80):
            with pytest.raises(tlsmith.ConfigError, match=str(wrong)):
                call(wrong)
        for wrong in ("443", None, 1.5):
            with pytest.raises(TypeError):
                call(wrong)
    with pytest.raises(tlsmith.Error, match="no.such.host.invalid"):
        server.listen(("no.such.host.invalid", 0))
    for wrong in (None, ""):
        with pytest.raises(tlsmith.ConfigError, match="host"):
            client.connect((wrong, 443))


# What is no address.


@pytest.mark.parametrize(
    "address",
    [None, 5, ["localhost", 443], ("localhost",), (), ("localhost", 1, 2, 3, 4)],
    ids=repr,
)
def test_error_names_invalid_address(client, server, address):
    for call in (client.connect, server.listen):
        with pytest.raises(TypeError, match=r"\(host, port\)") as caught:
            call(address)
        assert repr(address) in str(caught.value)


def test_port_must_be_an_int(client, server):
    for call in (client.connect, server.listen):
        for port in (True, "443", 1.5, None):
            with pytest.raises(TypeError, match="a port must be an int") as caught:
                call(("localhost", port))
            assert repr(port) in str(caught.value)


def test_an_empty_path_is_not_the_path_of_a_socket(client, server):
    for call in (server.listen, lambda path: client.connect(path, server_name="x")):
        with pytest.raises(tlsmith.ConfigError, match="path .* is empty"):
            call("")


def test_error_names_invalid_host(server):
    for host in ("x" * 300, "\ud800", "a..b"):
        with pytest.raises(tlsmith.Error) as caught:
            server.listen((host, 0))
        assert ascii(host)[1:10] in ascii(str(caught.value))
