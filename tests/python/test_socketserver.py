"""The standard library's servers over sockets and listeners of ours."""

import contextlib
import http.client
import http.server
import socket
import socketserver
import sys
import threading

import pytest
from conftest import PATIENCE, open_pair, receive_all, socketpair, thread

import tlsmith


@contextlib.contextmanager
def serving(server):
    """The server at work, and what went wrong in it."""
    failures = []
    server.handle_error = lambda *_request: failures.append(sys.exception())
    running = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    with server:
        running.start()
        try:
            yield failures
        finally:
            server.shutdown()
            running.join(PATIENCE)
    assert failures == []


class Echo(socketserver.StreamRequestHandler):
    def handle(self):
        self.wfile.write(self.rfile.readline())


class Pages(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments):
        pass


def wrapping(kind, server):
    """A server whose requests are wrapped one by one."""

    class Wrapping(kind):
        daemon_threads = True

        def get_request(self):
            plain, address = super().get_request()
            return server.wrap(plain, handshake=False), address

    return Wrapping


def listening(kind, handler, server):
    """A server over a listener of ours."""
    made = kind(("127.0.0.1", 0), handler, bind_and_activate=False)
    made.socket.close()
    made.socket = server.listen(("127.0.0.1", 0))
    made.server_address = made.socket.getsockname()
    return made


@pytest.fixture(params=["wrapped requests", "listener"])
def make(request, server):
    def make(kind, handler):
        if request.param == "listener":
            return listening(kind, handler, server)
        return wrapping(kind, server)(("127.0.0.1", 0), handler)

    return make


@pytest.mark.parametrize("kind", [socketserver.TCPServer, socketserver.ThreadingTCPServer])
def test_socketserver_ends_each_request_with_close_notify(kind, make, client):
    server = make(kind, Echo)
    with serving(server):
        for _ in range(3):
            with client.connect(server.server_address, timeout=PATIENCE) as sock:
                sock.sendall(b"line\n")
                assert receive_all(sock) == b"line\n"


def test_http_server_answers_over_one_connection(make, client):
    server = make(http.server.ThreadingHTTPServer, Pages)
    with serving(server):
        connection = http.client.HTTPConnection("127.0.0.1", timeout=PATIENCE)
        with client.connect(server.server_address, timeout=PATIENCE) as sock:
            connection.sock = sock
            for body in (b"first", bytes(100_000)):
                connection.request("POST", "/", body)
                assert connection.getresponse().read() == body


def test_handle_request_honours_server_timeout(server, client):
    waiting = listening(socketserver.TCPServer, Echo, server)
    waiting.timeout = 0.01
    timed_out = threading.Event()
    waiting.handle_timeout = timed_out.set
    with waiting:
        waiting.handle_request()
        assert timed_out.is_set()
        waiting.timeout = PATIENCE
        with thread(waiting.handle_request), client.connect(waiting.server_address) as sock:
            sock.sendall(b"line\n")
            assert receive_all(sock) == b"line\n"


# What they need of sockets.


@pytest.mark.parametrize("how", [socket.SHUT_WR, socket.SHUT_RDWR])
def test_shutdown_sends_close_notify_before_the_end(how, client, server):
    with open_pair(client, server) as (ours, theirs):
        ours.sendall(b"all of it")
        ours.shutdown(how)
        assert receive_all(theirs) == b"all of it"
        assert theirs.closed_cleanly
        with pytest.raises(tlsmith.Error) as caught:
            ours.sendall(b"more")
        assert caught.value.code == "state"
        if how == socket.SHUT_WR:
            theirs.sendall(b"answer")
            assert ours.recv() == b"answer"


def test_shutdown_of_reading_wakes_waiting_reader(client, server):
    with open_pair(client, server) as (ours, theirs):
        outcome = []

        def wait():
            with pytest.raises(tlsmith.TruncatedError):
                ours.recv()
            outcome.append("woken")

        with thread(wait):
            ours.shutdown(socket.SHUT_RD)
        assert outcome == ["woken"]
        ours.sendall(b"still")
        assert theirs.recv() == b"still"


def test_shutdown_before_the_handshake_just_ends(server):
    near, far = socketpair()
    with near, server.wrap(far, handshake=False) as sock:
        sock.shutdown(socket.SHUT_RDWR)
        assert near.recv(1) == b""


def test_shutdown_can_be_made_again_where_the_network_takes_nothing(client, server):
    with open_pair(client, server) as (ours, theirs):
        ours.setblocking(False)
        sent = 0
        with pytest.raises(tlsmith.WantWrite):
            while True:
                sent += ours.send(bytes(1 << 20))
        with pytest.raises(tlsmith.WantWrite):
            ours.shutdown(socket.SHUT_WR)
        ours.settimeout(PATIENCE)
        with thread(lambda: receive_all(theirs)) as receiving:
            ours.shutdown(socket.SHUT_WR)
        assert len(receiving.result) == sent


def test_shutdown_rejects_unknown_directions(client, server):
    with open_pair(client, server) as (ours, theirs):
        for how in (-1, 3):
            with pytest.raises(tlsmith.ConfigError, match=f"how is {how}: use socket.SHUT_RD"):
                ours.shutdown(how)
        with pytest.raises(TypeError):
            ours.shutdown("SHUT_WR")
        ours.sendall(b"unharmed")
        assert theirs.recv() == b"unharmed"
    with pytest.raises(tlsmith.Error, match="closed") as caught:
        ours.shutdown(socket.SHUT_WR)
    assert caught.value.code == "state"


def test_a_listener_has_an_address_and_no_peer(server):
    with server.listen(("127.0.0.1", 0)) as listener:
        assert listener.getsockname() == listener.address
        with pytest.raises(tlsmith.Error, match="getpeername failed") as caught:
            listener.getpeername()
        assert caught.value.errno == 107
    for call in (listener.getsockname, listener.getpeername):
        with pytest.raises(tlsmith.Error, match="the listener is closed"):
            call()


def test_accept_honours_the_timeout(client, server):
    with server.listen(("127.0.0.1", 0)) as listener:
        assert listener.gettimeout() is None
        listener.settimeout(0.01)
        with pytest.raises(tlsmith.TimedOut, match=r"no client connected within 0\.01 s") as caught:
            listener.accept()
        assert caught.value.code == "timeout"
        listener.settimeout(0)
        with pytest.raises(tlsmith.WantRead):
            listener.accept()
        listener.settimeout(PATIENCE)
        with thread(lambda: listener.accept(handshake=True)) as accepting:
            ours = client.connect(listener.address)
        with ours, accepting.result[0] as theirs:
            assert theirs.gettimeout() is None
            theirs.sendall(b"hello")
            assert ours.recv() == b"hello"
