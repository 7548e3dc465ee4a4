"""The services of `tlsmith serve`: files, echo and proxy, and the loop that accepts clients."""

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

HANDSHAKE_TIMEOUT = 10.0
"""Seconds that a client may take for its handshake."""

REQUEST_TIMEOUT = 60.0
"""Seconds that a client may take for an HTTP request, including the idle time before it,
and for receiving each part of the response."""

_SHUTDOWN_TIMEOUT = 1.0
"""Seconds for sending close_notify to all clients at the end."""

_MAX_CLIENTS = 512
_OTHER_DESCRIPTORS = 32
"""Descriptors reserved for the rest of the program."""

_IDLE = 1.0
"""Seconds of silence after which a client may be replaced by a new one."""

_PAUSE = 0.1
"""Seconds before the next attempt to make room, or to start a thread."""

_ATTEMPTS = 10
"""How often starting a thread is attempted."""


class Client:
    """A client connection, which one thread serves and another may close."""

    def __init__(self, sock: Socket, address: tuple[str, int]) -> None:
        self._sock = sock
        self._writing = threading.Lock()
        self._deadline: float | None = None
        self.address = address[:2]
        self.last_active = time.monotonic()
        """When data was last received or sent."""

    def settimeout(self, seconds: float | None) -> None:
        """Limit each later call."""
        self._deadline = None
        self._sock.settimeout(seconds)

    def expect(self, seconds: float) -> None:
        """Limit the total time of all later receiving."""
        self._deadline = time.monotonic() + seconds
        self._sock.settimeout(seconds)

    def recv(self, size: int) -> bytes:
        """Receive some data."""
        data = self._sock.recv(size)
        self.last_active = time.monotonic()
        return data

    def recv_into(self, buffer: WriteableBuffer) -> int:
        """Receive some data within the limit of expect()."""
        if self._deadline is not None:
            left = self._deadline - time.monotonic()
            if left <= 0:
                raise TimedOut(None, "the request did not arrive in time")
            self._sock.settimeout(left)
        count = self._sock.recv_into(buffer)
        self.last_active = time.monotonic()
        return count

    def sendall(self, data: ReadableBuffer) -> None:
        """Send all data."""
        with self._writing:
            if self._deadline is not None:
                self._sock.settimeout(REQUEST_TIMEOUT)
            self._sock.sendall(data)
        self.last_active = time.monotonic()

    def close_write(self) -> None:
        """Send close_notify."""
        with self._writing:
            self._sock.close_write()

    def serve(self, service: Service) -> None:
        """Complete the handshake, run the service, and close."""
        try:
            with self._sock as sock:
                info = sock.info
                self.last_active = time.monotonic()
                who = f", '{sock.peer.subject}'" if sock.peer else ""
                self.log(f"TLS {info.version}, {info.cipher}{who}")
                service.serve(self)
                self.log("done")
        except OSError as error:
            self.log(error.strerror or str(error))

    def end(self, deadline: float) -> None:
        """Close it while it is served, with close_notify after the record that is being
        sent.  Sending may take until the deadline."""
        held = self._writing.acquire(timeout=max(0.0, deadline - time.monotonic()))
        self._sock.close()
        if held:
            self._writing.release()

    def drop(self, why: str) -> None:
        """Close it while it is served, without waiting."""
        self.log(why)
        self._sock.close()

    def abort(self) -> None:
        """Close it without close_notify, since the data is incomplete."""
        try:
            descriptor = self._sock.detach()
        except Error:
            # Another thread has closed it.
            return
        with socket.socket(fileno=descriptor) as plain:
            _shut(plain)

    def log(self, event: str) -> None:
        """Log a line about it."""
        host, port = self.address
        log(f"{host}:{port}", event)


class Service:
    """What the server does for each client, in a thread of its own."""

    kind = ""
    """Its name in JSON."""

    alpn: Sequence[str] = ()
    """Its default ALPN protocols."""

    descriptors = 2
    """Descriptors per client: its socket, and one to the backend."""

    def serve(self, client: Client) -> None:
        """Serve one client after its handshake."""
        raise NotImplementedError


class Echo(Service):
    """Sends received data back."""

    kind = "echo"
    descriptors = 1

    def serve(self, client: Client) -> None:
        client.settimeout(None)
        copy(client.recv, client.sendall, client.close_write)

    def __str__(self) -> str:
        return "an echo"


class Proxy(Service):
    """Forwards data to a backend without TLS, and back."""

    kind = "proxy"

    def __init__(self, address: tuple[str, int]) -> None:
        self._address = address

    def serve(self, client: Client) -> None:
        with socket.create_connection(self._address, REQUEST_TIMEOUT) as backend:
            backend.settimeout(None)
            client.settimeout(None)
            back = threading.Thread(target=self._back, args=(client, backend), daemon=True)
            back.start()
            try:
                copy(client.recv, backend.sendall, lambda: backend.shutdown(socket.SHUT_WR))
            except OSError:
                # One direction is of no use without the other.
                _shut(backend)
                raise
            finally:
                back.join()

    def _back(self, client: Client, backend: socket.socket) -> None:
        try:
            copy(backend.recv, client.sendall, client.close_write)
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
            # Otherwise a client could keep the thread by sending a byte from time to time.
            self.request.expect(REQUEST_TIMEOUT)
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
    """Accept clients until a signal handler raises; then close their connections."""
    clients: set[Client] = set()
    free = threading.BoundedSemaphore(_max_clients(service))

    def serve(client: Client) -> None:
        try:
            client.serve(service)
        finally:
            clients.discard(client)
            free.release()

    try:
        while True:
            client = Client(*listener.accept())
            if not free.acquire(blocking=False):
                _drop_an_idle(clients)
                while not free.acquire(timeout=_PAUSE):
                    _drop_an_idle(clients)
            clients.add(client)
            if not _start(serve, client):
                clients.discard(client)
                free.release()
                client.drop("rejected: the system could not start a thread")
    finally:
        deadline = time.monotonic() + _SHUTDOWN_TIMEOUT
        for client in list(clients):
            client.end(deadline)


def _max_clients(service: Service) -> int:
    """Return how many clients the limit of descriptors allows."""
    most, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most == resource.RLIM_INFINITY:
        return _MAX_CLIENTS
    return max(1, min(_MAX_CLIENTS, (most - _OTHER_DESCRIPTORS) // service.descriptors))


def _start(serve: Callable[[Client], None], client: Client) -> bool:
    """Serve the client in a thread.  Returns False if none can be started."""
    for _ in range(_ATTEMPTS):
        try:
            threading.Thread(target=serve, args=(client,), daemon=True).start()
            return True
        except RuntimeError:
            time.sleep(_PAUSE)
    return False


def _drop_an_idle(clients: set[Client]) -> None:
    """Drop the client that has been silent the longest, if it is idle: silent clients must
    not keep all others out."""
    idle = min(list(clients), key=lambda client: client.last_active, default=None)
    if idle is not None and time.monotonic() - idle.last_active >= _IDLE:
        clients.discard(idle)
        idle.drop("dropped: idle while other clients wait")


def log(client: str, event: str) -> None:
    """Write a line to standard error."""
    # In one call: with print(), another thread could write before the line end.
    sys.stderr.write(printable(f"{client} {event}") + "\n")
    sys.stderr.flush()
