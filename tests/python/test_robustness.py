"""What must not crash, hang or leak: objects after their end, threads that get in
each other's way, cycles of garbage, and arguments that nobody would give."""

import array
import contextlib
import ctypes
import datetime
import gc
import ssl
import sys
import weakref

import pytest
from conftest import (
    exchange,
    memory_pair,
    open_pair,
    receive_all,
    socketpair,
    thread,
)
from hypothesis import given, settings
from hypothesis import strategies as some

import tlsmith

# After the end.


def test_closed_socket_raises_for_every_call(client, server):
    with open_pair(client, server) as (ours, _):
        pass
    calls = [
        ours.do_handshake, ours.recv, lambda: ours.recv_into(bytearray(5)), ours.recv_early,
        lambda: ours.send(b"x"), lambda: ours.sendall(b"x"), lambda: ours.sendmsg([b"x"]),
        lambda: ours.send_early(b"x"), ours.flush, ours.pending, ours.events, ours.close_write,
        ours.unwrap, ours.detach, ours.report, ours.refresh_keys, ours.channel_binding,
        lambda: ours.export("label", 32), lambda: ours.settimeout(1), lambda: ours.setblocking(1),
        lambda: ours.info, lambda: ours.peer, lambda: ours.peer_chain, lambda: ours.tickets,
        lambda: ours.verified_chain, lambda: ours.ocsp_response, lambda: ours.handshake_bytes,
        lambda: ours.handshaking, lambda: ours.closed_cleanly, ours.makefile,
    ]  # fmt: skip
    for call in calls:
        with pytest.raises(tlsmith.Error, match="closed") as caught:
            call()
        assert caught.value.code == "state"
    ours.close()
    assert ours.fileno() == -1 and "closed" in repr(ours)


def test_one_direction_is_for_one_thread(client, server):
    with open_pair(client, server) as (ours, theirs):
        ours.settimeout(0.05)

        def receive():
            while True:
                try:
                    return ours.recv()
                except tlsmith.TimedOut:
                    pass
                except tlsmith.Error as error:
                    # The other one was faster.
                    assert error.code == "state"

        with thread(receive) as receiving:
            with pytest.raises(tlsmith.Error, match="another thread reads") as caught:
                while True:
                    try:
                        ours.recv()
                    except tlsmith.TimedOut:
                        pass
            assert caught.value.code == "state"
            theirs.sendall(b"for one of them")
        assert receiving.result == b"for one of them"


def test_second_writer_gets_state_error(client, server):
    with open_pair(client, server) as (ours, theirs):
        with thread(lambda: ours.sendall(bytes(30_000_000))) as sending:
            # When the first byte is here, the other thread is at it, and not done.
            assert theirs.recv(1) == bytes(1)
            with pytest.raises(tlsmith.Error, match="another thread writes") as caught:
                ours.send(b"")
            assert caught.value.code == "state"
            with thread(lambda: receive_all(theirs)) as receiving:
                sending.join()
                ours.close_write()
        assert len(receiving.result) == 30_000_000 - 1


# Garbage.


def collected(make):
    """Whether what `make` gives a weak reference to is gone with its cycle."""
    reference = make()
    gc.collect()
    return reference() is None


@pytest.mark.parametrize("hook", ["on_hello", "keylog", "now"])
@pytest.mark.parametrize("used", [False, True])
def test_hooks_that_refer_to_their_configuration_are_collected(client, identity, hook, used):
    def make():
        def function(*_):
            assert cycle
            return datetime.datetime.now(datetime.UTC) if hook == "now" else None

        cycle = [tlsmith.Server(identity, **{hook: function})]
        if used:
            cycle += memory_pair(client, cycle[0])
        return weakref.ref(function)

    assert collected(make)


def test_hooks_that_refer_to_their_socket_are_collected(ca, server):
    def make():
        cycle = {}

        def function(line):
            cycle["line"] = line

        near, far = socketpair()
        with thread(lambda: server.wrap(far)) as accepting:
            cycle["sock"] = tlsmith.Client(trust=ca, keylog=function).wrap(near, "localhost")
        accepting.result.close()
        return weakref.ref(cycle["sock"])

    assert collected(make)


def test_a_chosen_server_that_is_garbage_still_serves(client, identity):
    lines = []

    def choose(hello):
        def log(line):
            lines.append((line, cycle))

        cycle = [tlsmith.Server(identity, keylog=log)]
        return cycle[0]

    near, far = client.buffer("localhost"), tlsmith.Server(identity, on_hello=choose).buffer()
    far.receive_data(near.data_to_send())
    gc.collect()
    exchange(near, far)
    assert near.info == far.info._replace(signature_scheme=near.info.signature_scheme)
    assert lines


