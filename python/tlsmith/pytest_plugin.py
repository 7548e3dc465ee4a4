"""Fixtures for pytest, which are there where tlsmith is installed.

def test_my_client(tls_server, tls_client_context):
    with socket.create_connection((tls_server.host, tls_server.port)) as plain:
        with tls_client_context.wrap_socket(plain, server_hostname=tls_server.host) as sock:
            sock.sendall(b"hello")
            assert sock.recv(5) == b"hello"

def test_my_client_refuses(tls_bad):
    ...

Nothing is made before a test asks for it.  In pytest's settings, `tlsmith_key` is
the type of the keys, by default "ecdsa-p256".
"""

from __future__ import annotations

import pytest

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator

    from . import CA, Files, Identity
    from ._echo import EchoServer
    from .testing import Bad


def pytest_addoption(parser: pytest.Parser) -> None:
    """Called by pytest."""
    parser.addini("tlsmith_key", "the type of the keys of tlsmith's fixtures", default="ecdsa-p256")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Called by pytest: a test that takes tls_bad runs with every kind."""
    if "tls_bad" in metafunc.fixturenames:
        from .testing import KINDS

        metafunc.parametrize("tls_bad", KINDS, indirect=True)


@pytest.fixture(scope="session")
def tls_key_type(pytestconfig: pytest.Config) -> str:
    """The type of the keys, as the setting `tlsmith_key` has it."""
    return str(pytestconfig.getini("tlsmith_key"))


@pytest.fixture(scope="session")
def tls_ca(tls_key_type: str) -> CA:
    """An authority for the whole run."""
    from . import CA

    return CA("tlsmith test CA", key=tls_key_type)


@pytest.fixture(scope="session")
def tls_identity(tls_ca: CA, tls_key_type: str) -> Callable[..., Identity]:
    """A function that issues: tls_identity("a.example", ...) takes what CA.issue()
    does.  Without names it is for "localhost", "127.0.0.1" and "::1"."""

    def issue(*names: str, **asked: object) -> Identity:
        names = names or ("localhost", "127.0.0.1", "::1")
        return tls_ca.issue(*names, **{"key": tls_key_type, **asked})  # type: ignore[arg-type]

    return issue


@pytest.fixture(scope="session")
def _tls_local_identity(tls_identity: Callable[..., Identity]) -> Identity:
    return tls_identity()


@pytest.fixture
def tls_files(_tls_local_identity: Identity) -> Iterator[Files]:
    """The paths of an identity for this computer, and of its root: see Files."""
    with _tls_local_identity.files() as files:
        yield files


@pytest.fixture
def tls_server(_tls_local_identity: Identity) -> Iterator[EchoServer]:
    """A server at .host and .port that sends back what it gets, until the test
    ends."""
    from ._echo import EchoServer

    with EchoServer(_tls_local_identity) as server:
        yield server


@pytest.fixture
def tls_client_context(tls_ca: CA) -> ssl.SSLContext:
    """A context of the standard library for clients, which trusts tls_ca alone."""
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    tls_ca.trust(context)
    return context


@pytest.fixture
def tls_server_context(_tls_local_identity: Identity) -> ssl.SSLContext:
    """A context of the standard library for servers on this computer."""
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    _tls_local_identity.configure(context)
    return context


@pytest.fixture
def tls_bad(request: pytest.FixtureRequest, tls_key_type: str) -> Bad:
    """A certificate that has to be refused, of every kind in turn: see
    tlsmith.testing.bad()."""
    from .testing import bad

    return next(bad(request.param, key=tls_key_type))
