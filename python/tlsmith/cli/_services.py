"""What `tlsmith serve` does for a client once it is connected."""

from __future__ import annotations

import errno
import io
import resource
import socket
import sys
import threading
import time

from .._errors import Error, TimedOut
from ._output import printable
from ._relay import CHUNK, copy

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any, NoReturn

    from _typeshed import ReadableBuffer, WriteableBuffer

    from .._listener import Listener
    from .._socket import Socket

HANDSHAKE = 10.0
"""Seconds that a client may take for its handshake."""

PATIENCE = 60.0
"""Seconds that a client may take for a request in HTTP, its silence before it included, and
for a part of the answer."""

_FAREWELL = 1.0
"""Seconds that all of them have to say close_notify at the end."""

_MOST_CLIENTS = 512
_OTHER_DESCRIPTORS = 32
"""What the rest of the program may have open."""

_IDLE = 1.0
"""Seconds of silence after which a client makes room for another, where all have it."""

_PAUSE = 0.1
"""Seconds until the next attempt where there is no room, or the system has no thread."""

_ATTEMPTS = 10
"""How often a thread is asked for."""


class Client:
    """One that is served by a thread, and told of the end by another."""

    def __init__(self, sock: Socket, address: tuple[str, int]) -> None:
        self._sock = sock
        self._writing = threading.Lock()
        self._deadline: float | None = None
        self.address = address[:2]
        self.heard = time.monotonic()
        """When it last sent or took something."""

    def settimeout(self, seconds: float | None) -> None:
        """Limit each call from now on."""
        self._deadline = None
        self._sock.settimeout(seconds)

    def expect(self, seconds: float) -> None:
        """Limit all receiving together from now on."""
        self._deadline = time.monotonic() + seconds
        self._sock.settimeout(seconds)

    def recv(self, size: int) -> bytes:
        """Receive some of it."""
        data = self._sock.recv(size)
        self.heard = time.monotonic()
        return data

    def recv_into(self, buffer: WriteableBuffer) -> int:
        """Receive some of it, as long as expect() allows."""
        if self._deadline is not None:
            left = self._deadline - time.monotonic()
            if left <= 0:
                raise TimedOut(None, "the request did not come in time")
            self._sock.settimeout(left)
        count = self._sock.recv_into(buffer)
        self.heard = time.monotonic()
        return count

    def sendall(self, data: ReadableBuffer) -> None:
        """Send all of it."""
        with self._writing:
            if self._deadline is not None:
                self._sock.settimeout(PATIENCE)
            self._sock.sendall(data)
        self.heard = time.monotonic()

    def close_write(self) -> None:
        """Say close_notify."""
        with self._writing:
            self._sock.close_write()

    def serve(self, service: Service) -> None:
        """Shake hands, have it served, and close."""
        try:
            with self._sock as sock:
                info = sock.info
                self.heard = time.monotonic()
                who = f", '{sock.peer.subject}'" if sock.peer else ""
                self.log(f"TLS {info.version}, {info.cipher}{who}")
                service.serve(self)
                self.log("done")
        except OSError as error:
            self.log(error.strerror or str(error))

    def end(self, deadline: float) -> None:
        """Close it while it is served, with close_notify: after the record that
        is being sent, for which there is time until the deadline."""
        held = self._writing.acquire(timeout=max(0.0, deadline - time.monotonic()))
        self._sock.close()
        if held:
            self._writing.release()

    def drop(self, why: str) -> None:
        """Close it, without waiting, while it is served."""
        self.log(why)
        self._sock.close()

    def abort(self) -> None:
        """Close it without close_notify: what was sent is not all of it."""
        try:
            descriptor = self._sock.detach()
        except Error:
            # It was closed meanwhile.
            return
        with socket.socket(fileno=descriptor) as plain:
            _shut(plain)

    def log(self, what: str) -> None:
        """A line about it."""
        host, port = self.address
        log(f"{host}:{port}", what)


class Service:
    """Something that is done for each client, in a thread of its own."""

    kind = ""
    """Its name in JSON."""

    alpn: Sequence[str] = ()
    """What it speaks by default."""

    descriptors = 2
    """How many a client takes: its socket, and what is passed on."""

    def serve(self, client: Client) -> None:
        """Serve one client after its handshake."""
        raise NotImplementedError


class Echo(Service):
    """Sends back what comes."""

    kind = "echo"
    descriptors = 1

    def serve(self, client: Client) -> None:
        client.settimeout(None)
        copy(client.recv, client.sendall, client.close_write)

    def __str__(self) -> str:
        return "an echo"


