"""Mail and files: smtplib, imaplib and ftplib on our engine, with TLS from the start
and with TLS in the middle (STARTTLS, AUTH TLS)."""

import asyncio
import contextlib
import email.message
import ftplib
import getpass
import grp
import imaplib
import io
import os
import pwd
import shutil
import smtplib
import ssl
import tempfile
from pathlib import Path

import aiosmtpd.smtp
import pyftpdlib.authorizers
import pyftpdlib.handlers
import pyftpdlib.servers
import pytest
from conftest import PATIENCE, thread
from peers import IP_MISMATCH, UNKNOWN_CA, in_loop, openssl_client, openssl_server
from processes import free_port, running, tool

import tlsmith

LETTER = email.message.EmailMessage()
LETTER["From"], LETTER["To"], LETTER["Subject"] = "a@example.org", "b@example.org", "TLS"
LETTER.set_content("Dear B.\n" * 20_000)


@pytest.fixture
def ours(ca):
    return tlsmith.Client(trust=ca).ssl_context()


@pytest.fixture
def stranger():
    """A context that trusts an authority that nobody here has."""
    return tlsmith.Client(trust=tlsmith.CA()).ssl_context()


# SMTP


class Mailbox(list):
    """What an SMTP server received."""

    async def handle_DATA(self, server, _session, envelope):
        encrypted = server.transport.get_extra_info("ssl_object") is not None
        self.append((encrypted, envelope.content))
        return "250 OK"


@contextlib.contextmanager
def smtp_server(context, from_the_start):
    """aiosmtpd; its port and its mailbox."""
    mailbox = Mailbox()

    async def serve(listener, stop):
        def protocol():
            starttls = {} if from_the_start else {"tls_context": context, "require_starttls": True}
            return aiosmtpd.smtp.SMTP(mailbox, hostname="localhost", loop=loop, **starttls)

        loop = asyncio.get_running_loop()
        tls = context if from_the_start else None
        async with await loop.create_server(protocol, sock=listener, ssl=tls):
            await stop.wait()

    with in_loop(serve) as port:
        yield port, mailbox


@pytest.mark.parametrize("role", ["client", "server", "both"])
@pytest.mark.parametrize("from_the_start", [True, False], ids=["smtps", "starttls"])
def test_smtp_carries_a_letter(engine, ca, ours, localhost, role, from_the_start):
    client = openssl_client(ca) if role == "server" else ours
    server = tlsmith.Server(localhost).ssl_context()
    if role == "client":
        server = openssl_server(localhost)
    with smtp_server(server, from_the_start) as (port, mailbox):
        if from_the_start:
            connection = smtplib.SMTP_SSL("localhost", port, context=client, timeout=PATIENCE)
        else:
            connection = smtplib.SMTP("localhost", port, timeout=PATIENCE)
            connection.starttls(context=client)
        with connection:
            connection.send_message(LETTER)
    ((encrypted, content),) = mailbox
    assert encrypted and b"Dear B.\r\n" * 20_000 in content
    assert len(engine.clients) == (role != "server")
    assert len(engine.servers) == (role != "client")


def test_smtp_rejects_untrusted_server(engine, ours, stranger, localhost):
    for from_the_start in (True, False):
        with smtp_server(openssl_server(localhost), from_the_start) as (port, mailbox):
            for host, context, code in (
                ("127.0.0.1", ours, IP_MISMATCH),
                ("localhost", stranger, UNKNOWN_CA),
            ):
                with pytest.raises(ssl.SSLCertVerificationError) as caught:
                    if from_the_start:
                        smtplib.SMTP_SSL(host, port, context=context, timeout=PATIENCE)
                    else:
                        with smtplib.SMTP(host, port, timeout=PATIENCE) as connection:
                            connection.starttls(context=context)
                assert caught.value.verify_code == code
            assert not mailbox
    assert len(engine.cores) == 4 and not engine.clients


# IMAP


