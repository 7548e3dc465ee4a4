"""Sockets: files, options, time limits, and what happens to the bytes when nobody
waits."""

import hashlib
import http.client
import io
import os
import select
import socket
import ssl

import pytest
from conftest import PATIENCE, open_pair, receive_all, say_half, socketpair, thread

import tlsmith


@pytest.fixture
def pair(client, server):
    with open_pair(client, server) as both:
        yield both


# Options.


def test_options_are_those_of_sockets(client, server):
    with server.listen(("127.0.0.1", 0)) as listener:
        with thread(lambda: listener.accept(handshake=True)) as accepting:
            sock = client.connect(listener.address, timeout=PATIENCE)
        with sock, accepting.result[0]:
            level, name = socket.SOL_SOCKET, socket.SO_KEEPALIVE
            assert sock.getsockopt(level, name) == 0
            sock.setsockopt(level, name, 1)
            assert sock.getsockopt(level, name) == 1
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, bytes(8))
            assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, 8) == bytes(8)
            with pytest.raises(tlsmith.Error, match="getsockopt failed") as caught:
                sock.getsockopt(level, 54321)
            assert caught.value.errno == 92
            for wrong in (lambda: sock.setsockopt(level, name), lambda: sock.getsockopt("x", 1)):
                with pytest.raises(TypeError):
                    wrong()
        for call in (sock.getpeername, sock.getsockname, lambda: sock.getsockopt(level, name)):
            with pytest.raises(tlsmith.Error, match="closed"):
                call()


# Files.


def test_makefile_reads_and_writes_lines(pair):
    ours, theirs = pair
    with ours.makefile("w", encoding="utf-8", newline="\r\n") as out:
        assert out.writable() and not out.readable()
        out.write("grüß\ngott\n")
    with theirs.makefile("r", encoding="utf-8") as lines:
        assert lines.readable() and not lines.writable()
        assert [lines.readline(), lines.readline()] == ["grüß\n", "gott\n"]
    with theirs.makefile("rwb") as both:
        both.write(b"answer\n")
        both.flush()
        assert ours.recv() == b"answer\n"
        ours.sendall(b"more\nand more\n")
        assert both.readline() == b"more\n"
        assert both.read(9) == b"and more\n"
    with ours.makefile("wb", buffering=0) as raw, theirs.makefile("rb", 0) as source:
        assert isinstance(raw, io.RawIOBase)
        assert raw.fileno() == ours.fileno()
        assert raw.write(b"unbuffered") == 10
        assert source.read(100) == b"unbuffered"
        with pytest.raises(io.UnsupportedOperation):
            raw.read(1)
        with pytest.raises(io.UnsupportedOperation):
            source.write(b"x")


def test_a_socket_lives_as_long_as_its_files(pair):
    ours, theirs = pair
    first, second = ours.makefile("rb"), ours.makefile("wb")
    ours.close()
    second.write(b"still here")
    second.close()
    theirs.sendall(b"so am I")
    theirs.close_write()
    assert theirs.recv() == b"still here"
    assert first.read() == b"so am I"
    assert ours.fileno() >= 0
    first.close()
    assert ours.fileno() == -1
    assert theirs.recv() == b""


def test_a_file_that_is_dropped_closes_the_socket(pair):
    ours, theirs = pair
    file = ours.makefile("rb")
    ours.close()
    del file
    assert ours.fileno() == -1
    assert theirs.recv() == b""


def test_files_of_sockets_that_do_not_block(pair):
    ours, theirs = pair
    ours.setblocking(False)
    raw = ours.makefile("rb", buffering=0)
    assert raw.read(5) is None
    theirs.sendall(b"x")
    select.select([ours], [], [], PATIENCE)
    assert raw.read(5) == b"x"
    out = ours.makefile("wb", buffering=0)
    sent = 0
    while (count := out.write(bytes(1_000_000))) is not None:
        sent += count
    with thread(lambda: receive_all(theirs)) as receiving:
        ours.setblocking(True)
        ours.close_write()
    assert len(receiving.result) == sent


