"""Connections without I/O: two of ours, and ours against ssl.MemoryBIO."""

import hashlib
import os
import ssl

import pytest
from conftest import carry, exchange, memory_pair, ssl_context, thread

import tlsmith

VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


# The handshake.


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("chunk", [1, 7, None])
def test_two_shake_hands_in_pieces_of_any_size(client, server, version, chunk):
    client = client.replace(max_version=version)
    near, far = client.buffer("localhost"), server.buffer()
    assert near.handshaking and far.handshaking
    for side in (near, far):
        with pytest.raises(tlsmith.Error, match="not complete") as caught:
            _ = side.info
        assert caught.value.code == "state"
    exchange(near, far, chunk)
    assert not near.handshaking and not far.handshaking
    assert near.info.version == far.info.version == version
    assert near.info.server_name == far.info.server_name == "localhost"
    assert near.write(b"question") == 8
    exchange(near, far, chunk)
    assert far.read() == b"question"
    assert far.write(b"answer") == 6
    exchange(near, far, chunk)
    assert near.read() == b"answer"


def test_read_raises_want_read_before_peer_data(client, server):
    near, far = client.buffer("localhost"), server.buffer()
    for side in (near, far):
        for call in (side.do_handshake, side.read, lambda side=side: side.write(b"early")):
            with pytest.raises(tlsmith.WantRead) as caught:
                call()
            assert isinstance(caught.value, BlockingIOError)
        assert side.readable == 0
    exchange(near, far)
    for side in (near, far):
        side.do_handshake()
        with pytest.raises(tlsmith.WantRead):
            side.read()
        with pytest.raises(tlsmith.WantRead):
            side.read_into(bytearray(10))


def test_loop_over_wants_read_and_wants_write_ends(client, server):
    near, far = client.buffer("localhost"), server.buffer()
    wires = {near: bytearray(), far: bytearray()}
    other = {near: far, far: near}
    written, got = set(), {near: b"", far: b""}
    for _ in range(1000):
        for side in (near, far):
            if side.wants_write:
                data = side.data_to_send(100)
                assert data, "wants_write, and there is nothing"
                wires[other[side]] += data
            elif side.wants_read and wires[side]:
                side.receive_data(wires[side][:90])
                del wires[side][:90]
            if side.readable:
                got[side] += side.read()
            if not side.handshaking and side not in written:
                side.write(b"hello" * 100)
                side.close()
                written.add(side)
        if not any(side.wants_write or side.wants_read for side in (near, far)):
            break
    else:
        pytest.fail("it does not end")
    assert got[near] == got[far] == b"hello" * 100
    assert near.peer_closed and far.peer_closed
    assert near.read() == far.read() == b""


@pytest.mark.parametrize("fails", [False, True])
def test_wants_read_ends_with_the_bytes_of_the_peer(client, server, fails):
    near, far = memory_pair(client, server)
    far.write(b"last")
    if not fails:
        far.close()
    carry(far, near)
    near.receive_data(b"")
    assert not near.wants_read, "there is something to read"
    assert near.read() == b"last"
    assert not near.wants_read, "nothing will ever come"
    if fails:
        with pytest.raises(tlsmith.TruncatedError):
            near.read()
    else:
        assert near.read() == b""


# Data.


def test_received_bytes_are_counted_as_readable(client, server):
    near, far = memory_pair(client, server)
    assert near.wants_read and near.readable == 0
    far.write(b"x" * 1000)
    carry(far, near)
    assert near.readable == 1000
    assert not near.wants_read
    assert near.read(400) == b"x" * 400
    assert near.readable == 600
    buffer = bytearray(1000)
    assert near.read_into(buffer) == 600
    assert buffer == b"x" * 600 + bytes(400)
    assert near.readable == 0 and near.wants_read
    assert near.read(0) == b""
    assert near.read_into(bytearray()) == 0
    far.write(b"y")
    record = far.data_to_send()
    near.receive_data(record[:-1])
    assert near.readable == 0 and near.wants_read
    near.receive_data(record[-1:])
    assert near.readable == 1 and not near.wants_read


def test_data_to_send_honours_its_limit(client, server):
    near, far = memory_pair(client, server)
    near.write(b"x" * 1000)
    assert near.wants_write
    assert near.data_to_send(0) == b""
    first = near.data_to_send(10)
    buffer = bytearray(20)
    assert near.data_to_send_into(buffer) == 20
    rest = near.data_to_send(-5)
    assert (len(first), len(rest)) == (10, 1000 + 5 + 17 - 30)
    assert near.data_to_send() == b"" and near.data_to_send_into(buffer) == 0
    assert not near.wants_write
    far.receive_data(memoryview(first + buffer + rest))
    assert far.read() == b"x" * 1000


