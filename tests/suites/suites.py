"""The suites, one description each: which package, where its tests are, and what they need."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Suite:
    """The TLS tests of one package."""

    tests: tuple[str, ...]
    """Paths of test files: from the root of the source distribution where there are
    `files`, else from the folder of installed packages."""
    package: str = ""
    """What to install, with its version.  Empty for the standard library."""
    needs: tuple[str, ...] = ()
    """What to install beside it."""
    files: tuple[str, ...] = ()
    """What to take out of the source distribution: the tests, their configuration, and
    never the package, which would be imported instead of the installed one."""
    arguments: tuple[str, ...] = ()
    """More arguments for pytest."""
    every_python: bool = False
    """Whether each interpreter that is found runs it, or only the one that runs this."""


PYTEST = ("pytest==9.2.0", "pytest-timeout==2.4.0")

# websockets is not among them: its source distributions leave out the tests of connections.
# smtplib has none with TLS that need no network.
SUITES = {
    "trio": Suite(
        package="trio==0.35.0",
        needs=("trustme==1.2.1", "pyOpenSSL==26.4.0", "astor==0.8.1", "jedi==0.20.1"),
        tests=(
            "trio/_tests/test_ssl.py",
            "trio/_tests/test_highlevel_ssl_helpers.py",
        ),
        arguments=("-p", "trio._tests.pytest_plugin", "--skip-optional-imports"),
    ),
    "cpython": Suite(
        tests=(
            "test/test_asyncio/test_events.py",
            "test/test_asyncio/test_sendfile.py",
            "test/test_asyncio/test_ssl.py",
            "test/test_asyncio/test_sslproto.py",
            "test/test_asyncio/test_streams.py",
            "test/test_ftplib.py",
            "test/test_httplib.py",
            "test/test_imaplib.py",
            "test/test_poplib.py",
            "test/test_urllib.py",
            "test/test_urllib2_localnet.py",
            "test/test_xmlrpc.py",
        ),
        arguments=("-k", "ssl or tls or https or cafile"),
        every_python=True,
    ),
    "anyio": Suite(
        package="anyio==4.16.0",
        needs=(
            "blockbuster==1.5.29",
            "hypothesis==6.170.17",
            "psutil==7.2.2",
            "pytest-mock==3.17.0",
            "trio==0.35.0",
            "trustme==1.2.1",
            "truststore==0.10.5",
            "uvloop==0.23.0",
        ),
        files=("tests", "pyproject.toml"),
        tests=("tests/streams/test_tls.py", "tests/test_sockets.py"),
        arguments=("-k", "tls or ssl"),
    ),
    "urllib3": Suite(
        package="urllib3==2.8.0",
        needs=(
            "anyio[trio]==4.16.0",
            "h2==4.4.1",
            "httpx==0.28.1",
            "hypercorn==0.18.0",
            "pysocks==1.7.1",
            "pytest-socket==0.8.1",
            "quart==0.22.0",
            "quart-trio==0.12.0",
            "trustme==1.2.1",
            "pyOpenSSL==26.4.0",
        ),
        # Some also fail with ssl: their server is a fork of hypercorn, which is not on PyPI.
        files=("test", "dummyserver", "pyproject.toml"),
        tests=(
            "test/test_connection.py",
            "test/test_ssl.py",
            "test/test_ssltransport.py",
            "test/test_util.py",
            "test/contrib/test_socks.py",
            "test/with_dummyserver",
        ),
        arguments=(
            "-m",
            "not requires_network",
        ),
    ),
    "trustme": Suite(
        package="trustme==1.2.1",
        needs=("pyOpenSSL==26.4.0", "service-identity==26.1.0"),
        files=("tests", "pyproject.toml"),
        tests=("tests/test_trustme.py",),
    ),
    "tornado": Suite(
        package="tornado==6.6.1",
        tests=(
            "tornado/test/httpserver_test.py",
            "tornado/test/iostream_test.py",
            "tornado/test/netutil_test.py",
            "tornado/test/simple_httpclient_test.py",
            "tornado/test/tcpclient_test.py",
            "tornado/test/tcpserver_test.py",
        ),
        arguments=("-p", "suites_tornado"),
    ),
    "cheroot": Suite(
        package="cheroot==11.1.2",
        needs=("pyOpenSSL==26.4.0", "pytest-mock==3.17.0", "requests==2.34.2", "trustme==1.2.1"),
        tests=("cheroot/test/test_ssl.py",),
        arguments=("-p", "cheroot.test._pytest_plugin"),
    ),
    "aiohttp": Suite(
        package="aiohttp==3.14.5",
        needs=(
            "blockbuster==1.5.29",
            "isal",
            "pytest-mock==3.17.0",
            "re-assert",
            "trustme==1.2.1",
            "zlib-ng==1.1.0",
            "proxy.py",
        ),
        files=("tests",),
        tests=(
            "tests/test_client_fingerprint.py",
            "tests/test_client_functional.py",
            "tests/test_client_ws_functional.py",
            "tests/test_connector.py",
            "tests/test_proxy.py",
            "tests/test_proxy_functional.py",
            "tests/test_run_app.py",
            "tests/test_test_utils.py",
            "tests/test_web_functional.py",
            "tests/test_web_sendfile_functional.py",
        ),
        arguments=("-k", "ssl or tls or https or fingerprint or secure"),
    ),
    "uvloop": Suite(
        package="uvloop==0.23.0",
        needs=("aiohttp==3.14.5", "psutil==7.2.2", "pyOpenSSL==26.4.0"),
        files=("tests",),
        tests=("tests/test_tcp.py", "tests/test_sockets.py", "tests/test_unix.py"),
        arguments=("-k", "ssl or tls"),
    ),
}
