"""examples/ports: hiredis, libevent, SMTP and HTTPS over the C library, with Debian's
programs and hostile servers on the other side."""

import contextlib
import hashlib
import http.server
import os
import re
import socket
import ssl
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import aiosmtpd.controller
import pytest
from conftest import receive_all, ssl_context
from processes import PATIENCE, ROOT, c_program, free_port, running, tool
from threads import thread

import tlsmith

PORTS = ROOT / "examples/ports"
HERE = Path(__file__).parent / "ports"

# Also catches what is used after it was freed, which libevent's callbacks invite.
FLAGS = ["-Wpedantic", "-fsanitize=address", f"-I{PORTS}"]

MISUSED = 99
"""What AddressSanitizer ends a program with: memory used after it was freed, or never freed."""


def header(name, package):
    assert Path("/usr/include", name).exists(), f"{name} is missing: apt-get install {package}"


def build(source, tmp_path_factory, *options):
    folder = tmp_path_factory.mktemp(source.stem)
    return c_program(source, folder, *FLAGS, *options, standard="c11")


def run(program, *arguments, stdin=b"", cwd=None):
    path, environment = program
    done = subprocess.run(
        [str(part) for part in (path, *arguments)],
        input=stdin,
        capture_output=True,
        timeout=2 * PATIENCE,
        env={**environment, "ASAN_OPTIONS": f"exitcode={MISUSED}"},
        cwd=cwd,
        check=False,
    )
    assert done.returncode != MISUSED, done.stderr.decode()
    return done


@contextlib.contextmanager
def one_client(serve, start=b""):
    """A server in a thread for one client, whose socket `serve` gets; its port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(PATIENCE)

        def accept():
            sock, _ = listener.accept()
            with sock:
                sock.settimeout(PATIENCE)
                serve(sock)

        with thread(accept):
            yield listener.getsockname()[1]


def wait_for(condition):
    """Until it is true, or the test fails."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


# hiredis


@pytest.fixture(scope="module")
def redis_client(tmp_path_factory):
    header("hiredis/hiredis.h", "libhiredis-dev")
    header("event2/event.h", "libevent-dev")
    sources = [PORTS / "hiredis_tlsmith.c", "-lhiredis", "-levent"]
    return build(HERE / "redis_client.c", tmp_path_factory, *sources)


@contextlib.contextmanager
def redis_server(identity, ca_file, folder, *options):
    files = identity.write(folder, name="server")
    port = free_port()
    command = [tool("redis-server", "redis-server"), "--bind", "127.0.0.1", "--port", 0]
    command += ["--tls-port", port, "--tls-cert-file", files.cert, "--tls-key-file", files.key]
    command += ["--tls-ca-cert-file", ca_file, "--save", "", "--dir", folder, *options]
    with running(*command, port=port, folder=folder):
        yield port


@pytest.fixture(scope="module")
def redis_port(localhost, ca_file, tmp_path_factory):
    folder = tmp_path_factory.mktemp("redis")
    with redis_server(localhost, ca_file, folder, "--tls-auth-clients", "no") as port:
        yield port


ALL_RIGHT = {"sync": "1002 replies, 0 wrong", "async": "1002 replies, 0 wrong"}
MODES = pytest.mark.parametrize("mode", ["sync", "async"])


@MODES
def test_hiredis_pipelines_and_moves_a_megabyte_over_tls(redis_client, redis_port, ca_file, mode):
    done = run(redis_client, mode, redis_port, ca_file, "localhost", "-")
    assert done.stdout.decode().splitlines()[-1] == ALL_RIGHT[mode], done
    assert done.returncode == 0


@MODES
def test_hiredis_refuses_servers_that_it_cannot_verify(
    redis_client, redis_port, ca_file, other_ca_file, mode
):
    for roots, name, reason in (
        (ca_file, "wrong.example", "certificate is for 'localhost', you asked for 'wrong.example'"),
        (ca_file, "-", "certificate is for 'localhost', you asked for '127.0.0.1'"),
        (other_ca_file, "localhost", "which is not one of the trusted roots"),
    ):
        text = run(redis_client, mode, redis_port, roots, name, "-").stdout.decode()
        assert reason in text and "failed: 2 " in text
        # hiredis gives a NULL reply to each waiting callback.
        assert re.search(r"\n(0 replies|(\d+) replies, \2 wrong)", text), text


