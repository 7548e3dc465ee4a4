"""Servers that a hello callback makes for one client, and nobody else keeps."""

import gc
import signal
import socket
import ssl
import threading
import weakref

import pytest

import tlsmith


def test_selected_server_in_a_cycle_lives_with_its_connection(ca, localhost):
    lines = []

    def fresh(hello):
        class Owner:
            pass

        owner = Owner()

        def keylog(line):
            assert owner.server
            lines.append(line)

        owner.server = tlsmith.Server(localhost, keylog=keylog, max_version="1.2")
        return owner.server

    client, server = tlsmith.Client(trust=ca), tlsmith.Server(localhost, on_hello=fresh)
    near, far = client.buffer("localhost"), server.buffer()
    for _ in range(10):
        for one, other in ((near, far), (far, near)):
            if data := one.data_to_send():
                other.receive_data(data)
            gc.collect()
    near.write(b"hello")
    far.receive_data(near.data_to_send())
    assert far.read() == b"hello"
    assert any(line.startswith("CLIENT_RANDOM ") for line in lines)


@pytest.fixture
def on_signal():
    """Sets a handler of SIGUSR1 for one test, and gives what sends it to the main thread."""
    before = signal.getsignal(signal.SIGUSR1)

    def handle(handler):
        signal.signal(signal.SIGUSR1, handler)
        main = threading.main_thread().ident
        return lambda: signal.pthread_kill(main, signal.SIGUSR1)

    yield handle
    signal.signal(signal.SIGUSR1, before)


def test_signal_handler_on_another_connection_keeps_the_selection(ca, localhost, on_signal):
    others = [tlsmith.Client(trust=ca).buffer("localhost")]
    stores, alive = [], []
    has_begun, has_run = threading.Event(), threading.Event()

    class Store:
        def put(self, id, value, lifetime):
            return True

        def take(self, id):
            return None

    def fresh(hello):
        store = Store()
        keys = [bytes(range(32))]
        store.owner = tlsmith.Server(localhost, session_store=store, ticket_keys=keys)
        stores.append(weakref.ref(store))
        return store.owner

    def handler(*_):
        has_begun.set()
        while others:
            others.pop().wants_write  # noqa: B018
        gc.collect()
        alive.append(stores[0]() is not None)
        has_run.set()

    interrupt = on_signal(handler)
    near, far = socket.socketpair()

    def talk():
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        ca.trust(context)
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        client = context.wrap_bio(incoming, outgoing, server_hostname="localhost")
        while True:
            try:
                client.do_handshake()
                break
            except ssl.SSLWantReadError:
                far.sendall(outgoing.read())
                incoming.write(far.recv(65536))
            # The server waits for our second flight now.
            while stores and not has_begun.is_set():
                interrupt()
                has_begun.wait(1)
            if stores:
                has_run.wait(30)
        far.sendall(outgoing.read())

    talker = threading.Thread(target=talk)
    talker.start()
    with near, far, tlsmith.Server(localhost, on_hello=fresh).wrap(near):
        talker.join()
    assert alive[0] is True
