"""Sessions as objects: taken from a connection, reported as they come, given to another."""

import asyncio
import copy
import gc
import os
import pickle
import sys
import weakref

import pytest
from conftest import exchange, memory_pair, open_pair, socketpair, thread

import tlsmith
from tlsmith import aio

VERSIONS = ("1.2", "1.3")
TWO_HOURS = 7200


def only(side, version):
    return side.replace(min_version=version, max_version=version)


@pytest.fixture
def client(client):
    """One that resumes what it is given, and nothing by itself."""
    return client.replace(resume=False, on_session=lambda session: None)


def met(client, server, name="localhost", **own):
    """A client and a server without I/O, with the tickets of the server received."""
    near, far = client.buffer(name, **own), server.buffer()
    exchange(near, far)
    far.write(b"tickets come before this")
    exchange(near, far)
    assert near.read() == b"tickets come before this"
    return near, far


@pytest.mark.parametrize("version", VERSIONS)
def test_session_of_a_connection_is_resumed_by_another(client, server, version):
    client = only(client, version).replace(alpn=["h2"])
    server = server.replace(alpn=["h2"])
    near, _ = met(client, server)
    session = near.session
    assert (session.version, session.alpn, session.server_name) == (version, "h2", "localhost")
    assert session.cipher == near.info.cipher
    assert (session.lifetime, session.max_early_data) == (TWO_HOURS, 0)
    near, far = met(client, server, session=session)
    assert near.info.resumed and far.info.resumed
    near, _ = met(client, server)
    assert not near.info.resumed, "nothing but that session is resumed"


def test_sockets_resume_a_session(client, server):
    with server.listen(("127.0.0.1", 0)) as listener:

        def serve():
            sock, _ = listener.accept(handshake=True)
            with sock:
                sock.sendall(b"hello")

        def connect(session):
            with thread(serve):
                with client.connect(
                    listener.address, server_name="localhost", session=session
                ) as sock:
                    assert sock.recv() == b"hello"
                    return sock.info.resumed, sock.session

        resumed, session = connect(None)
        assert (resumed, session.lifetime) == (False, TWO_HOURS)
        resumed, _ = connect(session)
        assert resumed
    near, far = socketpair()
    with thread(lambda: server.wrap(far)) as accepting:
        tls = client.wrap(near, "localhost", session=session)
    with tls, accepting.result:
        assert tls.info.resumed


def test_session_is_none_on_server_and_before_first_ticket(client, server):
    near, far = client.buffer("localhost"), server.buffer()
    assert near.session is None and far.session is None
    near, far = memory_pair(client, server)
    near.do_handshake()
    assert far.session is None
    near, far = met(client, server)
    assert near.session is not None and far.session is None


def test_client_that_neither_resumes_nor_reports_has_no_session(client, server):
    near, _ = met(client.replace(on_session=None), server)
    assert near.session is None


def test_ticket_is_used_once_by_whoever_is_first(client, server):
    server = server.replace(tickets=1)
    near, _ = met(client, server)
    one, other = near.session, near.session
    assert met(client, server, session=one)[0].info.resumed
    assert other.lifetime == 0
    assert not met(client, server, session=other)[0].info.resumed


def test_new_tickets_go_to_the_resumed_session(client, server):
    session = met(client, server)[0].session
    for _ in range(5):
        near, _ = met(client, server, session=session)
        assert near.info.resumed
    refusing = server.replace(resume=False)
    for _ in range(20):
        near, _ = met(client, refusing, session=session)
        assert not near.info.resumed
    assert session.lifetime == 0, "every ticket is used"
    near, _ = met(client, server, session=session)
    assert not near.info.resumed


@pytest.mark.parametrize("version", VERSIONS)
def test_on_session_gets_each_session(client, server, version):
    came = []
    client = only(client, version).replace(on_session=came.append)
    near, far = memory_pair(client, server)
    near.do_handshake()
    assert len(came) == {"1.2": 1, "1.3": 0}[version]
    far.do_handshake()
    far.write(b"!")
    exchange(near, far)
    near.read()
    assert len(came) == {"1.2": 1, "1.3": 2}[version], "once for each ticket"
    for session in list(came):
        assert (session.version, session.server_name) == (version, "localhost")
        near, _ = met(client, server, session=session)
        assert near.info.resumed