class Proxy(Service):
    """Passes everything on to a server without TLS, and back."""

    kind = "proxy"

    def __init__(self, address: tuple[str, int]) -> None:
        self._address = address

    def serve(self, client: Client) -> None:
        with socket.create_connection(self._address, PATIENCE) as behind:
            behind.settimeout(None)
            client.settimeout(None)
            back = threading.Thread(target=self._back, args=(client, behind), daemon=True)
            back.start()
            try:
                copy(client.recv, behind.sendall, lambda: behind.shutdown(socket.SHUT_WR))
            except OSError:
                # No half of it has a use without the other.
                _shut(behind)
                raise
            finally:
                back.join()

    def _back(self, client: Client, behind: socket.socket) -> None:
        try:
            copy(behind.recv, client.sendall, client.close_write)
        except OSError:
            client.abort()

    def __str__(self) -> str:
        host, port = self._address
        return f"{host} port {port}"


def _shut(sock: socket.socket) -> None:
    try:
        sock.shutdown(socket.SHUT_RDWR)
    except OSError as error:
        if error.errno != errno.ENOTCONN:
            raise


class Files(Service):
    """Serves the files of a folder over HTTP/1.1."""

    kind = "files"
    alpn = ("http/1.1",)

    def __init__(self, directory: str) -> None:
        self._directory = directory
        self._handler = _http_handler()

    def serve(self, client: Client) -> None:
        self._handler(client, client.address, None, directory=self._directory)

    def __str__(self) -> str:
        return f"'{self._directory}'"


def _http_handler() -> Callable[..., Any]:
    """The standard library's handler of files, over our sockets.  It is
    imported when it is needed: it takes longer than all the rest."""
    from http.server import SimpleHTTPRequestHandler

    class Handler(SimpleHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        server_version = "tlsmith"

        def handle_one_request(self) -> None:
            # One byte in a while would otherwise keep it for ever.
            self.request.expect(PATIENCE)
            super().handle_one_request()

        def setup(self) -> None:
            self.connection = self.request
            self.rfile = io.BufferedReader(_Reading(self.request), CHUNK)
            self.wfile = io.BufferedWriter(_Writing(self.request), CHUNK)

        def log_message(self, format: str, *values: object) -> None:
            self.request.log(format % values)

    return Handler


class _Reading(io.RawIOBase):
    def __init__(self, client: Client) -> None:
        self._client = client

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        return self._client.recv_into(buffer)


class _Writing(io.RawIOBase):
    def __init__(self, client: Client) -> None:
        self._client = client

    def writable(self) -> bool:
        return True

    def write(self, data: ReadableBuffer, /) -> int:
        self._client.sendall(data)
        return memoryview(data).nbytes


def serve_forever(listener: Listener, service: Service) -> NoReturn:
    """Accept clients until a signal raises; then tell those that are there."""
    clients: set[Client] = set()
    room = threading.BoundedSemaphore(_most_clients(service))

    def serve(client: Client) -> None:
        try:
            client.serve(service)
        finally:
            clients.discard(client)
            room.release()

    try:
        while True:
            client = Client(*listener.accept())
            if not room.acquire(blocking=False):
                _drop_an_idle(clients)
                while not room.acquire(timeout=_PAUSE):
                    _drop_an_idle(clients)
            clients.add(client)
            if not _start(serve, client):
                clients.discard(client)
                room.release()
                client.drop("turned away: the system has no thread for it")
    finally:
        deadline = time.monotonic() + _FAREWELL
        for client in list(clients):
            client.end(deadline)


def _most_clients(service: Service) -> int:
    """As many as there are descriptors for."""
    most, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most == resource.RLIM_INFINITY:
        return _MOST_CLIENTS
    return max(1, min(_MOST_CLIENTS, (most - _OTHER_DESCRIPTORS) // service.descriptors))


def _start(serve: Callable[[Client], None], client: Client) -> bool:
    """Has a thread serve the client, if the system has one before long."""
    for _ in range(_ATTEMPTS):
        try:
            threading.Thread(target=serve, args=(client,), daemon=True).start()
            return True
        except RuntimeError:
            time.sleep(_PAUSE)
    return False


def _drop_an_idle(clients: set[Client]) -> None:
    """Ends the client that has been silent the longest, if it is really idle: those that
    say nothing must not keep all others out."""
    idle = min(list(clients), key=lambda client: client.heard, default=None)
    if idle is not None and time.monotonic() - idle.heard >= _IDLE:
        clients.discard(idle)
        idle.drop("dropped: it is idle, and others wait")


def log(who: str, what: str) -> None:
    """A line on the standard error."""
    # In one piece: print() would leave the end of the line to another thread.
    sys.stderr.write(printable(f"{who} {what}") + "\n")
    sys.stderr.flush()