# Functions that are called in the middle of a handshake.


def refusals(sock):
    """How each call ends that a function makes on the connection that calls it."""
    outcomes = []
    for name in ("do_handshake", "read", "recv", "write", "send", "info", "report"):
        call = getattr(type(sock), name, None)
        if isinstance(call, property):
            call = call.fget
        if call is not None:
            arguments = [b"x"] if name in ("write", "send") else []
            with pytest.raises(tlsmith.Error, match="in the middle of its handshake") as caught:
                call(sock, *arguments)
            outcomes.append(caught.value.code)
    assert sock.handshaking and sock.resumed is None
    repr(sock)
    return outcomes


@pytest.mark.parametrize("hook", ["on_hello", "keylog", "now"])
def test_a_function_cannot_use_the_connection_that_calls_it(ca, client, identity, hook):
    known, outcomes = [], []

    def function(*_):
        outcomes.extend(refusals(known[0]))
        return datetime.datetime.now(datetime.UTC) if hook == "now" else None

    trusting = {"client_trust": ca} if hook == "now" else {}
    server = tlsmith.Server(identity, **{hook: function}, **trusting)
    if hook == "now":
        client = tlsmith.Client(trust=ca, identity=ca.issue_client("a@example.org"))
    near, far = socketpair()
    known.append(server.wrap(far, handshake=False))
    with thread(lambda: client.wrap(near, "localhost")), known[0] as theirs:
        with contextlib.suppress(tlsmith.Error):
            theirs.do_handshake()
    known[:] = [server.buffer()]
    exchange(client.buffer("localhost"), known[0])
    assert len(outcomes) >= 10 and set(outcomes) == {"state"}


def test_a_function_may_use_another_connection(client, server, identity):
    def ask(_hello):
        near, _ = memory_pair(client, server)
        return None if near.info.version == "1.3" else server

    near, far = memory_pair(client, tlsmith.Server(identity, on_hello=ask))
    assert near.info.version == far.info.version == "1.3"


def test_an_sni_callback_cannot_use_the_connection_that_calls_it(client, serving):
    said = []

    def callback(sock, *_):
        said.append((sock.version(), sock.cipher(), sock.pending()))
        for call in (sock.do_handshake, sock.read, lambda: sock.write(b"x")):
            with pytest.raises(ssl.SSLError, match="in the middle of its handshake"):
                call()

    serving.sni_callback = callback
    near, far = socketpair()
    with thread(lambda: serving.wrap_socket(far, server_side=True)) as accepting:
        ours = client.wrap(near, "localhost")
    with ours, accepting.result:
        assert said == [(None, None, 0)]


# Buffers.


def test_memory_that_is_in_use_does_not_move(client, server):
    with open_pair(client, server) as (ours, theirs):
        room = bytearray(10)
        with thread(lambda: ours.recv_into(room)) as receiving:
            while True:
                try:
                    room.append(0)
                    room.pop()
                except BufferError:
                    break
            theirs.sendall(b"0123456789")
        assert receiving.result == 10 and room == b"0123456789"
        room.append(0)


def test_non_buffers_are_rejected(client, server):
    released = memoryview(b"x")
    released.release()
    strided = memoryview(b"0123456789")[::2]
    with open_pair(client, server) as (ours, theirs):
        near, _ = memory_pair(client, server)
        for call in (ours.send, ours.sendall, near.write, near.receive_data, ours.send_early):
            for wrong, error in ((released, ValueError), (strided, BufferError), ([1], TypeError)):
                with pytest.raises(error):
                    call(wrong)
        for call in (ours.recv_into, near.read_into, near.data_to_send_into):
            for wrong in (b"bytes", memoryview(b"x"), memoryview(bytearray(10))[::2]):
                with pytest.raises(BufferError):
                    call(wrong)
            with pytest.raises(TypeError):
                call("text")
        words = array.array("I", [1, 2, 3])
        assert ours.send(words) == 12
        assert theirs.recv() == words.tobytes()
        assert ours.send((ctypes.c_char * 3)(b"a", b"b", b"c")) == 3
        assert theirs.recv() == b"abc"


def test_buffer_exception_propagates(client, server):
    class Weird:
        def __buffer__(self, flags):
            raise LookupError("no buffer today")

    near, _ = memory_pair(client, server)
    # Python before 3.12 does not ask it.
    with pytest.raises(LookupError if sys.version_info >= (3, 12) else TypeError):
        near.write(Weird())


