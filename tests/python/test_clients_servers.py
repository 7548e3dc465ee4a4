"""Web servers on our engine, read by curl, by the standard library on OpenSSL, and
by other clients: each as its documentation has it."""

import asyncio
import http.client
import json
import socket
import ssl
import sys
import urllib.request

import aiohttp.web
import httpx
import hypercorn.asyncio
import pytest
import uvicorn
from conftest import PATIENCE
from peers import IP_MISMATCH, curl, https, in_loop, openssl_client, openssl_server, verify_code
from processes import free_port, running

import tlsmith
import tlsmith.ssl


@pytest.fixture
def files(localhost, tmp_path):
    """The files of the server, as the servers' settings want them."""
    return localhost.write(tmp_path, name="localhost")


async def asgi(scope, receive, send):
    """An ASGI application that tells how it was reached."""
    if scope["type"] != "http":
        return
    body = json.dumps({"scheme": scope["scheme"], "http": scope["http_version"]}).encode()
    headers = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def read(context, port, headers=()):
    """What the standard library reads."""
    connection = http.client.HTTPSConnection("localhost", port, context=context)
    connection.request("GET", "/", headers=dict(headers))
    body = connection.getresponse().read()
    connection.close()
    return json.loads(body)


def tls_socket(context, port, **options):
    plain = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
    return context.wrap_socket(plain, server_hostname="localhost", **options)


# http.server


def test_http_server_serves(engine, ca, ca_file, localhost):
    with https(tlsmith.Server(localhost).ssl_context()) as port:
        url = f"https://localhost:{port}/hello"
        assert json.loads(curl(ca_file, url))["path"] == "/hello"
        assert json.loads(curl(ca_file, url, "--tls-max", "1.2"))["version"] == "TLSv1.2"
        assert read(openssl_client(ca), port)["version"] == "TLSv1.3"
    assert [info.version for info in engine.servers] == ["1.3", "1.2", "1.3"]


def test_http_server_takes_a_large_upload(engine, ca, localhost):
    data = bytes(range(256)) * 16384
    with https(tlsmith.Server(localhost).ssl_context()) as port:
        request = urllib.request.Request(f"https://localhost:{port}/", data)
        with urllib.request.urlopen(request, context=openssl_client(ca)) as response:
            assert response.read() == data
    assert len(engine.servers) == 1


def test_http_server_asks_for_a_certificate(engine, ca, localhost):
    server = tlsmith.Server(localhost, client_trust=ca).ssl_context()
    alice, nobody, mallory = (openssl_client(ca) for _ in range(3))
    ca.issue_client("alice@example.org").configure(alice)
    tlsmith.CA().issue_client("alice@example.org").configure(mallory)
    with https(server) as port:
        seen = read(alice, port)
        assert ["email", "alice@example.org"] in seen["client"]["subjectAltName"]
        for context, alert in ((nobody, "CERTIFICATE_REQUIRED"), (mallory, "UNKNOWN_CA")):
            # In TLS 1.3 a client is told after its handshake: one that writes first
            # may find the connection gone.
            with tls_socket(context, port) as sock, pytest.raises(ssl.SSLError) as caught:
                sock.recv(1)
            assert alert in caught.value.reason
    assert len(engine.servers) == 1


def test_http_server_resumes_sessions(engine, ca, localhost):
    with https(tlsmith.Server(localhost).ssl_context()) as port:
        context, session = openssl_client(ca), None
        for expected in (False, True):
            with tls_socket(context, port, session=session) as sock:
                sock.sendall(b"GET / HTTP/1.0\r\n\r\n")
                # What tells of a new session comes before the answer.
                assert sock.recv(1) == b"H"
                assert sock.session_reused is expected
                session = sock.session
    assert [info.resumed for info in engine.servers] == [False, True]


# uvicorn


def uvicorn_server(**options):
    config = uvicorn.Config(asgi, log_level="critical", lifespan="off", **options)

    async def serve(listener, stop):
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        await stop.wait()
        server.should_exit = True
        await serving

    return in_loop(serve)


def test_uvicorn_creates_tlsmith_context_after_install(installed, ca, ca_file, files):
    with uvicorn_server(ssl_certfile=files.cert, ssl_keyfile=files.key) as port:
        assert json.loads(curl(ca_file, f"https://localhost:{port}/"))["scheme"] == "https"
        assert read(openssl_client(ca), port)["http"] == "1.1"
    assert len(installed.servers) == 2


def test_uvicorn_accepts_tlsmith_context(engine, ca, localhost):
    context = tlsmith.Server(localhost, client_trust=ca).ssl_context()
    alice = openssl_client(ca)
    ca.issue_client("alice@example.org").configure(alice)
    with uvicorn_server(ssl_context_factory=lambda _config, _default: context) as port:
        assert read(alice, port)["scheme"] == "https"
        with pytest.raises((ssl.SSLError, ConnectionError)):
            read(openssl_client(ca), port)
    assert len(engine.servers) == 1


# gunicorn, in processes of its own.

APPLICATION = """
import json

def application(environ, start_response):
    tls = environ["gunicorn.socket"]
    seen = {"scheme": environ["wsgi.url_scheme"], "group": tls.info.group}
    seen["context"] = type(tls.context).__module__
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps(seen).encode()]
"""

OURS_FROM_HOOK = """
def ssl_context(conf, default_ssl_context_factory):
    import tlsmith
    return tlsmith.Server(tlsmith.Identity.load(conf.certfile, conf.keyfile)).ssl_context()
"""

