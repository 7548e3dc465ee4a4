"""What the tests of examples/ports share: building and running them, and servers in threads."""

import contextlib
import socket
import subprocess
import time
from pathlib import Path

from processes import PATIENCE, ROOT, c_program
from threads import thread

PORTS = ROOT / "examples/ports"
HERE = Path(__file__).parent / "ports"

# Also catches what is used after it was freed, which libevent's callbacks invite.
FLAGS = ["-Wpedantic", "-fsanitize=address", f"-I{PORTS}"]

MISUSED = 99
"""What AddressSanitizer ends a program with: memory used after it was freed, or never freed."""


def header(name, package):
    assert Path("/usr/include", name).exists(), f"{name} is missing: apt-get install {package}"


def build(source, tmp_path_factory, *options):
    folder = tmp_path_factory.mktemp(source.stem)
    return c_program(source, folder, *FLAGS, *options, standard="c11")


def run(program, *arguments, stdin=b"", cwd=None):
    path, environment = program
    done = subprocess.run(
        [str(part) for part in (path, *arguments)],
        input=stdin,
        capture_output=True,
        timeout=2 * PATIENCE,
        env={**environment, "ASAN_OPTIONS": f"exitcode={MISUSED}"},
        cwd=cwd,
        check=False,
    )
    assert done.returncode != MISUSED, done.stderr.decode()
    return done


@contextlib.contextmanager
def one_client(serve, start=b""):
    """A server in a thread for one client, whose socket `serve` gets; its port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(PATIENCE)

        def accept():
            sock, _ = listener.accept()
            with sock:
                sock.settimeout(PATIENCE)
                serve(sock)

        with thread(accept):
            yield listener.getsockname()[1]


def wait_for(condition):
    """Until it is true, or the test fails."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)
