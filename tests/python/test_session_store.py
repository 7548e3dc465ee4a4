"""Servers that keep their sessions in a store of the program."""

import asyncio
import gc
import logging
import os
import signal
import sys
import threading
import weakref

import pytest
from conftest import PATIENCE, carry, exchange, memory_pair, open_pair, socketpair, thread
from test_sessions import met, only

import tlsmith
from tlsmith import aio

KEY = os.urandom(32)
VERSIONS = ("1.2", "1.3")


class Store:
    """A dict that several servers share, and that notes what is asked of it."""

    def __init__(self):
        self.values = {}
        self.lifetimes = set()
        self.puts = self.takes = 0

    def put(self, id, value, lifetime):
        assert type(id) is bytes and type(value) is bytes and type(lifetime) is int
        self.puts += 1
        self.lifetimes.add(lifetime)
        self.values[id] = value

    def take(self, id):
        assert type(id) is bytes
        self.takes += 1
        return self.values.pop(id, None)


@pytest.fixture
def client(client):
    """One that resumes what it is given, and nothing by itself."""
    return client.replace(resume=False, early_data=True, on_session=lambda session: None)


@pytest.fixture
def store():
    return Store()


@pytest.fixture
def fleet(identity, store):
    """Two servers with one store."""
    one = {"ticket_keys": [KEY], "session_store": store, "early_data": 100}
    return [tlsmith.Server(identity, **one) for _ in range(2)]


def is_resumed(client, server, session):
    near, far = met(client, server, session=session)
    assert near.info.resumed == far.info.resumed
    return near.info.resumed


def test_servers_resume_sessions_of_each_other(client, fleet, store):
    session = met(only(client, "1.3"), fleet[0])[0].session
    assert session is not None
    assert len(store.values) == 2 and store.lifetimes == {7200}, "one for each ticket"
    session = met(client, fleet[0])[0].session
    assert [is_resumed(client, server, session) for server in fleet[::-1]] == [True, True]


def test_tls13_session_is_used_once_across_servers(client, fleet):
    near = client.buffer("localhost", session=met(client, fleet[0])[0].session)
    near.write_early(b"once")
    hello = near.data_to_send()
    accepted = []
    for server in (fleet[1], fleet[0], fleet[1]):
        far = server.buffer()
        far.receive_data(hello)
        try:
            accepted.append(far.read_early())
        except tlsmith.WantRead:
            accepted.append(None)
    assert accepted == [b"once", None, None]


def test_session_of_tls12_is_resumed_again_and_again(client, fleet, store):
    client = only(client, "1.2")
    session = met(client, fleet[0])[0].session
    assert session.lifetime == 0, "the server keeps it"
    assert all(is_resumed(client, server, session) for server in fleet * 2)
    assert len(store.values) == 1


@pytest.mark.parametrize("version", VERSIONS)
def test_altered_values_resume_nothing(client, fleet, store, version):
    client = only(client, version)
    for alter in (
        lambda values: values.clear(),
        lambda values: values.update({id: b"" for id in values}),
        lambda values: values.update({id: value[:-1] for id, value in values.items()}),
        lambda values: values.update(
            {id: bytes([value[0] ^ 1]) + value[1:] for id, value in values.items()}
        ),
        lambda values: values.update(
            {id: value[:-1] + bytes([value[-1] ^ 1]) for id, value in values.items()}
        ),
        lambda values: values.update({id: b"\0" * 70_000 for id in values}),
    ):
        store.values.clear()
        session = met(client, fleet[0])[0].session
        alter(store.values)
        assert not is_resumed(client, fleet[1], session)


def test_exchanged_values_resume_nothing(client, fleet, store):
    session = met(client, fleet[0])[0].session
    (one, first), (other, second) = store.values.items()
    store.values.update({one: second, other: first})
    assert not is_resumed(client, fleet[1], session)


def test_values_show_nothing_of_the_session(client, fleet, store):
    met(client, fleet[0])
    assert not any(b"localhost" in value for value in store.values.values())


def test_servers_with_other_keys_or_demands_share_nothing(client, ca, identity, fleet, store):
    client = client.replace(identity=ca.issue_client("a@b.c"))
    for stranger in (
        fleet[0].replace(ticket_keys=[os.urandom(32)]),
        fleet[0].replace(client_trust=ca),
    ):
        session = met(client, fleet[0])[0].session
        assert not is_resumed(client, stranger, session)


