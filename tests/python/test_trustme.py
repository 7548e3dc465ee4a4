"""trustme's own tests, from its source distribution, on our shim."""

import subprocess
import sys

TRUSTME = "trustme==1.2.1"

NOT_RUN = {
    "test_cli.py": "it tests trustme's command, and the shim is of its module: "
    "ours is `tlsmith issue`",
}

CONFTEST = """
import sys

import tlsmith.trustme

sys.modules["trustme"] = tlsmith.trustme
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
    for name in NOT_RUN:
        (theirs / name).unlink()
    files = sorted(path.name for path in theirs.glob("test_*.py"))
    assert files == ["test_trustme.py"]
    pytest = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-W", "error", "-rs"]
    out = run(*pytest, "--strict-markers", *files, cwd=theirs)
    assert "18 passed" in out and "skipped" not in out, out
