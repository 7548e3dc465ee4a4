"""What a suite runs in: interpreters, virtual environments and sources, all of them below
one folder and made once."""

import pathlib
import shutil
import subprocess
import sys
import tarfile

from suites import PYTEST

HAS_TESTS = "import sys, test.support; print('%d.%d' % sys.version_info[:2])"


def interpreters():
    """Every Python from 3.11 on that has the `test` package, by its version: this one,
    those on the PATH, and those of pyenv."""
    candidates = [sys.executable, *(shutil.which(f"python3.{minor}") for minor in range(11, 20))]
    versions = pathlib.Path.home() / ".pyenv/versions"
    candidates += sorted(versions.glob("3.*/bin/python"), key=str)
    found = {}
    for candidate in filter(None, candidates):
        command = [candidate, "-c", HAS_TESTS]
        answer = subprocess.run(command, capture_output=True, text=True)
        version = answer.stdout.strip()
        if answer.returncode == 0 and tuple(map(int, version.split("."))) >= (3, 11):
            found.setdefault(version, str(candidate))
    if not found:
        sys.exit(
            "no Python has the `test` package: apt-get install libpython3-testsuite, or "
            "build one with its test modules"
        )
    return found


def environment(folder, python, suite):
    """The Python of a virtual environment with the package of a suite."""
    packages = [one for one in (*PYTEST, suite.package, *suite.needs) if one]
    wanted = "\n".join((str(python), *packages))
    ready = folder / "ready"
    if not ready.exists() or ready.read_text() != wanted:
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run([python, "-m", "venv", folder], check=True)
        install = [folder / "bin/python", "-m", "pip", "install", "--quiet", *packages]
        subprocess.run(install, check=True)
        ready.write_text(wanted)
    return folder / "bin/python"


def source(folder, python, suite):
    """The tests out of the source distribution of a suite's package."""
    name = suite.package.partition("==")[0]
    wanted = "\n".join((suite.package, *suite.files))
    ready = folder / "ready"
    if ready.exists() and ready.read_text() == wanted:
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    download = folder / "download"
    command = [python, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", name]
    subprocess.run([*command, "--dest", download, suite.package], check=True)
    [archive] = download.iterdir()
    with tarfile.open(archive) as tar:
        for member in tar.getmembers():
            _, _, path = member.name.partition("/")
            if any(path == one or path.startswith(f"{one}/") for one in suite.files):
                member.name = path
                tar.extract(member, folder, filter="data")
    shutil.rmtree(download)
    ready.write_text(wanted)
    return folder


def folder_of(python, kind):
    """The folder of installed packages ("purelib") or of the standard library ("stdlib")."""
    code = f"import sysconfig; print(sysconfig.get_path({kind!r}))"
    answer = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True)
    return pathlib.Path(answer.stdout.strip())