class Failing(Store):
    """A store that raises."""

    def __init__(self, error, method):
        super().__init__()
        self.error, self.method = error, method

    def put(self, *arguments):
        if self.method == "put":
            raise self.error
        super().put(*arguments)

    def take(self, id):
        if self.method == "take":
            raise self.error
        return super().take(id)


@pytest.mark.parametrize("method", ["put", "take"])
@pytest.mark.parametrize("version", VERSIONS)
def test_exception_of_the_store_is_logged_and_nothing_is_resumed(
    client, identity, caplog, method, version
):
    client, error = only(client, version), OSError("the store is gone")
    server = tlsmith.Server(identity, ticket_keys=[KEY], session_store=Failing(error, method))
    session = met(client, server)[0].session
    if session is not None:
        assert not is_resumed(client, server, session)
    records = [one for one in caplog.records if one.name == "tlsmith"]
    assert records
    for record in records:
        assert record.getMessage() == f"{method}() of the session store failed"
        assert (record.levelno, record.exc_info[1]) == (logging.WARNING, error)


@pytest.mark.parametrize("method", ["put", "take"])
@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("error", [SystemExit(5), KeyboardInterrupt("^C")], ids=repr)
def test_call_raises_base_exception_of_the_store(
    client, fleet, store, caplog, method, version, error
):
    client = only(client, version)
    session = met(client, fleet[0])[0].session
    setattr(store, method, Failing(error, method).__getattribute__(method))
    near, far = client.buffer("localhost", session=session), fleet[1].buffer()
    raised = []
    while to_server := near.data_to_send():
        try:
            far.receive_data(to_server)
        except type(error) as caught:
            raised.append(caught)
        carry(far, near)
    assert raised == [error], "the call that ran the store"
    assert caplog.records == []
    far.write(b"alive")
    exchange(near, far)
    assert near.read() == b"alive"


@pytest.mark.parametrize("stdlib", [False, True])
def test_sockets_raise_what_a_signal_handler_raises_in_the_store(client, identity, stdlib):
    """On the main thread, as a server is stopped by SIGTERM."""
    handled = []

    def stop(number, _frame):
        handled.append(number)
        sys.exit(0)

    class Slow(Store):
        def put(self, *arguments):
            signal.raise_signal(signal.SIGUSR2)

    server = tlsmith.Server(identity, ticket_keys=[KEY], session_store=Slow())
    near, far = socketpair()
    before = signal.signal(signal.SIGUSR2, stop)
    try:
        with thread(lambda: client.wrap(near, "localhost")) as connecting, far:
            with pytest.raises(SystemExit):
                if stdlib:
                    server.ssl_context().wrap_socket(far, server_side=True)
                else:
                    server.wrap(far)
    finally:
        signal.signal(signal.SIGUSR2, before)
    connecting.result.close()
    assert handled and set(handled) == {signal.SIGUSR2}


def test_event_loop_ends_with_what_a_signal_handler_raises_in_the_store(client, identity):
    class Stopped(Store):
        def put(self, *arguments):
            raise SystemExit(5)

    server = tlsmith.Server(identity, ticket_keys=[KEY], session_store=Stopped())

    async def main():
        listening = await aio.start_server(lambda *streams: None, ("127.0.0.1", 0), server)
        async with asyncio.timeout(PATIENCE), listening:
            address = listening.sockets[0].getsockname()
            reader, _ = await aio.open_connection(*address, client=client, server_name="localhost")
            await reader.read()

    with pytest.raises(SystemExit):
        asyncio.run(main())


@pytest.mark.parametrize("wrong", [5, "value", [b"x"], ()])
def test_value_of_the_wrong_type_is_logged_and_nothing_is_resumed(
    client, fleet, store, caplog, wrong
):
    session = met(client, fleet[0])[0].session
    store.take = lambda id: wrong
    assert not is_resumed(client, fleet[1], session)
    text = str(caplog.records[0].exc_info[1])
    assert text.startswith(
        "the value that take() of the session store returned must be bytes, not "
    )


@pytest.mark.parametrize("kind", [bytearray, memoryview])
def test_values_may_come_back_as_any_bytes(client, fleet, store, kind):
    session = met(client, fleet[0])[0].session
    taken = store.take
    store.take = lambda id: kind(taken(id))
    assert is_resumed(client, fleet[1], session)


