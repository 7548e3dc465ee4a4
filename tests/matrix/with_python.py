"""Python's ssl, which is OpenSSL as most of its users see it."""

import contextlib
import http.server
import json
import socket
import ssl
from typing import NamedTuple

from ends import UNTOLD, Seen
from messages import read_message, request
from peer import ClientPeer, ServerPeer, Told, plain_version
from processes import PATIENCE
from threads import thread


def _context(side, errand, certificate):
    context = ssl.SSLContext(side)
    context.load_verify_locations(errand.folder / "ca.pem")
    if certificate:
        context.load_cert_chain(errand.folder / "cert.pem", errand.folder / "key.pem")
    return context


class PythonClient(ClientPeer):
    name = "Python ssl"

    def version(self):
        return f"Python ssl ({' '.join(ssl.OPENSSL_VERSION.split()[:2])})"

    def talk(self, errand):
        context = _context(ssl.PROTOCOL_TLS_CLIENT, errand, errand.column.mutual)
        all_told, session = [], None
        for _ in range(errand.column.times):
            plain = socket.create_connection(("127.0.0.1", errand.port), timeout=PATIENCE)
            with context.wrap_socket(plain, server_hostname="localhost", session=session) as tls:
                tls.sendall(request(errand.column.size))
                answer = read_message(tls.recv)
                # In TLS 1.3 it comes after the handshake.
                session = tls.session
                seen = Seen(plain_version(tls.version()), tls.session_reused, UNTOLD)
                all_told.append(Told(seen, answer))
        return all_told


class Listening(NamedTuple):
    """A server in a thread."""

    port: int


class PythonServer(ServerPeer):
    name = "Python ssl"

    def version(self):
        return PythonClient().version()

    @contextlib.contextmanager
    def serving(self, errand):
        context = _context(ssl.PROTOCOL_TLS_SERVER, errand, True)
        if errand.column.mutual:
            context.verify_mode = ssl.CERT_REQUIRED
        server = http.server.HTTPServer(("127.0.0.1", 0), _Teller)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        with server, thread(lambda: server.serve_forever(0.01)):
            try:
                yield Listening(server.server_address[1])
            finally:
                server.shutdown()


class _Teller(http.server.BaseHTTPRequestHandler):
    """Answers with the bytes that it gets, and tells what it sees."""

    timeout = PATIENCE

    def do_POST(self):
        tls = self.connection
        size = int(self.headers["Content-Length"])
        body = self.rfile.read(size)
        client = tls.getpeercert()
        seen = Seen(plain_version(tls.version()), tls.session_reused, client and str(client))
        self.send_response(200)
        self.send_header("Content-Length", str(size))
        self.send_header("X-Seen", json.dumps(seen._asdict()))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments):
        """Nothing: the client has the word."""
