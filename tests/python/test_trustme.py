"""trustme's own tests, from its source distribution, on our shim, and our command."""

import stat
import subprocess
import sys

import pytest

import tlsmith

TRUSTME = "trustme==1.2.1"

NOT_RUN = {
    "test_trustme_cli_e2e": "it starts `python -m trustme`, which a shim cannot be: "
    "below, a test starts `python -m tlsmith.trustme`",
}

CONFTEST = """
import sys

import tlsmith._trustme_cli
import tlsmith.trustme

sys.modules["trustme"] = tlsmith.trustme
sys.modules["trustme._cli"] = tlsmith._trustme_cli
"""


def run(*command, **options):
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_trustmes_own_tests_pass_on_the_shim(tmp_path):
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet"]
    run(*pip, "--no-deps", "--no-binary", "trustme", "--dest", tmp_path, TRUSTME)
    (sdist,) = tmp_path.glob("trustme-*.tar.gz")
    run("tar", "-xzf", sdist, "-C", tmp_path)
    theirs = tmp_path / sdist.name.removesuffix(".tar.gz") / "tests"
    (theirs / "conftest.py").write_text(CONFTEST)
    files = sorted(path.name for path in theirs.glob("test_*.py"))
    assert files == ["test_cli.py", "test_trustme.py"]
    pytest = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-W", "error", "-rs"]
    skipped = [f"--deselect=tests/test_cli.py::{name}" for name in NOT_RUN]
    out = run(*pytest, "--strict-markers", *skipped, *files, cwd=theirs)
    assert "27 passed, 1 deselected" in out and "skipped" not in out, out


COMMAND = [sys.executable, "-m", "tlsmith.trustme"]


@pytest.mark.parametrize("kind", ["ECDSA", "RSA"])
def test_the_command_makes_the_files_of_trustmes(tmp_path, kind):
    out = run(*COMMAND, "-k", kind, "-i", "a.example", "b.example", cwd=tmp_path)
    assert "Generated a certificate for 'a.example', 'b.example'\n" in out
    names = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert names == {"server.pem": 0o644, "server.key": 0o600, "client.pem": 0o644}
    assert all(f"={tmp_path / name}\n" in out for name in names)
    site = tlsmith.Identity.load(tmp_path / "server.pem", tmp_path / "server.key")
    assert site.cert.names == ("a.example", "b.example")
    assert site.cert.key_type == {"ECDSA": "ecdsa-p256", "RSA": "rsa-2048"}[kind]
    tlsmith.Trust.roots(tmp_path / "client.pem").verify(site, hostname="b.example")


def test_trustme_command_honours_dir_and_quiet(tmp_path):
    options = ["-q", "--common-name", "x", "--expires-on", "2999-12-31"]
    assert run(*COMMAND, "-d", tmp_path, *options) == ""
    cert = tlsmith.load_certificate(tmp_path / "server.pem")
    assert cert.names == ("localhost", "127.0.0.1", "::1")
    assert cert.subject.startswith("CN=x,") and cert.not_after.year == 2999


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["-d", "missing"], "--dir=missing is not a directory"),
        (["-i"], "Must include at least one identity"),
        (["-x", "tomorrow"], "does not match format"),
        (["-x", "1999-01-01"], "which is not after not_before"),
    ],
)
def test_trustme_command_reports_errors_in_one_line(tmp_path, options, sentence):
    done = subprocess.run([*COMMAND, *options], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1 and sentence in done.stderr
    assert len(done.stderr.splitlines()) == 1 and list(tmp_path.iterdir()) == []
