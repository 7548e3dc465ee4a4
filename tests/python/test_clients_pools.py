"""urllib3 and requests, which set every context anew before each connection: what
they check themselves, sessions that are resumed, bundles that are parsed once."""

import contextlib
import http.server
import json
import os
import re
import socket
import ssl
import subprocess
import sys
import threading
import zipfile
from functools import partial

import certifi
import pytest
import requests
import requests.adapters
import urllib3
from conftest import PATIENCE
from peers import (
    IP_MISMATCH,
    https,
    openssl_server,
    verify_code,
)

import tlsmith.ssl
from tlsmith.ssl import _bundles

CLOSE = {"Connection": "close"}
"""Makes the next request need a connection of its own."""


@pytest.fixture(scope="module")
def server(localhost):
    with https(openssl_server(localhost)) as port:
        yield port


# What urllib3 checks itself.


def urllib3_get(url, **options):
    with urllib3.PoolManager(retries=False, **options) as pool:
        return json.loads(pool.request("GET", url).data)


def test_fingerprint_replaces_trust_anchor(installed, localhost, server):
    fingerprint = localhost.cert.sha256.hex(":")
    options = {"cert_reqs": "CERT_NONE", "assert_fingerprint": fingerprint}
    assert urllib3_get(f"https://127.0.0.1:{server}/", **options)["version"] == "TLSv1.3"
    assert len(installed.clients) == 1


def test_a_fingerprint_of_another_certificate_is_refused(installed, ca, server):
    options = {"cert_reqs": "CERT_NONE", "assert_fingerprint": "ab" * 32}
    with pytest.raises(urllib3.exceptions.SSLError, match="Fingerprints did not match"):
        urllib3_get(f"https://localhost:{server}/", **options)
    assert len(installed.clients) == 1


def test_another_hostname_may_be_asserted(installed, ca_file, server):
    options = {"ca_certs": ca_file, "assert_hostname": "localhost"}
    assert urllib3_get(f"https://127.0.0.1:{server}/", **options)["version"] == "TLSv1.3"
    options = {"ca_certs": ca_file, "server_hostname": "localhost"}
    assert urllib3_get(f"https://127.0.0.1:{server}/", **options)["version"] == "TLSv1.3"
    assert len(installed.clients) == 2


def test_no_hostname_may_be_asserted(installed, ca_file, server):
    options = {"ca_certs": ca_file, "assert_hostname": False}
    assert urllib3_get(f"https://127.0.0.1:{server}/", **options)["version"] == "TLSv1.3"
    assert len(installed.clients) == 1


def test_a_hostname_that_the_certificate_lacks_is_refused(installed, ca_file, server):
    options = {"ca_certs": ca_file, "assert_hostname": "other.test"}
    with pytest.raises(urllib3.exceptions.SSLError, match="other.test.*localhost"):
        urllib3_get(f"https://localhost:{server}/", **options)
    # It was ours to shake hands, and urllib3's to compare the name.
    assert len(installed.clients) == 1


def test_unverified_server_is_readable(installed, server):
    with pytest.warns(urllib3.exceptions.InsecureRequestWarning):
        seen = urllib3_get(f"https://127.0.0.1:{server}/", cert_reqs="CERT_NONE")
    assert seen["version"] == "TLSv1.3"
    with pytest.warns(urllib3.exceptions.InsecureRequestWarning):
        seen = requests.get(f"https://127.0.0.1:{server}/", verify=False).json()
    assert seen["version"] == "TLSv1.3"
    assert len(installed.clients) == 2


def test_retries_wrap_the_refusal(installed, ca_file, server):
    with urllib3.PoolManager(ca_certs=ca_file) as pool:
        with pytest.raises(urllib3.exceptions.MaxRetryError) as caught:
            pool.request("GET", f"https://127.0.0.1:{server}/", retries=1)
    assert isinstance(caught.value.reason, urllib3.exceptions.SSLError)
    assert verify_code(caught.value) == IP_MISMATCH
    assert len(installed.cores) == 2


# Client certificates, by the files that these libraries want.


def test_files_of_a_client_certificate_are_loaded(installed, ca, ca_file, localhost, tmp_path):
    ca.issue_client("alice@example.org").write(tmp_path, name="alice")
    pair = (str(tmp_path / "alice.pem"), str(tmp_path / "alice-key.pem"))
    with https(openssl_server(localhost, ca)) as port:
        url = f"https://localhost:{port}/"
        by_requests = requests.get(url, verify=ca_file, cert=pair).json()
        options = {"ca_certs": ca_file, "cert_file": pair[0], "key_file": pair[1]}
        by_urllib3 = urllib3_get(url, **options)
        with pytest.raises((requests.exceptions.SSLError, requests.ConnectionError)):
            requests.get(url, verify=ca_file)
    for seen in (by_requests, by_urllib3):
        assert ["email", "alice@example.org"] in seen["client"]["subjectAltName"]