@pytest.mark.parametrize("chunk", [777, 16_385, 100_003, None])
def test_megabytes_arrive_whole(client, server, chunk):
    near, far = memory_pair(client, server)
    data = os.urandom(3_000_001)
    sent, got = 0, hashlib.sha256()
    while sent < len(data):
        try:
            sent += near.write(memoryview(data)[sent:])
        except tlsmith.WantWrite:
            assert near.wants_write
        carry(near, far, chunk)
        while far.readable:
            got.update(far.read())
    near.close()
    carry(near, far, chunk)
    while part := far.read():
        got.update(part)
    assert got.digest() == hashlib.sha256(data).digest()


def test_unread_data_is_not_lost(client, server):
    near, far = memory_pair(client, server)
    data = os.urandom(1_000_000)
    sent = 0
    while sent < len(data):
        sent += near.write(data[sent : sent + 50_000])
        carry(near, far)
    near.close()
    carry(near, far)
    got = b""
    while part := far.read():
        got += part
    assert got == data


def test_write_without_drain_raises_want_write(client, server):
    near, far = memory_pair(client, server)
    taken = 0
    with pytest.raises(tlsmith.WantWrite) as caught:
        for _ in range(1000):
            taken += near.write(bytes(100_000))
    assert isinstance(caught.value, BlockingIOError)
    assert 100_000 < taken < 2_000_000
    near.close()
    far.receive_data(near.data_to_send())
    assert not near.wants_write, "one call gives all that was taken"
    got = 0
    while far.readable:
        got += len(far.read())
    assert got == taken
    assert far.read() == b""


# Ends.


@pytest.mark.parametrize("version", VERSIONS)
def test_one_direction_ends_before_the_other(client, server, version):
    near, far = memory_pair(client.replace(max_version=version), server)
    near.write(b"last words")
    near.close()
    near.close()
    with pytest.raises(tlsmith.Error, match="close_notify") as caught:
        near.write(b"more")
    assert caught.value.code == "state"
    carry(near, far)
    assert far.read() == b"last words"
    assert far.peer_closed
    assert far.read() == far.read() == b""
    assert far.read_into(bytearray(5)) == 0
    assert not far.wants_read
    far.write(b"answer")
    far.close()
    carry(far, near)
    assert near.read() == b"answer"
    assert near.read() == b""


def test_end_without_close_notify_is_truncation(client, server):
    near, far = memory_pair(client, server)
    far.write(b"half")
    carry(far, near)
    near.receive_data(b"")
    assert near.read() == b"half"
    for _ in range(2):
        with pytest.raises(tlsmith.TruncatedError) as caught:
            near.read()
        assert isinstance(caught.value, ConnectionError)
    assert not near.peer_closed
    with pytest.raises(tlsmith.Error, match="end") as caught:
        near.receive_data(b"more")
    assert caught.value.code == "state"


def test_the_end_in_the_middle_of_a_handshake(client, server):
    near, far = client.buffer("localhost"), server.buffer()
    far.receive_data(near.data_to_send()[:50])
    for side in (near, far):
        side.receive_data(b"")
        assert not side.wants_read
        with pytest.raises(tlsmith.Error, match="handshake"):
            side.do_handshake()


def test_leftover_has_bytes_after_close_notify(client, server):
    near, far = memory_pair(client, server)
    far.write(b"last")
    far.close()
    near.receive_data(far.data_to_send() + b"plain ")
    assert near.leftover == b"", "the end is not here yet"
    assert near.read() == b"last"
    assert near.read() == b""
    near.receive_data(b"text")
    assert near.leftover == b"plain text"
    assert near.leftover == b"", "it was taken"


# Failures.


def test_a_refusal_leaves_its_alert_for_the_peer(client):
    stranger = tlsmith.CA("Other CA").issue("localhost")
    near, far = client.buffer("localhost"), tlsmith.Server(stranger).buffer()
    exchange(near, far)
    for call in (near.read, lambda: near.write(b"x"), near.do_handshake, near.close):
        with pytest.raises(tlsmith.VerifyError) as caught:
            call()
        assert caught.value.reason == "unknown_issuer"
    assert not near.wants_read and not near.wants_write
    with pytest.raises(tlsmith.AlertError) as caught:
        far.read()
    assert caught.value.alert == "unknown_ca"
    assert not far.wants_read


def test_garbage_gets_an_alert_unless_it_is_not_tls(server):
    for garbage, answer in (
        (b"\x16\x03\x01\x00\x04\x02\x00\x00\x00", b"\x15"),
        (b"GET / HTTP/1.1\r\n\r\n", b""),
    ):
        far = server.buffer()
        far.receive_data(garbage)
        assert far.wants_write is bool(answer)
        assert far.data_to_send()[:1] == answer
        with pytest.raises(tlsmith.HandshakeError):
            far.read()


def test_a_record_that_was_changed_ends_the_connection(client, server):
    near, far = memory_pair(client, server)
    near.write(b"x" * 100)
    record = bytearray(near.data_to_send())
    record[-1] ^= 1
    far.receive_data(record)
    with pytest.raises(tlsmith.HandshakeError):
        far.read()
    carry(far, near)
    with pytest.raises(tlsmith.AlertError, match="bad_record_mac"):
        near.read()


