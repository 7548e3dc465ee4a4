"""A server that sends back what it gets, in threads of its own."""

from __future__ import annotations

import threading

from . import Server
from ._errors import Error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self

    from . import Identity, Socket

_PATIENCE = 30.0
"""Seconds that a client may be silent."""


class EchoServer:
    """Listens on this computer from the beginning of a `with` block to its end.

    host  the name to connect to and to verify: "localhost"
    port  a free one
    """

    def __init__(self, identity: Identity) -> None:
        server = Server(identity)
        self._listening = server.listen(("127.0.0.1", 0), handshake_timeout=_PATIENCE)
        self._lock = threading.Lock()
        self._open: set[Socket] = set()
        self._threads: list[threading.Thread] = []
        self._closing = False
        self.host = "localhost"
        self.port: int = self._listening.address[1]

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(self, *_exception: object) -> None:
        with self._lock:
            self._closing = True
            # This wakes those that wait in accept() and recv().
            self._listening.close()
            for sock in self._open:
                sock.close()
        for thread in self._threads:
            thread.join()

    def _start(self, work: Callable[..., None], *arguments: Socket) -> None:
        thread = threading.Thread(target=work, args=arguments, daemon=True)
        thread.start()
        self._threads.append(thread)

    def _accept(self) -> None:
        for sock in self._listening:
            with self._lock:
                if self._closing:
                    sock.close()
                    return
                self._open.add(sock)
                try:
                    self._start(self._echo, sock)
                except RuntimeError:
                    # The system has no thread left: this client is turned away.
                    self._open.discard(sock)
                    sock.close()

    def _echo(self, sock: Socket) -> None:
        try:
            with sock:
                sock.settimeout(_PATIENCE)
                while data := sock.recv():
                    sock.sendall(data)
        except Error:
            # Clients that refuse, that go away or say nothing are what tests are
            # about: they see it on their side.
            pass
        finally:
            with self._lock:
                self._open.discard(sock)
