"""What the tests of faults share: the program that they disturb, and its peers."""

import contextlib
import os
import pathlib
import subprocess
import threading

import pytest

import tlsmith

HERE = pathlib.Path(__file__).parent
ROOT = HERE.parents[1]
LENGTH = 100_000
"""How many bytes the client sends, and gets back."""


@pytest.fixture(scope="session")
def subject(tmp_path_factory):
    """A function that makes the command line of subject.c."""
    library = (ROOT / os.environ.get("OUT", "target/c")).resolve()
    assert (library / "libtlsmith.so").exists(), (
        f"there is no C library in '{library}': run `make lib`, or set OUT to its folder"
    )
    program = tmp_path_factory.mktemp("subject") / "subject"
    subprocess.run(
        [os.environ.get("TEST_CC", "cc"), "-std=c11", "-Wall", "-Wextra", "-Werror", "-O1", "-g"]
        + ["-D_GNU_SOURCE", f"-I{ROOT / 'include'}", HERE / "subject.c", "-o", program]
        + [f"-L{library}", "-ltlsmith", f"-Wl,-rpath,{library}"],
        check=True,
    )
    return lambda *arguments: [str(program), *map(str, arguments)]


@pytest.fixture(scope="session")
def files(tmp_path_factory):
    """An authority in `ca.pem`, and what it issued for 127.0.0.1, in `cert.pem` and
    `key.pem`."""
    folder = tmp_path_factory.mktemp("files")
    ca = tlsmith.CA()
    (folder / "ca.pem").write_bytes(ca.cert.pem)
    identity = ca.issue("localhost", "127.0.0.1")
    (folder / "cert.pem").write_bytes(identity.chain_pem)
    (folder / "key.pem").write_bytes(identity.key_pem)
    return folder


@pytest.fixture
def echo(files):
    """A port where a server sends back what it gets, whatever its clients do."""
    identity = tlsmith.Identity.load(files / "cert.pem", files / "key.pem")
    server = tlsmith.Server(identity)
    with server.listen(("127.0.0.1", 0)) as listener:

        def answer(sock):
            with contextlib.suppress(tlsmith.Error, OSError), sock:
                sock.settimeout(20)
                while data := sock.recv():
                    sock.sendall(data)

        def serve():
            with contextlib.suppress(tlsmith.Error, OSError):
                for sock in listener:
                    threading.Thread(target=answer, args=[sock], daemon=True).start()

        threading.Thread(target=serve, daemon=True).start()
        yield listener.address[1]
