"""tlsmith serve: for curl, openssl s_client, and ourselves."""

import http.client
import os
import signal
import socket
import ssl
import subprocess

import pytest
from commandline import PATIENCE, cli, listener, program, stop
from conftest import receive_all, thread

import tlsmith

__all__ = ["cli"]


def curl(*arguments, code=0):
    command = [program("curl"), "--silent", "--show-error", *map(str, arguments)]
    result = subprocess.run(command, capture_output=True, timeout=PATIENCE)
    assert result.returncode == code, (result.returncode, result.stderr)
    return result.stdout


def test_the_files_of_a_folder_are_served_to_curl(cli, tmp_path):
    public = tmp_path / "public"
    (public / "sub").mkdir(parents=True)
    content = os.urandom(3 << 20)
    (public / "blob.bin").write_bytes(content)
    (public / "sub" / "page.html").write_text("<p>hello</p>")
    with cli.serve("public") as (process, port, announced):
        assert announced["serves"] == "files"
        assert announced["certificate"]["names"] == ["localhost", "127.0.0.1", "::1"]
        trust = ("--cacert", announced["ca"])
        url = f"https://localhost:{port}"
        assert curl(*trust, f"{url}/blob.bin") == content
        assert curl(*trust, f"{url}/sub/page.html", f"{url}/sub/page.html") == (
            b"<p>hello</p><p>hello</p>"
        )
        assert b"page.html" in curl(*trust, f"{url}/sub/")
        assert curl(*trust, "--http2", "-w", "%{http_version}", "-I", f"{url}/").endswith(b"1.1")
        assert curl(*trust, "-o", os.devnull, "-w", "%{http_code}", f"{url}/none") == b"404"
        assert (
            curl(
                *trust,
                "--path-as-is",
                "-o",
                os.devnull,
                "-w",
                "%{http_code}",
                f"{url}/../authority/ca-key.pem",
            )
            == b"404"
        )
        # Who does not trust the authority is not served.
        curl(f"{url}/blob.bin", code=60)
        code, _, err = stop(process)
    assert code == 0
    assert b"GET /blob.bin" in err


def test_the_standard_library_keeps_its_connection(cli, tmp_path):
    (tmp_path / "a.txt").write_text("one")
    with cli.serve() as (_, port, announced):
        context = ssl.create_default_context(cafile=announced["ca"])
        client = http.client.HTTPSConnection("localhost", port, context=context, timeout=PATIENCE)
        for _ in range(3):
            client.request("GET", "/a.txt")
            assert client.getresponse().read() == b"one"
        client.close()


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_echo_server_works_with_openssl(cli, version):
    with cli.serve("--echo") as (_, port, announced):
        command = [
            *(program("openssl"), "s_client", "-connect", f"127.0.0.1:{port}", "-quiet"),
            *("-CAfile", announced["ca"], "-verify_return_error", "-verify_hostname", "localhost"),
            f"-tls{version.replace('.', '_')}",
        ]
        pipe = subprocess.PIPE
        with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe) as client:
            client.stdin.write(b"round\n")
            client.stdin.flush()
            assert client.stdout.readline() == b"round\n"
            client.kill()
            assert b"verify return:1" in client.stderr.read()


def test_echo_ends_with_close_notify(cli):
    with cli.serve("--echo") as (_, port, announced):
        with tlsmith.connect("localhost", port, trust=announced["ca"]) as sock:
            sock.sendall(b"round")
            sock.close_write()
            assert receive_all(sock) == b"round"


def test_another_server_is_put_behind_tls(cli):
    def serve():
        with listening.accept()[0] as sock:
            sock.settimeout(PATIENCE)
            asked = receive_all(sock)
            sock.sendall(b"behind: " + asked)

    with listener() as (listening, behind), thread(serve):
        with cli.serve("--proxy", f"127.0.0.1:{behind}") as (_, port, announced):
            options = ("connect", f"localhost:{port}", "--ca", announced["ca"])
            assert cli.run(*options, input="hello").stdout == "behind: hello"


def test_missing_backend_closes_connection(cli):
    with listener() as (listening, behind):
        listening.close()
    with cli.serve("--proxy", f"127.0.0.1:{behind}") as (process, port, announced):
        with tlsmith.connect("localhost", port, trust=announced["ca"]) as sock:
            assert receive_all(sock) == b""
        assert b"TLS 1.3" in process.stderr.readline()
        assert b"refused" in process.stderr.readline()