def test_client_with_on_session_resumes_automatically(client, server):
    came = []
    client = client.replace(resume=True, on_session=came.append)
    assert [met(client, server)[0].info.resumed for _ in range(2)] == [False, True]
    assert len(came) == 4


def test_connection_refuses_calls_from_its_session_callback(client, server):
    seen = []

    def take(session):
        with pytest.raises(tlsmith.Error, match="callback") as caught:
            near.write(b"from the callback")
        seen.append((session.version, caught.value.code))

    client = client.replace(on_session=take)
    near, far = client.buffer("localhost"), server.buffer()
    exchange(near, far)
    far.write(b"!")
    exchange(near, far)
    assert near.read() == b"!"
    assert seen == [("1.3", "state")] * 2


def test_on_session_exception_loses_no_data(client, server, monkeypatch):
    told = []
    monkeypatch.setattr(sys, "unraisablehook", lambda one: told.append(str(one.exc_value)))

    def fail(session):
        raise ValueError("no room")

    near, _ = met(client.replace(on_session=fail), server)
    assert told == ["no room"] * 2
    assert near.session is not None


@pytest.mark.parametrize("version", VERSIONS)
def test_read_raises_keyboard_interrupt_of_on_session(client, server, monkeypatch, version):
    monkeypatch.setattr(sys, "unraisablehook", lambda one: pytest.fail("it is not lost"))
    raised = []

    def fail(session):
        if not raised:
            raised.append(session.version)
            raise KeyboardInterrupt

    near = only(client.replace(on_session=fail), version).buffer("localhost")
    far = server.buffer()
    with pytest.raises(KeyboardInterrupt):
        exchange(near, far)
        near.read()
    assert raised == [version]
    exchange(near, far)
    far.write(b"alive")
    exchange(near, far)
    assert near.read() == b"alive" and near.session is not None


def test_session_of_another_client_is_refused(client, server):
    session = met(client, server)[0].session
    other, changed = tlsmith.Client(trust=client._arguments["trust"]), client.replace()
    near, far = socketpair()
    for stranger in (other, changed):
        for call in (
            lambda who: who.buffer("localhost", session=session),
            lambda who: who.wrap(near, "localhost", session=session),
            lambda who: who.connect(("localhost", 1), session=session),
            lambda who: asyncio.run(aio.open_connection("h", client=who, session=session)),
        ):
            with pytest.raises(tlsmith.ConfigError, match="another Client") as caught:
                call(stranger)
            assert caught.value.code == "config.argument"
    assert near.fileno() >= 0, "the socket is left alone"
    near.close()
    far.close()


@pytest.mark.parametrize("version", VERSIONS)
def test_session_is_resumed_only_with_equal_settings(client, ca, version):
    site = ca.issue("localhost", "other.example")
    client = only(client.replace(identity=ca.issue_client("a@b.c")), version)
    server = tlsmith.Server(site)
    for name, own in (
        ("other.example", {}),
        ("localhost", {"sni": "other.example"}),
        ("localhost", {"sni": False}),
        ("localhost", {"identity": ca.issue_client("d@e.f")}),
    ):
        session = met(client, server)[0].session
        near, _ = met(client, server, name, session=session, **own)
        assert not near.info.resumed, own


def test_server_does_not_resume_under_other_client_auth(client, ca, identity):
    key = os.urandom(32)
    client = client.replace(identity=ca.issue_client("a@b.c"))
    lax = tlsmith.Server(identity, ticket_keys=[key])
    strict = tlsmith.Server(identity, ticket_keys=[key], client_trust=ca)
    session = met(client, lax)[0].session
    near, far = met(client, strict, session=session)
    assert not near.info.resumed and far.peer is not None


