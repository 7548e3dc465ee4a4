"""examples/ports/bufferevent_tlsmith.c as a client, and as a server in tls_proxy.c, with
OpenSSL, curl and the standard library on the other side."""

import contextlib
import hashlib
import os
import resource
import socket
import ssl
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from conftest import receive_all, ssl_context
from porting import HERE, PORTS, build, header, one_client, run, wait_for
from processes import PATIENCE, free_port, running, tool
from threads import thread

import tlsmith


@contextlib.contextmanager
def backend(serve):
    """A plain TCP server with a thread for each client; its port."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:

        def accept():
            with contextlib.suppress(OSError):
                while True:
                    sock, _ = listener.accept()
                    sock.settimeout(PATIENCE)
                    threading.Thread(target=serve, args=(sock,), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)


def echo(sock):
    """Sends back what comes, and ends when the client does, not before."""
    with sock:
        while part := sock.recv(65536):
            sock.sendall(part)


def collect(sock):
    """Answers after the end of what the client sends, which it needs a half-close for."""
    with sock:
        data = receive_all(sock)
        sock.sendall(hashlib.sha256(data).hexdigest().encode())


def send_some_and_reset(sock):
    with sock:
        sock.sendall(b"some")
        assert sock.recv(1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")


@pytest.fixture(scope="module")
def proxy_program(tmp_path_factory):
    header("event2/event.h", "libevent-dev")
    sources = [PORTS / "bufferevent_tlsmith.c", "-levent"]
    return build(PORTS / "tls_proxy.c", tmp_path_factory, *sources)


@pytest.fixture
def proxy(proxy_program, localhost, tmp_path):
    """Starts a proxy before a backend's port; its port, and the file that it logs to."""
    program, environment = proxy_program
    files = localhost.write(tmp_path, name="server")

    @contextlib.contextmanager
    def start(serve, **options):
        port = free_port()
        with backend(serve) as behind:
            command = [program, port, files.cert, files.key, behind]
            with running(
                *command, port=port, folder=tmp_path, env=environment, **options
            ) as process:
                yield port, tmp_path / "output.log"
                assert process.poll() is None, (tmp_path / "output.log").read_text()

    return start


def dial(ca, port):
    sock = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
    return tlsmith.Client(trust=ca).wrap(sock, "localhost")


def s_client(port, ca_file, data, *options):
    command = ["openssl", "s_client", "-quiet", "-connect", f"127.0.0.1:{port}"]
    command += ["-CAfile", ca_file, "-verify_return_error", "-servername", "localhost", *options]
    return subprocess.run(command, input=data, capture_output=True, timeout=PATIENCE, check=False)


def test_proxy_serves_s_client_and_passes_its_end_on(proxy, ca_file):
    ended = []

    def serve(sock):
        with sock:
            ended.append(receive_all(sock))

    # No line of it is a command of s_client's, such as Q.
    data = b"text\n" * 20_000
    with proxy(serve) as (port, _):
        for version in ("-tls1_2", "-tls1_3"):
            # It sends close_notify at the end of its input.
            done = s_client(port, ca_file, data, version, "-no_ign_eof")
            assert done.returncode == 0, done
        wait_for(lambda: len(ended) >= 2)
    assert ended == [data, data]


def test_proxy_serves_curl(proxy, ca_file):
    page = os.urandom(300_000)

    def serve(sock):
        with sock:
            assert b"GET /page" in sock.recv(65536)
            sock.sendall(b"HTTP/1.0 200 OK\r\nConnection: close\r\n\r\n" + page)

    with proxy(serve) as (port, _):
        command = [
            tool("curl", "curl"),
            "-sS",
            "--cacert",
            ca_file,
            f"https://localhost:{port}/page",
        ]
        done = subprocess.run(command, capture_output=True, timeout=PATIENCE, check=False)
    assert done.returncode == 0 and done.stdout == page, done.stderr


def test_proxy_moves_ten_megabytes_both_ways(proxy, ca):
    data = os.urandom(10_000_000)
    with proxy(echo) as (port, _), dial(ca, port) as tls:
        with thread(lambda: (tls.sendall(data), tls.close_write())):
            answer = receive_all(tls)
    assert hashlib.sha256(answer).digest() == hashlib.sha256(data).digest()


def test_proxy_answers_after_a_half_close(proxy, ca):
    data = os.urandom(1_000_000)
    with proxy(collect) as (port, _), dial(ca, port) as tls:
        tls.sendall(data)
        tls.close_write()
        assert receive_all(tls).decode() == hashlib.sha256(data).hexdigest()


def test_proxy_serves_twenty_clients_at_once(proxy, ca):
    together = threading.Barrier(20, timeout=PATIENCE)

    def client(number, port):
        data = bytes([number]) * 200_000
        with dial(ca, port) as tls:
            tls.do_handshake()
            together.wait()
            with thread(lambda: (tls.sendall(data), tls.close_write())):
                return receive_all(tls) == data

    with proxy(echo) as (port, _), ThreadPoolExecutor(20) as pool:
        assert all(pool.map(client, range(20), [port] * 20))