def test_file_read_raises_truncated_error(client, identity):
    near, far = socketpair()
    with (
        thread(lambda: say_half(far, identity)),
        client.wrap(near, "localhost") as sock,
        sock.makefile("rb") as file,
    ):
        with pytest.raises(tlsmith.TruncatedError):
            file.read()


def test_invalid_file_modes_are_rejected(pair):
    ours, _ = pair
    for wrong in ("a", "r+", "x"):
        with pytest.raises(ValueError, match="mode"):
            ours.makefile(wrong)
    with pytest.raises(ValueError, match="binary"):
        ours.makefile("r", buffering=0)
    ours.close()
    assert ours.fileno() == -1, "no file is left that holds it"
    with pytest.raises(tlsmith.Error, match="closed"):
        ours.makefile("rb")


def test_http_client_reads_a_response(pair):
    ours, theirs = pair
    body = os.urandom(100_000)
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    with thread(lambda: theirs.sendall(head + body)):
        response = http.client.HTTPResponse(ours)
        response.begin()
        ours.close()
        assert response.read() == body
        response.close()


# Sending files and parts.


@pytest.mark.parametrize(
    ("offset", "count"), [(0, None), (0, 10), (1000, None), (999, 600_000), (5, 0), (10**7, None)]
)
def test_sendfile_honours_offset_and_count(pair, tmp_path, offset, count):
    ours, theirs = pair
    data = os.urandom(1_000_000)
    path = tmp_path / "file"
    path.write_bytes(data)
    expected = data[offset:] if count is None else data[offset : offset + count]
    with path.open("rb") as file, thread(lambda: receive_all(theirs)) as receiving:
        file.seek(77)
        assert ours.sendfile(file, offset, count) == len(expected)
        assert file.tell() == offset + len(expected)
        ours.close_write()
    assert receiving.result == expected


def test_files_that_cannot_seek_are_sent_from_where_they_are(pair):
    ours, theirs = pair
    out, into = os.pipe()
    with open(out, "rb") as pipe, open(into, "wb") as end:
        end.write(b"through a pipe")
        end.close()
        assert ours.sendfile(pipe) == 14
        assert theirs.recv() == b"through a pipe"
        with pytest.raises(OSError):
            ours.sendfile(pipe, 5)


def test_non_file_is_rejected(pair, tmp_path):
    ours, _ = pair
    for wrong in (-1, -100):
        with pytest.raises(ValueError, match=str(wrong)):
            ours.sendfile(io.BytesIO(b"x"), 0, wrong)
        with pytest.raises(ValueError, match=str(wrong)):
            ours.sendfile(io.BytesIO(b"x"), wrong)
    with pytest.raises(TypeError):
        ours.sendfile(io.StringIO("text"))


def test_sendfile_works_on_nonblocking_socket(pair):
    ours, theirs = pair
    data = os.urandom(5_000_000)
    file = io.BytesIO(data)
    ours.setblocking(False)
    with thread(lambda: receive_all(theirs)) as receiving:
        sent = 0
        while sent < len(data):
            try:
                count = ours.sendfile(file, sent)
                assert count > 0
                sent += count
            except tlsmith.WantWrite:
                select.select([], [ours], [], PATIENCE)
            assert file.tell() == sent
        ours.setblocking(True)
        ours.close_write()
    assert receiving.result == data


def test_parts_are_sent_as_one(pair):
    ours, theirs = pair
    parts = [b"a", bytearray(b"b"), b"", memoryview(b"c" * 50_000), b"d"]
    with thread(lambda: receive_all(theirs)) as receiving:
        assert ours.sendmsg(iter(parts)) == 50_003
        assert ours.sendmsg([]) == 0
        ours.close_write()
    assert receiving.result == b"ab" + b"c" * 50_000 + b"d"
    for wrong in (5, ["text"], [b"x", 5], "text"):
        with pytest.raises(TypeError):
            ours.sendmsg(wrong)


