"""Fixtures for pytest, available wherever tlsmith is installed.

def test_my_client(tls_server, tls_client_context):
    with socket.create_connection((tls_server.host, tls_server.port)) as plain:
        with tls_client_context.wrap_socket(plain, server_hostname=tls_server.host) as sock:
            sock.sendall(b"hello")
            assert sock.recv(5) == b"hello"

def test_my_client_refuses(tls_bad):
    ...

Everything is created on first use.  The pytest option `tlsmith_key` is the type of the
keys; default "ecdsa-p256".
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
    """Add the option (called by pytest)."""
    parser.addini("tlsmith_key", "the type of the keys of tlsmith's fixtures", default="ecdsa-p256")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run each test that uses tls_bad with every kind (called by pytest)."""
    if "tls_bad" in metafunc.fixturenames:
        from .testing import KINDS

        metafunc.parametrize("tls_bad", KINDS, indirect=True)


@pytest.fixture(scope="session")
def tls_key_type(pytestconfig: pytest.Config) -> str:
    """The type of the keys: the option `tlsmith_key`."""
    return str(pytestconfig.getini("tlsmith_key"))


@pytest.fixture(scope="session")
def tls_ca(tls_key_type: str) -> CA:
    """A CA for the whole run."""
    from . import CA

    return CA("tlsmith test CA", key=tls_key_type)


@pytest.fixture(scope="session")
def tls_identity(tls_ca: CA, tls_key_type: str) -> Callable[..., Identity]:
    """A function that issues certificates: tls_identity("a.example", ...) takes the
    arguments of CA.issue().  The default names are "localhost", "127.0.0.1" and "::1"."""

    def issue(*names: str, **arguments: object) -> Identity:
        names = names or ("localhost", "127.0.0.1", "::1")
        return tls_ca.issue(*names, **{"key": tls_key_type, **arguments})  # type: ignore[arg-type]

    return issue


@pytest.fixture(scope="session")
def _tls_local_identity(tls_identity: Callable[..., Identity]) -> Identity:
    return tls_identity()


@pytest.fixture
def tls_files(_tls_local_identity: Identity) -> Iterator[Files]:
    """The files of an identity for localhost, and of its root: see Files."""
    with _tls_local_identity.files() as files:
        yield files


@pytest.fixture
def tls_server(_tls_local_identity: Identity) -> Iterator[EchoServer]:
    """An echo server at .host and .port, for the duration of the test."""
    from ._echo import EchoServer

    with EchoServer(_tls_local_identity) as server:
        yield server


@pytest.fixture
def tls_client_context(tls_ca: CA) -> ssl.SSLContext:
    """A client context of the standard library, which trusts only tls_ca."""
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    tls_ca.trust(context)
    return context


@pytest.fixture
def tls_server_context(_tls_local_identity: Identity) -> ssl.SSLContext:
    """A server context of the standard library, for localhost."""
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    _tls_local_identity.configure(context)
    return context


@pytest.fixture
def tls_bad(request: pytest.FixtureRequest, tls_key_type: str) -> Bad:
    """A certificate that clients must reject, of every kind in turn: see
    tlsmith.testing.bad()."""
    from .testing import bad

    return next(bad(request.param, key=tls_key_type))
