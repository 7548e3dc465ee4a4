"""Connections against the standard library's ssl, and between two of ours."""

import array
import contextlib
import hashlib
import os
import socket
import ssl
import subprocess
import sys
import textwrap
import threading

import pytest
from conftest import (
    KEY_TYPES,
    PATIENCE,
    a_key,
    open_pair,
    receive_all,
    say_half,
    socketpair,
    ssl_context,
    thread,
)

import tlsmith

VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


# Interop with ssl.


@pytest.mark.parametrize("version", VERSIONS)
def test_tlsmith_client_connects_to_ssl_server(client, ca, identity, version):
    context = ssl_context(ssl.PROTOCOL_TLS_SERVER, identity, version=VERSIONS[version])
    listener = socket.create_server(("127.0.0.1", 0))
    data = os.urandom(3_000_000)

    def serve():
        sock, _ = listener.accept()
        with context.wrap_socket(sock, server_side=True) as tls:
            got = b""
            while len(got) < len(data):
                got += tls.recv(65536)
            tls.sendall(hashlib.sha256(got).digest())
            tls.sendall(data)
            tls.unwrap()

    with listener, thread(serve):
        address = ("127.0.0.1", listener.getsockname()[1])
        with client.connect(address, timeout=PATIENCE) as sock:
            assert sock.info.version == version
            assert sock.info.server_name == "127.0.0.1"
            assert sock.peer == identity.cert
            assert sock.verified_chain == (identity.cert, ca.cert)
            assert sock.getpeername() == address
            sock.sendall(data)
            sock.close_write()
            answer = receive_all(sock)
            assert sock.closed_cleanly
    assert answer == hashlib.sha256(data).digest() + data


@pytest.mark.parametrize("version", VERSIONS)
def test_ssl_client_connects_to_tlsmith_server(server, ca, version):
    context = ssl_context(ssl.PROTOCOL_TLS_CLIENT, ca=ca, version=VERSIONS[version])
    data = os.urandom(3_000_000)
    with server.listen(("127.0.0.1", 0)) as listener:

        def talk():
            with socket.create_connection(listener.address, PATIENCE) as sock:
                with context.wrap_socket(sock, server_hostname="localhost") as tls:
                    tls.sendall(data)
                    got = b""
                    while len(got) < len(data):
                        got += tls.recv(65536)
                    tls.unwrap()
                    return got

        with thread(talk) as talking:
            sock, _ = listener.accept()
            with sock:
                sock.settimeout(PATIENCE)
                got = b""
                while len(got) < len(data):
                    got += sock.recv()
                assert got == data
                sock.sendall(got)
                assert sock.info.version == version
                assert sock.info.server_name == "localhost"
                assert sock.recv() == b""
        assert talking.result == data


@pytest.mark.parametrize("kind", KEY_TYPES)
def test_servers_have_every_type_of_key(ca, client, kind):
    site = ca.issue("localhost", key=a_key(kind))
    with open_pair(client, tlsmith.Server(site)) as (ours, _):
        assert ours.info.version == "1.3"
        assert ours.peer.key_type == kind
        family = kind.partition("-")[0]
        assert ours.info.signature_scheme.startswith(family)


def test_alpn_is_negotiated(ca, identity):
    client = tlsmith.Client(trust=ca, alpn=["http/1.1", "h2"])
    server = tlsmith.Server(identity, alpn=["h2"])
    with open_pair(client, server) as (ours, theirs):
        assert ours.info.alpn == theirs.info.alpn == "h2"


# Who is refused.


def refusal(client, server, name="localhost"):
    near, far = socketpair()

    def serve():
        with pytest.raises(tlsmith.Error) as caught:
            server.wrap(far)
        return caught.value

    with thread(serve) as serving:
        with pytest.raises(tlsmith.VerifyError) as caught:
            client.wrap(near, name)
    return caught.value, serving.result


def test_a_server_of_another_ca_is_refused(client):
    other = tlsmith.CA("Other CA")
    error, alert = refusal(client, tlsmith.Server(other.issue("localhost")))
    assert error.code == "verify.unknown_issuer"
    assert "CN=Other CA" in str(error)
    assert isinstance(error, OSError)
    assert alert.code == "alert.unknown_ca"
    assert (alert.alert, alert.alert_number) == ("unknown_ca", 48)