@MODES
def test_hiredis_presents_a_client_certificate(redis_client, ca, localhost, ca_file, tmp_path, mode):
    files = ca.issue("client@example.org").write(tmp_path, name="client")
    with redis_server(localhost, ca_file, tmp_path) as port:
        command = [redis_client, mode, port, ca_file, "localhost", "-"]
        assert ALL_RIGHT[mode] in run(*command, files.cert, files.key).stdout.decode()
        text = run(*command).stdout.decode()
        assert "certificate" in text and "failed: 2 " in text


def test_hiredis_needs_tls_again_after_a_reconnect(redis_client, redis_port, ca_file):
    done = run(redis_client, "again", redis_port, ca_file, "localhost", "-")
    lines = done.stdout.decode().splitlines()
    assert "call redisInitiateTlsmith() again" in lines[1]
    assert lines[2:] == ["2004 replies, 0 wrong"] and done.returncode == 0


@MODES
def test_hiredis_requests_another_name_than_it_verifies(redis_client, localhost, ca_file, mode):
    names = []
    context = ssl_context(ssl.PROTOCOL_TLS_SERVER, localhost)
    context.sni_callback = lambda sock, name, context: names.append(name)

    def serve(sock):
        context.wrap_socket(sock, server_side=True).close()

    with one_client(serve) as port:
        run(redis_client, mode, port, ca_file, "localhost", "other.example")
    assert names == ["other.example"]


@MODES
def test_hiredis_reports_a_server_that_dies_in_mid_reply(redis_client, localhost, ca_file, mode):
    context = ssl_context(ssl.PROTOCOL_TLS_SERVER, localhost)

    def serve(sock):
        tls = context.wrap_socket(sock, server_side=True)
        tls.recv(10)
        tls.sendall(b"$1\r\n0\r\n$100\r\nha")
        os.close(tls.detach())

    with one_client(serve) as port:
        text = run(redis_client, mode, port, ca_file, "localhost", "-").stdout.decode()
    # 3 is REDIS_ERR_EOF; 1 is REDIS_ERR_IO, since unread commands make it a reset.
    assert re.search(r"(command|connection) failed: [13] .", text), text


def test_hiredis_keeps_to_its_time_limit(redis_client, localhost, ca_file):
    ended = threading.Event()
    with one_client(lambda sock: ended.wait(PATIENCE)) as port:
        text = run(redis_client, "sync", port, ca_file, "localhost", "-").stdout.decode()
        ended.set()
    assert "handshake failed: 1 Resource temporarily unavailable" in text


# libevent


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
    def start(serve):
        port = free_port()
        with backend(serve) as behind:
            command = [program, port, files.cert, files.key, behind]
            with running(*command, port=port, folder=tmp_path, env=environment) as process:
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

    data = os.urandom(100_000)
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
        command = [tool("curl", "curl"), "-sS", "--cacert", ca_file, f"https://localhost:{port}/page"]
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


def test_proxy_tells_clients_why_it_refuses_them(proxy, ca, ca_file):
    with proxy(echo) as (port, log):
        done = s_client(port, ca_file, b"", "-cipher", "AES128-SHA", "-tls1_2")
        assert b"alert handshake failure" in done.stderr
        with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as sock:
            sock.sendall(b"GET / HTTP/1.0\r\n\r\n")
            assert receive_all(sock)[:1] == b"\x15", "an alert"
        with dial(ca, port) as tls:
            tls.sendall(b"it goes on")
            assert tls.recv(100) == b"it goes on"
        assert len([line for line in log.read_text().splitlines() if "client: " in line]) >= 2


def test_proxy_ends_clients_that_do_not_shake_hands(proxy):
    with proxy(echo) as (port, log):
        with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as sock:
            sock.sendall(b"\x16\x03")
            receive_all(sock)
        assert "silent for too long" in log.read_text()


@pytest.mark.parametrize("flooding", ["client", "backend"])
def test_proxy_holds_up_who_sends_more_than_is_read(proxy, ca, flooding):
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
def test_bufferevent_client_tells_truncation_from_the_end(
    bufferevent_client, localhost, ca_file, options
):
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


# SMTP


@pytest.fixture(scope="module")
def smtp_send(tmp_path_factory):
    return build(PORTS / "smtp_send.c", tmp_path_factory)


class Mailbox:
    def __init__(self):
        self.messages = []

    async def handle_DATA(self, server, session, envelope):
        self.messages.append((session.ssl is not None, envelope))
        return "250 taken"


@pytest.fixture
def mail(localhost):
    """A server with STARTTLS: its port and its mailbox."""
    mailbox = Mailbox()
    controller = aiosmtpd.controller.Controller(
        mailbox,
        hostname="127.0.0.1",
        port=free_port(),
        server_hostname="localhost",
        tls_context=ssl_context(ssl.PROTOCOL_TLS_SERVER, localhost),
        require_starttls=True,
    )
    controller.start()
    yield controller.port, mailbox
    controller.stop()


