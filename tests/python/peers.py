"""Servers of other projects, in processes of their own, and what tests of clients ask
about a failure."""

import asyncio
import contextlib
import http.server
import json
import socket
import ssl
import subprocess
import threading

from conftest import PATIENCE, thread
from processes import tool

OpenSSLContext = ssl.SSLContext
"""The standard library's class, also while tlsmith.ssl.install() is in force."""

HOSTNAME_MISMATCH, IP_MISMATCH, UNKNOWN_CA, UNKNOWN_ROOT = 62, 64, 20, 19
"""OpenSSL's verify codes for the failures that the tests provoke.  The last is what an
unknown authority is called where the server sends its certificate too."""


def openssl_server(identity, ca=None, alpn=()):
    """A context for servers of the standard library, which asks for a certificate of
    a client where there is a `ca`."""
    context = OpenSSLContext(ssl.PROTOCOL_TLS_SERVER)
    identity.configure(context)
    if alpn:
        context.set_alpn_protocols(list(alpn))
    if ca is not None:
        ca.trust(context)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def openssl_client(ca, alpn=()):
    """A context for clients of the standard library."""
    context = OpenSSLContext(ssl.PROTOCOL_TLS_CLIENT)
    ca.trust(context)
    if alpn:
        context.set_alpn_protocols(list(alpn))
    return context


def verify_code(error):
    """The code of the ssl.SSLCertVerificationError that an exception of a library was
    made from, wherever it keeps it."""
    waiting, seen = [error], []
    while waiting:
        one = waiting.pop()
        # Aiohttp's own is one by its class, and says nothing itself.
        if isinstance(one, ssl.SSLCertVerificationError) and hasattr(one, "verify_code"):
            return one.verify_code
        if isinstance(one, BaseException) and one not in seen:
            seen.append(one)
            waiting += [one.__cause__, one.__context__, getattr(one, "reason", None), *one.args]
            waiting += getattr(one, "exceptions", ())
    raise AssertionError(f"{error!r} does not come from a certificate") from error


def curl(ca_file, url, *options):
    """What curl reads, whatever TLS it was built with."""
    command = [tool("curl", "curl"), "-sS", "--fail", "--max-time", PATIENCE]
    command += ["--noproxy", "*", "--cacert", ca_file, *options, url]
    done = subprocess.run(list(map(str, command)), capture_output=True, timeout=2 * PATIENCE)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


# Servers in threads.


class Teller(http.server.BaseHTTPRequestHandler):
    """Tells a client how the server sees the connection, or sends back what came."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        tls = self.connection
        seen = {
            "version": tls.version(),
            "resumed": tls.session_reused,
            "client": tls.getpeercert(),
            "path": self.path,
        }
        self._answer(json.dumps(seen).encode())

    def do_POST(self):
        self._answer(self.rfile.read(int(self.headers["Content-Length"])))

    def _answer(self, body):
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments):
        """Nothing: refused connections are what the tests are about."""


class QuietServer(http.server.ThreadingHTTPServer):
    """An HTTP server that keeps the failures of its clients to itself."""

    daemon_threads = True

    def handle_error(self, *_arguments):
        pass


@contextlib.contextmanager
def serving(server):
    """A server of the standard library's socketserver in a thread; its port."""
    with server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join(PATIENCE)


@contextlib.contextmanager
def https(context, handler=Teller):
    """http.server on a TLS context, as its documentation does it; the port."""
    server = QuietServer(("127.0.0.1", 0), handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    with serving(server) as port:
        yield port


@contextlib.contextmanager
def in_loop(serve):
    """A server of asyncio in a thread: `serve(listener, stop)` serves on a listening
    socket until the event `stop` is set.  Gives the port."""
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()
    running = thread(lambda: loop.run_until_complete(serve(listener, stop)))
    with contextlib.closing(loop), listener, running:
        try:
            yield port
        finally:
            loop.call_soon_threadsafe(stop.set)