def test_a_server_of_another_name_is_refused(ca, client):
    error, alert = refusal(client, tlsmith.Server(ca.issue("a.example")), "b.example")
    assert str(error) == "certificate is for 'a.example', but you asked for 'b.example'"
    assert (error.reason, error.hostname) == ("name_mismatch", "b.example")
    assert alert.code == "alert.bad_certificate"


@pytest.mark.parametrize(
    ("valid", "reason"), [("-2d..-1d", "expired"), ("1d..2d", "not_yet_valid")]
)
def test_client_rejects_certificate_outside_its_validity(valid, reason):
    ca = tlsmith.CA(valid="-9d..9d")
    server = tlsmith.Server(ca.issue("localhost", valid=valid))
    error, _ = refusal(tlsmith.Client(trust=ca), server)
    assert error.code == f"verify.{reason}"


def test_insecure_emits_a_warning(server):
    with pytest.warns(tlsmith.InsecureWarning):
        client = tlsmith.Client(trust=tlsmith.INSECURE)
    with open_pair(client, server, "anything.example") as (ours, _):
        assert ours.peer is not None
        assert ours.verified_chain == ()
    with pytest.warns(tlsmith.InsecureWarning):
        tlsmith.Client(check_hostname=False)


def test_client_certificates_are_verified(ca, identity):
    server = tlsmith.Server(identity, client_trust=ca)
    user = ca.issue_client("alice@example.org")
    with open_pair(tlsmith.Client(trust=ca, identity=user), server) as (_, theirs):
        assert theirs.peer.names == ("alice@example.org",)
    near, far = socketpair()

    def serve():
        with pytest.raises(tlsmith.VerifyError) as caught:
            server.wrap(far)
        return caught.value

    with thread(serve) as serving:
        sock = tlsmith.Client(trust=ca).wrap(near, "localhost")
        with pytest.raises(tlsmith.AlertError, match="certificate_required"):
            sock.recv()
    assert serving.result.code == "verify.missing"


def test_a_peer_that_speaks_http_is_recognized(client):
    near, far = socketpair()
    far.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    with pytest.raises(tlsmith.HandshakeError, match="HTTP/1.1 400 Bad Request"):
        client.wrap(near, "localhost")


# The ends of a stream, and waiting.


def test_cut_connection_raises_truncated_error(client, identity):
    near, far = socketpair()
    with thread(lambda: say_half(far, identity)):
        sock = client.wrap(near, "localhost")
        assert sock.recv() == b"half"
        for _ in range(2):
            with pytest.raises(tlsmith.TruncatedError) as caught:
                sock.recv()
    assert isinstance(caught.value, ConnectionError)
    assert caught.value.code == "truncated"


def test_unwrap_gives_the_plain_socket_and_what_came_after_tls(client, identity):
    context = ssl_context(ssl.PROTOCOL_TLS_SERVER, identity)
    near, far = socketpair()

    def serve():
        tls = context.wrap_socket(far, server_side=True)
        plain = tls.unwrap()
        plain.sendall(b"plain")
        return plain

    with thread(serve) as serving:
        sock = client.wrap(near, "localhost")
        plain, leftover = sock.unwrap(timeout=PATIENCE)
    with plain, serving.result:
        while len(leftover) < 5:
            leftover += plain.recv(10)
        assert leftover == b"plain"
    assert sock.fileno() == -1


def test_a_silent_peer_times_out(client):
    near, far = socketpair()
    near.settimeout(0.02)
    sock = client.wrap(near, "localhost", handshake=False)
    for call in (sock.do_handshake, sock.recv, lambda: sock.send(b"x")):
        with pytest.raises(TimeoutError) as caught:
            call()
        assert isinstance(caught.value, tlsmith.Error)
        assert caught.value.code == "timeout"
    far.close()


