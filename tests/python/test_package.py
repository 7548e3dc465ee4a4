"""The package: its import, its types, its examples."""

import os
import pathlib
import subprocess
import sys

import pytest

import tlsmith

ROOT = pathlib.Path(__file__).parents[2]
WITH_TOOLS = {
    **os.environ,
    "PATH": os.pathsep.join([os.path.dirname(sys.executable), os.environ["PATH"]]),
}
"""With the programs of this very environment."""


def test_importing_is_cheap_and_does_not_bring_ssl():
    program = """
import sys, time
before = time.process_time()
import tlsmith
spent = time.process_time() - before
assert not {"ssl", "_ssl", "cryptography", "asyncio"} & set(sys.modules), sys.modules
print(spent)
"""
    command = [sys.executable, "-c", program]
    spent = min(float(subprocess.check_output(command)) for _ in range(15))
    assert spent < 0.010, f"{spent * 1000:.1f} ms"


@pytest.mark.parametrize("name", ["aio", "ssl", "testing"])
def test_readme_names_exist_after_import(name):
    program = f"""
import sys
import tlsmith
assert "tlsmith.{name}" not in sys.modules
assert "{name}" in dir(tlsmith)
module = tlsmith.{name}
assert module is sys.modules["tlsmith.{name}"] and module.__all__
from tlsmith import {name}
assert {name} is module
"""
    subprocess.run([sys.executable, "-c", program], check=True)


def test_unknown_attribute_raises_attribute_error():
    with pytest.raises(AttributeError, match="module 'tlsmith' has no attribute 'nothing'"):
        _ = tlsmith.nothing
    with pytest.raises(ImportError, match="cannot import name 'nothing'"):
        exec("from tlsmith import nothing")


def test_type_stub_matches_the_extension():
    subprocess.run(
        [sys.executable, "-m", "mypy.stubtest", "tlsmith._tlsmith"],
        check=True,
        cwd=ROOT / "tests",
        env={**os.environ, "MYPY_CACHE_DIR": os.devnull},
    )


def test_the_package_keeps_to_its_own_types():
    options = ["--strict", "--cache-dir", os.devnull]
    command = [sys.executable, "-m", "mypy", *options, ROOT / "python/tlsmith"]
    subprocess.run(command, check=True)


def test_package_type_checks_under_pyright():
    command = ["pyright", "--project", ROOT, "--pythonpath", sys.executable, "--warnings"]
    done = subprocess.run(command, env=WITH_TOOLS, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("0 errors, 0 warnings"), done.stdout


def test_sources_pass_ruff():
    python = [ROOT / folder for folder in ("python", "tests", "benches", "examples/python")]
    for command in (["check"], ["format", "--check"]):
        subprocess.run(["ruff", *command, "--no-cache", *python], check=True, env=WITH_TOOLS)


def test_every_public_name_is_documented():
    for name in tlsmith.__all__:
        value = getattr(tlsmith, name)
        if name not in ("INSECURE", "__version__"):
            assert value.__doc__, name


def run(example, *arguments, **options):
    command = [sys.executable, ROOT / "examples/python" / example, *arguments]
    return subprocess.run(
        command, check=True, capture_output=True, text=True, timeout=60, **options
    ).stdout


def test_the_examples_make_certificates_and_talk(tmp_path):
    run("make_certs.py", "localhost", "127.0.0.1", cwd=tmp_path)
    server = [
        sys.executable,
        ROOT / "examples/python/echo_server.py",
        "0",
        "certs/localhost-combined.pem",
    ]
    with subprocess.Popen(server, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as process:
        try:
            port = process.stdout.readline().split()[-1]
            out = run("client.py", "localhost", port, "certs/ca.pem", cwd=tmp_path, input="hello\n")
            assert "hello" in out
            assert "TLS 1.3" in out
        finally:
            process.kill()


def test_the_example_of_a_request_makes_what_openssl_accepts(tmp_path):
    assert "ROOT CA" in run("request.py", cwd=tmp_path)
    verify = ["openssl", "verify", "-x509_strict", "-verify_hostname", "localhost"]
    command = [*verify, "-CAfile", "root.pem", "localhost.pem"]
    subprocess.run(command, check=True, cwd=tmp_path, capture_output=True)
    site = tlsmith.Identity.load(tmp_path / "localhost.pem", tmp_path / "localhost-key.pem")
    assert site.cert.key_type == "ed448"
    assert site.cert.signature_algorithm == "ed448"


@pytest.mark.parametrize("name", ["client.py", "echo_server.py", "make_certs.py", "request.py"])
def test_the_examples_are_short(name):
    lines = (ROOT / "examples/python" / name).read_text().splitlines()
    assert len([line for line in lines if line.strip()]) <= 20
