"""The wheel with the C library in it: what a C program needs comes by pip."""

import os
import pathlib
import shutil
import subprocess
import sys
import venv

import pytest

ROOT = pathlib.Path(__file__).parents[2]
PATIENCE = 600


def run(*command, **options):
    done = subprocess.run(
        command, check=False, capture_output=True, text=True, timeout=PATIENCE, **options
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A fresh environment with the wheel in it: its programs."""
    if shutil.which("pkg-config") is None:
        pytest.fail("there is no pkg-config: apt-get install pkg-config")
    # The environment of the tests is there already.
    here = pathlib.Path(sys.prefix)
    run("make", "wheel", f"VENV={here}", cwd=ROOT)
    (wheel,) = (ROOT / "target/c/wheels").glob("tlsmith-*.whl")
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


def test_the_folder_of_cmake_is_there(installed):
    folder = pathlib.Path(run(installed / "tlsmith-config", "--cmakedir").strip())
    assert (folder / "tlsmith-config.cmake").is_file()