# Resumption.  Left alone, both make a context for each connection, which verifies the
# server anew: it takes a context that is given to them.


def three_requests(get, url):
    """Whether the server resumed a session, for each of three connections."""
    return [json.loads(get(url, headers=CLOSE))["resumed"] for _ in range(3)]


def test_the_second_connection_of_a_pool_is_resumed(engine, ca_file, server):
    context = tlsmith.ssl.create_default_context(cafile=ca_file)
    with urllib3.PoolManager(ssl_context=context, ca_certs=ca_file) as pool:
        resumed = three_requests(
            lambda url, headers: pool.request("GET", url, headers=headers).data,
            f"https://localhost:{server}/",
        )
    assert resumed == [False, True, True]
    assert [info.resumed for info in engine.clients] == [False, True, True]


def test_the_second_connection_of_a_session_is_resumed(engine, ca_file, server):
    class Adapter(requests.adapters.HTTPAdapter):
        def init_poolmanager(self, *arguments, **options):
            context = tlsmith.ssl.create_default_context(cafile=ca_file)
            super().init_poolmanager(*arguments, ssl_context=context, **options)

    with requests.Session() as session:
        session.mount("https://", Adapter())
        resumed = three_requests(
            lambda url, headers: session.get(url, headers=headers, verify=ca_file).content,
            f"https://localhost:{server}/",
        )
    assert resumed == [False, True, True]
    assert [info.resumed for info in engine.clients] == [False, True, True]


def test_settings_that_change_and_change_back_keep_the_sessions(engine, ca_file, server):
    context = tlsmith.ssl.create_default_context(cafile=ca_file)
    for fingerprint in (None, "ab" * 32, None):
        options = {"ssl_context": context, "retries": False, "assert_fingerprint": fingerprint}
        with (
            urllib3.PoolManager(**options) as pool,
            contextlib.suppress(urllib3.exceptions.SSLError),
        ):
            pool.request("GET", f"https://localhost:{server}/", headers=CLOSE)
        # What urllib3 does for the fingerprint, and never takes back.
        context.check_hostname = True
    assert [info.resumed for info in engine.clients] == [False, False, True]


def test_unverified_session_is_not_resumed_as_verified(installed, ca, server):
    context = tlsmith.Client(trust=tlsmith.CA()).ssl_context()
    url = f"https://localhost:{server}/"
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with urllib3.PoolManager(ssl_context=context, retries=False, cert_reqs="CERT_NONE") as pool:
        with pytest.warns(urllib3.exceptions.InsecureRequestWarning):
            pool.request("GET", url, headers=CLOSE)
    context.verify_mode = ssl.CERT_REQUIRED
    context.check_hostname = True
    with urllib3.PoolManager(ssl_context=context, retries=False) as pool:
        with pytest.raises(urllib3.exceptions.SSLError):
            pool.request("GET", url, headers=CLOSE)
    assert len(installed.clients) == 1


# A context for every request, as pip and requests.get() have it.


@pytest.fixture
def bundle(ca, tmp_path):
    """What certifi has, and our authority."""
    path = tmp_path / "bundle.pem"
    with open(certifi.where(), "rb") as file:
        path.write_bytes(file.read() + ca.cert.pem)
    return path


@pytest.fixture
def parsed(monkeypatch):
    """The lengths of what was parsed."""
    lengths = []
    parse = _bundles._parse

    def note(content):
        lengths.append(len(content))
        return parse(content)

    monkeypatch.setattr(_bundles, "_parse", note)
    return lengths


def test_a_bundle_is_parsed_once_for_many_contexts(installed, bundle, parsed, server):
    for _ in range(5):
        requests.get(f"https://localhost:{server}/", verify=str(bundle)).raise_for_status()
    contexts = {id(core.context) for core in installed.cores}
    assert len(contexts) == 5
    assert parsed == [bundle.stat().st_size]


def test_a_bundle_that_changes_is_parsed_again(installed, bundle, parsed, server):
    url = f"https://localhost:{server}/"
    requests.get(url, verify=str(bundle)).raise_for_status()
    bundle.write_bytes(tlsmith.CA().cert.pem)
    with pytest.raises(requests.exceptions.SSLError):
        requests.get(url, verify=str(bundle))
    assert len(parsed) == 2


# pip itself, which brings a urllib3 of its own.

