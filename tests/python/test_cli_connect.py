"""tlsmith connect: against openssl s_server, the standard library, and ourselves."""

import datetime
import json
import os
import pty
import signal
import socket
import ssl
import subprocess

import pytest
from commandline import COMMAND, PATIENCE, cli, listener, s_server, stop
from conftest import receive_all, ssl_context, thread
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

import tlsmith

__all__ = ["cli"]

CERTIFICATE_KEYS = {
    "type",
    "subject",
    "issuer",
    "serial",
    "names",
    "not_before",
    "not_after",
    "status",
    "days_left",
    "is_ca",
    "path_len",
    "key_type",
    "key_bits",
    "signature_algorithm",
    "key_usage",
    "extended_key_usage",
    "crl_urls",
    "ocsp_urls",
    "sha256",
    "spki_sha256",
}
CONNECT_KEYS = {
    "host",
    "port",
    "server_name",
    "address",
    "version",
    "cipher",
    "group",
    "alpn",
    "signature_scheme",
    "resumed",
    "ech",
    "verified",
    "error",
    "chain",
    "verified_chain",
}


@pytest.fixture
def root(ca, tmp_path):
    path = tmp_path / "root.pem"
    path.write_bytes(ca.cert_pem)
    return path


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_connect_reports_parameters_with_openssl(cli, ca, identity, root, tmp_path, version):
    option = f"-tls{version.replace('.', '_')}"
    with s_server(identity, tmp_path, option, "-rev", "-alpn", "h2,http/1.1") as (_, port):
        result = cli.run(
            *("connect", f"localhost:{port}", "--ca", root, "--alpn", "http/1.1"), input="olleh\n"
        )
    assert result.stdout == "hello\n"
    said = dict(line.strip().split(None, 1) for line in result.stderr.splitlines())
    assert said["connected"] == f"127.0.0.1 port {port}"
    assert said["version"] == f"TLS {version}"
    assert said["cipher"].startswith("TLS_")
    assert said["alpn"] == "http/1.1"
    assert said["session"] == "new"
    assert said["issuer"] == ca.cert.subject
    assert said["names"] == "localhost, 127.0.0.1, ::1"
    assert said["key"] == "ecdsa-p256, signed with ecdsa-with-SHA256"
    assert said["valid"].endswith(" days left")
    assert said["verified"] == f"the peer is 'localhost', up to '{ca.cert.subject}'"


def test_one_version_alone_can_be_demanded(cli, identity, root, tmp_path):
    with s_server(identity, tmp_path, "-tls1_2") as (_, port):
        line = cli.fails("connect", f"localhost:{port}", "--ca", root, "--tls", "1.3")
    assert "protocol" in line


def test_json_has_the_keys_that_the_help_names(cli, ca, identity, root, tmp_path):
    with s_server(identity, tmp_path, "-rev") as (_, port):
        said = cli.json("connect", f"127.0.0.1:{port}", "--servername", "localhost", "--ca", root)
    assert set(said) == CONNECT_KEYS
    assert said["host"] == said["address"] == "127.0.0.1"
    assert said["server_name"] == "localhost"
    assert said["version"] == "1.3"
    assert said["verified"] is True
    assert said["error"] is None
    assert said["resumed"] is False
    assert set(said["chain"][0]) == CERTIFICATE_KEYS
    assert said["chain"][0]["sha256"] == identity.cert.sha256.hex()
    assert said["verified_chain"] == [identity.cert.subject, ca.cert.subject]
    help_text = cli.out("connect", "--help").replace("\n", " ")
    for key in CONNECT_KEYS:
        assert f"{key}," in help_text or f"{key} (" in help_text, key


@pytest.mark.parametrize(
    ("made", "reason", "words"),
    [
        ({"valid": "-9d..-2d"}, "expired", "expired on"),
        ({"valid": "2d..9d"}, "not_yet_valid", "not valid"),
        ({"usage": ["client"]}, "wrong_usage", "localhost"),
    ],
)
def test_a_bad_certificate_is_refused_with_its_reason(cli, ca, root, tmp_path, made, reason, words):
    site = ca.issue("localhost", **made)
    with s_server(site, tmp_path) as (_, port):
        result = cli.run("connect", f"localhost:{port}", "--ca", root, code=1)
    assert words in result.stderr
    assert " 0 CN=localhost" in result.stderr.splitlines()
    assert "not verified" in result.stderr
    assert result.stdout == ""
    with s_server(site, tmp_path) as (_, port):
        said = cli.json("connect", f"localhost:{port}", "--ca", root, code=1)
    assert set(said) == CONNECT_KEYS
    assert said["verified"] is False
    assert said["chain"][0]["subject"] == "CN=localhost"
    assert said["error"]["code"] == f"verify.{reason}"
    assert words in said["error"]["message"]