def test_proxy_does_not_pass_a_reset_of_the_backend_as_the_end(proxy, ca):
    with proxy(send_some_and_reset) as (port, log), dial(ca, port) as tls:
        assert tls.recv(4) == b"some"
        tls.sendall(b"go")
        with pytest.raises(tlsmith.Error):
            receive_all(tls)
        assert "backend: Connection reset by peer" in log.read_text()


def test_proxy_sends_alert_to_rejected_clients(proxy, ca, ca_file):
    with proxy(echo) as (port, log):
        done = s_client(port, ca_file, b"", "-cipher", "AES128-SHA", "-tls1_2")
        assert b"alert handshake failure" in done.stderr
        with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as sock:
            sock.sendall(b"GET / HTTP/1.0\r\n\r\n")
            assert receive_all(sock) == b"", "it would not understand an alert"
        with dial(ca, port) as tls:
            tls.sendall(b"it goes on")
            assert tls.recv(100) == b"it goes on"
        assert len([line for line in log.read_text().splitlines() if "client: " in line]) >= 2


def test_proxy_survives_a_crowd_that_takes_all_descriptors(proxy, ca):
    def limit():
        resource.setrlimit(resource.RLIMIT_NOFILE, (30, 30))

    with proxy(echo, preexec_fn=limit) as (port, log):
        crowd = [socket.create_connection(("127.0.0.1", port)) for _ in range(40)]
        wait_for(lambda: "accept" in log.read_text())
        for sock in crowd:
            sock.close()
        with dial(ca, port) as tls:
            tls.sendall(b"it goes on")
            assert tls.recv(100) == b"it goes on"


def test_proxy_ends_clients_that_do_not_shake_hands(proxy):
    with proxy(echo) as (port, log):
        with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as sock:
            sock.sendall(b"\x16\x03")
            receive_all(sock)
        assert "silent for too long" in log.read_text()


@pytest.mark.parametrize("flooding", ["client", "backend"])
def test_proxy_applies_backpressure(proxy, ca, flooding):
    backends = []
    with proxy(backends.append) as (port, _), dial(ca, port) as tls:
        tls.do_handshake()
        wait_for(lambda: backends)
        tls.settimeout(1)
        backends[0].settimeout(1)
        sender = tls if flooding == "client" else backends[0]
        sent = 0
        with pytest.raises((TimeoutError, tlsmith.Error)):
            while sent < 50_000_000:
                sent += sender.send(bytes(100_000))
        # Sockets hold most of it.
        assert sent < 20_000_000
        backends[0].close()


@pytest.fixture(scope="module")
def bufferevent_client(tmp_path_factory):
    header("event2/event.h", "libevent-dev")
    sources = [PORTS / "bufferevent_tlsmith.c", "-levent"]
    return build(HERE / "bufferevent_client.c", tmp_path_factory, *sources)


WATERMARK = pytest.mark.parametrize("options", [[], ["-w"]], ids=["freely", "with a watermark"])


@WATERMARK
def test_bufferevent_client_moves_data_and_ends_both_ways(
    bufferevent_client, localhost, ca_file, options
):
    data = os.urandom(3_000_000)

    def serve(sock):
        with tlsmith.Server(localhost).wrap(sock) as tls:
            assert receive_all(tls) == data
            tls.sendall(data)

    with one_client(serve) as port:
        done = run(bufferevent_client, *options, port, ca_file, "localhost", stdin=data)
    assert done.stdout == data
    lines = done.stderr.decode().splitlines()
    assert lines[0].startswith("connected with TLS_")
    assert lines[1:] == ["sent all", "peer ended"] and done.returncode == 0


@WATERMARK
def test_bufferevent_client_detects_truncation(bufferevent_client, localhost, ca_file, options):
    data = os.urandom(300_000)

    def serve(sock):
        tls = ssl_context(ssl.PROTOCOL_TLS_SERVER, localhost).wrap_socket(sock, server_side=True)
        assert receive_all(tls) == b"x"
        tls.sendall(data)
        os.close(tls.detach())

    with one_client(serve) as port:
        done = run(bufferevent_client, *options, port, ca_file, "localhost", stdin=b"x")
    assert done.returncode == 1 and done.stdout == data
    last = done.stderr.decode().splitlines()[-1]
    assert last.startswith("error 20: ") and "without close_notify" in last


def test_bufferevent_client_refuses_servers_and_sends_the_alert(
    bufferevent_client, localhost, ca_file, other_ca_file
):
    for roots, name, reason, alert in (
        (ca_file, "wrong.example", "you asked for 'wrong.example'", "BAD_CERTIFICATE"),
        (other_ca_file, "localhost", "not one of the trusted roots", "UNKNOWN_CA"),
    ):
        alerts = []

        def serve(sock, alerts=alerts):
            context = ssl_context(ssl.PROTOCOL_TLS_SERVER, localhost)
            with pytest.raises(ssl.SSLError) as caught:
                context.wrap_socket(sock, server_side=True).recv(1)
            alerts.append(caught.value.reason)

        with one_client(serve) as port:
            done = run(bufferevent_client, port, roots, name, stdin=b"secret")
        [line] = done.stderr.decode().splitlines()
        assert line.startswith("error 20: ") and reason in line and done.returncode == 1
        assert alert in alerts[0]
