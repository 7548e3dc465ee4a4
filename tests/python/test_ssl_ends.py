"""tlsmith.ssl and the standard library's `ssl`, in the same tests: what a write that has
to be repeated takes, and what reads give after close_notify."""

import contextlib
import importlib
import socket
import ssl
import threading

import pytest
from conftest import PATIENCE, receive_all, thread

import tlsmith.ssl

MODULES = ["ssl", "tlsmith.ssl"]


@pytest.fixture(params=MODULES)
def module(request):
    return importlib.import_module(request.param)


@pytest.fixture(params=[ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=lambda one: one.name)
def contexts(request, module, ca, identity):
    """A client's context and a server's."""
    client = module.create_default_context(cadata=ca.cert.pem.decode())
    client.minimum_version = client.maximum_version = request.param
    server = module.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    identity.configure(server)
    return client, server


@contextlib.contextmanager
def sockets(contexts):
    """A client and a server after the handshake, with small buffers between them."""
    client, server = contexts
    near, far = socket.socketpair()
    for sock in (near, far):
        sock.settimeout(PATIENCE)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65_536)
    with thread(lambda: server.wrap_socket(far, server_side=True)) as accepting:
        ours = client.wrap_socket(near, server_hostname="localhost")
    with ours, accepting.result as theirs:
        yield ours, theirs


class Pair:
    """A client and a server in memory after the handshake."""

    def __init__(self, contexts):
        self.to_client, self.from_client = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.to_server, self.from_server = ssl.MemoryBIO(), ssl.MemoryBIO()
        client, server = contexts
        self.client = client.wrap_bio(self.to_client, self.from_client, server_hostname="localhost")
        self.server = server.wrap_bio(self.to_server, self.from_server, server_side=True)
        for _ in range(4):
            for side in (self.client, self.server):
                with contextlib.suppress(ssl.SSLWantReadError):
                    side.do_handshake()
                self.carry()

    def carry(self):
        self.to_server.write(self.from_client.read())
        self.to_client.write(self.from_server.read())


@pytest.fixture
def pair(contexts):
    return Pair(contexts)


def begin_close(side):
    with pytest.raises(ssl.SSLWantReadError):
        side.unwrap()


def fill(sock, data):
    """Send until a call would block, or wait too long: how many bytes were acknowledged."""
    sent = 0
    with pytest.raises((ssl.SSLWantWriteError, TimeoutError)):
        while True:
            sent += sock.send(data)
    return sent


def receive(sock, count):
    data = bytearray()
    while len(data) < count:
        part = sock.recv(65_536)
        assert part, f"the end came after {len(data)} of {count} bytes"
        data += part
    return bytes(data)


def send_again(sock, data):
    """Repeat a write until it is done: how many bytes were acknowledged."""
    while True:
        try:
            return sock.send(data)
        except ssl.SSLWantWriteError:
            pass


# Writes that have to be repeated.

CHUNK = b"A" * 10_000


@pytest.mark.parametrize("timeout", [0, 0.05], ids=["nonblocking", "timeout"])
def test_a_repeated_write_delivers_its_data_once(contexts, timeout):
    with sockets(contexts) as (near, far):
        near.settimeout(timeout)
        sent = fill(near, CHUNK)
        near.settimeout(PATIENCE)
        with thread(lambda: receive_all(far)) as reading:
            assert near.send(CHUNK) == len(CHUNK)
            near.sendall(b"the end")
            near.setblocking(False)
            begin_close(near)
    assert reading.result == b"A" * (sent + len(CHUNK)) + b"the end"


@pytest.mark.parametrize("timeout", [0, 0.05], ids=["nonblocking", "timeout"])
@pytest.mark.parametrize("other", [b"", b"short", b"A" * 9_999])
def test_retried_write_with_less_data_is_rejected(module, contexts, timeout, other):
    with sockets(contexts) as (near, far):
        near.settimeout(timeout)
        # More than the buffers hold, so that some of it is encrypted in any case.
        data = b"A" * 1_000_000
        assert fill(near, data) == 0
        # Else the standard library waits for room first.
        near.settimeout(0)
        # OpenSSL ends the connection with its refusal.
        is_ours = module is not ssl
        expected = len(data) if is_ours else 16_384
        with thread(lambda: receive(far, expected)) as reading:
            with pytest.raises(ssl.SSLError) as caught:
                near.send(other)
            assert caught.value.reason == "BAD_LENGTH"
            assert str(caught.value).startswith("[SSL: BAD_LENGTH] bad length")
            if is_ours:
                near.settimeout(PATIENCE)
                near.sendall(data)
        assert reading.result[:expected] == data[:expected]