def test_server_sends_no_ticket_if_store_keeps_nothing(client, identity):
    class Full(Store):
        def put(self, *arguments):
            return False

    server = tlsmith.Server(identity, ticket_keys=[KEY], session_store=Full())
    near, _ = met(only(client, "1.3"), server)
    assert near.session is None or not is_resumed(client, server, near.session)


def test_session_store_may_use_other_connections(client, ca, identity, server):
    """As one that is reached over TLS does, in the middle of a handshake."""

    class Remote(Store):
        def put(self, *arguments):
            self.talk()
            super().put(*arguments)

        def take(self, id):
            self.talk()
            return super().take(id)

        def talk(self):
            near, far = memory_pair(client, server)
            near.write(b"get")
            exchange(near, far)
            assert far.read() == b"get"

    def choose(hello):
        return answering

    store = Remote()
    answering = tlsmith.Server(identity, ticket_keys=[KEY], session_store=store)
    fronting = tlsmith.Server(identity, on_hello=choose)
    session = met(client, fronting)[0].session
    assert is_resumed(client, fronting, session)
    assert store.takes == 1


def test_store_is_called_by_the_thread_of_the_handshake(client, fleet, store):
    threads = set()
    put = store.put
    store.put = lambda *arguments: (threads.add(threading.get_ident()), put(*arguments))[1]
    with open_pair(client, fleet[0]) as (near, far):
        far.sendall(b"!")
        near.recv()
    assert len(threads) == 1 and threads != {threading.get_ident()}


def test_connection_cannot_be_used_in_its_store(client, fleet, store):
    errors = []
    put = store.put

    def use(*arguments):
        try:
            far.read()
        except tlsmith.Error as error:
            errors.append(error.code)
        put(*arguments)

    store.put = use
    near, far = client.buffer("localhost"), fleet[0].buffer()
    exchange(near, far)
    near.do_handshake()
    assert errors == ["state"] * 2


@pytest.mark.parametrize("version", VERSIONS)
def test_ssl_sockets_use_the_session_store(client, fleet, store, version):
    client = only(client, version)
    session = met(client, fleet[0])[0].session
    context = fleet[1].ssl_context()
    near, far = socketpair()
    with thread(lambda: context.wrap_socket(far, server_side=True)) as accepting:
        tls = client.wrap(near, "localhost", session=session)
    with tls, accepting.result as accepted:
        assert tls.info.resumed and accepted.session_reused


def test_store_needs_ticket_keys_and_replaces_shared_sessions(identity, store):
    with pytest.raises(tlsmith.ConfigError, match="needs ticket_keys"):
        tlsmith.Server(identity, session_store=store)
    with pytest.raises(tlsmith.ConfigError, match="exclude each other"):
        tlsmith.Server(
            identity,
            session_store=store,
            ticket_keys=[KEY],
            share_sessions=tlsmith.Server(identity),
        )


@pytest.mark.parametrize("wrong", [{}, 5, "redis://", [print, print]])
def test_error_names_invalid_session_store(identity, wrong):
    with pytest.raises(TypeError, match=r"^session_store must have put\(\) and take\(\), and a"):
        tlsmith.Server(identity, ticket_keys=[KEY], session_store=wrong)


def test_listen_in_one_call_takes_a_store(client, identity, store):
    with tlsmith.listen(
        ("127.0.0.1", 0), identity, ticket_keys=[KEY], session_store=store
    ) as listener:

        def serve():
            sock, _ = listener.accept()
            with sock:
                sock.sendall(b"!")

        with thread(serve), client.connect(listener.address, server_name="localhost") as tls:
            tls.recv()
    assert store.puts == 2


def test_store_that_keeps_its_server_is_collected(client, identity):
    def use():
        store = Store()
        store.server = tlsmith.Server(identity, ticket_keys=[KEY], session_store=store)
        met(client, store.server)
        return weakref.ref(store)

    left = use()
    gc.collect()
    assert left() is None


def test_threads_take_each_session_once(client, fleet, store):
    sessions = [met(client, fleet[0])[0].session for _ in range(4)]
    hellos = []
    for session in sessions:
        near = client.buffer("localhost", session=session)
        near.write_early(b"once")
        hellos.append(near.data_to_send())
    accepted = []

    def replay(server):
        for hello in hellos:
            far = server.buffer()
            far.receive_data(hello)
            try:
                accepted.append(far.read_early())
            except tlsmith.WantRead:
                pass

    with thread(lambda: replay(fleet[0])), thread(lambda: replay(fleet[1])):
        pass
    assert accepted == [b"once"] * len(sessions)
