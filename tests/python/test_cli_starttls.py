"""tlsmith connect --starttls: the dialogues, with servers that speak them."""

import smtplib
import socket
import ssl
import struct

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Sink
from commandline import PATIENCE, cli, listener
from conftest import receive_all, ssl_context, thread

__all__ = ["cli"]

MYSQL_GREETING = (
    b"\x0a8.0.99-test\0"
    + struct.pack("<I8sx", 7, b"saltsalt")
    + struct.pack("<HBHH", 0x8A00, 45, 2, 0xC000)
    + b"\x15"
    + bytes(10)
    + b"saltsaltsalt\0"
    + b"caching_sha2_password\0"
)


def packet(content, number=0):
    return len(content).to_bytes(3, "little") + bytes([number]) + content


def expect(sock, content):
    """Exactly these bytes, and no more."""
    got = b""
    while len(got) < len(content):
        part = sock.recv(len(content) - len(got))
        assert part, got
        got += part
    assert got == content


def line(sock):
    got = b""
    while not got.endswith(b"\r\n"):
        part = sock.recv(1)
        assert part, got
        got += part
    return got.decode().rstrip()


def smtp(sock):
    sock.sendall(b"220-mail.example\r\n220 ready\r\n")
    assert line(sock).startswith("EHLO ")
    sock.sendall(b"250-mail.example\r\n250-PIPELINING\r\n250 STARTTLS\r\n")
    assert line(sock) == "STARTTLS"
    sock.sendall(b"220 go ahead\r\n")


def imap(sock):
    sock.sendall(b"* OK [CAPABILITY IMAP4rev1 STARTTLS] ready\r\n")
    tag, command = line(sock).split()
    assert command == "STARTTLS"
    sock.sendall(b"* CAPABILITY IMAP4rev1\r\n" + tag.encode() + b" OK begin\r\n")


def ftp(sock):
    sock.sendall(b"220-welcome\r\n 220 is not yet the end\r\n220 ready\r\n")
    assert line(sock) == "AUTH TLS"
    sock.sendall(b"234 go on\r\n")


def postgres(sock):
    expect(sock, bytes.fromhex("0000000804d2162f"))
    sock.sendall(b"S")


def mysql(sock):
    sock.sendall(packet(MYSQL_GREETING))
    expect(sock, b"\x20\0\0\x01")
    request = sock.recv(32, socket.MSG_WAITALL)
    flags, longest, charset, rest = struct.unpack("<IIB23s", request)
    assert flags & 0x0800, "CLIENT_SSL"
    assert flags & 0x0200, "CLIENT_PROTOCOL_41"
    assert longest > 0
    assert charset == 45
    assert rest == bytes(23)


DIALOGUES = {"smtp": smtp, "imap": imap, "ftp": ftp, "postgres": postgres, "mysql": mysql}


@pytest.fixture
def root(ca, tmp_path):
    path = tmp_path / "root.pem"
    path.write_bytes(ca.cert_pem)
    return path


@pytest.mark.parametrize("protocol", DIALOGUES)
def test_starttls_begins_tls_after_agreement(cli, identity, root, protocol):
    def serve():
        plain = listening.accept()[0]
        plain.settimeout(PATIENCE)
        DIALOGUES[protocol](plain)
        context = ssl_context(ssl.PROTOCOL_TLS_SERVER, identity)
        with context.wrap_socket(plain, server_side=True) as sock:
            sock.sendall(b"under TLS\n")
            heard = receive_all(sock)
            sock.unwrap().close()
            return heard

    with listener() as (listening, port), thread(serve) as serving:
        address = f"localhost:{port}"
        result = cli.run("connect", address, "--ca", root, "--starttls", protocol, input="bye")
        assert serving.join() == b"bye"
    assert result.stdout == "under TLS\n"
    assert "verified" in result.stderr