OURS_FROM_INSTALL = """
import tlsmith.ssl
tlsmith.ssl.install()
"""


@pytest.mark.parametrize("settings", [OURS_FROM_HOOK, OURS_FROM_INSTALL], ids=["hook", "install"])
@pytest.mark.parametrize("worker", ["sync", "gthread"])
def test_gunicorn_serves(ca, ca_file, files, tmp_path, worker, settings):
    (tmp_path / "application.py").write_text(APPLICATION)
    (tmp_path / "gunicorn.conf.py").write_text(settings)
    port = free_port()
    command = [sys.executable, "-m", "gunicorn", "--no-control-socket", "-k", worker]
    command += ["-b", f"127.0.0.1:{port}", "--certfile", files.cert, "--keyfile", files.key]
    with running(*command, "application", port=port, folder=tmp_path):
        for seen in (
            json.loads(curl(ca_file, f"https://localhost:{port}/")),
            read(openssl_client(ca), port),
        ):
            assert seen["scheme"] == "https"
            assert seen["context"] == "tlsmith.ssl._context"
            assert seen["group"]


# HTTP/2: httpx and curl with hypercorn.


def hypercorn_server(files):
    async def serve(listener, stop):
        config = hypercorn.Config()
        config.certfile, config.keyfile = files.cert, files.key
        config.bind = [f"fd://{listener.detach()}"]
        config.loglevel = "CRITICAL"
        await hypercorn.asyncio.serve(asgi, config, shutdown_trigger=stop.wait)

    return in_loop(serve)


def test_http_2_reaches_server_over_tlsmith(installed, ca, ca_file, files):
    with hypercorn_server(files) as port:
        url = f"https://localhost:{port}/"
        assert json.loads(curl(ca_file, url, "--http2"))["http"] == "2"
        with httpx.Client(verify=openssl_client(ca), http2=True, trust_env=False) as client:
            assert client.get(url).http_version == "HTTP/2"
        with httpx.Client(verify=openssl_client(ca), trust_env=False) as client:
            assert client.get(url).http_version == "HTTP/1.1"
    assert [info.alpn for info in installed.servers] == ["h2", "h2", "http/1.1"]


def test_httpx_uses_http_2_over_tlsmith(engine, ca, files):
    context = tlsmith.Client(trust=ca).ssl_context()
    with hypercorn_server(files) as port:
        with httpx.Client(verify=context, http2=True, trust_env=False) as client:
            answers = [client.get(f"https://localhost:{port}/") for _ in range(5)]
            assert {answer.http_version for answer in answers} == {"HTTP/2"}
            with pytest.raises(httpx.ConnectError) as caught:
                client.get(f"https://127.0.0.1:{port}/")
            assert verify_code(caught.value) == IP_MISMATCH
    assert [info.alpn for info in engine.clients] == ["h2"]
    assert not engine.servers


# aiohttp


def aiohttp_server(context):
    async def hello(request):
        tls = request.transport.get_extra_info("ssl_object")
        return aiohttp.web.json_response({"scheme": request.scheme, "version": tls.version()})

    async def echo(request):
        stream = aiohttp.web.WebSocketResponse()
        await stream.prepare(request)
        async for message in stream:
            await stream.send_str(message.data)
        return stream

    async def serve(listener, stop):
        application = aiohttp.web.Application()
        application.add_routes([aiohttp.web.get("/", hello), aiohttp.web.get("/ws", echo)])
        runner = aiohttp.web.AppRunner(application)
        await runner.setup()
        await aiohttp.web.SockSite(runner, listener, ssl_context=context).start()
        await stop.wait()
        await runner.cleanup()

    return in_loop(serve)


def test_aiohttp_serves(engine, ca, ca_file, localhost):
    with aiohttp_server(tlsmith.Server(localhost).ssl_context()) as port:
        seen = json.loads(curl(ca_file, f"https://localhost:{port}/"))
        assert seen == {"scheme": "https", "version": "TLSv1.3"}
        assert read(openssl_client(ca), port) == seen
    assert len(engine.servers) == 2


@pytest.mark.parametrize("ours", ["client", "server", "both"])
def test_websockets_of_aiohttp(engine, ca, localhost, ours):
    server = openssl_server(localhost)
    client = openssl_client(ca)
    if ours != "client":
        server = tlsmith.Server(localhost).ssl_context()
    if ours != "server":
        client = tlsmith.Client(trust=ca).ssl_context()

    async def talk(port):
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(f"wss://localhost:{port}/ws", ssl=client) as stream,
        ):
            for number in range(20):
                text = str(number) * 1000 * number
                await stream.send_str(text)
                assert (await stream.receive()).data == text

    with aiohttp_server(server) as port:
        asyncio.run(talk(port))
    assert len(engine.clients) == (ours != "server")
    assert len(engine.servers) == (ours != "client")


def test_a_fingerprint_of_aiohttp(installed, localhost):
    async def get(port, fingerprint):
        async with aiohttp.ClientSession() as session:
            pin = aiohttp.Fingerprint(fingerprint)
            async with session.get(f"https://127.0.0.1:{port}/", ssl=pin) as response:
                return await response.json()

    with aiohttp_server(openssl_server(localhost)) as port:
        assert asyncio.run(get(port, localhost.cert.sha256))["version"] == "TLSv1.3"
        with pytest.raises(aiohttp.ServerFingerprintMismatch):
            asyncio.run(get(port, bytes(32)))
    assert len(installed.clients) == 2
