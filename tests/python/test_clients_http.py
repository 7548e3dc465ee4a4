"""HTTP clients on our engine, against servers on OpenSSL: each library as its
documentation has it."""

import asyncio
import http.client
import json
import socket
import ssl
import urllib.error
import urllib.request
import xmlrpc.client
import xmlrpc.server

import aiohttp
import httpx
import pytest
import requests
import requests.adapters
import urllib3
from conftest import PATIENCE
from peers import (
    HOSTNAME_MISMATCH,
    IP_MISMATCH,
    UNKNOWN_CA,
    OpenSSLContext,
    https,
    openssl_client,
    openssl_server,
    serving,
    verify_code,
)

import tlsmith
import tlsmith.ssl

# Each gets the body of a URL with a context that the caller made.


def by_http_client(url, context):
    parts = urllib3.util.parse_url(url)
    connection = http.client.HTTPSConnection(parts.host, parts.port, context=context)
    connection.request("GET", parts.path)
    body = connection.getresponse().read()
    connection.close()
    return body


def by_urllib(url, context):
    with urllib.request.urlopen(url, context=context) as response:
        return response.read()


def by_urllib3(url, context):
    with urllib3.PoolManager(ssl_context=context, retries=False) as pool:
        return pool.request("GET", url).data


class Adapter(requests.adapters.HTTPAdapter):
    """How requests documents the use of a context of one's own."""

    def __init__(self, context):
        self.context = context
        super().__init__()

    def init_poolmanager(self, *arguments, **options):
        return super().init_poolmanager(*arguments, ssl_context=self.context, **options)


def by_requests(url, context):
    with requests.Session() as session:
        session.mount("https://", Adapter(context))
        session.trust_env = False
        return session.get(url).content


def by_httpx(url, context):
    with httpx.Client(verify=context, trust_env=False) as client:
        return client.get(url).content


def by_httpx_async(url, context):
    async def get():
        async with httpx.AsyncClient(verify=context, trust_env=False) as client:
            return (await client.get(url)).content

    return asyncio.run(get())


def by_aiohttp(url, context):
    async def get():
        async with aiohttp.ClientSession() as session, session.get(url, ssl=context) as response:
            return await response.read()

    return asyncio.run(get())


LIBRARIES = {
    "http.client": (by_http_client, ssl.SSLCertVerificationError),
    "urllib": (by_urllib, urllib.error.URLError),
    "urllib3": (by_urllib3, urllib3.exceptions.SSLError),
    "requests": (by_requests, requests.exceptions.SSLError),
    "httpx": (by_httpx, httpx.ConnectError),
    "httpx async": (by_httpx_async, httpx.ConnectError),
    "aiohttp": (by_aiohttp, aiohttp.ClientConnectorCertificateError),
}
"""How each library reads, and what it documents for a certificate that is no good."""


@pytest.fixture(params=LIBRARIES)
def library(request):
    return LIBRARIES[request.param]


@pytest.fixture(scope="module")
def server(localhost):
    with https(openssl_server(localhost)) as port:
        yield port


@pytest.fixture(scope="module")
def other_server(ca):
    """A server that can be reached as localhost, and has another name."""
    with https(openssl_server(ca.issue("other.test"))) as port:
        yield port


# Contexts that are passed on.


def test_the_context_of_a_client_is_taken(engine, library, ca, server):
    get, _ = library
    context = tlsmith.Client(trust=ca).ssl_context()
    assert isinstance(context, ssl.SSLContext)
    seen = json.loads(get(f"https://localhost:{server}/hello", context))
    assert (seen["version"], seen["path"]) == ("TLSv1.3", "/hello")
    assert [info.version for info in engine.clients] == ["1.3"]


def test_a_server_with_another_name_is_refused(engine, library, ca, other_server):
    get, refusal = library
    with pytest.raises(refusal) as caught:
        get(f"https://localhost:{other_server}/", tlsmith.Client(trust=ca).ssl_context())
    assert verify_code(caught.value) == HOSTNAME_MISMATCH
    assert engine.cores and not engine.clients


def test_a_server_of_an_unknown_authority_is_refused(engine, library, server):
    get, refusal = library
    context = tlsmith.Client(trust=tlsmith.CA()).ssl_context()
    with pytest.raises(refusal) as caught:
        get(f"https://localhost:{server}/", context)
    assert verify_code(caught.value) == UNKNOWN_CA
    assert engine.cores and not engine.clients


def test_client_presents_its_identity(engine, library, ca, localhost):
    get, _ = library
    context = tlsmith.ssl.create_default_context(cadata=ca.cert.pem.decode())
    ca.issue_client("alice@example.org").configure(context)
    with https(openssl_server(localhost, ca)) as port:
        seen = json.loads(get(f"https://localhost:{port}/", context))
    assert ["email", "alice@example.org"] in seen["client"]["subjectAltName"]
    assert len(engine.clients) == 1


# Contexts that the libraries make themselves, after install().


