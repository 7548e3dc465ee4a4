"""Servers that pause at the ClientHello until their program has decided."""

import gc
import os
import socket
import ssl
import time
import weakref

import pytest
from conftest import carry, exchange, memory_pair, socketpair, thread

import tlsmith


@pytest.fixture
def other(ca):
    return ca.issue("localhost", "other.example")


def paused(client, server, name="localhost", **own):
    """A client, and a server that has paused at its ClientHello."""
    near, far = client.buffer(name), server.buffer(**own)
    with pytest.raises(tlsmith.WantRead):
        far.receive_hello()
    carry(near, far)
    return near, far


# Sockets.


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_server_pauses_until_another_thread_decides(client, server, other, version):
    client = client.replace(alpn=["h3", "h2"], max_version=version)
    chosen = tlsmith.Server(other, alpn=["h2"])
    near, far = socketpair()
    accepted = server.wrap(far, handshake=False)
    with thread(lambda: client.wrap(near, "localhost")) as connecting:
        hello = accepted.receive_hello()
        assert type(hello) is tlsmith.ClientHello
        assert hello.server_name == "localhost"
        assert hello.alpn == ("h3", "h2")
        assert accepted.receive_hello() == hello
        assert accepted.handshaking
        with thread(lambda: accepted.select(chosen)):
            pass
        accepted.do_handshake()
    with connecting.result as tls, accepted:
        assert tls.peer == other.cert
        assert tls.info.alpn == "h2"
        for call in (accepted.receive_hello, lambda: accepted.select(chosen)):
            with pytest.raises(tlsmith.Error, match="answered already") as caught:
                call()
            assert caught.value.code == "state"


@pytest.mark.parametrize("go_on", ["do_handshake", "recv", "send"])
def test_the_server_answers_where_nothing_is_selected(client, server, identity, go_on):
    near, far = socketpair()
    accepted = server.wrap(far, handshake=False)

    def talk():
        tls = client.wrap(near, "localhost")
        tls.sendall(b"x")
        return tls

    with thread(talk) as connecting:
        accepted.receive_hello()
        {
            "do_handshake": accepted.do_handshake,
            "recv": accepted.recv,
            "send": lambda: accepted.send(b"y"),
        }[go_on]()
    with connecting.result as tls, accepted:
        assert tls.peer == identity.cert


def test_nonblocking_receive_hello_raises_want_read(client, server, other):
    near, far = socketpair()
    accepted = server.wrap(far, handshake=False)
    accepted.settimeout(0)
    with pytest.raises(tlsmith.WantRead):
        accepted.receive_hello()
    assert accepted.events() == (True, False)
    tls = client.wrap(near, "localhost", handshake=False)
    tls.settimeout(0)
    with pytest.raises(tlsmith.WantRead):
        tls.do_handshake()
    assert accepted.receive_hello().server_name == "localhost"
    accepted.select(other)
    for _ in range(3):
        for side in (accepted, tls):
            try:
                side.do_handshake()
            except tlsmith.WantRead:
                pass
    assert tls.peer == other.cert
    tls.close()
    accepted.close()


def test_waiting_for_the_hello_has_the_time_limit_of_the_socket(server):
    near, far = socketpair()
    with near, server.wrap(far, handshake=False) as accepted:
        accepted.settimeout(0.05)
        with pytest.raises(tlsmith.TimedOut):
            accepted.receive_hello()


def test_handshake_timeout_applies_to_paused_handshake(client, server):
    near = client.buffer("localhost")
    with server.listen(("127.0.0.1", 0), handshake_timeout=0.2) as listener:
        with socket.create_connection(listener.address) as plain:
            plain.sendall(near.data_to_send())
            accepted, _ = listener.accept()
            with accepted:
                accepted.receive_hello()
                # What is looked up meanwhile takes too long.
                time.sleep(0.3)
                with pytest.raises(tlsmith.TimedOut):
                    accepted.do_handshake()


