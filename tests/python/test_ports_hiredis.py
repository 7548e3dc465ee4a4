"""examples/ports/hiredis_tlsmith.c over Debian's hiredis, with Debian's redis-server and
hostile servers on the other side."""

import contextlib
import fcntl
import os
import re
import socket
import ssl
import termios
import threading
import time

import pytest
from conftest import ssl_context
from porting import HERE, PORTS, build, header, one_client, run
from processes import PATIENCE, free_port, running, tool


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
        (
            ca_file,
            "wrong.example",
            "certificate is for 'localhost', but you asked for 'wrong.example'",
        ),
        (ca_file, "-", "certificate is for 'localhost', but you asked for '127.0.0.1'"),
        (other_ca_file, "localhost", "which is not one of the trusted roots"),
    ):
        text = run(redis_client, mode, redis_port, roots, name, "-").stdout.decode()
        assert reason in text and "failed: 2 " in text
        # hiredis gives a NULL reply to each waiting callback.
        assert re.search(r"\n(0 replies|(\d+) replies, \2 wrong)", text), text


@MODES
def test_hiredis_presents_a_client_certificate(
    redis_client, ca, localhost, ca_file, tmp_path, mode
):
    files = ca.issue("client@example.org").write(tmp_path, name="client")
    with redis_server(localhost, ca_file, tmp_path) as port:
        command = [redis_client, mode, port, ca_file, "localhost", "-"]
        assert ALL_RIGHT[mode] in run(*command, files.cert, files.key).stdout.decode()
        text = run(*command).stdout.decode()
        # Its alert, or, if it closed the socket before that was read, a reset.
        assert re.search(r"failed: 2 .*certificate|failed: 1 .*(reset|pipe)", text)


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


def test_hiredis_waits_for_a_silent_server_without_spinning(redis_client, ca_file):
    ended = threading.Event()
    with one_client(lambda sock: ended.wait(PATIENCE)) as port:
        text = run(redis_client, "mute", port, ca_file, "localhost", "-").stdout.decode()
        ended.set()
    # hiredis asks once for each of its 1003 commands.
    assert 1000 < int(re.search(r"(\d+) waits", text)[1]) < 1100, text


# Of some the kernel takes all but the end, which waits in tlsmith.
@pytest.mark.parametrize("size", range(200_000, 500_000, 50_000))
def test_hiredis_sends_all_to_a_server_that_reads_late(redis_client, localhost, ca_file, size):
    last = b"$3\r\nGET\r\n$3\r\nbig\r\n"
    context = ssl_context(ssl.PROTOCOL_TLS_SERVER, localhost)
    # After the handshake nothing makes the client's socket readable.
    context.num_tickets = 0
    received = bytearray()

    def waiting(sock):
        return int.from_bytes(fcntl.ioctl(sock, termios.FIONREAD, bytes(4)), "little")

    def serve(sock):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        tls = context.wrap_socket(sock, server_side=True)
        # Until the kernel's buffers are full, and the client waits.
        before = -1
        while before < (before := waiting(tls)) or before == 0:
            time.sleep(0.2)
        while not received.endswith(last):
            received.extend(tls.recv(65536))
        os.close(tls.detach())

    with one_client(serve) as port:
        path, environment = redis_client
        late = path, {**environment, "BIG_SIZE": str(size)}
        run(late, "async", port, ca_file, "localhost", "-")
    assert len(received) > size
