"""What the tests share: an authority, identities, and peers of the standard
library in threads of their own."""

import contextlib
import functools
import os
import signal
import socket
import ssl

import pytest
from processes import PATIENCE
from threads import thread

import tlsmith
import tlsmith.ssl

# A job in the background begins with SIGINT ignored, and so would every program
# that the tests start, and mean to interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)

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


@pytest.fixture
def client(ca):
    return tlsmith.Client(trust=ca)


@pytest.fixture
def server(identity):
    return tlsmith.Server(identity)


@pytest.fixture(scope="session")
def localhost(ca):
    """An identity that is not for 127.0.0.1, where it can be reached too."""
    return ca.issue("localhost")


@pytest.fixture(scope="session")
def ca_file(ca, tmp_path_factory):
    path = tmp_path_factory.mktemp("ca") / "ca.pem"
    path.write_bytes(ca.cert.pem)
    return str(path)


@pytest.fixture(scope="session")
def other_ca_file(tmp_path_factory):
    """An authority that has issued none of the servers' certificates."""
    path = tmp_path_factory.mktemp("ca") / "other.pem"
    path.write_bytes(tlsmith.CA().cert.pem)
    return str(path)


class Engine:
    """The connections of tlsmith.ssl in this process."""

    def __init__(self):
        self.cores = []

    @property
    def clients(self):
        """What was agreed in each handshake that our clients completed."""
        return self._infos(server_side=False)

    @property
    def servers(self):
        """What was agreed in each handshake that our servers completed."""
        return self._infos(server_side=True)

    def _infos(self, server_side):
        cores = [core for core in self.cores if core.server_side is server_side]
        return [core.info for core in cores if core.info is not None]


@pytest.fixture
def engine(monkeypatch):
    """Proves that it is our engine that does TLS: every connection of tlsmith.ssl is
    noted."""
    watched = Engine()
    wrap = tlsmith.ssl.SSLContext._wrap

    def note(*arguments):
        core = wrap(*arguments)
        watched.cores.append(core)
        return core

    monkeypatch.setattr(tlsmith.ssl.SSLContext, "_wrap", note)
    return watched


@pytest.fixture
def context(ca):
    """A client of tlsmith.ssl."""
    return tlsmith.ssl.create_default_context(cadata=ca.cert.pem.decode())


@pytest.fixture
def serving(identity):
    """A server of tlsmith.ssl."""
    context = tlsmith.ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    identity.configure(context)
    return context


@pytest.fixture
def installed(engine):
    """The same, with tlsmith.ssl in place of ssl in the whole process."""
    tlsmith.ssl.install()
    yield engine
    tlsmith.ssl.uninstall()


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


def shake_hands(client, server, name="localhost"):
    """A pair of sockets after the handshake of two contexts, whoever's."""
    near, far = socketpair()
    with thread(lambda: server.wrap_socket(far, server_side=True)) as accepting:
        ours = client.wrap_socket(near, server_hostname=name)
    return ours, accepting.result


def refusal(client, server, name="localhost"):
    """What both sides raise in a handshake of two contexts."""
    near, far = socketpair()

    def serve():
        try:
            server.wrap_socket(far, server_side=True)
        except OSError as error:
            return error

    with thread(serve) as accepting, pytest.raises(OSError) as caught:
        client.wrap_socket(near, server_hostname=name)
    return caught.value, accepting.result


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


def refused(client, server, name="localhost"):
    """What both sides raise when they cannot talk."""
    near, far = memory_pair(client, server, name)
    errors = []
    for side in (near, far):
        with pytest.raises(tlsmith.Error) as caught:
            side.do_handshake()
        errors.append(caught.value)
    return errors


def say_half(sock, identity):
    """Be a server of the standard library that is cut off in the middle."""
    context = ssl_context(ssl.PROTOCOL_TLS_SERVER, identity)
    tls = context.wrap_socket(sock, server_side=True)
    tls.sendall(b"half")
    os.close(tls.detach())
