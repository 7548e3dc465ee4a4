"""examples/ports: the SMTP sender and the downloader, with hostile servers on the other side,
and the README's table of all ports."""

import contextlib
import email.utils
import http.server
import os
import re
import ssl

import aiosmtpd.controller
import pytest
from conftest import ssl_context
from porting import PORTS, build, one_client, run
from processes import free_port
from threads import thread

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


def test_smtp_send_refuses_a_server_that_it_cannot_verify(smtp_send, mail, ca_file, other_ca_file):
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


def test_smtp_send_rejects_addresses_with_commands(smtp_send, ca_file):
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
    changed = None
    """When, in seconds of the Unix epoch."""

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
        if site.changed and self.headers["If-Unmodified-Since"]:
            date = email.utils.parsedate_to_datetime(self.headers["If-Unmodified-Since"])
            if date.timestamp() < site.changed:
                self.send_error(412)
                return
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


def test_download_starts_again_where_the_server_does_not_resume(download, site, ca_file, tmp_path):
    site.resumes = False
    (tmp_path / "got.part").write_bytes(b"x" * 400_000)
    assert fetch(download, site, ca_file, tmp_path).returncode == 0
    assert (tmp_path / "got").read_bytes() == site.body


def test_download_mixes_no_versions_of_a_file(download, site, ca_file, tmp_path):
    part = tmp_path / "got.part"
    part.write_bytes(site.body[:1000])
    site.changed = part.stat().st_mtime + 10
    done = fetch(download, site, ca_file, tmp_path)
    assert done.returncode == 1 and b"the file has changed" in done.stderr
    assert part.read_bytes() == site.body[:1000]
    site.changed -= 20
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


def test_download_accepts_only_https_urls(download, tmp_path):
    for url in ("http://localhost/", "https://", "https:///x", "https://a b/", "https://a/\r\nX:"):
        assert run(download, url, "got", cwd=tmp_path).returncode == 2


# README


def test_readme_counts_the_lines_of_each_port():
    table = re.findall(
        r"\[(\w+\.c)\]\(\1\)[^|]* \| (\d+) \| (\d+) \|", (PORTS / "README.md").read_text()
    )
    assert {name for name, *_ in table} == {path.name for path in PORTS.glob("*.c")}
    for name, count, of_tls in table:
        lines = (PORTS / name).read_text().splitlines()
        if not name.endswith("_tlsmith.c"):
            assert sum("tls" in line.lower() for line in lines) == int(of_tls), name
        else:
            assert of_tls == count, name
        assert len(lines) == int(count), name