def test_session_has_its_early_data_limit(client, server):
    client = client.replace(early_data=True)
    server = server.replace(early_data=1000)
    session = met(client, server)[0].session
    assert session.max_early_data == 1000
    near, far = client.buffer("localhost", session=session), server.buffer()
    assert near.write_early(b"early") == 5
    exchange(near, far)
    assert far.read_early() == b"early"
    assert near.info.early_data == "accepted"


@pytest.mark.parametrize("wrong", [5, "session", b"", object(), True])
def test_error_names_session_of_wrong_type(client, wrong):
    with pytest.raises(TypeError, match=r"^session must be a Session, not "):
        client.buffer("localhost", session=wrong)


@pytest.mark.parametrize("wrong", [5, "print", b"", [print]])
def test_error_names_on_session_of_wrong_type(wrong):
    with pytest.raises(TypeError, match=r"^on_session must be a function, not "):
        tlsmith.Client(on_session=wrong)


def test_session_cannot_be_created_copied_or_pickled(client, server):
    session = met(client, server)[0].session
    with pytest.raises(TypeError):
        tlsmith.Session()
    for travel in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError):
            travel(session)
    assert repr(session) == "<tlsmith.Session TLS 1.3>"


def test_forked_child_has_nothing_left_of_a_session(client, server):
    session = met(client, server)[0].session
    child = os.fork()
    if child == 0:
        os._exit(session.lifetime + session.max_early_data)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert session.lifetime == TWO_HOURS


def test_client_whose_callback_keeps_its_sessions_is_collected(ca, server):
    class Sessions(list):
        pass

    def use():
        kept = Sessions()
        client = tlsmith.Client(trust=ca, on_session=kept.append)
        kept.append(client)
        kept.append(met(client, server)[0].session)
        assert len(kept) == 4
        return weakref.ref(kept)

    left = use()
    gc.collect()
    assert left() is None


def test_session_lives_without_its_client(client, server):
    session = met(client.replace(), server)[0].session
    gc.collect()
    assert session.lifetime == TWO_HOURS


def test_streams_resume_a_session(client, server):

    async def main():
        def connected(_reader, writer):
            writer.write(b"hello")
            writer.close()

        async with await aio.start_server(connected, ("127.0.0.1", 0), server) as listening:
            host, port = listening.sockets[0].getsockname()

            async def connect(session):
                reader, writer = await aio.open_connection(
                    host, port, client=client, server_name="localhost", session=session
                )
                assert await reader.read() == b"hello"
                writer.close()
                await writer.wait_closed()
                connection = writer.get_extra_info("tlsmith")
                return connection.info.resumed, connection.session

            resumed, session = await connect(None)
            assert not resumed
            assert (await connect(session))[0]
            plain = await asyncio.open_connection(host, port)
            _, writer = await aio.start_tls(
                *plain, client, server_name="localhost", session=session
            )
            assert writer.get_extra_info("tlsmith").info.resumed
            writer.close()
            await writer.wait_closed()
            plain = await asyncio.open_connection(host, port)
            with pytest.raises(tlsmith.ConfigError, match="session needs a Client"):
                await aio.start_tls(*plain, server, session=session)
            plain[1].close()

    asyncio.run(asyncio.wait_for(main(), 30))


def test_context_of_ssl_keeps_its_sessions_for_itself(ca, server):
    came = []
    client = tlsmith.Client(trust=ca, on_session=came.append)
    context = client.ssl_context()
    near, far = socketpair()
    with thread(lambda: server.wrap(far)) as accepting:
        tls = context.wrap_socket(near, server_hostname="localhost")
    with tls, accepting.result as accepted:
        accepted.sendall(b"!")
        tls.recv(1)
        assert tls.session.has_ticket and tls.session.ticket_lifetime_hint == TWO_HOURS
    assert came == []


def test_both_threads_of_a_connection_may_take_its_session(client, server):
    with open_pair(client, server) as (near, far):
        far.sendall(b"!")
        near.recv()
        with thread(lambda: near.session) as other:
            ours = near.session
        assert ours.lifetime == other.result.lifetime == TWO_HOURS
