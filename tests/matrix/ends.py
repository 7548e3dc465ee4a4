"""tlsmith's two ends: a server whose clients are the peers, and a client of theirs."""

import contextlib
import json
import threading
from typing import NamedTuple

from messages import pattern, read_message, response
from processes import PATIENCE
from threads import thread

import tlsmith


class Seen(NamedTuple):
    """A connection as one of its sides sees it.

    version  "1.2" or "1.3"
    resumed  whether it continues an earlier session
    client   the subject of the client's certificate, or None

    A peer that does not tell one of them leaves it to `UNTOLD`.
    """

    version: str
    resumed: bool
    client: str | None


UNTOLD = "untold"


class Served(NamedTuple):
    """A connection that a client of tlsmith's server made.

    seen     what was agreed
    request  None where the client sent none
    """

    seen: Seen
    request: object


def seen_by(sock):
    """The facts of a connection of tlsmith's, on a server."""
    info = sock.info
    certificate = sock.peer
    return Seen(info.version, info.resumed, certificate.subject if certificate else None)


class Server:
    """tlsmith as a server in threads of its own.  It answers `GET /SIZE` and
    `POST /SIZE` with as many bytes, and tells in the header X-Seen how it sees the
    connection.  Other paths are those of `pages`: their bodies, which are HTML."""

    def __init__(self, identity, version, client_trust=None, pages=()):
        settings = tlsmith.Server(
            identity, client_trust=client_trust, min_version=version, max_version=version
        )
        self.served = []
        self.failures = []
        self._pages = dict(pages)
        self._listener = settings.listen(("127.0.0.1", 0), handshake_timeout=PATIENCE)
        self._threads = []
        self._open = set()
        self._lock = threading.Lock()
        self._accepting = threading.Thread(target=self._accept, daemon=True)

    @property
    def port(self):
        return self._listener.address[1]

    def __enter__(self):
        self._accepting.start()
        return self

    def __exit__(self, *_exception):
        self._listener.close()
        self._accepting.join(PATIENCE)
        with self._lock:
            for sock in self._open:
                sock.close()
        for one in self._threads:
            one.join(PATIENCE)

    def finished(self):
        """Waits until each connection so far has ended, whose clients are gone: what
        became of them, in their order."""
        for one in list(self._threads):
            one.join(PATIENCE)
            assert not one.is_alive(), "the client has ended, but not its connection"
        return self.served

    def _accept(self):
        for sock in self._listener:
            serving = threading.Thread(target=self._serve, args=(sock,), daemon=True)
            self._threads.append(serving)
            serving.start()

    def _serve(self, sock):
        with self._lock:
            self._open.add(sock)
        try:
            with sock:
                sock.settimeout(PATIENCE)
                self._answer(sock)
        except Exception as error:
            self.failures.append(error)
        finally:
            with self._lock:
                self._open.discard(sock)

    def _answer(self, sock):
        seen = seen_by(sock)
        request = read_message(sock.recv)
        with self._lock:
            self.served.append(Served(seen, request))
        if request is None:
            return
        path = request.start.split()[1]
        told = json.dumps(seen._asdict())
        if path in self._pages:
            answer = response(self._pages[path], Content_Type="text/html", X_Seen=told)
        else:
            answer = response(pattern(int(path.removeprefix("/"))), X_Seen=told)
        sock.sendall(answer)
        sock.close_write()
        # Closing before the client has read it all could destroy the rest.  How the
        # client ends is up to it.
        with contextlib.suppress(tlsmith.Error):
            while sock.recv():
                pass


def client(ca, version, identity=None):
    """tlsmith as a client, which resumes the sessions that it gets."""
    return tlsmith.Client(trust=ca, identity=identity, min_version=version, max_version=version)


def connect(of, port):
    """A connection of this client to a peer."""
    return of.connect(("127.0.0.1", port), server_name="localhost", timeout=PATIENCE)


def sending(sock, data):
    """Sends from a thread of its own: reading goes on meanwhile, so that a peer that
    answers before it has read everything cannot block both sides."""
    return thread(lambda: sock.sendall(data))


def receive(sock, size):
    """Exactly so many bytes."""
    parts, missing = [], size
    while missing:
        part = sock.recv(min(missing, 1 << 20))
        assert part, f"the peer closed the connection {missing} bytes early"
        parts.append(part)
        missing -= len(part)
    return b"".join(parts)


def ask(sock, request):
    """The peer's response to this request."""
    with sending(sock, request):
        answer = read_message(sock.recv)
    assert answer is not None, "the peer closed the connection instead of answering"
    assert " 200 " in answer.start, answer.start
    return answer