def test_backend_reset_is_not_relayed_as_close_notify(cli):
    def serve():
        with listening.accept()[0] as sock:
            sock.settimeout(PATIENCE)
            sock.recv(1)
            # To linger for no time: an RST.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")

    with listener() as (listening, behind), thread(serve):
        with cli.serve("--proxy", f"127.0.0.1:{behind}") as (_, port, announced):
            with tlsmith.connect("localhost", port, trust=announced["ca"]) as sock:
                sock.sendall(b"x")
                with pytest.raises(tlsmith.Error):
                    receive_all(sock)


def test_client_presents_its_certificate(cli, ca, identity, tmp_path):
    files = identity.write(tmp_path / "own")
    for shown in (("--cert", files.chain, "--key", files.key), ("--cert", files.combined)):
        with cli.serve("--echo", *shown) as (_, port, announced):
            assert announced["ca"] is None
            with tlsmith.connect("localhost", port, trust=ca) as sock:
                assert sock.peer == identity.cert
    assert not cli.authority.exists()


def test_a_certificate_is_issued_for_the_names(cli):
    with cli.serve("--echo", "--name", "a.test", "--name", "b.test") as (_, port, announced):
        client = tlsmith.Client(trust=announced["ca"])
        for name in ("a.test", "b.test"):
            client.connect(("127.0.0.1", port), server_name=name).close()
        with pytest.raises(tlsmith.VerifyError):
            client.connect(("127.0.0.1", port), server_name="localhost")


def test_server_rejects_clients_without_certificate(cli, ca, tmp_path):
    root = tmp_path / "root.pem"
    root.write_bytes(ca.cert_pem)
    (tmp_path / "index.html").write_text("for members")
    user = ca.issue_client("alice@example.org").write(tmp_path / "user")
    with cli.serve("--client-ca", root) as (process, port, announced):
        url = f"https://localhost:{port}/"
        trust = ("--cacert", announced["ca"])
        shown = ("--cert", user.chain, "--key", user.key)
        assert curl(*trust, *shown, url) == b"for members"
        curl(*trust, url, code=56)
        _, _, err = stop(process)
    assert b"alice@example.org" in err


def test_connect_offers_requested_versions_and_protocols(cli):
    with cli.serve("--echo", "--tls", "1.2", "--alpn", "xmpp,h2") as (_, port, announced):
        client = tlsmith.Client(trust=announced["ca"], alpn=["h2", "xmpp"])
        with client.connect(("localhost", port)) as sock:
            assert sock.info.version == "1.2"
            assert sock.info.alpn == "xmpp"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_end_serve_with_close_notify(cli, number):
    with cli.serve("--echo") as (process, port, announced):
        with tlsmith.connect("localhost", port, trust=announced["ca"]) as sock:
            sock.sendall(b"x")
            assert sock.recv(1) == b"x"
            assert stop(process, number)[0] == 0
            assert sock.recv() == b""
            assert sock.closed_cleanly


def test_non_tls_client_is_logged_and_others_are_served(cli):
    with cli.serve("--echo") as (process, port, announced):
        with socket.create_connection(("127.0.0.1", port), PATIENCE) as plain:
            plain.sendall(b"GET / HTTP/1.0\r\n\r\n")
            while plain.recv(100):
                pass
        assert b"TLS" in process.stderr.readline()
        with tlsmith.connect("localhost", port, trust=announced["ca"]) as sock:
            sock.sendall(b"x")
            assert sock.recv(1) == b"x"


def test_serve_prints_address_and_ca_path(cli):
    with cli.start("serve", "--port", "0", "--echo") as process:
        words = process.stdout.readline().decode().split()
        assert words[:4] == ["serving", "an", "echo", "on"]
        assert words[4].startswith("127.0.0.1:")
        assert process.stderr.readline().decode().endswith("authority/ca.pem\n")
        assert stop(process)[0] == 0


@pytest.mark.parametrize(
    ("arguments", "words", "code"),
    [
        ([".", "--echo"], "exclude each other", 2),
        (["--proxy", "localhost"], "no port", 2),
        (["--key", "key.pem"], "--key needs --cert", 2),
        (["--cert", "missing.pem"], "missing.pem", 2),
        (["--alpn", "h2"], "http/1.1", 2),
        (["--port", "eighty"], "eighty", 2),
        (["no-such-folder"], "'no-such-folder' is not a folder", 1),
        (["--host", "192.0.2.1"], "192.0.2.1", 1),
    ],
)
def test_trustme_usage_error_is_one_line(cli, arguments, words, code):
    assert words in cli.fails("serve", *arguments, code=code)


def test_error_about_used_port_is_one_line(cli):
    with listener() as (_, port):
        assert str(port) in cli.fails("serve", "--port", str(port))
