"""Listeners whose clients misbehave, on systems that are short of something."""

import contextlib
import errno
import os
import pathlib
import pickle
import resource
import socket
import struct
import subprocess
import sys
import threading
import time

import pytest
from conftest import PATIENCE, receive_all, thread

import tlsmith
from tlsmith._echo import EchoServer
from tlsmith._listener import Listener


def reset(sock):
    """Close it with an RST in place of a FIN."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def connect_and_reset(address, times=1):
    for _ in range(times):
        reset(socket.create_connection(address, PATIENCE))


@contextlib.contextmanager
def answering(listener):
    """The README's server: one client after the other."""

    def serve():
        for sock in listener:
            with contextlib.suppress(tlsmith.Error), sock:
                sock.sendall(b"hello " + sock.recv())

    with thread(serve):
        try:
            yield
        finally:
            listener.close()


def ask(client, address):
    with client.connect(address, server_name="localhost", timeout=PATIENCE) as sock:
        sock.sendall(b"me")
        return receive_all(sock)


# Resets.


def test_a_loop_passes_over_clients_that_reset(client, server):
    with server.listen(("127.0.0.1", 0)) as listener:
        connect_and_reset(listener.address, 5)
        with answering(listener):
            assert ask(client, listener.address) == b"hello me"
            connect_and_reset(listener.address, 50)
            assert ask(client, listener.address) == b"hello me"


@pytest.mark.parametrize("asks_before", [False, True])
def test_a_peer_that_reset_is_an_error_of_the_network(server, client, asks_before):
    for wrap in (server.wrap, lambda sock: client.wrap(sock, "localhost")):
        with socket.create_server(("127.0.0.1", 0)) as listening:
            connect_and_reset(listening.getsockname())
            plain, _ = listening.accept()
        with pytest.raises(OSError):
            plain.getpeername()
        if asks_before:
            # The system tells an error once.
            assert plain.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == errno.ECONNRESET
        with pytest.raises(tlsmith.Error) as caught:
            wrap(plain)
        assert isinstance(caught.value, ConnectionError)
        assert not isinstance(caught.value, ValueError)


def test_unconnected_socket_raises_error(server):
    for family in (socket.AF_INET, socket.AF_UNIX):
        with pytest.raises(tlsmith.ConfigError, match="not connected"):
            server.wrap(socket.socket(family))


# What accept() of the system fails with.


class Failing:
    """A listening socket whose accept() fails first, with each of these numbers."""

    def __init__(self, plain, numbers):
        self._plain = plain
        self._numbers = iter(numbers)

    def accept(self):
        for number in self._numbers:
            raise OSError(number, os.strerror(number))
        return self._plain.accept()

    def __getattr__(self, name):
        return getattr(self._plain, name)


def failing(server, *numbers):
    plain = socket.create_server(("127.0.0.1", 0))
    return Listener(server._context, Failing(plain, numbers), None)


ONE_CLIENT = ["ECONNABORTED", "EPROTO", "ECONNRESET", "ENETDOWN", "EHOSTUNREACH", "ETIMEDOUT"]
SHORTAGES = ["EMFILE", "ENFILE", "ENOBUFS", "ENOMEM"]


@pytest.mark.parametrize("name", ONE_CLIENT)
def test_an_error_of_one_client_is_passed_over(client, server, name):
    number = getattr(errno, name)
    with failing(server, number, number, number) as listener, answering(listener):
        assert ask(client, listener.address) == b"hello me"


@pytest.mark.parametrize("name", SHORTAGES)
def test_blocking_accept_retries_and_logs_shortage_once(client, server, caplog, name):
    number = getattr(errno, name)
    started = time.monotonic()
    with failing(server, number, number, number) as listener, answering(listener):
        assert ask(client, listener.address) == b"hello me"
    assert time.monotonic() - started >= 0.3
    assert [record.getMessage() for record in caplog.records if record.name == "tlsmith"] == [
        f"cannot accept a connection: {os.strerror(number)}"
    ]


