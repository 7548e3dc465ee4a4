"""The service of `tlsmith serve` and clients that keep others out, in this process."""

import contextlib
import socket
import struct
import threading
import time

import pytest
from conftest import PATIENCE, receive_all, thread

import tlsmith
from tlsmith.cli import _services
from tlsmith.cli._services import Echo, Files, Proxy, serve_forever


@contextlib.contextmanager
def serving(server, service, handshake_timeout=PATIENCE):
    listener = server.listen(("127.0.0.1", 0), handshake_timeout=handshake_timeout)
    address = listener.address

    def serve():
        with pytest.raises(tlsmith.Error):
            serve_forever(listener, service)

    with thread(serve):
        try:
            yield address
        finally:
            listener.close()


def connect(client, address):
    return client.connect(address, server_name="localhost", timeout=PATIENCE)


def check_echo(client, address):
    with connect(client, address) as sock:
        sock.sendall(b"round")
        assert sock.recv(5) == b"round"


def ends(sock):
    """Whether the peer ends it, in whatever way."""
    sock.settimeout(PATIENCE)
    try:
        return receive_all(sock) == b""
    except (tlsmith.Error, ConnectionError) as error:
        return not isinstance(error, TimeoutError)


def test_server_drops_silent_client(client, server):
    with serving(server, Echo(), handshake_timeout=0.1) as address:
        with socket.create_connection(address) as silent:
            assert ends(silent)
        check_echo(client, address)


def test_clients_that_reset_do_not_end_it(client, server):
    with serving(server, Echo()) as address:
        for _ in range(50):
            sock = socket.create_connection(address)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            sock.close()
        check_echo(client, address)


def test_idle_clients_are_replaced_by_new_ones(client, server, monkeypatch):
    monkeypatch.setattr(_services, "_MAX_CLIENTS", 3)
    monkeypatch.setattr(_services, "_IDLE", 0.1)
    with contextlib.ExitStack() as stack:
        address = stack.enter_context(serving(server, Echo()))
        silent = [stack.enter_context(socket.create_connection(address)) for _ in range(2)]
        # After the handshake it is silence too.
        idle = stack.enter_context(connect(client, address))
        for _ in range(4):
            check_echo(client, address)
        talkers = [stack.enter_context(connect(client, address)) for _ in range(3)]
        for sock in talkers:
            sock.sendall(b"x")
            assert sock.recv(1) == b"x"
        assert all(map(ends, [*silent, idle]))


def test_a_proxy_drops_both_sides_of_an_idle_client(client, server, monkeypatch, capfd):
    monkeypatch.setattr(_services, "_MAX_CLIENTS", 1)
    monkeypatch.setattr(_services, "_IDLE", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as behind:
        behind.settimeout(PATIENCE)
        with serving(server, Proxy(behind.getsockname())) as address:
            with connect(client, address) as idle:
                plain, _ = behind.accept()
                with plain, connect(client, address) as other:
                    plain.settimeout(PATIENCE)
                    assert plain.recv(1) == b""
                    assert ends(idle)
                    answering, _ = behind.accept()
                    with answering:
                        answering.sendall(b"y")
                        assert other.recv(1) == b"y"
    assert "Traceback" not in capfd.readouterr().err


def test_slow_http_request_times_out(client, server, monkeypatch, tmp_path):
    monkeypatch.setattr(_services, "REQUEST_TIMEOUT", 0.2)
    with serving(server, Files(str(tmp_path))) as address, connect(client, address) as slow:
        slow.sendall(b"GET / HTTP/1.1\r\n")
        started = time.monotonic()
        # Each comes well before a limit for a single call would pass.
        with pytest.raises(tlsmith.Error):
            while time.monotonic() - started < PATIENCE:
                slow.sendall(b"x")
                time.sleep(0.05)


class FailingStarts:
    """Threads of the service, which the system refuses this often."""

    def __init__(self, monkeypatch, times):
        self._start = threading.Thread.start
        self.left = times
        monkeypatch.setattr(threading.Thread, "start", lambda thread: self.start(thread))

    def start(self, starting):
        if self.left and starting._target.__qualname__.startswith("serve_forever"):
            self.left -= 1
            raise RuntimeError("can't start new thread")
        self._start(starting)


def test_a_client_waits_until_the_system_has_a_thread_again(client, server, monkeypatch):
    with serving(server, Echo()) as address:
        refused = FailingStarts(monkeypatch, 2)
        check_echo(client, address)
        assert not refused.left


def test_server_drops_client_if_no_thread_can_start(client, server, monkeypatch):
    monkeypatch.setattr(_services, "_PAUSE", 0.001)
    with serving(server, Echo()) as address:
        refused = FailingStarts(monkeypatch, _services._ATTEMPTS)
        with pytest.raises(tlsmith.Error):
            connect(client, address)
        assert not refused.left
        check_echo(client, address)


def test_there_are_no_more_clients_than_descriptors(monkeypatch):
    for limit, echoes, others in ((40, 8, 4), (1024, 512, 496), (10, 1, 1), (-1, 512, 512)):
        monkeypatch.setattr(_services.resource, "getrlimit", lambda _, limit=limit: (limit, -1))
        assert _services._max_clients(Echo()) == echoes
        assert _services._max_clients(Files(".")) == others