@pytest.mark.parametrize("reads", ["recv", "recv_into"])
def test_no_byte_is_lost_or_doubled_when_the_peer_reads_slowly(pair, reads):
    ours, theirs = pair
    data = os.urandom(3_000_000)
    ours.setblocking(False)
    got, sent = bytearray(), 0
    room = bytearray(5000)
    while sent < len(data) or ours.events()[1]:
        try:
            if sent < len(data):
                sent += ours.send(memoryview(data)[sent:])
            else:
                ours.flush()
        except tlsmith.WantWrite:
            assert ours.events() == (True, True)
            got += theirs.recv(5000) if reads == "recv" else room[: theirs.recv_into(room)]
    assert ours.events() == (True, False)
    ours.close_write()
    with thread(lambda: receive_all(theirs)) as receiving:
        pass
    digest = hashlib.sha256(got + receiving.result).digest()
    assert digest == hashlib.sha256(data).digest()


# Ends and limits.


def test_data_before_close_is_received(pair):
    ours, theirs = pair
    theirs.sendall(b"last words")
    theirs.close()
    assert ours.recv(4) == b"last"
    assert ours.pending() == 6
    assert ours.recv() == b" words"
    assert ours.recv() == b"" and ours.closed_cleanly


def test_detached_descriptor_stays_open(pair):
    ours, theirs = pair
    with socket.socket(fileno=ours.detach()) as plain:
        assert ours.fileno() == -1
        with pytest.raises(tlsmith.Error, match="closed"):
            ours.detach()
        plain.sendall(b"plain text is no record")
        with pytest.raises(tlsmith.HandshakeError):
            theirs.recv()


def test_the_plain_socket_keeps_the_time_limit(client, server):
    near, far = socketpair()
    with thread(lambda: server.wrap(far)) as accepting:
        sock = client.wrap(near, "localhost")
    assert sock.gettimeout() == PATIENCE and near.fileno() == -1
    with thread(accepting.result.unwrap) as unwrapping:
        plain, leftover = sock.unwrap(timeout=PATIENCE / 2)
    theirs, _ = unwrapping.result
    with plain, theirs:
        assert leftover == b""
        assert (plain.gettimeout(), theirs.gettimeout()) == (PATIENCE / 2, PATIENCE)
        plain.sendall(b"plain")
        assert theirs.recv(10) == b"plain"


def test_wrap_rejects_non_sockets(client, server, pair):
    ours, _ = pair
    near, far = socketpair()
    tls = ssl.create_default_context().wrap_socket(
        near, server_hostname="localhost", do_handshake_on_connect=False
    )
    for wrong in (ours, tls, 5, None, far.fileno()):
        with pytest.raises(TypeError, match="socket"):
            client.wrap(wrong, "localhost")
        with pytest.raises(TypeError, match="socket"):
            server.wrap(wrong)
    with pytest.raises(TypeError, match="server_name"):
        client.wrap(far, 5)
    assert far.fileno() >= 0, "it is still the caller's"
    tls.close()
    far.close()
    with pytest.raises(OSError):
        server.wrap(far)


def test_time_limits_end_calls_that_wait(pair):
    ours, _ = pair
    ours.settimeout(0.02)
    for call in (ours.recv, lambda: ours.recv_into(bytearray(5))):
        with pytest.raises(tlsmith.TimedOut):
            call()
    ours.settimeout(None)
    assert ours.gettimeout() is None
    for wrong in (float("nan"), float("inf"), -0.1, 1e300):
        with pytest.raises(ValueError):
            ours.settimeout(wrong)
    assert ours.gettimeout() is None


def test_nonblocking_unwrap_returns_leftover(client, server):
    # Around the amount of input after which a call returns without data.
    for size in range(200_000, 420_000, 20_000):
        near, far = socket.socketpair()
        for end in (near, far):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
        with thread(lambda far=far: server.wrap(far)) as wrapping:
            ours = client.wrap(near, server_name="localhost")
        with ours, wrapping.result as theirs:

            def send(theirs=theirs, size=size):
                theirs.settimeout(PATIENCE)
                theirs.sendall(b"d" * size)
                theirs.close_write()

            with thread(send):
                ours.settimeout(0)
                while True:
                    try:
                        plain, _ = ours.unwrap()
                        break
                    except tlsmith.WantRead:
                        assert select.select([ours], [], [], PATIENCE)[0], f"{size}: stalled"
            plain.close()
