"""The command line as a program of its own, and its peers."""

import contextlib
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys

import pytest
from conftest import PATIENCE

COMMAND = [sys.executable, "-m", "tlsmith"]


def environment(**changes):
    """That of the tests, in plain English and without colours of its own."""
    kept = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "TERM")}
    return {**kept, "LC_ALL": "C.UTF-8", "TERM": "xterm", **changes}


class CommandLine:
    """`tlsmith` with an authority and a folder of its own."""

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.authority = self.directory / "authority"
        self.environment = environment(TLSMITH_CA=str(self.authority))

    def run(self, *arguments, code=0, text=True, **options):
        """Run a command to its end, which has to have this exit code."""
        if options.get("input") is None:
            options.setdefault("stdin", subprocess.DEVNULL)
        result = subprocess.run(
            [*COMMAND, *map(str, arguments)],
            capture_output=True,
            text=text,
            timeout=PATIENCE,
            cwd=self.directory,
            env=self.environment,
            **options,
        )
        assert result.returncode == code, (result.returncode, result.stdout, result.stderr)
        assert "Traceback" not in str(result.stderr), result.stderr
        return result

    def out(self, *arguments, **options):
        return self.run(*arguments, **options).stdout

    def json(self, *arguments, **options):
        return json.loads(self.out(*arguments, "--json", **options))

    def fails(self, *arguments, code=1):
        """The one line that it says when it fails."""
        result = self.run(*arguments, code=code)
        lines = result.stderr.splitlines()
        assert len(lines) == 1, result.stderr
        return lines[0]

    @contextlib.contextmanager
    def start(self, *arguments, **options):
        """Run a command until the block ends."""
        with subprocess.Popen(
            [*COMMAND, *map(str, arguments)],
            stdin=options.pop("stdin", subprocess.PIPE),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=self.directory,
            env=self.environment,
            **options,
        ) as process:
            try:
                yield process
            finally:
                process.kill()

    @contextlib.contextmanager
    def serve(self, *arguments):
        """`tlsmith serve` on a free port: the process, the port, what it announced."""
        with self.start("serve", "--port", "0", "--json", *arguments) as process:
            document = b""
            while not document.endswith(b"\n}\n"):
                line = process.stdout.readline()
                assert line, process.stderr.read()
                document += line
            announced = json.loads(document)
            yield process, announced["port"], announced


@pytest.fixture
def cli(tmp_path):
    return CommandLine(tmp_path)


def stop(process, number=signal.SIGINT):
    """Signal a process: its exit code and the rest of its output."""
    process.send_signal(number)
    # Its input stays open until it is gone: the end of that would be another goodbye.
    process.wait(timeout=PATIENCE)
    out, err = process.communicate()
    assert b"Traceback" not in err, err
    return process.returncode, out, err


def program(name, package=None):
    """A program that a test needs, and how to get it."""
    found = shutil.which(name)
    assert found, f"{name} is missing: apt-get install {package or name}"
    return found


def openssl(*arguments, **options):
    """Run openssl to its end: what it says."""
    result = subprocess.run(
        [program("openssl"), *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        **{"stdin": subprocess.DEVNULL, **options} if "input" not in options else options,
    )
    assert result.returncode == 0, (result.stdout, result.stderr)
    return result.stdout + result.stderr


@contextlib.contextmanager
def s_server(identity, directory, *options):
    """openssl s_server with an identity: the process and its port."""
    files = identity.write(directory)
    command = [
        *(program("openssl"), "s_server", "-accept", "127.0.0.1:0", "-naccept", "1"),
        *("-cert", files.cert, "-key", files.key),
        *options,
    ]
    if len(identity.chain) > 1:
        between = pathlib.Path(directory) / "between.pem"
        between.write_bytes(b"".join(cert.pem for cert in identity.chain[1:]))
        command += ["-cert_chain", str(between)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        try:
            while True:
                line = process.stdout.readline().decode()
                assert line, process.stderr.read()
                if line.startswith("ACCEPT 127.0.0.1:"):
                    break
            yield process, int(line.rpartition(":")[2])
        finally:
            process.kill()


@contextlib.contextmanager
def listener():
    """A plain listener on a free port."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(PATIENCE)
        yield listening, listening.getsockname()[1]