def test_nonblocking_accept_raises_on_shortage(server):
    with failing(server, errno.EMFILE) as listener:
        os.set_blocking(listener.fileno(), False)
        with pytest.raises(tlsmith.Error) as caught:
            listener.accept()
        assert caught.value.errno == errno.EMFILE and caught.value.code == "io"
        with pytest.raises(tlsmith.WantRead):
            listener.accept()


def test_permanent_accept_error_is_raised(server):
    with failing(server, errno.EOPNOTSUPP) as listener:
        with pytest.raises(tlsmith.Error, match="cannot accept") as caught:
            next(listener)
        assert caught.value.errno == errno.EOPNOTSUPP


def test_closing_ends_a_loop_that_waits_for_descriptors(server):
    with failing(server, *[errno.EMFILE] * 1000) as listener:
        with thread(lambda: list(listener)) as looping:
            while not listener._waiting:
                time.sleep(0.001)
            listener.close()
        assert looping.result == []


WITHOUT_DESCRIPTORS = """
import contextlib, os, resource, socket, sys, threading, tlsmith

identity = tlsmith.Identity.load(sys.argv[1])
listener = tlsmith.listen(("127.0.0.1", 0), identity, handshake_timeout=1)
clients = [socket.create_connection(listener.address) for _ in range(3)]
free = os.dup(0)
os.close(free)
resource.setrlimit(resource.RLIMIT_NOFILE, (free, free))
print(listener.address[1], flush=True)
threading.Timer(0.3, clients[0].close).start()
threading.Timer(0.5, clients[1].close).start()
for count, sock in enumerate(listener):
    with contextlib.suppress(tlsmith.Error), sock:
        sock.sendall(b"hello " + sock.recv())
    if count == 3:
        break
"""


def test_listener_recovers_from_lack_of_descriptors(client, identity, tmp_path):
    files = identity.write(tmp_path)
    command = [sys.executable, "-c", WITHOUT_DESCRIPTORS, files.combined]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            port = int(process.stdout.readline())
            assert ask(client, ("127.0.0.1", port)) == b"hello me"
            assert process.wait(PATIENCE) == 0
        finally:
            process.kill()
        assert b"Too many open files" in process.stderr.read()


def test_errors_without_descriptors_are_tlsmiths(client, server, tmp_path):
    path = tmp_path / "socket"
    with server.listen(path):
        lowest = os.dup(0)
        os.close(lowest)
        limits = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (lowest, limits[1]))
        try:
            for call in (
                lambda: client.connect(path, server_name="localhost"),
                lambda: client.connect(("127.0.0.1", 1)),
                lambda: server.listen(tmp_path / "other"),
                lambda: server.listen(("127.0.0.1", 0)),
            ):
                with pytest.raises(tlsmith.Error) as caught:
                    call()
                assert caught.value.errno == errno.EMFILE
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)


# Clients that say nothing, or little.


def test_a_silent_client_does_not_stall_the_loop(client, server):
    with server.listen(("127.0.0.1", 0), handshake_timeout=0.1) as listener:
        with socket.create_connection(listener.address) as silent:
            with answering(listener):
                assert ask(client, listener.address) == b"hello me"
            assert silent.recv(1) == b""


def test_a_client_that_sends_a_byte_at_a_time_does_not_stall_the_loop(client, server):
    stop = threading.Event()

    def drip():
        with contextlib.suppress(OSError):
            slow.sendall(b"\x16\x03\x01\x40\x00\x01\x00\x3f\xfc")
            while not stop.wait(0.01):
                slow.sendall(b"\0")

    with server.listen(("127.0.0.1", 0), handshake_timeout=0.1) as listener:
        with socket.create_connection(listener.address) as slow, thread(drip):
            with answering(listener):
                assert ask(client, listener.address) == b"hello me"
            stop.set()


