"""What every peer of the matrix is, and how it is given its part of a cell."""

import contextlib
import fcntl
import functools
import json
import re
import subprocess
from pathlib import Path
from typing import NamedTuple

from columns import Column, Limit
from ends import UNTOLD, Seen, ask
from messages import parse, pattern, request
from processes import PATIENCE

import tlsmith

PASSWORD = "secret"
"""Of PKCS#12 files."""

USER = "alice@example.org"
"""Whom the certificates of clients are for."""


class Builds:
    """Programs that are built once for each process that runs tests, by one of them at
    a time: what the compiler keeps spares the others most of the work."""

    def __init__(self, factory):
        self._factory = factory
        self._built = {}

    def once(self, name, build):
        """What `build(pytest's factory of temporary folders)` gives, the first time."""
        if name not in self._built:
            lock = self._factory.getbasetemp().parent / f"{name}.lock"
            with lock.open("w") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                self._built[name] = build(self._factory)
        return self._built[name]


class Errand(NamedTuple):
    """What a peer needs for one cell.

    column  what to do
    folder  ca.pem, cert.pem and key.pem for the peer, and room for files of its own
    builds  programs that are built
    port    of tlsmith's server, for clients
    """

    column: Column
    folder: Path
    builds: Builds
    port: int = 0


class Told(NamedTuple):
    """A connection in the words of a peer that is the client: what it says about it, and
    the response, or None where it asked for nothing."""

    seen: Seen
    answer: object


class Peer:
    """A program of others.

    name    of its row
    role    of tlsmith, "server" or "client"
    heavy   whether `make interop` leaves it out
    limits  by the names of columns
    """

    name: str
    role: str
    heavy = False
    limits: dict[str, Limit] = {}

    def __repr__(self):
        return f"{self.name}-as-{'client' if self.role == 'server' else 'server'}"

    def version(self):
        """Of the program, which is missing where this fails."""
        raise NotImplementedError


class ClientPeer(Peer):
    """A peer whose client talks to tlsmith's server."""

    role = "server"

    def pages(self, column):
        """What tlsmith's server has to say on other paths than those of sizes."""
        return {}

    def sizes(self, column):
        """How many bytes it asks for, and how many it sends."""
        return column.size, column.size

    def talk(self, errand):
        """What it has to say about each of its connections."""
        raise NotImplementedError


class ServerPeer(Peer):
    """A peer whose server tlsmith's client talks to."""

    role = "client"

    def serving(self, errand):
        """A context: the server as `exchange` wants it, with a `port`."""
        raise NotImplementedError

    def exchange(self, server, sock, column):
        """Move the bytes of the column over a connection: what the server says about
        it.  By default in HTTP, and the server sends back what it gets."""
        answer = ask(sock, request(column.size))
        assert_is_pattern(answer.body, column.size)
        return Seen(**json.loads(answer.headers["x-seen"]))

    def told_at_end(self, folder):
        """What a server that tells it in no other way has reported about each of its
        connections, once it has ended; or None."""
        return None


class Running(NamedTuple):
    """A server that runs as a process."""

    port: int
    process: subprocess.Popen


def assert_is_pattern(data, size):
    """Without a difference of megabytes in the message."""
    assert len(data) == size, f"{len(data)} bytes came, {size} were asked for"
    assert data == pattern(size), "other bytes came than were sent"


def assert_agree(told, seen):
    """That the peer sees a connection as tlsmith does."""
    assert told.version in (UNTOLD, seen.version), f"the peer says TLS {told.version}"
    assert told.resumed in (UNTOLD, seen.resumed), f"the peer says resumed={told.resumed}"
    if told.client != UNTOLD:
        # Each program writes subjects in its own way.
        assert (USER in str(told.client)) == (seen.client is not None), f"it saw {told.client}"


def plain_version(name):
    """ "1.3" of "TLSv1.3", as most programs call it."""
    return re.sub(r"^TLS\s*v?", "", name)


@functools.cache
def first_match(expression, *command):
    """A part of what a program prints that tells its version."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    found = re.search(expression, done.stdout + done.stderr)
    assert found, f"{command[0]} does not tell its version: {done.stdout[:200]}{done.stderr[:200]}"
    return found.group(1)


def finish(command, folder, *, data=b"", **options):
    """Runs a program to its end with this as its input: what it printed."""
    return run(command, folder, data=data, **options)[0]


def run(command, folder, *, data=b"", **options):
    """Like finish(): what it printed, and the text that it wrote to its standard error."""
    process = subprocess.run(
        [str(part) for part in command],
        input=data,
        capture_output=True,
        timeout=2 * PATIENCE,
        cwd=folder,
        check=False,
        **options,
    )
    complaint = process.stderr.decode(errors="replace")
    assert process.returncode == 0, (
        f"{command[0]} ended with {process.returncode}: {complaint[-2000:]}"
    )
    return process.stdout, complaint


def write_pkcs12(folder):
    """The peer's certificate and its key once more, in the file "own.p12"."""
    own = tlsmith.Identity.load(folder / "cert.pem", folder / "key.pem")
    (folder / "own.p12").write_bytes(own.pkcs12(PASSWORD))


def told(seen, answer):
    """From the bytes of a response."""
    return Told(seen, parse(answer))


def told_in_lines(folder, lines):
    """From the lines of JSON that the programs in programs/ print, one for each
    connection, whose responses are in files."""
    return [
        told(Seen(**json.loads(line)), (folder / f"answer-{number}").read_bytes())
        for number, line in enumerate(lines.splitlines())
    ]


@contextlib.contextmanager
def announcing(command, folder, **options):
    """A server that prints the port of its choice as its first line."""
    with (folder / "output.log").open("wb") as log:
        process = subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            cwd=folder,
            **options,
        )
    try:
        line = process.stdout.readline()
        assert line.strip().isdigit(), (folder / "output.log").read_text() or line
        yield Running(int(line), process)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