def test_another_name_and_an_unknown_root_are_refused(cli, identity, root, tmp_path):
    with s_server(identity, tmp_path) as (_, port):
        options = ("connect", f"localhost:{port}", "--ca", root, "--servername", "other.example")
        assert "you asked for 'other.example'" in cli.run(*options, code=1).stderr
    with s_server(identity, tmp_path) as (_, port):
        said = cli.json("connect", f"localhost:{port}", code=1)
    assert said["error"]["code"] == "verify.unknown_issuer"


def test_a_revoked_certificate_is_refused(cli, root, tmp_path, ca):
    site = ca.issue("localhost")
    own = tlsmith.CA.load(ca.cert_pem, ca.key)
    own.revoke(site, reason="key_compromise").crl().save(tmp_path / "list.crl")
    with s_server(site, tmp_path) as (_, port):
        options = ("--ca", root, "--crl", "list.crl")
        said = cli.json("connect", f"localhost:{port}", *options, code=1)
    assert said["error"]["code"] == "verify.revoked"


def test_insecure_warns_and_reports_the_error(cli, identity, tmp_path):
    with s_server(identity, tmp_path, "-rev") as (_, port):
        result = cli.run("connect", f"localhost:{port}", "--insecure", input="abc\n")
    assert result.stdout == "cba\n"
    first, *_, last = result.stderr.splitlines()
    assert first.split(None, 1) == [
        "warning",
        "the certificate is not verified: an attacker may be the peer",
    ]
    assert last.startswith("not verified")
    assert "not one of the trusted roots" in last


def test_connect_reports_unverified_name(cli, identity, root, tmp_path):
    options = ("--ca", root, "--servername", "other.example", "--no-verify-name")
    with s_server(identity, tmp_path) as (_, port):
        said = cli.json("connect", f"localhost:{port}", *options)
    assert said["verified"] is False
    assert said["error"] is None


def test_connect_presents_client_certificate(cli, ca, identity, root, tmp_path):
    user = ca.issue_client("alice@example.org").write(tmp_path / "user")
    demand = ("-Verify", "1", "-verify_return_error", "-CAfile", str(root), "-rev")
    with s_server(identity, tmp_path, *demand) as (_, port):
        shown = ("--cert", user.chain, "--key", user.key)
        result = cli.run("connect", f"localhost:{port}", "--ca", root, *shown, input="abc\n")
        assert result.stdout == "cba\n"
    with s_server(identity, tmp_path, *demand) as (_, port):
        result = cli.run("connect", f"localhost:{port}", "--ca", root, "--cert", user.combined)
        assert result.returncode == 0
    with s_server(identity, tmp_path, *demand) as (_, port):
        result = cli.run("connect", f"localhost:{port}", "--ca", root, code=1)
        assert "certificate" in result.stderr.splitlines()[-1]


def test_show_chain_prints_the_sent_chain_as_pem(cli, tmp_path):
    top = tlsmith.CA()
    site = top.intermediate("Issuing CA").issue("localhost")
    (tmp_path / "top.pem").write_bytes(top.cert_pem)
    with s_server(site, tmp_path, "-rev") as (_, port):
        result = cli.run("connect", f"localhost:{port}", "--ca", "top.pem", "--show-chain")
    assert result.stdout.encode() == site.chain_pem
    assert " 1 CN=Issuing CA" in result.stderr


def test_relay_receives_answer_after_end_of_input(cli, identity, root):
    def serve():
        with listening.accept()[0] as plain:
            plain.settimeout(PATIENCE)
            with tlsmith.Server(identity).wrap(plain) as sock:
                asked = receive_all(sock)
                sock.sendall(b"answer to " + asked)

    with listener() as (listening, port), thread(serve):
        result = cli.run("connect", f"localhost:{port}", "--ca", root, input="question")
    assert result.stdout == "answer to question"