def test_the_limit_of_the_handshake_holds_beside_that_of_each_call(server):
    with server.listen(("127.0.0.1", 0), handshake_timeout=0.1) as listener:
        with socket.create_connection(listener.address):
            sock, _ = listener.accept()
            with sock:
                sock.settimeout(PATIENCE)
                with pytest.raises(tlsmith.TimedOut, match="handshake within 100ms"):
                    sock.recv()
        with socket.create_connection(listener.address):
            with pytest.raises(TimeoutError, match="handshake within 100ms"):
                listener.accept(handshake=True)


def test_handshake_without_limit_may_take_long(server):
    with server.listen(("127.0.0.1", 0), handshake_timeout=None) as listener:
        with socket.create_connection(listener.address):
            sock, _ = listener.accept()
            with sock:
                sock.settimeout(0.05)
                with pytest.raises(tlsmith.TimedOut, match="sent nothing within 50ms"):
                    sock.recv()


def test_listener_handshake_timeout_is_five_seconds(identity, server):
    limits = []
    for listener in (
        server.listen(("127.0.0.1", 0)),
        tlsmith.listen(("127.0.0.1", 0), identity),
        tlsmith.listen(("127.0.0.1", 0), identity, handshake_timeout=2),
        tlsmith.listen(("127.0.0.1", 0), identity, handshake_timeout=1e300),
    ):
        with listener, socket.create_connection(listener.address):
            listener.accept()[0].close()
            limits.append(listener._handshake_timeout)
    assert limits == [5.0, 5.0, 2.0, 3e9]


def test_invalid_handshake_timeout_is_rejected(server):
    for wrong in (0, -1, float("nan"), float("inf")):
        with pytest.raises(tlsmith.ConfigError, match="handshake_timeout is"):
            server.listen(("127.0.0.1", 0), handshake_timeout=wrong)
    for wrong in ("5", True):
        with pytest.raises(TypeError, match="handshake_timeout"):
            server.listen(("127.0.0.1", 0), handshake_timeout=wrong)


# The end.


def open_over_tcp(client, server):
    with server.listen(("127.0.0.1", 0)) as listener:
        with thread(lambda: client.connect(listener.address, timeout=PATIENCE)) as connecting:
            theirs, _ = listener.accept(handshake=True)
    return connecting.result, theirs


def flood(sock):
    """Send until the peer has gone."""
    with pytest.raises(tlsmith.Error):
        while True:
            sock.sendall(bytes(65_536))


def test_unwrapping_has_a_limit_in_all(client, server):
    ours, theirs = open_over_tcp(client, server)

    with thread(lambda: flood(theirs)), theirs:
        with ours:
            started = time.monotonic()
            with pytest.raises(tlsmith.TimedOut):
                ours.unwrap(timeout=0.2)
            assert 0.2 <= time.monotonic() - started < PATIENCE


def test_nonblocking_unwrap_ignores_a_flood(client, server):
    ours, theirs = open_over_tcp(client, server)

    with thread(lambda: flood(theirs)), theirs:
        with ours:
            ours.settimeout(0)
            with pytest.raises(tlsmith.WantRead):
                ours.unwrap()


# The queue.