def test_nonblocking_socket_raises_wants(client, server):
    with open_pair(client, server) as (ours, theirs):
        ours.setblocking(False)
        assert ours.gettimeout() == 0
        with pytest.raises(tlsmith.WantRead) as caught:
            ours.recv()
        assert isinstance(caught.value, BlockingIOError)
        data = bytes(1_000_000)
        sent = 0
        with pytest.raises(tlsmith.WantWrite):
            while True:
                sent += ours.send(data)
        with thread(lambda: receive_all(theirs)) as receiving:
            ours.setblocking(True)
            ours.close_write()
        assert len(receiving.result) == sent


@pytest.mark.parametrize("blocked_in", ["recv", "handshake", "accept"])
def test_ctrl_c_interrupts_a_blocked_call(blocked_in):
    program = f"""
        import os, signal, socket, threading
        import tlsmith
        near, far = socket.socketpair()
        ca = tlsmith.CA()
        server = tlsmith.Server(ca.issue("localhost"))
        client = tlsmith.Client(trust=ca)
        blocked_in = {blocked_in!r}
        if blocked_in == "accept":
            call = server.listen(("127.0.0.1", 0)).accept
        elif blocked_in == "handshake":
            call = client.wrap(near, "localhost", handshake=False).do_handshake
        else:
            peers = []
            accepting = threading.Thread(target=lambda: peers.append(server.wrap(far)))
            accepting.start()
            sock = client.wrap(near, "localhost")
            accepting.join()
            call = sock.recv
        done = threading.Event()
        def press():
            while not done.wait(0.1):
                os.kill(os.getpid(), signal.SIGINT)
        threading.Thread(target=press, daemon=True).start()
        try:
            call()
        except KeyboardInterrupt:
            done.set()
            print("interrupted")
    """
    command = [sys.executable, "-c", textwrap.dedent(program)]
    out = subprocess.check_output(command, text=True, timeout=PATIENCE)
    assert out == "interrupted\n"


# Threads.


def test_one_thread_reads_while_another_writes(client, server):
    data = os.urandom(2_000_000)
    with open_pair(client, server) as (ours, theirs):

        def send(sock):
            sock.sendall(data)
            sock.close_write()

        with (
            thread(lambda: send(ours)),
            thread(lambda: send(theirs)),
            thread(lambda: receive_all(ours)) as first,
            thread(lambda: receive_all(theirs)) as second,
        ):
            pass
        assert first.result == second.result == data


def test_other_threads_run_while_a_call_is_blocked(client, server):
    with open_pair(client, server) as (ours, theirs):
        with thread(ours.recv) as receiving:
            # This thread gets on although that one waits, and ends its wait.
            theirs.sendall(b"x")
        assert receiving.result == b"x"


def closed_while(sock, call, ready=lambda: None):
    """What a call raises that waits when another thread closes the socket, once that
    is ready."""
    started = threading.Event()

    def run():
        started.set()
        with pytest.raises(tlsmith.Error, match="socket (is|was) closed") as caught:
            while call():
                pass
        return caught.value

    with thread(run) as running:
        started.wait(PATIENCE)
        ready()
        with thread(sock.close):
            pass
    return running.result


@pytest.mark.parametrize("waits_in", ["recv", "unwrap"])
def test_close_wakes_waiting_thread_and_sends_close_notify(client, server, waits_in):
    with open_pair(client, server) as (ours, theirs):
        assert closed_while(ours, getattr(ours, waits_in)).code == "state"
        assert theirs.recv() == b""


def test_close_during_write_truncates_for_the_peer(client, server):
    with open_pair(client, server) as (ours, theirs):
        data = bytes(50_000_000)
        error = closed_while(ours, lambda: ours.sendall(data), ready=lambda: theirs.recv(1))
        assert error.code == "state"
        with pytest.raises(tlsmith.TruncatedError):
            receive_all(theirs)


@pytest.mark.parametrize("full", [False, True])
def test_closing_ends_a_handshake_that_waits(client, full):
    near, far = socket.socketpair()
    with far:
        near.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while full:
                near.send(bytes(65_536))
        near.setblocking(True)
        ours = client.wrap(near, "localhost", handshake=False)
        assert closed_while(ours, ours.do_handshake).code == "state"


def test_closing_a_listener_ends_its_iteration(server):
    listener = server.listen(("127.0.0.1", 0))
    started = threading.Event()

    def serve():
        started.set()
        return list(listener)

    with thread(serve) as serving:
        started.wait(PATIENCE)
        listener.close()
    assert serving.result == []