def urllib_alone(url, _ca_file):
    # It keeps what it opens URLs with, from Python 3.12 on with its context.
    urllib.request.install_opener(None)
    with urllib.request.urlopen(url) as response:
        return response.read()


def urllib3_alone(url, ca_file):
    with urllib3.PoolManager(ca_certs=ca_file, retries=False) as pool:
        return pool.request("GET", url).data


def requests_alone(url, ca_file):
    return requests.get(url, verify=ca_file).content


def httpx_alone(url, _ca_file):
    return httpx.get(url).content


def aiohttp_alone(url, _ca_file):
    async def get():
        async with aiohttp.ClientSession() as session, session.get(url) as response:
            return await response.read()

    return asyncio.run(get())


ALONE = {
    "urllib": (urllib_alone, urllib.error.URLError),
    "urllib3": (urllib3_alone, urllib3.exceptions.SSLError),
    "requests": (requests_alone, requests.exceptions.SSLError),
    "httpx": (httpx_alone, httpx.ConnectError),
    "aiohttp": (aiohttp_alone, aiohttp.ClientConnectorCertificateError),
}


@pytest.fixture(params=ALONE)
def alone(request):
    return ALONE[request.param]


@pytest.fixture
def trusted_by_default(ca_file, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", ca_file)


def test_install_reaches_the_contexts_of_libraries(
    trusted_by_default, installed, alone, ca_file, server
):
    get, _ = alone
    assert json.loads(get(f"https://localhost:{server}/", ca_file))["version"] == "TLSv1.3"
    assert len(installed.clients) == 1


def test_after_install_another_name_is_refused(
    trusted_by_default, installed, alone, ca_file, other_server
):
    get, refusal = alone
    with pytest.raises(refusal) as caught:
        get(f"https://localhost:{other_server}/", ca_file)
    assert verify_code(caught.value) == HOSTNAME_MISMATCH
    assert installed.cores and not installed.clients


def test_after_install_an_unknown_authority_is_refused(installed, alone, other_ca_file, server):
    get, refusal = alone
    with pytest.raises(refusal) as caught:
        get(f"https://localhost:{server}/", other_ca_file)
    assert verify_code(caught.value) == UNKNOWN_CA
    assert installed.cores and not installed.clients


def test_uninstall_undoes_install(engine, alone, trusted_by_default, ca_file, server):
    tlsmith.ssl.install()
    tlsmith.ssl.uninstall()
    get, _ = alone
    assert json.loads(get(f"https://localhost:{server}/", ca_file))["version"] == "TLSv1.3"
    assert ssl.SSLContext is OpenSSLContext and not engine.cores


def test_contexts_from_before_install_verify_as_before(installed, library, ca, server):
    get, refusal = library
    assert isinstance(openssl_client(ca), ssl.SSLContext)
    get(f"https://localhost:{server}/", openssl_client(ca))
    with pytest.raises(refusal) as caught:
        get(f"https://localhost:{server}/", openssl_client(tlsmith.CA()))
    assert verify_code(caught.value) == UNKNOWN_CA
    assert not installed.cores


def test_connection_rejects_openssl_context(engine, ca, localhost):
    with https(tlsmith.Server(localhost).ssl_context()) as port:
        sock = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
        ours = tlsmith.Client(trust=ca).ssl_context()
        with ours.wrap_socket(sock, server_hostname="localhost") as tls:
            with pytest.raises(TypeError, match="of tlsmith.ssl"):
                tls.context = openssl_client(ca)


# XML-RPC, both ways.


class Handler(xmlrpc.server.SimpleXMLRPCRequestHandler):
    def log_message(self, *_arguments):
        """Nothing."""


def xmlrpc_server(context):
    server = xmlrpc.server.SimpleXMLRPCServer(("127.0.0.1", 0), Handler, logRequests=False)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.register_function(lambda one, other: one + other, "add")
    return serving(server)


def test_xmlrpc_calls_a_function(engine, ca, localhost):
    context = tlsmith.Client(trust=ca).ssl_context()
    with xmlrpc_server(openssl_server(localhost)) as port:
        with xmlrpc.client.ServerProxy(f"https://localhost:{port}/", context=context) as proxy:
            assert proxy.add(20, 22) == 42
        with xmlrpc.client.ServerProxy(f"https://127.0.0.1:{port}/", context=context) as proxy:
            with pytest.raises(ssl.SSLCertVerificationError) as caught:
                proxy.add(20, 22)
    assert caught.value.verify_code == IP_MISMATCH
    assert len(engine.clients) == 1


def test_xmlrpc_offers_a_function(engine, ca, localhost):
    with xmlrpc_server(tlsmith.Server(localhost).ssl_context()) as port:
        url = f"https://localhost:{port}/"
        with xmlrpc.client.ServerProxy(url, context=openssl_client(ca)) as proxy:
            assert proxy.add("ab", "c") == "abc"
    assert len(engine.servers) == 1