def test_callback_exception_does_not_reach_other_connections(client, identity):
    def refuse(hello):
        raise LookupError(hello.server_name)

    choosing = tlsmith.Server(identity, on_hello=refuse)
    near, far = client.buffer("localhost"), choosing.buffer()
    carry(near, far)
    bystander = client.buffer("localhost")
    with pytest.raises(tlsmith.WantRead):
        bystander.read()
    with pytest.raises(LookupError, match="localhost"):
        far.read()


def test_wrong_arguments(client, server):
    near, _ = memory_pair(client, server)
    for call in (
        lambda: near.receive_data("text"),
        lambda: near.write(1),
        lambda: near.read("1"),
        lambda: near.data_to_send(None),
        lambda: client.buffer(5),
        lambda: near.export(1, 1),
    ):
        with pytest.raises(TypeError):
            call()
    for call in (near.read_into, near.data_to_send_into):
        with pytest.raises(BufferError):
            call(b"read-only")
    with pytest.raises(tlsmith.ConfigError, match="name"):
        client.buffer(None)
    with pytest.raises(tlsmith.ConfigError, match="not a name"):
        client.buffer("not a name")


# Against ssl.


def over_bios(context, **options):
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    return context.wrap_bio(incoming, outgoing, **options), incoming, outgoing


def drive(ours, theirs, incoming, outgoing, chunk=501):
    """Carries bytes between ours and one of ssl, which shakes hands meanwhile."""
    while True:
        try:
            theirs.do_handshake()
        except ssl.SSLWantReadError:
            pass
        moved = outgoing.pending
        while outgoing.pending:
            ours.receive_data(outgoing.read(chunk))
        data = ours.data_to_send()
        incoming.write(data)
        if not moved + len(data):
            return


def converse(ours, theirs, incoming, outgoing):
    question, answer = os.urandom(200_000), os.urandom(200_000)
    drive(ours, theirs, incoming, outgoing)
    assert not ours.handshaking
    assert ours.export("label", 32, b"") and ours.info.version == theirs.version()[4:]
    taken = 0
    while taken < len(question):
        taken += ours.write(question[taken:])
        incoming.write(ours.data_to_send())
    got = b""
    while len(got) < len(question):
        got += theirs.read(65_536)
    assert got == question
    assert theirs.write(answer) == len(answer)
    got = b""
    while outgoing.pending:
        ours.receive_data(outgoing.read(10_007))
        while ours.readable:
            got += ours.read()
    assert got == answer
    ours.close()
    incoming.write(ours.data_to_send())
    theirs.unwrap()
    ours.receive_data(outgoing.read())
    assert ours.read() == b"" and ours.peer_closed


@pytest.mark.parametrize("version", VERSIONS)
def test_tlsmith_client_connects_to_ssl_server(client, identity, version):
    context = ssl_context(ssl.PROTOCOL_TLS_SERVER, identity, version=VERSIONS[version])
    converse(client.buffer("localhost"), *over_bios(context, server_side=True))


@pytest.mark.parametrize("version", VERSIONS)
def test_ssl_client_connects_to_tlsmith_server(server, ca, version):
    context = ssl_context(ssl.PROTOCOL_TLS_CLIENT, ca=ca, version=VERSIONS[version])
    converse(server.buffer(), *over_bios(context, server_hostname="localhost"))


# Early data.


@pytest.mark.parametrize("taken", [True, False])
def test_early_data_is_taken_once_or_not_at_all(ca, identity, taken):
    client = tlsmith.Client(trust=ca, early_data=True)
    server = tlsmith.Server(identity, early_data=10_000)
    near, far = memory_pair(client, server)
    assert near.info.early_data == far.info.early_data == "none"
    with pytest.raises(tlsmith.Error, match="handshake is complete"):
        near.write_early(b"late")
    if not taken:
        server = tlsmith.Server(identity)
    near, far = client.buffer("localhost"), server.buffer()
    assert near.write_early(b"early") == 5
    carry(near, far)
    if taken:
        assert far.read_early(3) == b"ear"
        assert far.read_early() == b"ly"
    exchange(near, far)
    assert far.read_early() == b""
    assert near.info.resumed is far.info.resumed is taken
    assert near.info.early_data == ("accepted" if taken else "rejected")
    near.write(b"late")
    carry(near, far)
    assert far.read() == b"late"


# Threads.


def test_two_threads_share_a_connection(client, server):
    near, far = memory_pair(client, server)
    data = os.urandom(1_000_000)
    got = bytearray()

    def write():
        sent = 0
        while sent < len(data):
            try:
                sent += near.write(data[sent : sent + 30_000])
            except tlsmith.WantWrite:
                pass
        near.close()

    with thread(write) as writing:
        while writing.is_alive() or near.wants_write:
            if records := near.data_to_send(5000):
                far.receive_data(records)
            while far.readable:
                got += far.read()
    while part := far.read():
        got += part
    assert got == data