def test_sizes_beyond_all_measure(client, server):
    with open_pair(client, server) as (ours, theirs):
        near, far = memory_pair(client, server)
        for size in (2**31, 2**62, 2**63 - 1):
            theirs.sendall(b"x")
            assert ours.recv(size) == b"x"
            theirs.sendall(b"x")
            assert ours.recv_into(bytearray(5), size) == 1
            assert ours.recv_early(size) == b""
            far.write(b"x")
            near.receive_data(far.data_to_send(size))
            assert near.read(size) == b"x"
        for call in (ours.recv, ours.recv_early, near.read_early,
                     lambda size: ours.recv_into(bytearray(5), size)):  # fmt: skip
            with pytest.raises(ValueError, match="-5"):
                call(-5)
            with pytest.raises(OverflowError):
                call(2**63)
            for wrong in ("1", 1.0, None, b"1"):
                with pytest.raises(TypeError):
                    call(wrong)


# Arguments.

ANYTHING = some.one_of(
    some.none(),
    some.booleans(),
    some.integers(),
    some.floats(),
    some.text(max_size=10),
    some.binary(max_size=40),
    some.sampled_from(["1.2", "1.3", "system", "grease", "required", "optional", "x25519"]),
    some.lists(some.one_of(some.text(max_size=5), some.integers(), some.binary(max_size=40))),
    some.just(object()),
    some.datetimes(),
    some.datetimes(timezones=some.just(datetime.UTC)),
    some.builds(tlsmith.Pin.spki, some.binary(min_size=32, max_size=32)),
    some.dictionaries(some.text(max_size=3), some.integers(), max_size=2),
)
REFUSALS = (TypeError, ValueError, OverflowError, tlsmith.ConfigError, tlsmith.CertError)
CLIENT = [
    "trust", "identity", "alpn", "min_version", "max_version", "groups", "ciphers", "pins", "ech",
    "check_hostname", "resume", "early_data", "now", "verify_schemes", "signing_schemes",
    "match_issuer", "max_fragment", "allow_common_name", "min_security", "strict",
]  # fmt: skip
SERVER = [
    "client_trust", "client_auth", "alpn", "min_version", "max_version", "groups", "ciphers",
    "on_hello", "require_known_name", "tickets", "ticket_keys", "early_data", "ocsp", "now",
    "verify_schemes", "signing_schemes", "match_issuer", "max_fragment", "min_security", "strict",
    "resume", "share_sessions", "prefer_own_ciphers", "ignore_unknown_alpn",
]  # fmt: skip


OWN = ["sni", "alpn", "identity"]


def some_of(names):
    return some.dictionaries(some.sampled_from(names), ANYTHING, max_size=3)


@pytest.mark.filterwarnings("ignore::tlsmith.InsecureWarning")
@settings(max_examples=300, deadline=None, database=None, derandomize=True)
@given(arguments=some_of(CLIENT))
def test_client_accepts_or_rejects_its_arguments(arguments):
    try:
        client = tlsmith.Client(**{"trust": CA, **arguments})
        memory_pair(client, SERVER_OF_CA)
    except REFUSALS:
        pass


@settings(max_examples=300, deadline=None, database=None, derandomize=True)
@given(arguments=some_of(SERVER))
def test_server_accepts_or_rejects_its_arguments(arguments):
    try:
        server = tlsmith.Server(IDENTITY, **arguments)
        memory_pair(tlsmith.Client(trust=CA), server)
    except REFUSALS:
        pass


@settings(max_examples=300, deadline=None, database=None, derandomize=True)
@given(own=some_of(OWN), theirs=some_of(OWN[1:]), chosen=some_of(["server", *OWN[1:]]))
def test_connections_accept_or_reject_their_own_settings(own, theirs, chosen):
    try:
        near = tlsmith.Client(trust=CA).buffer("localhost", **own)
        far = SERVER_OF_CA.buffer(**theirs)
        with contextlib.suppress(tlsmith.WantRead):
            far.receive_hello()
        far.select(tlsmith.Selection(**chosen))
        far.receive_data(near.data_to_send())
        far.receive_hello()
        with contextlib.suppress(tlsmith.WantRead):
            far.do_handshake()
    except REFUSALS:
        pass


@given(chosen=ANYTHING)
@settings(max_examples=200, deadline=None, database=None, derandomize=True)
def test_servers_accept_or_reject_results_of_on_hello(chosen):
    near = tlsmith.Client(trust=CA).buffer("localhost")
    far = tlsmith.Server(IDENTITY, on_hello=lambda hello: chosen).buffer()
    far.receive_data(near.data_to_send())
    try:
        far.do_handshake()
    except (tlsmith.WantRead, tlsmith.HandshakeError, *REFUSALS):
        pass


CA = tlsmith.CA()
IDENTITY = CA.issue("localhost")
SERVER_OF_CA = tlsmith.Server(IDENTITY)