def test_other_data_of_the_same_length_is_refused(ca, identity):
    # Which is where the standard library loses the front of what the second call sends.
    client = tlsmith.ssl.create_default_context(cadata=ca.cert.pem.decode())
    server = tlsmith.ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    identity.configure(server)
    with sockets((client, server)) as (near, far):
        near.setblocking(False)
        sent = fill(near, CHUNK)
        for other in (b"B" * 10_000, b"B" * 20_000, CHUNK[:-1] + b"B", b"B" + CHUNK[1:] * 2):
            with pytest.raises(ssl.SSLError) as caught:
                near.send(other)
            assert caught.value.reason == "BAD_WRITE_RETRY"
            assert "10000 bytes of it are on their way" in caught.value.__notes__[0]
        with thread(lambda: receive(far, sent + len(CHUNK))) as reading:
            # A buffer that has grown meanwhile begins with the same bytes.
            assert send_again(near, bytearray(CHUNK + b"more")) == len(CHUNK)
        assert reading.result == b"A" * (sent + len(CHUNK))


def test_second_writer_is_rejected_during_retry(module, contexts):
    with sockets(contexts) as (near, far):
        near.setblocking(False)
        sent = fill(near, CHUNK)

        def write_something_else():
            with pytest.raises(ssl.SSLError) as caught:
                near.send(b"of another thread")
            return caught.value.reason

        with thread(write_something_else) as second:
            pass
        assert second.result == "BAD_LENGTH"
        if module is ssl:
            return
        with thread(lambda: receive(far, sent + len(CHUNK))) as reading:
            assert send_again(near, CHUNK) == len(CHUNK)
        assert near.send(b"now") == 3 and far.recv(10) == b"now"
        assert reading.result == b"A" * (sent + len(CHUNK))


def test_two_threads_that_write_take_turns(ca, identity):
    # In CPython before 3.13 nothing keeps them apart in the standard library.
    client = tlsmith.ssl.create_default_context(cadata=ca.cert.pem.decode())
    server = tlsmith.ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    identity.configure(server)
    rounds, both = 50, threading.Barrier(2)
    with sockets((client, server)) as (near, far):

        def write(letter):
            both.wait(PATIENCE)
            for _ in range(rounds):
                near.sendall(letter * 10_000)

        with (
            thread(lambda: receive(far, 2 * rounds * 10_000)) as reading,
            thread(lambda: write(b"A")),
            thread(lambda: write(b"B")),
        ):
            pass
    got = reading.result
    parts = [got[at : at + 10_000] for at in range(0, len(got), 10_000)]
    assert sorted(parts) == [b"A" * 10_000] * rounds + [b"B" * 10_000] * rounds


def test_nothing_is_written_after_close_notify_not_even_the_rest(contexts):
    with sockets(contexts) as (near, _far):
        near.setblocking(False)
        fill(near, CHUNK)
        with pytest.raises(ssl.SSLWantWriteError):
            near.unwrap()
        for data in (b"short", CHUNK):
            with pytest.raises(ssl.SSLError) as caught:
                near.send(data)
            assert caught.value.reason == "PROTOCOL_IS_SHUTDOWN"


# Reads at the end.


def check_zero_return(call):
    with pytest.raises(ssl.SSLZeroReturnError) as caught:
        call()
    assert caught.value.args[0] == ssl.SSL_ERROR_ZERO_RETURN == caught.value.errno
    assert caught.value.args[1].startswith("TLS/SSL connection has been closed (EOF)")
    assert caught.value.reason is None and caught.value.library is None


def test_the_peers_close_notify_alone_reads_as_the_end(pair):
    begin_close(pair.client)
    pair.carry()
    for _ in range(2):
        assert pair.server.read(10) == b""
        assert pair.server.read(10, bytearray(10)) == 0
    # The other direction is open.
    assert pair.server.write(b"answer") == 6
    pair.carry()
    assert pair.client.read(10) == b"answer"


def test_reads_after_both_close_notifies_raise_zero_return(pair):
    pair.client.write(b"before")
    begin_close(pair.server)
    begin_close(pair.client)
    pair.carry()
    assert pair.server.read(10) == b"before"
    for _ in range(2):
        for side in (pair.server, pair.client):
            check_zero_return(lambda side=side: side.read(10))
            check_zero_return(lambda side=side: side.read(10, bytearray(10)))
            assert side.read(0) == b"" and side.read(0, bytearray()) == 0
    assert pair.server.unwrap() is None is pair.client.unwrap()
    check_zero_return(lambda: pair.server.read(10))


def test_reads_after_an_unwrap_that_is_complete_raise_zero_return(pair):
    begin_close(pair.client)
    pair.carry()
    assert pair.server.unwrap() is None
    check_zero_return(lambda: pair.server.read(10))


@pytest.mark.parametrize("suppress", [True, False])
def test_sockets_raise_zero_return_with_ragged_eofs_suppressed_or_not(contexts, suppress):
    client, server = contexts
    near, far = socket.socketpair()
    near.settimeout(PATIENCE)
    far.settimeout(PATIENCE)
    with thread(
        lambda: server.wrap_socket(far, server_side=True, suppress_ragged_eofs=suppress)
    ) as accepting:
        ours = client.wrap_socket(near, server_hostname="localhost", suppress_ragged_eofs=suppress)
    with ours, accepting.result as theirs:
        theirs.setblocking(False)
        begin_close(theirs)
        ours.unwrap()
        check_zero_return(lambda: theirs.recv(10))
        check_zero_return(lambda: theirs.read(10))
        check_zero_return(lambda: theirs.recv_into(bytearray(10)))