def test_text_is_sent_in_place_of_the_input(cli, identity, root, tmp_path):
    with s_server(identity, tmp_path, "-www") as (_, port):
        text = r"GET / HTTP/1.0\r\n\r\n"
        options = ("--ca", root, "--send", text, "--keep-open")
        page = cli.out("connect", f"localhost:{port}", *options)
    assert page.startswith("HTTP/1.0 200 ok\r\n") or page.startswith("HTTP/1.0 200 ok\n")
    assert "TLSv1.3" in page


def test_both_directions_carry_much_at_the_same_time(cli, identity, root):
    much = os.urandom(4 << 20)
    with cli.serve("--echo") as (_, port, announced):
        options = ("connect", f"localhost:{port}", "--ca", announced["ca"])
        assert cli.run(*options, input=much, text=False).stdout == much


def test_silent_server_times_out_after_close_notify(cli, identity, root):
    def serve():
        with listening.accept()[0] as plain:
            plain.settimeout(PATIENCE)
            with tlsmith.Server(identity).wrap(plain) as sock:
                receive_all(sock)
                with socket.socket(fileno=os.dup(sock.fileno())) as end:
                    end.settimeout(PATIENCE)
                    assert end.recv(1) == b"", "the client has left"

    with listener() as (listening, port), thread(serve):
        result = cli.run("connect", f"localhost:{port}", "--ca", root, "--timeout", "0.3", code=1)
    assert result.stderr.splitlines()[-1].endswith("nor close_notify within 0.3 s")


def test_silent_server_times_out_during_handshake(cli):
    with listener() as (_, port):
        assert "within 200ms" in cli.fails("connect", f"localhost:{port}", "--timeout", "0.2")


def test_an_end_without_close_notify_is_a_failure(cli, identity, root):
    def serve():
        plain = listening.accept()[0]
        plain.settimeout(PATIENCE)
        sock = tlsmith.Server(identity).wrap(plain)
        sock.sendall(b"half of it")
        socket.socket(fileno=sock.detach()).close()

    with listener() as (listening, port), thread(serve):
        options = ("--ca", root, "--keep-open")
        result = cli.run("connect", f"localhost:{port}", *options, code=1)
    assert result.stdout == "half of it"
    assert "without close_notify" in result.stderr.splitlines()[-1]


def test_server_may_disconnect_after_our_close_notify(cli, identity, root):
    def serve():
        plain = listening.accept()[0]
        plain.settimeout(PATIENCE)
        sock = tlsmith.Server(identity).wrap(plain)
        receive_all(sock)
        socket.socket(fileno=sock.detach()).close()

    with listener() as (listening, port), thread(serve):
        assert cli.out("connect", f"localhost:{port}", "--ca", root) == ""


def test_ctrl_c_sends_close_notify_and_exits_with_130(cli, identity, root):
    def serve():
        with listening.accept()[0] as plain:
            plain.settimeout(PATIENCE)
            context = ssl_context(ssl.PROTOCOL_TLS_SERVER, identity)
            with context.wrap_socket(plain, server_side=True, suppress_ragged_eofs=False) as sock:
                sock.sendall(b"hello\n")
                return receive_all(sock)

    with listener() as (listening, port), thread(serve) as serving:
        with cli.start("connect", f"localhost:{port}", "--ca", root) as process:
            assert process.stdout.readline() == b"hello\n"
            assert stop(process)[0] == 130
        assert serving.join() == b""


def test_connection_refused_is_a_sentence(cli):
    with listener() as (listening, port):
        listening.close()
        line = cli.fails("connect", f"127.0.0.1:{port}")
        said = json.loads(cli.run("connect", f"127.0.0.1:{port}", "--json", code=1).stdout)
    assert line.startswith("tlsmith connect: ")
    assert "refused" in line
    assert said["error"]["code"] == "io"
    assert "no-such-host.invalid" in cli.fails("connect", "no-such-host.invalid")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["localhost:http"], "'http' is not a port"),
        (["localhost:65536"], "'65536' is not a port"),
        (["[::1"], "[ADDRESS]:PORT"),
        ([":443"], "no host"),
        (["localhost", "--tls", "1.1"], "1.1"),
        (["localhost", "--timeout", "-1"], "-1"),
        (["localhost", "--key", "key.pem"], "--key needs --cert"),
        (["localhost", "--ca", "missing.pem"], "missing.pem"),
        (["localhost", "--json", "--send", "x"], "--send"),
        (["localhost", "--starttls", "gopher"], "gopher"),
        (["localhost", "--nonsense"], "--nonsense"),
        ([], "HOST"),
    ],
)
def test_usage_error_is_one_line_and_code_2(cli, arguments, words):
    assert words in cli.fails("connect", *arguments, code=2)