def send_mail(smtp_send, port, roots, message, host="localhost"):
    addresses = ["me@example.org", "you@example.org"]
    return run(smtp_send, host, port, *addresses, roots, stdin=message)


def test_smtp_send_delivers_over_starttls(smtp_send, mail, ca_file):
    port, mailbox = mail
    message = b"Subject: dots\r\n\r\n.\r\n..x\r\nlast" + b"\r\nlong" * 5000
    done = send_mail(smtp_send, port, ca_file, message.replace(b"\r\n", b"\n"))
    assert (done.returncode, done.stderr) == (0, b"")
    [(encrypted, envelope)] = mailbox.messages
    assert encrypted and envelope.content == message + b"\r\n"
    assert (envelope.mail_from, envelope.rcpt_tos) == ("me@example.org", ["you@example.org"])


def test_smtp_send_refuses_a_server_that_it_cannot_verify(
    smtp_send, mail, ca_file, other_ca_file
):
    port, mailbox = mail
    done = send_mail(smtp_send, port, other_ca_file, b"secret")
    assert done.returncode == 1 and b"not one of the trusted roots" in done.stderr
    done = send_mail(smtp_send, port, ca_file, b"secret", host="127.0.0.1")
    assert done.returncode == 1 and b"you asked for '127.0.0.1'" in done.stderr
    assert mailbox.messages == []


def scripted(replies, commands):
    """A server in plain text that answers each line with the next reply."""

    def serve(sock):
        with sock.makefile("rwb") as lines:
            for reply in replies:
                lines.write(reply)
                lines.flush()
                commands.append(lines.readline())
            commands.append(lines.read())

    return serve


def test_smtp_send_does_not_go_on_in_plain_text(smtp_send, ca_file):
    for offer in (b"250 SIZE\r\n", b"250-SIZE\r\n250 STARTTLSX\r\n", b"502 no\r\n"):
        commands = []
        with one_client(scripted([b"220 hi\r\n", offer], commands)) as port:
            done = send_mail(smtp_send, port, ca_file, b"secret")
        assert done.returncode == 1
        assert b"no STARTTLS: nothing was sent" in done.stderr or b"502 no" in done.stderr
        assert commands[0].startswith(b"EHLO ") and commands[1:] == [b"", b""]


def test_smtp_send_refuses_a_reply_injected_before_tls(smtp_send, ca_file):
    commands = []
    replies = [b"220 hi\r\n", b"250-hi\r\n250 STARTTLS\r\n"]
    replies.append(b"220 go\r\n250 injected\r\n")
    with one_client(scripted(replies, commands)) as port:
        done = send_mail(smtp_send, port, ca_file, b"secret")
    assert done.returncode == 1 and b"data came before TLS began" in done.stderr
    assert commands[1:] == [b"STARTTLS\r\n", b"", b""], "no ClientHello either"


def test_smtp_send_reports_a_refused_recipient(smtp_send, mail, ca_file):
    port, mailbox = mail

    async def refuse(*_):
        return "550 nobody here"

    mailbox.handle_RCPT = refuse
    done = send_mail(smtp_send, port, ca_file, b"secret")
    assert done.returncode == 1 and b"550 nobody here" in done.stderr
    assert mailbox.messages == []


def test_smtp_send_takes_no_addresses_with_commands_in_them(smtp_send, ca_file):
    for address in ("a@b>\r\nDATA", "<a@b", "a@b\n"):
        assert run(smtp_send, "localhost", 1, address, "a@b", ca_file).returncode == 2


# HTTPS


@pytest.fixture(scope="module")
def download(tmp_path_factory):
    return build(PORTS / "download.c", tmp_path_factory)


class Site:
    """What the server has, and what it does wrong."""

    body = os.urandom(300_000)
    resumes = True
    cut_after = None
    """Bytes of an answer after which TCP ends, without close_notify."""
    proper_end = False
    """Whether close_notify comes before that."""
    with_length = True

    def __init__(self):
        self.ranges = []


class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def do_GET(self):
        site, body, first = self.server.site, self.server.site.body, 0
        if self.path != "/file":
            self.send_error(404)
            return
        site.ranges.append(self.headers["Range"])
        if site.resumes and self.headers["Range"]:
            first = int(re.fullmatch(r"bytes=(\d+)-", self.headers["Range"])[1])
        if first >= len(body):
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(body)}")
            self.end_headers()
            return
        self.send_response(206 if first else 200)
        if first:
            self.send_header("Content-Range", f"bytes {first}-{len(body) - 1}/{len(body)}")
        if site.with_length:
            self.send_header("Content-Length", str(len(body) - first))
        self.end_headers()
        part = body[first:]
        self.wfile.write(part if site.cut_after is None else part[: site.cut_after])
        self.wfile.flush()
        if site.cut_after is None or site.proper_end:
            with contextlib.suppress(OSError):
                self.connection.unwrap()


