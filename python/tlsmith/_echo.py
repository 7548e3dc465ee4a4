"""A server that sends back what it gets, in threads of its own."""

from __future__ import annotations

import socket
import threading

from . import Server
from ._errors import Error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self

    from . import Identity

_PATIENCE = 30.0
"""Seconds that a client may be silent."""


class EchoServer:
    """Listens on this computer from the beginning of a `with` block to its end.

    host  the name to connect to and to verify: "localhost"
    port  a free one
    """

    def __init__(self, identity: Identity) -> None:
        self._server = Server(identity)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._closing = False
        self.host = "localhost"
        self.port: int = self._listening.getsockname()[1]

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(self, *_exception: object) -> None:
        with self._lock:
            self._closing = True
            # Closing alone would leave accept() and recv() of the others waiting.
            for sock in (self._listening, *self._open):
                _shutdown(sock)
        for thread in self._threads:
            thread.join()
        self._listening.close()

    def _start(self, work: Callable[..., None], *arguments: socket.socket) -> None:
        thread = threading.Thread(target=work, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                plain, _ = self._listening.accept()
            except OSError:
                return
            with self._lock:
                if self._closing:
                    plain.close()
                    return
                # A second descriptor, since the first becomes the TLS socket's.
                handle = plain.dup()
                self._open.add(handle)
                self._start(self._echo, plain, handle)

    def _echo(self, plain: socket.socket, handle: socket.socket) -> None:
        plain.settimeout(_PATIENCE)
        try:
            with self._server.wrap(plain) as sock:
                while data := sock.recv():
                    sock.sendall(data)
        except Error:
            # Clients that refuse, that go away or say nothing are what tests are
            # about: they see it on their side.
            pass
        finally:
            with self._lock:
                self._open.discard(handle)
            handle.close()


def _shutdown(sock: socket.socket) -> None:
    try:
        sock.shutdown(socket.SHUT_RDWR)
    except OSError:
        # The other side was faster.
        pass
