"""The echo server of the pytest fixtures, in threads of its own."""

from __future__ import annotations

import threading

from . import Server
from ._errors import Error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self

    from . import Identity, Socket

_TIMEOUT = 30.0
"""Seconds that a client may be silent, or take for its handshake."""


class EchoServer:
    """Sends received data back, on localhost, for the duration of a `with` block.

    host  the name to connect to and to verify: "localhost"
    port  a free port
    """

    def __init__(self, identity: Identity) -> None:
        server = Server(identity)
        self._listener = server.listen(("127.0.0.1", 0), handshake_timeout=_TIMEOUT)
        self._lock = threading.Lock()
        self._open: set[Socket] = set()
        self._threads: list[threading.Thread] = []
        self._closing = False
        self.host = "localhost"
        self.port: int = self._listener.address[1]

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(self, *_exception: object) -> None:
        with self._lock:
            self._closing = True
            # This wakes the threads in accept() and recv().
            self._listener.close()
            for sock in self._open:
                sock.close()
        for thread in self._threads:
            thread.join()

    def _start(self, work: Callable[..., None], *arguments: Socket) -> None:
        thread = threading.Thread(target=work, args=arguments, daemon=True)
        thread.start()
        self._threads.append(thread)

    def _accept(self) -> None:
        for sock in self._listener:
            with self._lock:
                if self._closing:
                    sock.close()
                    return
                self._open.add(sock)
                try:
                    self._start(self._echo, sock)
                except RuntimeError:
                    # The system cannot start a thread: drop this client.
                    self._open.discard(sock)
                    sock.close()

    def _echo(self, sock: Socket) -> None:
        try:
            with sock:
                sock.settimeout(_TIMEOUT)
                while data := sock.recv():
                    sock.sendall(data)
        except Error:
            # Tests are about clients that reject the server, disconnect or stay silent.
            # They check it on their side.
            pass
        finally:
            with self._lock:
                self._open.discard(sock)