@pytest.fixture
def site(localhost):
    context = ssl_context(ssl.PROTOCOL_TLS_SERVER, localhost)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        server.site = Site()
        server.site.port = server.server_address[1]
        with thread(server.serve_forever):
            yield server.site
            server.shutdown()


def fetch(download, site, roots, folder, path="/file", host="localhost"):
    url = f"https://{host}:{site.port}{path}"
    return run(download, "-r", roots, url, "got", cwd=folder)


def test_download_writes_the_file_and_shows_progress(download, site, ca_file, tmp_path):
    done = fetch(download, site, ca_file, tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "got").read_bytes() == site.body
    assert [path.name for path in tmp_path.iterdir()] == ["got"]
    assert b"\r300000 of 300000 bytes, 100%\n" in done.stderr and done.stdout == b""


@pytest.mark.parametrize("proper_end", [False, True])
def test_download_refuses_a_truncated_body_and_resumes(
    download, site, ca_file, tmp_path, proper_end
):
    site.cut_after, site.proper_end = 100_000, proper_end
    done = fetch(download, site, ca_file, tmp_path)
    assert done.returncode == 1 and not (tmp_path / "got").exists()
    reason = b"ended the body early" if proper_end else b"without close_notify"
    assert reason in done.stderr
    assert (tmp_path / "got.part").read_bytes() == site.body[:100_000]
    site.cut_after = None
    assert fetch(download, site, ca_file, tmp_path).returncode == 0
    assert (tmp_path / "got").read_bytes() == site.body
    assert site.ranges == [None, "bytes=100000-"]


def test_download_starts_again_where_the_server_does_not_resume(
    download, site, ca_file, tmp_path
):
    site.resumes = False
    (tmp_path / "got.part").write_bytes(b"x" * 400_000)
    assert fetch(download, site, ca_file, tmp_path).returncode == 0
    assert (tmp_path / "got").read_bytes() == site.body


def test_download_finishes_a_part_that_is_complete(download, site, ca_file, tmp_path):
    (tmp_path / "got.part").write_bytes(site.body)
    assert fetch(download, site, ca_file, tmp_path).returncode == 0
    assert (tmp_path / "got").read_bytes() == site.body
    (tmp_path / "got.part").write_bytes(site.body + b"more")
    done = fetch(download, site, ca_file, tmp_path)
    assert done.returncode == 1 and b"status 416" in done.stderr


def test_download_takes_only_close_notify_for_the_end(download, site, ca_file, tmp_path):
    site.with_length = False
    site.cut_after = 100_000
    done = fetch(download, site, ca_file, tmp_path)
    assert done.returncode == 1 and b"without close_notify" in done.stderr
    (tmp_path / "got.part").unlink()
    site.cut_after = None
    assert fetch(download, site, ca_file, tmp_path).returncode == 0
    assert (tmp_path / "got").read_bytes() == site.body


def test_download_refuses_errors_and_servers_that_it_cannot_verify(
    download, site, ca_file, other_ca_file, tmp_path
):
    for roots, path, host, reason in (
        (ca_file, "/none", "localhost", b"status 404"),
        (other_ca_file, "/file", "localhost", b"not one of the trusted roots"),
        (ca_file, "/file", "127.0.0.1", b"you asked for '127.0.0.1'"),
    ):
        done = fetch(download, site, roots, tmp_path, path, host)
        assert done.returncode == 1 and reason in done.stderr
        assert not (tmp_path / "got").exists()
        assert (tmp_path / "got.part").read_bytes() == b""


def test_download_takes_urls_of_https_alone(download, tmp_path):
    for url in ("http://localhost/", "https://", "https:///x", "https://a b/", "https://a/\r\nX:"):
        assert run(download, url, "got", cwd=tmp_path).returncode == 2


# README


def test_readme_counts_the_lines_of_each_port():
    table = re.findall(r"\[(\w+\.c)\]\(\1\) \| (\d+) \|", (PORTS / "README.md").read_text())
    assert {name for name, _ in table} == {path.name for path in PORTS.glob("*.c")}
    for name, count in table:
        assert len((PORTS / name).read_text().splitlines()) == int(count), name