def test_a_refused_client_gets_the_alert(client, server):
    near, far = socketpair()
    with thread(lambda: pytest.raises(tlsmith.AlertError, client.wrap, near, "x")) as connecting:
        accepted = server.wrap(far, handshake=False)
        accepted.receive_hello()
        accepted.refuse(112)
        for call in (accepted.do_handshake, accepted.receive_hello, accepted.recv):
            with pytest.raises(tlsmith.HandshakeError, match="refused the client"):
                call()
        accepted.close()
    alert = connecting.result.value
    assert (alert.alert, alert.alert_number) == ("unrecognized_name", 112)


def test_a_closed_socket_receives_no_hello(server, other):
    near, far = socketpair()
    accepted = server.wrap(far, handshake=False)
    accepted.close()
    near.close()
    for call in (
        accepted.receive_hello,
        lambda: accepted.select(other),
        lambda: accepted.refuse(40),
    ):
        with pytest.raises(tlsmith.Error, match="closed") as caught:
            call()
        assert caught.value.code == "state"


def test_receive_hello_fails_without_client_hello(server):
    errors = []
    for receive in ("receive_hello", "do_handshake"):
        near, far = socketpair()
        with near, server.wrap(far, handshake=False) as accepted:
            near.sendall(b"GET / HTTP/1.1\r\n\r\n")
            with pytest.raises(tlsmith.Error) as caught:
                getattr(accepted, receive)()
            errors.append((type(caught.value), str(caught.value)))
    assert errors[0] == errors[1]


# Without I/O.


def test_a_connection_without_io_pauses_while_more_comes(client, server, other):
    near, far = paused(client, server)
    assert far.receive_hello().server_name == "localhost"
    # Neither what asks how far it is nor what comes meanwhile goes on.
    assert far.data_to_send() == b"" and not far.wants_write and far.readable == 0
    assert far.receive_hello().server_name == "localhost"
    far.select(tlsmith.Selection(identity=other, alpn=["h2"]))
    assert far.handshaking
    with pytest.raises(tlsmith.WantRead):
        far.do_handshake()
    exchange(near, far)
    assert near.peer == other.cert


def test_fragmented_client_hello_is_received(client, server):
    near, far = client.buffer("localhost"), server.buffer()
    data = near.data_to_send()
    for byte in data:
        with pytest.raises(tlsmith.WantRead):
            far.receive_hello()
        far.receive_data(bytes([byte]))
    assert far.receive_hello().server_name == "localhost"


def test_select_fails_after_the_answer(client, server):
    near, far = client.buffer("localhost"), server.buffer()
    carry(near, far)
    for call in (far.receive_hello, lambda: far.select(server), lambda: far.refuse(40)):
        with pytest.raises(tlsmith.Error, match="answered already") as caught:
            call()
        assert caught.value.code == "state"
    exchange(near, far)
    assert not far.handshaking, "which spoils nothing"


def test_a_client_receives_no_hello(client, server):
    near = client.buffer("localhost")
    for call in (near.receive_hello, lambda: near.select(server), lambda: near.refuse(40)):
        with pytest.raises(tlsmith.Error) as caught:
            call()
        assert caught.value.code == "state"
    memory = server.buffer()
    exchange(near, memory)
    assert near.info.version == "1.3", "which spoils nothing"


def test_later_selection_wins_and_keeps_the_rest(client, server, other, identity):
    client = client.replace(alpn=["h2", "h3"])
    near, far = paused(client, server, alpn=["h3"])
    far.receive_hello()
    far.select(tlsmith.Server(identity, max_version="1.2"))
    far.select(identity)
    far.select(other)
    far.select(tlsmith.Selection())
    exchange(near, far)
    with pytest.raises(tlsmith.WantRead):
        far.do_handshake()
    exchange(near, far)
    assert near.peer == other.cert
    assert (near.info.version, near.info.alpn) == ("1.2", "h3")


def test_on_hello_is_not_called_for_a_program_that_pauses(client, identity):
    def fail(hello):
        raise LookupError("nobody asks")

    near, far = paused(client, tlsmith.Server(identity, on_hello=fail))
    far.receive_hello()
    with pytest.raises(tlsmith.WantRead):
        far.do_handshake()
    exchange(near, far)
    assert near.peer == identity.cert


