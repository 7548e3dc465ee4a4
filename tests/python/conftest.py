"""What the tests share: an authority, identities, and peers of the standard
library in threads of their own."""

import contextlib
import functools
import socket
import ssl
import threading

import pytest

import tlsmith

PATIENCE = 30
"""Seconds that anything may take before the test fails."""

KEY_TYPES = [
    "ecdsa-p256",
    "ecdsa-p384",
    "ecdsa-p521",
    "ed25519",
    "ed448",
    "rsa-2048",
    "rsa-3072",
    "rsa-4096",
    "ml-dsa-44",
    "ml-dsa-65",
    "ml-dsa-87",
]


@functools.cache
def a_key(kind):
    """A key of this type, made once: those of RSA take a while."""
    return tlsmith.Key.generate(kind)


@pytest.fixture(scope="session")
def ca():
    return tlsmith.CA()


@pytest.fixture(scope="session")
def identity(ca):
    return ca.issue("localhost", "127.0.0.1", "::1")


class Thread(threading.Thread):
    """A thread that hands its result, or its exception, to join()."""

    def __init__(self, function):
        super().__init__(daemon=True)
        self.function = function
        self.result = self.error = None

    def run(self):
        try:
            self.result = self.function()
        except BaseException as error:
            self.error = error

    def join(self, timeout=PATIENCE):
        super().join(timeout)
        assert not self.is_alive(), "the thread hangs"
        if self.error is not None:
            raise self.error
        return self.result


@contextlib.contextmanager
def thread(function):
    running = Thread(function)
    running.start()
    yield running
    running.join()


def socketpair():
    pair = socket.socketpair()
    for sock in pair:
        sock.settimeout(PATIENCE)
    return pair


def ssl_context(side, identity=None, ca=None, version=None):
    context = ssl.SSLContext(side)
    if identity is not None:
        identity.configure(context)
    if ca is not None:
        ca.trust(context)
    if version is not None:
        context.minimum_version = context.maximum_version = version
    return context


def receive_all(sock):
    parts = []
    while part := sock.recv(65536):
        parts.append(part)
    return b"".join(parts)


@contextlib.contextmanager
def open_pair(client, server, name="localhost"):
    """A tlsmith client and a tlsmith server after a handshake."""
    near, far = socketpair()
    with thread(lambda: server.wrap(far)) as accepting:
        ours = client.wrap(near, name)
    with ours, accepting.result as theirs:
        yield ours, theirs


# Without I/O.


def carry(source, sink, chunk=None):
    """Carries what there is from one to the other: how many bytes."""
    data = source.data_to_send()
    for at in range(0, len(data), chunk or len(data) or 1):
        sink.receive_data(data[at : at + (chunk or len(data))])
    return len(data)


def exchange(near, far, chunk=None):
    """Carries bytes both ways until none is left."""
    while carry(near, far, chunk) + carry(far, near, chunk):
        pass


def memory_pair(client, server, name="localhost", chunk=None):
    """A client and a server without I/O after a handshake."""
    near, far = client.buffer(name), server.buffer()
    exchange(near, far, chunk)
    return near, far