# Arguments.


@pytest.mark.parametrize(
    "buffer", [bytearray(100), memoryview(bytearray(100)), array.array("I", [0] * 25)]
)
def test_recv_into_fills_any_buffer(client, server, buffer):
    with open_pair(client, server) as (ours, theirs):
        theirs.sendall(array.array("H", [1, 2, 3]))
        assert ours.recv_into(buffer) == 6
        assert bytes(memoryview(buffer).cast("B")[:6]) == bytes(array.array("H", [1, 2, 3]))
        theirs.sendall(b"abcdef")
        assert ours.recv_into(buffer, 2) == 2
        assert ours.pending() == 4
        assert ours.recv(2) == b"cd"
        assert ours.recv_into(bytearray()) == 0
        assert ours.recv(0) == b""


def test_wrong_types_raise_type_errors(client, server, identity):
    with open_pair(client, server) as (ours, _):
        for call in (
            lambda: ours.send("text"),
            lambda: ours.sendall(1),
            lambda: ours.recv("1"),
            lambda: ours.settimeout("1"),
            lambda: client.connect(("localhost", "https")),
            lambda: tlsmith.Client(alpn="h2"),
            lambda: tlsmith.Client(pins=""),
            lambda: tlsmith.Server(identity, ticket_keys=""),
            lambda: tlsmith.Trust.roots(3),
        ):
            with pytest.raises(TypeError):
                call()
        with pytest.raises(BufferError):
            ours.recv_into(b"read-only")
        for seconds in (-1, float("nan"), float("inf"), 1e300):
            with pytest.raises(ValueError, match="number of seconds from 0") as caught:
                ours.settimeout(seconds)
            assert len(str(caught.value)) < 100


def test_error_names_wrong_values(identity):
    for call, part in (
        (lambda: tlsmith.Client(min_version="1.1"), "1.1"),
        (lambda: tlsmith.Client(min_version="1.3", max_version="1.2"), "TLS 1.3"),
        (lambda: tlsmith.Client(alpn=[""]), "0 bytes"),
        (lambda: tlsmith.Client(trust="/nonexistent.pem"), "/nonexistent.pem"),
        (lambda: tlsmith.Server([]), "identity"),
        (lambda: tlsmith.Client(keylog="\ud800"), "keylog"),
        (lambda: tlsmith.Server(identity, client_auth="required"), "client_trust"),
        (lambda: tlsmith.Server(identity, client_auth="maybe"), "maybe"),
        (lambda: tlsmith.connect("localhost", 70000), "70000"),
        (lambda: tlsmith.connect("a\0b", 1), "a\\0b"),
    ):
        with pytest.raises(tlsmith.ConfigError) as caught:
            call()
        assert part in str(caught.value)
        assert isinstance(caught.value, ValueError)


def test_a_closed_socket_is_not_wrapped(client, server):
    plain = socket.socket()
    plain.close()
    for wrap in (lambda: client.wrap(plain, "localhost"), lambda: server.wrap(plain)):
        with pytest.raises(tlsmith.Error, match="the socket is closed") as caught:
            wrap()
        assert caught.value.code == "state"


def test_a_refused_connection_has_its_errno():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(tlsmith.Error) as caught:
        tlsmith.connect("127.0.0.1", port)
    assert caught.value.errno == 111
    assert f"127.0.0.1:{port}" in str(caught.value)


def test_closed_socket_raises_state_error(client, server):
    with open_pair(client, server) as (ours, _):
        pass
    ours.close()
    assert ours.fileno() == -1
    for call in (ours.recv, ours.do_handshake, lambda: ours.send(b""), lambda: ours.info):
        with pytest.raises(tlsmith.Error, match="closed") as caught:
            call()
        assert caught.value.code == "state"


def test_configurations_can_be_varied(ca, identity):
    client = tlsmith.Client(trust=ca).replace(max_version="1.2")
    server = tlsmith.Server(identity).replace(alpn=["h2"])
    with open_pair(client, server) as (ours, _):
        assert ours.info.version == "1.2"
