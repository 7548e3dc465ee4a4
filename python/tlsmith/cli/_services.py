"""What `tlsmith serve` does for a client once it is connected."""

from __future__ import annotations

import errno
import io
import os
import socket
import sys
import threading
import time

from .._errors import Error
from ._output import printable
from ._relay import CHUNK, copy

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any, NoReturn

    from _typeshed import ReadableBuffer, WriteableBuffer

    from .._tlsmith import Listener, Socket

PATIENCE = 60.0
"""Seconds that a client may take for its handshake, and be silent in HTTP."""

_FAREWELL = 1.0
"""Seconds that all of them have to say close_notify at the end."""

_MOST_CLIENTS = 512
_OUT_OF_DESCRIPTORS = (errno.EMFILE, errno.ENFILE)


class Service:
    """Something that is done for each client, in a thread of its own."""

    kind = ""
    """Its name in JSON."""

    alpn: Sequence[str] = ()
    """What it speaks by default."""

    def serve(self, sock: Socket, client: str) -> None:
        """Serve one client after its handshake."""
        raise NotImplementedError


class Echo(Service):
    """Sends back what comes."""

    kind = "echo"

    def serve(self, sock: Socket, client: str) -> None:
        sock.settimeout(None)
        copy(sock.recv, sock.sendall, sock.close_write)

    def __str__(self) -> str:
        return "an echo"


class Proxy(Service):
    """Passes everything on to a server without TLS, and back."""

    kind = "proxy"

    def __init__(self, address: tuple[str, int]) -> None:
        self._address = address

    def serve(self, sock: Socket, client: str) -> None:
        with socket.create_connection(self._address, PATIENCE) as behind:
            behind.settimeout(None)
            sock.settimeout(None)
            back = threading.Thread(target=self._back, args=(sock, behind), daemon=True)
            back.start()
            try:
                copy(sock.recv, behind.sendall, lambda: behind.shutdown(socket.SHUT_WR))
            except OSError:
                # No half of it has a use without the other.
                _shut(behind)
                raise
            finally:
                back.join()

    def _back(self, sock: Socket, behind: socket.socket) -> None:
        try:
            copy(behind.recv, sock.sendall, sock.close_write)
        except OSError:
            # Without close_notify: the client has to know that something lacks.
            with socket.socket(fileno=sock.detach()) as plain:
                _shut(plain)

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

    def serve(self, sock: Socket, client: str) -> None:
        sock.settimeout(PATIENCE)
        host, _, port = client.rpartition(":")
        self._handler(sock, (host, port), None, directory=self._directory)

    def __str__(self) -> str:
        return f"'{self._directory}'"


def _http_handler() -> Callable[..., Any]:
    """The standard library's handler of files, over our sockets.  It is
    imported when it is needed: it takes longer than all the rest."""
    from http.server import SimpleHTTPRequestHandler

    class Handler(SimpleHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        server_version = "tlsmith"

        def setup(self) -> None:
            self.connection = self.request
            self.rfile = io.BufferedReader(_Reading(self.request), CHUNK)
            self.wfile = io.BufferedWriter(_Writing(self.request), CHUNK)

        def log_message(self, format: str, *values: object) -> None:
            log(":".join(map(str, self.client_address)), format % values)

    return Handler


class _Reading(io.RawIOBase):
    def __init__(self, sock: Socket) -> None:
        self._sock = sock

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        return self._sock.recv_into(buffer)


class _Writing(io.RawIOBase):
    def __init__(self, sock: Socket) -> None:
        self._sock = sock

    def writable(self) -> bool:
        return True

    def write(self, data: ReadableBuffer, /) -> int:
        return self._sock.send(data)


def serve_forever(listener: Listener, service: Service) -> NoReturn:
    """Accept clients until a signal raises; then tell those that are there."""
    clients = _Clients(service)
    try:
        while True:
            clients.wait_for_room()
            clients.add(*_accept(listener))
    finally:
        clients.end()


def _accept(listener: Listener) -> tuple[Socket, str]:
    while True:
        try:
            sock, address = listener.accept()
            return sock, f"{address[0]}:{address[1]}"
        except Error as error:
            log("server", str(error))
            if error.errno in _OUT_OF_DESCRIPTORS:
                # Until a client leaves: there is nothing that could wake us.
                time.sleep(0.1)


class _Clients:
    """Those that are being served, each by a thread."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._room = threading.BoundedSemaphore(_MOST_CLIENTS)
        self._served: dict[Socket, threading.Thread] = {}
        self._ending = False

    def wait_for_room(self) -> None:
        """Wait until one more may come."""
        self._room.acquire()

    def add(self, sock: Socket, name: str) -> None:
        """Serve one more."""
        thread = threading.Thread(target=self._serve, args=(sock, name), daemon=True)
        self._served[sock] = thread
        thread.start()

    def _serve(self, sock: Socket, name: str) -> None:
        try:
            with sock:
                sock.settimeout(PATIENCE)
                info = sock.info
                who = f", '{sock.peer.subject}'" if sock.peer else ""
                log(name, f"TLS {info.version}, {info.cipher}{who}")
                self._service.serve(sock, name)
                log(name, "done")
        except OSError as error:
            if not self._ending:
                log(name, error.strerror or str(error))
        finally:
            del self._served[sock]
            self._room.release()

    def end(self) -> None:
        """Have each thread say close_notify, which only who writes can say
        between two records; and leave who does not get to it."""
        self._ending = True
        served = list(self._served.items())
        for sock, _ in served:
            _stop_reading(sock)
        deadline = time.monotonic() + _FAREWELL
        for sock, thread in served:
            thread.join(max(0.0, deadline - time.monotonic()))
            sock.close()


def _stop_reading(sock: Socket) -> None:
    """Who waits for the client waits no more."""
    try:
        with socket.socket(fileno=os.dup(sock.fileno())) as plain:
            plain.shutdown(socket.SHUT_RD)
    except OSError as error:
        # The client has left, or its thread has closed it just now.
        if error.errno not in (errno.ENOTCONN, errno.EBADF):
            raise


def log(who: str, what: str) -> None:
    """A line on the standard error."""
    print(printable(f"{who} {what}"), file=sys.stderr, flush=True)