@pytest.mark.parametrize(("no_color", "coloured"), [("", True), ("1", False)])
def test_colours_appear_only_on_suitable_terminals(
    cli, identity, root, tmp_path, no_color, coloured
):
    cli.environment["NO_COLOR"] = no_color
    master, slave = pty.openpty()
    with s_server(identity, tmp_path, "-rev") as (_, port):
        command = ("connect", f"localhost:{port}", "--ca", str(root))
        with terminal_run(cli, command, slave) as process:
            os.close(slave)
            shown = read_terminal(master)
            assert process.wait(PATIENCE) == 0
    os.close(master)
    assert ("\033[" in shown) is coloured
    assert "verified" in shown


def terminal_run(cli, command, stderr):
    return subprocess.Popen(
        [*COMMAND, *command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=stderr,
        env=cli.environment,
    )


def read_terminal(master):
    parts = []
    while True:
        try:
            part = os.read(master, 4096)
        except OSError:  # Linux: the last one with the other end has closed it
            part = b""
        if not part:
            return b"".join(parts).decode()
        parts.append(part)


def evil_identity():
    """A certificate that no honest program makes: its subject clears screens."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "evil\033[2J")])
    now = datetime.datetime.now(datetime.UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now).not_valid_after(now + datetime.timedelta(days=1))
    pem = serialization.Encoding.PEM
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return tlsmith.Identity.load(builder.sign(key, hashes.SHA256()).public_bytes(pem), secret)


def test_peer_data_cannot_control_the_terminal(cli, tmp_path):
    with s_server(evil_identity(), tmp_path, "-rev") as (_, port):
        result = cli.run("connect", f"localhost:{port}", "--insecure")
        assert "evil" in result.stderr
        assert "\033" not in result.stderr
    with s_server(evil_identity(), tmp_path, "-rev") as (_, port):
        text = cli.out("inspect", f"localhost:{port}")
        assert "evil" in text
        assert "\033" not in text


def test_relay_ends_quietly_after_output_closes(cli, identity, root):
    with cli.serve("--echo") as (_, port, announced):
        with cli.start("connect", f"localhost:{port}", "--ca", announced["ca"]) as process:
            process.stdin.write(b"hello\n")
            process.stdin.flush()
            assert process.stdout.readline() == b"hello\n"
            process.stdout.close()
            process.stdin.write(b"more\n")
            process.stdin.flush()
            assert process.wait(PATIENCE) == 128 + signal.SIGPIPE
            assert b"Traceback" not in process.stderr.read()


def test_groups_pins_ech_and_a_key_log_are_passed_on(cli, identity, root, tmp_path):
    with cli.serve("--echo") as (_, port, announced):
        address = ("connect", f"localhost:{port}", "--ca", announced["ca"])
        assert cli.json(*address, "--group", "x25519")["group"] == "x25519"
        assert cli.json(*address, "--ech", "grease")["ech"] == "grease"
        own = announced["certificate"]["spki_sha256"]
        assert cli.json(*address, "--pin", f"spki:{own}")["verified"] is True
        pinned = cli.json(*address, "--pin", f"spki:{'0' * 64}", code=1)
        assert pinned["error"]["code"] == "verify.pin_mismatch"
        cli.run(*address, "--keylog", "keys")
        assert "CLIENT_HANDSHAKE_TRAFFIC_SECRET " in (tmp_path / "keys").read_text()
    assert "SHA-256" in cli.fails(*address, "--pin", "spki:abc", code=2)
    assert "no-such-group" in cli.fails(*address, "--group", "no-such-group", code=2)
    (tmp_path / "ech").write_text("{}")
    assert "ECHConfigList" in cli.fails(*address, "--ech", "ech", code=2)