def test_a_want_has_neither_reason_nor_library(pair):
    with pytest.raises(ssl.SSLWantReadError) as caught:
        pair.client.read(1)
    assert caught.value.reason is None and caught.value.library is None
    assert caught.value.args[0] == ssl.SSL_ERROR_WANT_READ


def test_unwrap_keeps_unread_data(ca, identity):
    # The standard library refuses the unwrap, too, and nothing can be read after that.
    client = tlsmith.ssl.create_default_context(cadata=ca.cert.pem.decode())
    server = tlsmith.ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    identity.configure(server)
    pair = Pair((client, server))
    begin_close(pair.server)
    pair.client.write(b"still on its way")
    begin_close(pair.client)
    pair.carry()
    for _ in range(2):
        with pytest.raises(ssl.SSLError, match="application data after close notify"):
            pair.server.unwrap()
    assert pair.server.pending() == len("still on its way")
    buffer = bytearray(5)
    got = bytes(buffer[: pair.server.read(5, buffer)])
    while len(got) < len("still on its way"):
        got += pair.server.read(100)
    assert got == b"still on its way"
    assert pair.server.unwrap() is None


def test_read_rejects_too_much_data_after_close_notify(ca, identity):
    client = tlsmith.ssl.create_default_context(cadata=ca.cert.pem.decode())
    server = tlsmith.ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    identity.configure(server)
    pair = Pair((client, server))
    begin_close(pair.client)
    pair.carry()
    plain = b"in the clear" * 1_000
    pair.to_server.write(plain)
    # A little is for whoever goes on in the clear.
    assert pair.server.read(10) == b"" and pair.server.unwrap() is None
    check_zero_return(lambda: pair.server.read(10))
    assert pair.to_server.read() == plain
    pair.to_server.write(bytes((1 << 20) + 1))
    with pytest.raises(ssl.SSLError) as caught:
        pair.server.read(10)
    assert caught.value.reason == "APPLICATION_DATA_AFTER_CLOSE_NOTIFY"
    assert "1048577 bytes after its close_notify" in caught.value.__notes__[0]
    assert len(pair.to_server.read()) == (1 << 20) + 1
    check_zero_return(lambda: pair.server.read(10))


@pytest.mark.parametrize("side", ["client", "server"])
@pytest.mark.parametrize(
    ("received", "reason"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "WRONG_VERSION_NUMBER"),
        (b"GET / HTTP/1.1\r\n\r\n", "WRONG_VERSION_NUMBER"),
        (bytes(40), "WRONG_VERSION_NUMBER"),
        (b"\x17\x03\x03\xff\xff" + bytes(65_535), "PACKET_LENGTH_TOO_LONG"),
        (b"\x17\x03\x03\x00\x20" + bytes(32), "DECRYPTION_FAILED_OR_BAD_RECORD_MAC"),
    ],
    ids=["HTTP response", "HTTP request", "zeros", "long record", "damaged record"],
)
def test_read_of_non_record_has_openssls_reason(pair, side, received, reason):
    # The tickets of TLS 1.3 come first.
    with pytest.raises(ssl.SSLWantReadError):
        pair.client.read(1)
    incoming = {"client": pair.to_client, "server": pair.to_server}[side]
    incoming.write(received)
    with pytest.raises(ssl.SSLError) as caught:
        getattr(pair, side).read(1)
    assert caught.value.reason == reason


def test_read_of_an_unencrypted_record_gives_openssls_reason(pair):
    version = pair.server.version()
    pair.to_server.write(b"\x15\x03\x03\x00\x02\x02\x28")
    with pytest.raises(ssl.SSLError) as caught:
        pair.server.read(1)
    reasons = {"TLSv1.2": "DECRYPTION_FAILED_OR_BAD_RECORD_MAC", "TLSv1.3": "BAD_RECORD_TYPE"}
    assert caught.value.reason == reasons[version]


@pytest.mark.parametrize(
    ("received", "reason"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", "HTTP_REQUEST"),
        (b"POST / HTTP/1.1\r\n\r\n", "HTTP_REQUEST"),
        (b"HEAD / HTTP/1.1\r\n\r\n", "HTTP_REQUEST"),
        (b"PUT / HTTP/1.1\r\n\r\n", "HTTP_REQUEST"),
        (b"CONNECT a:443 HTTP/1.1\r\n\r\n", "HTTPS_PROXY_REQUEST"),
        (b"DELETE / HTTP/1.1\r\n\r\n", "WRONG_VERSION_NUMBER"),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "WRONG_VERSION_NUMBER"),
        (b"SSH-2.0-OpenSSH_9.9\r\n", "WRONG_VERSION_NUMBER"),
        (bytes(40), "WRONG_VERSION_NUMBER"),
    ],
)
def test_server_names_another_protocol_and_sends_nothing(module, identity, received, reason):
    context = module.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    identity.configure(context)
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    incoming.write(received)
    with pytest.raises(ssl.SSLError) as caught:
        context.wrap_bio(incoming, outgoing, server_side=True).do_handshake()
    assert caught.value.reason == reason
    assert outgoing.read() == b""