REFUSALS = {
    "smtp without it": ("smtp", b"220 hi\r\n250-mail\r\n250 SIZE\r\n", "does not support"),
    "smtp that is busy": ("smtp", b"421 later\r\n", "'421 later'"),
    "smtp that refuses": ("smtp", b"220 hi\r\n250 STARTTLS\r\n454 no\r\n", "'454 no'"),
    "imap that bids farewell": ("imap", b"* BYE full\r\n", "'* BYE full'"),
    "imap that refuses": ("imap", b"* OK hi\r\ntls NO not today\r\n", "'tls NO not today'"),
    "ftp that refuses": ("ftp", b"220 hi\r\n502 what\r\n", "'502 what'"),
    "postgres without it": ("postgres", b"N", "does not support"),
    "postgres that is none": ("postgres", b"E", "b'E'"),
    "mysql without it": (
        "mysql",
        packet(MYSQL_GREETING.replace(b"\x00\x8a", b"\x00\x82")),
        "does not support",
    ),
    "mysql that is full": ("mysql", packet(b"\xff\x10\x04Too many"), "'Too many'"),
    "mysql that is none": ("mysql", b"HTTP/1.0 400 Bad Request\r\n\r\n", "greeting has"),
    "mysql of old": ("mysql", packet(b"\x09old\0"), "protocol 10"),
    "silence": ("imap", b"", "closed the connection before TLS began"),
    "a line without end": ("imap", b"* OK " + b"x" * 10_000, "line of more than"),
    "lines without end": ("smtp", b"220-x\r\n" * 300, "more than 200 lines"),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_error_quotes_server_without_starttls(cli, case):
    protocol, said, words = REFUSALS[case]

    def serve():
        with listening.accept()[0] as plain:
            plain.settimeout(PATIENCE)
            plain.sendall(said)
            plain.shutdown(socket.SHUT_WR)
            receive_all(plain)

    with listener() as (listening, port), thread(serve):
        sentence = cli.fails("connect", f"localhost:{port}", "--starttls", protocol)
    assert words in sentence
    assert f"STARTTLS over {protocol}" in sentence


@pytest.mark.parametrize("protocol", ["smtp", "imap", "ftp", "postgres"])
def test_plaintext_after_starttls_agreement_is_rejected(cli, protocol):
    """What CVE-2011-0411 was."""
    agreed = {
        "smtp": b"220 hi\r\n250 STARTTLS\r\n220 go\r\n250 injected\r\n",
        "imap": b"* OK hi\r\ntls OK go\r\n* PREAUTH injected\r\n",
        "ftp": b"220 hi\r\n234 go\r\n230 injected\r\n",
        "postgres": b"S\x00injected",
    }[protocol]

    def serve():
        with listening.accept()[0] as plain:
            plain.settimeout(PATIENCE)
            plain.sendall(agreed)
            receive_all(plain)

    with listener() as (listening, port), thread(serve):
        sentence = cli.fails("connect", f"localhost:{port}", "--starttls", protocol)
    assert "more plaintext after it agreed to TLS" in sentence


def test_a_server_that_does_not_greet_times_out(cli):
    with listener() as (_, port):
        options = ("--starttls", "smtp", "--timeout", "0.2")
        assert "before TLS" in cli.fails("connect", f"localhost:{port}", *options)


def test_connect_upgrades_real_mail_server(cli, identity, root):
    context = ssl_context(ssl.PROTOCOL_TLS_SERVER, identity)
    with listener() as (probe, port):
        probe.close()
    controller = Controller(Sink(), hostname="127.0.0.1", port=port, tls_context=context)
    controller.start()
    try:
        # It is the one that the standard library can speak to.
        with smtplib.SMTP("127.0.0.1", port, timeout=PATIENCE) as mail:
            assert mail.has_extn("starttls") or mail.ehlo()[0] == 250
        options = ("--ca", root, "--starttls", "smtp", "--keep-open")
        text = r"EHLO there\r\nQUIT\r\n"
        out = cli.out("connect", f"localhost:{port}", *options, "--send", text)
    finally:
        controller.stop()
    assert "221" in out
    assert "STARTTLS" not in out.upper()