def test_backlog_is_the_systems_maximum(server):
    most = int(pathlib.Path("/proc/sys/net/core/somaxconn").read_text())
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(server.listen(("127.0.0.1", 0)))
        for _ in range(min(most, files // 2, 300)):
            stack.enter_context(socket.create_connection(listener.address, PATIENCE))


# Our own servers.


def test_the_echo_of_the_fixtures_outlives_its_clients(client, identity, monkeypatch):
    with EchoServer(identity) as server:
        address = (server.host, server.port)
        connect_and_reset(address, 20)
        start = threading.Thread.start
        failures = [RuntimeError("can't start new thread")] * 2

        def starting(self):
            if failures:
                raise failures.pop()
            start(self)

        monkeypatch.setattr(threading.Thread, "start", starting)
        for _ in range(2):
            with pytest.raises(tlsmith.Error):
                client.connect(address, timeout=PATIENCE)
        assert not failures
        with client.connect(address, timeout=PATIENCE) as sock:
            sock.sendall(b"x")
            assert sock.recv(1) == b"x"


# Errors are the builtin ones too.


def check_kind(error, builtin, number, code="io"):
    assert isinstance(error, tlsmith.Error) and isinstance(error, builtin)
    assert error.errno == number and error.code == code
    assert str(error) in repr(error)
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is type(error)
    assert (str(copy), copy.errno, copy.code) == (str(error), number, code)


def test_a_reset_is_a_connection_reset_error(client, server):
    ours, theirs = open_over_tcp(client, server)
    reset(socket.socket(fileno=theirs.detach()))
    with ours, pytest.raises(ConnectionResetError) as caught:
        ours.recv()
    check_kind(caught.value, ConnectionResetError, errno.ECONNRESET)


def test_write_to_closed_peer_raises_broken_pipe(client, server):
    ours, theirs = open_over_tcp(client, server)
    reset(socket.socket(fileno=theirs.detach()))
    with ours:
        with socket.socket(fileno=os.dup(ours.fileno())) as plain:
            # The system tells of the reset once, and of the pipe from then on.
            assert plain.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == errno.ECONNRESET
        with pytest.raises(BrokenPipeError) as caught:
            ours.sendall(b"x")
    check_kind(caught.value, BrokenPipeError, errno.EPIPE)


def test_closed_port_raises_connection_refused(client, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as listening:
        address = listening.getsockname()
    with pytest.raises(ConnectionRefusedError) as caught:
        client.connect(address)
    check_kind(caught.value, ConnectionRefusedError, errno.ECONNREFUSED)
    with socket.socket(socket.AF_UNIX) as plain:
        plain.bind(str(tmp_path / "closed.sock"))
    with pytest.raises(ConnectionRefusedError) as caught:
        client.connect(tmp_path / "closed.sock", server_name="localhost")
    check_kind(caught.value, ConnectionRefusedError, errno.ECONNREFUSED)
    with pytest.raises(FileNotFoundError) as caught:
        client.connect(tmp_path / "none.sock", server_name="localhost")
    check_kind(caught.value, FileNotFoundError, errno.ENOENT)


def test_a_name_without_an_address_is_the_resolvers_error(client, server):
    for call in (lambda to: client.connect(to, timeout=None), client.connect, server.listen):
        with pytest.raises(socket.gaierror) as caught:
            call(("name.invalid", 443))
        with pytest.raises(socket.gaierror) as expected:
            socket.getaddrinfo("name.invalid", 443)
        assert "'name.invalid'" in str(caught.value)
        check_kind(caught.value, socket.gaierror, expected.value.errno, "resolve")


def test_the_systems_own_time_limit_is_a_timeout():
    from tlsmith._errors import build, io_error

    details = dict.fromkeys(("alert_number", "hostname", "ech_retry_configs"))
    ours = build("Error", "io", "cannot connect", errno=errno.ETIMEDOUT, chain=(), **details)
    check_kind(ours, TimeoutError, errno.ETIMEDOUT, "timeout")
    assert type(ours) is tlsmith.TimedOut
    cause = OSError(errno.ETIMEDOUT, "Connection timed out")
    check_kind(io_error("cannot connect", cause), TimeoutError, errno.ETIMEDOUT, "timeout")
    check_kind(io_error("cannot connect", TimeoutError()), TimeoutError, None, "timeout")


def test_a_pickled_error_of_the_resolver_is_read_where_none_was_made(client):
    with pytest.raises(socket.gaierror) as caught:
        client.connect(("name.invalid", 443))
    code = "import pickle, sys; print(repr(pickle.load(sys.stdin.buffer)))"
    read = subprocess.run(
        [sys.executable, "-c", code], input=pickle.dumps(caught.value), capture_output=True
    )
    assert read.stdout.decode().strip() == repr(caught.value), read.stderr