def test_names_that_are_required_are_those_of_the_selection(client, server, ca, other):
    strict = server.replace(require_known_name=True)
    near, far = paused(client, strict, "other.example")
    far.receive_hello()
    far.select(other)
    with pytest.raises(tlsmith.WantRead):
        far.do_handshake()
    exchange(near, far)
    assert near.peer == other.cert


def test_selected_server_keeps_its_callbacks_alive(client, server, identity, ca):
    lines = []
    near, far = paused(client, server)
    far.receive_hello()
    far.select(tlsmith.Server(identity, keylog=lines.append))
    gc.collect()
    with pytest.raises(tlsmith.WantRead):
        far.do_handshake()
    exchange(near, far)
    assert not far.handshaking
    assert len(lines) >= 4


def test_a_connection_that_its_selected_server_knows_is_collected(client, server, identity):
    known = []
    _, far = paused(client, server)
    far.receive_hello()
    far.select(tlsmith.Server(identity, keylog=lambda line, known=known: None))
    known.append(far)
    gone = weakref.ref(far)
    del far, known
    gc.collect()
    assert gone() is None


def test_the_callback_cannot_use_its_own_connection(client, identity, other):
    errors = []

    def choose(hello):
        for call in (far.receive_hello, lambda: far.select(other), lambda: far.refuse(40)):
            with pytest.raises(tlsmith.Error) as caught:
                call()
            errors.append(caught.value.code)

    far = tlsmith.Server(identity, on_hello=choose).buffer()
    near = client.buffer("localhost")
    exchange(near, far)
    assert near.peer == identity.cert
    assert errors == ["state"] * 3


@pytest.mark.parametrize("wrong", [None, 5, True, "x", b"x", (None, None), tlsmith.Client])
def test_select_rejects_wrong_types(client, server, wrong):
    _, far = paused(client, server)
    with pytest.raises(TypeError, match=r"select\(\) must be a Server, an Identity"):
        far.select(wrong)


@pytest.mark.parametrize(
    "selection",
    [
        tlsmith.Selection(server=5),
        tlsmith.Selection(identity="x"),
        tlsmith.Selection(alpn="h2"),
        tlsmith.Selection(alpn=[5]),
    ],
)
def test_a_selection_of_the_wrong_parts_is_refused(client, server, selection):
    _, far = paused(client, server)
    with pytest.raises(TypeError, match="server must be|identity must be|alpn must be"):
        far.select(selection)


@pytest.mark.parametrize("alert", [0, -1, 256, 10**30])
def test_numbers_that_are_no_alerts_are_refused(client, server, alert):
    near, far = paused(client, server)
    far.receive_hello()
    with pytest.raises(tlsmith.ConfigError, match="alert is"):
        far.refuse(alert)
    with pytest.raises(tlsmith.WantRead):
        far.do_handshake()
    exchange(near, far)
    assert not far.handshaking, "which spoils nothing"


@pytest.mark.parametrize("alert", [None, True, 40.0, "40", b"("])
def test_non_integer_alert_is_rejected(server, alert):
    with pytest.raises(TypeError, match="alert must be an int"):
        server.buffer().refuse(alert)


def test_a_forked_child_receives_no_hello(server):
    near, far = socketpair()
    with near, server.wrap(far, handshake=False) as accepted:
        child = os.fork()
        if child == 0:
            code = 1
            try:
                accepted.receive_hello()
            except tlsmith.Error as error:
                code = 0 if error.code == "state" else 2
            finally:
                os._exit(code)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


# The callback.


def test_the_callback_selects_settings_of_the_connection(client, identity, other):
    def choose(hello):
        return tlsmith.Selection(identity=other, alpn=["imap"])

    server = tlsmith.Server(identity, on_hello=choose, alpn=["h2"])
    near, far = memory_pair(client.replace(alpn=["h2", "imap"]), server)
    assert near.peer == other.cert
    assert near.info.alpn == far.info.alpn == "imap"


def test_the_callback_selects_a_server_with_settings(client, server, identity, other):
    chosen = tlsmith.Server(identity, max_version="1.2", alpn=["h2"])
    selection = tlsmith.Selection(server=chosen, alpn=["imap"])
    server = server.replace(on_hello=lambda hello: selection)
    near, _ = memory_pair(client.replace(alpn=["h2", "imap"]), server)
    assert (near.info.version, near.info.alpn) == ("1.2", "imap")
    assert near.peer == identity.cert