PIP = """
import sys
import tlsmith.ssl
from tlsmith.ssl import _bundles

wrap, parse = tlsmith.ssl.SSLContext._wrap, _bundles._parse
cores, parsed = [], []
tlsmith.ssl.SSLContext._wrap = lambda *all: cores.append(wrap(*all)) or cores[-1]
_bundles._parse = lambda content: parsed.append(content) or parse(content)
tlsmith.ssl.install()
from pip._internal.cli.main import main
status = main(sys.argv[1:])
assert cores, "it was not our engine"
assert len(parsed) == len(set(parsed)), "a bundle was parsed twice"
print("connections:", len([core for core in cores if core.info]))
sys.exit(status)
"""


@pytest.fixture
def index(tmp_path):
    """Serves a package index with one package."""
    name = "tiny-1.0-py3-none-any.whl"
    metadata = "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n"
    wheel = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    folder = tmp_path / "index/simple/tiny"
    folder.mkdir(parents=True)
    with zipfile.ZipFile(folder / name, "w") as file:
        file.writestr("tiny-1.0.dist-info/METADATA", metadata)
        file.writestr("tiny-1.0.dist-info/WHEEL", wheel)
        file.writestr("tiny-1.0.dist-info/RECORD", "")
    (folder / "index.html").write_text(f'<!doctype html><a href="{name}">{name}</a>')

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_arguments):
            """Nothing."""

    handler = partial(Handler, directory=tmp_path / "index")
    return lambda identity: https(openssl_server(identity), handler)


def pip_download(port, ca_file, folder):
    command = [sys.executable, "-c", PIP, "--isolated", "download", "--no-cache-dir", "--no-deps"]
    command += ["--disable-pip-version-check", "--retries", "0", "--cert", ca_file, "-d", folder]
    command += ["--index-url", f"https://localhost:{port}/simple/", "tiny"]
    # What would be stronger than the options.
    others = ("PROXY", "CA_BUNDLE", "PIP_")
    environment = {
        name: value
        for name, value in os.environ.items()
        if not any(other in name.upper() for other in others)
    }
    return subprocess.run(
        list(map(str, command)),
        capture_output=True,
        text=True,
        timeout=2 * PATIENCE,
        env=environment,
    )


def test_pip_downloads_a_package(index, bundle, localhost, tmp_path):
    with index(localhost) as port:
        done = pip_download(port, bundle, tmp_path / "got")
    assert done.returncode == 0, done.stderr
    assert os.listdir(tmp_path / "got") == ["tiny-1.0-py3-none-any.whl"]
    assert int(re.search(r"connections: (\d+)", done.stdout)[1]) >= 1


def test_pip_refuses_another_name(index, bundle, ca, tmp_path):
    with index(ca.issue("other.test")) as port:
        done = pip_download(port, bundle, tmp_path / "got")
    assert done.returncode == 1, done.stderr
    # In the words of OpenSSL, or those of older urllib3.
    assert re.search("Hostname mismatch|'localhost' doesn't match 'other.test'", done.stdout)


def test_pip_refuses_an_unknown_authority(index, other_ca_file, localhost, tmp_path):
    with index(localhost) as port:
        done = pip_download(port, other_ca_file, tmp_path / "got")
    assert done.returncode == 1, done.stderr
    assert "unable to get local issuer certificate" in done.stdout
    assert "connections: 0" in done.stdout


# TLS in TLS: a proxy that is reached by TLS itself.


@contextlib.contextmanager
def tls_proxy(context):
    """A proxy that serves one CONNECT to a port of this machine; its port."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(PATIENCE)

    def carry(source, target):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
        with contextlib.suppress(OSError):
            target.shutdown(socket.SHUT_RDWR)

    def serve():
        accepted, _ = listener.accept()
        with context.wrap_socket(accepted, server_side=True) as near:
            request = b""
            while b"\r\n\r\n" not in request:
                request += near.recv(65536)
            port = int(request.split()[1].rpartition(b":")[2])
            with socket.create_connection(("127.0.0.1", port)) as far:
                near.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
                back = threading.Thread(target=carry, args=(far, near), daemon=True)
                back.start()
                carry(near, far)
                back.join(PATIENCE)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    with listener:
        yield listener.getsockname()[1]
    thread.join(PATIENCE)
    assert not thread.is_alive()


def test_tls_runs_inside_tls(installed, ca, ca_file, server):
    with tls_proxy(openssl_server(ca.issue("localhost"))) as proxy:
        with urllib3.ProxyManager(f"https://localhost:{proxy}", ca_certs=ca_file) as pool:
            answer = pool.request("GET", f"https://localhost:{server}/inside", headers=CLOSE)
    assert json.loads(answer.data)["path"] == "/inside"
    assert len(installed.clients) == 2
