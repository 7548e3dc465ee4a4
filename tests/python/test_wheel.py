"""The wheel with the C library in it: what a C program needs comes by pip."""

import os
import pathlib
import shutil
import subprocess
import sys
import venv

import pytest

ROOT = pathlib.Path(__file__).parents[2]
PATIENCE = 1800


def run(*command, **options):
    done = subprocess.run(
        command, check=False, capture_output=True, text=True, timeout=PATIENCE, **options
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """What `make wheel` makes, of the records that RECORDS names."""
    wheels = tmp_path_factory.mktemp("wheels")
    # The environment of the tests is there already.
    run("make", "wheel", f"VENV={sys.prefix}", f"WHEELS={wheels}", cwd=ROOT)
    (wheel,) = wheels.glob("tlsmith-*.whl")
    return wheel


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """A fresh environment with the wheel in it: its programs."""
    if shutil.which("pkg-config") is None:
        pytest.fail("pkg-config was not found: apt-get install pkg-config")
    home = tmp_path_factory.mktemp("wheel") / "venv"
    venv.create(home, with_pip=False)
    run(sys.executable, "-m", "pip", "--python", home / "bin/python", "install", "-q", wheel)
    return home / "bin"


def test_a_c_program_is_built_against_the_wheel_and_runs(installed, tmp_path):
    flags = run(installed / "tlsmith-config", "--cflags", "--libs").split()
    program = tmp_path / "make_certs"
    run("cc", ROOT / "examples/c/make_certs.c", "-o", program, *flags)
    alone = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    run(program, cwd=tmp_path, env=alone)
    made = {path.name for path in tmp_path.iterdir()}
    assert any(name.endswith(".pem") for name in made), made


def test_the_c_library_is_the_version_of_the_package(installed):
    version = run(installed / "python", "-c", "import tlsmith; print(tlsmith.__version__)")
    assert run(installed / "tlsmith", "config", "--version") == version


def test_config_prints_the_cmake_folder(installed):
    folder = pathlib.Path(run(installed / "tlsmith-config", "--cmakedir").strip())
    assert (folder / "tlsmith-config.cmake").is_file()


def test_the_source_distribution_builds_without_the_network(tmp_path):
    maturin = pathlib.Path(sys.executable).parent / "maturin"
    run(maturin, "sdist", "--out", tmp_path, cwd=ROOT)
    (sdist,) = tmp_path.glob("*.tar.gz")
    # Cargo has what its lock file names already, and is to ask for nothing else; what
    # it made of the checkout is not to be taken for what it makes of this.
    target = ROOT / "target/sdist"
    offline = {"CARGO_NET_OFFLINE": "true", "CARGO_TARGET_DIR": str(target)}
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps"]
    run(*pip, "--wheel-dir", tmp_path, sdist, env={**os.environ, **offline})
    assert list(tmp_path.glob("tlsmith-*-cp311-abi3-*.whl"))


TALK = """
import socket, ssl, threading, tlsmith, tlsmith.ssl
ca = tlsmith.CA()
server = tlsmith.ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
ca.issue("localhost").configure(server)
near, far = socket.socketpair()

def serve():
    with server.wrap_socket(far, server_side=True) as sock:
        sock.sendall(sock.recv(100))

thread = threading.Thread(target=serve)
thread.start()
with tlsmith.Client(trust=ca).wrap(near, "localhost") as sock:
    sock.sendall(b"hello")
    print(sock.recv().decode(), sock.info.version)
thread.join()
"""


def others():
    """The other versions of CPython that are here."""
    for version in ("3.12", "3.13", "3.14"):
        python = shutil.which(f"python{version}")
        if python and not subprocess.run([python, "-c", ""], capture_output=True).returncode:
            yield python


@pytest.mark.parametrize("python", [sys.executable, *others()])
def test_one_wheel_is_for_every_version_of_cpython(wheel, installed, python):
    assert "-cp311-abi3-" in wheel.name
    # Extensions are not loaded from an archive: this is where it was unpacked.
    (packages,) = installed.parent.glob("lib/python*/site-packages")
    assert run(python, "-c", TALK, env={**os.environ, "PYTHONPATH": str(packages)}) == "hello 1.3\n"