@pytest.mark.parametrize(("alert", "name"), [(112, "unrecognized_name"), (49, "access_denied")])
def test_the_callback_refuses_with_an_alert(client, identity, alert, name):
    near, far = memory_pair(client, tlsmith.Server(identity, on_hello=lambda hello: alert))
    with pytest.raises(tlsmith.AlertError) as caught:
        near.do_handshake()
    assert (caught.value.alert, caught.value.alert_number) == (name, alert)
    with pytest.raises(tlsmith.HandshakeError, match=f"refused the client with alert {alert}"):
        far.do_handshake()


@pytest.mark.parametrize("alert", [0, 256, -1])
def test_a_callback_that_returns_no_alert_fails_the_handshake(client, identity, alert):
    _, far = memory_pair(client, tlsmith.Server(identity, on_hello=lambda hello: alert))
    with pytest.raises(tlsmith.ConfigError, match="alert"):
        far.do_handshake()


def test_contexts_of_ssl_answer_as_their_server_selects(ca, identity, other):
    def choose(hello):
        return {"localhost": None, "other.example": other, "x.example": 112}[hello.server_name]

    context = tlsmith.Server(identity, on_hello=choose).ssl_context()
    for name, cert in (("localhost", identity.cert), ("other.example", other.cert)):
        near, far = socketpair()
        with thread(lambda far=far: context.wrap_socket(far, server_side=True)) as accepting:
            tls = tlsmith.Client(trust=ca).wrap(near, name)
        with tls, accepting.result:
            assert tls.peer == cert
    near, far = socketpair()

    def refuse(far=far):
        with pytest.raises(ssl.SSLError):
            context.wrap_socket(far, server_side=True)

    with thread(refuse), pytest.raises(tlsmith.AlertError, match="unrecognized_name"):
        tlsmith.Client(trust=ca).wrap(near, "x.example")


# What a client offers.


def raw_hello(*protocols):
    """A ClientHello (RFC 8446, section 4.1.2) that offers these protocols by ALPN."""
    number = lambda value, size: value.to_bytes(size, "big")  # noqa: E731
    sized = lambda data, size: number(len(data), size) + data  # noqa: E731
    extension = lambda kind, data: number(kind, 2) + sized(data, 2)  # noqa: E731
    names = b"".join(sized(protocol, 1) for protocol in protocols)
    extensions = (
        extension(16, sized(names, 2))
        + extension(10, sized(number(0x001D, 2), 2))
        + extension(13, sized(number(0x0403, 2), 2))
        + extension(43, sized(number(0x0304, 2), 1))
        + extension(51, sized(number(0x001D, 2) + sized(b"\x09" * 32, 2), 2))
    )
    body = number(0x0303, 2) + bytes(32) + b"\0" + sized(number(0x1301, 2), 2) + b"\x01\0"
    message = b"\x01" + sized(body + sized(extensions, 2), 3)
    return b"\x16\x03\x01" + sized(message, 2)


def test_alpn_protocols_of_any_bytes_are_distinct_and_exact(server):
    offered = [b"h2", b"\xff", b"\\xff", b"\xc3\xbf", b"\xfa\xfa", b"h2\0", b"\xef\xbf\xbd", b"a,b"]
    far = server.buffer()
    with pytest.raises(tlsmith.WantRead):
        far.receive_hello()
    far.receive_data(raw_hello(*offered))
    alpn = far.receive_hello().alpn
    assert all(type(name) is str for name in alpn)
    assert [name.encode(errors="surrogateescape") for name in alpn] == offered
    assert len(set(alpn)) == len(offered), "none passes for another"
    assert (alpn[0], alpn[3], alpn[5]) == ("h2", "\xff", "h2\0")
    assert "\ufffd" not in alpn[1]
    # For logs.
    repr(alpn).encode()


def test_the_callback_sees_the_same_protocols(identity):
    heard = []
    far = tlsmith.Server(identity, on_hello=heard.append).buffer()
    far.receive_data(raw_hello(b"\xff", b"h2"))
    assert heard[0].alpn == ("\udcff", "h2")