@pytest.fixture(scope="module")
def dovecot(localhost):
    """The ports of Dovecot: with TLS from the start, and with STARTTLS."""
    server = tool("dovecot", "dovecot-imapd")
    # It serves no mail as root, and its processes have users that cannot look into
    # the folders of pytest.
    user = "nobody" if os.getuid() == 0 else getpass.getuser()
    account = pwd.getpwnam(user)
    group = grp.getgrgid(account.pw_gid).gr_name
    folder = Path(tempfile.mkdtemp(prefix="tlsmith-"))
    try:
        folder.chmod(0o755)
        (folder / "mail").mkdir()
        os.chown(folder / "mail", account.pw_uid, account.pw_gid)
        files = localhost.write(folder, name="server")
        ports = {"imaps": free_port(), "imap": free_port()}
        (folder / "dovecot.conf").write_text(f"""
            base_dir = {folder}/run
            state_dir = {folder}/state
            log_path = /dev/stderr
            protocols = imap
            listen = 127.0.0.1
            ssl = required
            ssl_cert = <{files.cert}
            ssl_key = <{files.key}
            default_internal_user = {user}
            default_internal_group = {group}
            default_login_user = {user}
            first_valid_uid = {account.pw_uid}
            mail_location = maildir:{folder}/mail
            passdb {{
              driver = static
              args = password=secret
            }}
            userdb {{
              driver = static
              args = uid={account.pw_uid} gid={account.pw_gid} home={folder}/mail
            }}
            service anvil {{
              chroot =
            }}
            service imap-login {{
              chroot =
              inet_listener imap {{
                port = {ports["imap"]}
              }}
              inet_listener imaps {{
                port = {ports["imaps"]}
                ssl = yes
              }}
            }}
        """)
        command = [server, "-F", "-c", folder / "dovecot.conf"]
        with running(*command, port=ports["imaps"], folder=folder):
            yield ports
    finally:
        shutil.rmtree(folder)


def imap(dovecot, kind, host, context):
    if kind == "imaps":
        return imaplib.IMAP4_SSL(host, dovecot[kind], ssl_context=context, timeout=PATIENCE)
    connection = imaplib.IMAP4(host, dovecot[kind], timeout=PATIENCE)
    connection.starttls(ssl_context=context)
    return connection


@pytest.mark.parametrize("kind", ["imaps", "imap"])
def test_imap_keeps_a_letter(engine, ours, dovecot, kind):
    with imap(dovecot, kind, "localhost", ours) as connection:
        assert connection.sock.info.version == "1.3"
        connection.login("b", "secret")
        letter = LETTER.as_bytes().replace(b"\n", b"\r\n")
        assert connection.append("INBOX", None, None, letter)[0] == "OK"
        _, (count,) = connection.select()
        _, ((_, stored), *_) = connection.fetch(count, "(RFC822)")
        assert stored == letter
    assert len(engine.clients) == 1


@pytest.mark.parametrize("kind", ["imaps", "imap"])
def test_imap_rejects_untrusted_server(engine, ours, stranger, dovecot, kind):
    for host, context, code in (
        ("127.0.0.1", ours, IP_MISMATCH),
        ("localhost", stranger, UNKNOWN_CA),
    ):
        with pytest.raises(ssl.SSLCertVerificationError) as caught:
            imap(dovecot, kind, host, context)
        assert caught.value.verify_code == code
    assert len(engine.cores) == 2 and not engine.clients


# FTP, whose files come on connections of their own.


@pytest.fixture
def ftp_port(localhost, tmp_path):
    """The port of pyftpdlib, which is on pyOpenSSL."""
    (tmp_path / "files").mkdir()

    class Handler(pyftpdlib.handlers.TLS_FTPHandler):
        authorizer = pyftpdlib.authorizers.DummyAuthorizer()
        certfile = localhost.write(tmp_path, name="server").combined
        tls_control_required = tls_data_required = True

    Handler.authorizer.add_user("b", "secret", tmp_path / "files", perm="elradfmwMT")
    server = pyftpdlib.servers.FTPServer(("127.0.0.1", 0), Handler)
    stopped = []

    def serve():
        while not stopped:
            server.serve_forever(timeout=0.05, blocking=False, handle_exit=False)

    with thread(serve):
        yield server.address[1]
        stopped.append(True)
    server.close_all()


def ftp(host, port, context):
    connection = ftplib.FTP_TLS(context=context, timeout=PATIENCE)
    connection.connect(host, port)
    connection.login("b", "secret")
    connection.prot_p()
    return connection


def test_ftp_stores_and_retrieves(engine, ours, ftp_port):
    data = os.urandom(1_000_000)
    with ftp("localhost", ftp_port, ours) as connection:
        connection.storbinary("STOR file", io.BytesIO(data))
        assert connection.nlst() == ["file"]
        parts = []
        connection.retrbinary("RETR file", parts.append)
        assert b"".join(parts) == data
    # One for commands, one for each of the three.
    assert len(engine.clients) == 4


def test_ftp_rejects_untrusted_server(engine, ours, stranger, ftp_port):
    for host, context, code in (
        ("127.0.0.1", ours, IP_MISMATCH),
        ("localhost", stranger, UNKNOWN_CA),
    ):
        with pytest.raises(ssl.SSLCertVerificationError) as caught:
            ftp(host, ftp_port, context)
        assert caught.value.verify_code == code
    assert len(engine.cores) == 2 and not engine.clients
