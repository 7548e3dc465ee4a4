"""The command line as a whole: its help, its usage, its pipes."""

import json
import os
import pathlib
import shutil
import subprocess
import sys

import pytest
from commandline import COMMAND, PATIENCE, cli, environment, program

import tlsmith

__all__ = ["cli"]

ROOT = pathlib.Path(__file__).parents[2]
VERBS = [
    "connect",
    "serve",
    "ca",
    "issue",
    "key",
    "csr",
    "sign",
    "revoke",
    "crl",
    "inspect",
    "config",
    "version",
]


@pytest.mark.parametrize("verb", VERBS)
def test_the_help_of_each_verb_has_examples_that_parse(cli, verb):
    text = cli.out(verb, "--help")
    assert "--json" in text
    examples = text.partition("examples:\n")[2].splitlines()
    assert len(examples) >= 2
    assert verb in cli.out("--help")
    assert any(f"tlsmith {verb}" in line for line in examples)
    assert max(map(len, text.splitlines())) <= 100


def test_the_program_and_the_module_are_the_same(cli):
    script = pathlib.Path(sys.executable).parent / "tlsmith"
    said = subprocess.check_output([script, "version", "--json"], text=True)
    assert json.loads(said) == cli.json("version")


def test_the_versions_are_those_that_are_pinned(cli):
    said = cli.json("version")
    assert said["tlsmith"] == tlsmith.__version__
    assert set(said) == {"tlsmith", "rustls", "aws-lc-rs", "aws-lc-sys", "target", "python"}
    assert tlsmith.build_info() == {key: said[key] for key in said if key != "python"}
    lock = (ROOT / "Cargo.lock").read_text()
    for name in ("rustls", "aws-lc-rs", "aws-lc-sys"):
        assert f'name = "{name}"\nversion = "{said[name]}"\n' in lock
    assert f"rustls     {said['rustls']}" in cli.out("version").splitlines()


@pytest.mark.parametrize(
    "arguments", [[], ["nonsense"], ["version", "more"], ["version", "--nonsense"], ["--version"]]
)
def test_bad_usage_is_one_line_and_code_2(cli, arguments):
    assert "--help" in cli.fails(*arguments, code=2)


def test_json_reports_failures(cli):
    result = cli.run("inspect", "missing.pem", "--json", code=2)
    said = json.loads(result.stdout)
    assert said["error"]["code"] == "usage"
    assert said["error"]["message"] in result.stderr


def test_closed_output_pipe_ends_command_quietly(cli):
    cli.run("issue", "localhost")
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as pipe:
        result = subprocess.run(
            [*COMMAND, "inspect", "localhost.pem"],
            stdout=pipe,
            stderr=subprocess.PIPE,
            cwd=cli.directory,
            timeout=PATIENCE,
        )
    assert (result.returncode, result.stderr) == (141, b"")


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_standard_files_that_are_closed_are_no_failure(cli, closed):
    shell = ["sh", "-c", f'"$@" {closed}', "sh", *COMMAND, "issue", "localhost"]
    done = subprocess.run(shell, cwd=cli.directory, env=cli.environment, capture_output=True)
    assert (done.returncode, done.stderr) == (0, b"")
    assert (cli.directory / "localhost.pem").is_file()


def test_error_names_argument_that_is_not_text(cli):
    for arguments in (("issue", b"caf\xe9"), ("connect", b"caf\xe9:1")):
        command = [*COMMAND, *arguments]
        done = subprocess.run(command, env=cli.environment, capture_output=True, text=True)
        assert done.returncode == 2
        assert "is not valid text" in done.stderr and len(done.stderr.splitlines()) == 1, (
            done.stderr
        )


def test_files_may_have_any_name(cli):
    cli.run("issue", "localhost")
    os.rename(cli.directory / "localhost.pem", os.fsencode(cli.directory) + b"/caf\xe9.pem")
    for options in ((), ("--json",)):
        command = [*COMMAND, "inspect", b"caf\xe9.pem", *options]
        done = subprocess.run(
            command, env=cli.environment, cwd=cli.directory, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        assert "localhost" in done.stdout


def test_a_url_is_not_a_host(cli):
    said = cli.fails("connect", "https://localhost/", code=2)
    assert "'https://localhost/' is a URL: write HOST:PORT" in said


def test_an_output_that_is_full_is_a_failure(cli):
    for buffering in ({"PYTHONUNBUFFERED": "1"}, {"PYTHONUNBUFFERED": ""}):
        with open("/dev/full", "wb") as full:
            result = subprocess.run(
                [*COMMAND, "version"],
                stdout=full,
                stderr=subprocess.PIPE,
                timeout=PATIENCE,
                env=environment(**buffering),
                text=True,
            )
        assert result.returncode == 1
        assert result.stderr.startswith("tlsmith")
        assert result.stderr.endswith(": No space left on device\n")
        assert len(result.stderr.splitlines()) == 1


def test_starting_is_quick_and_brings_neither_ssl_nor_http(cli):
    code = "import sys; from tlsmith.cli import main; main(['version']); print(*sys.modules)"
    loaded = subprocess.check_output([sys.executable, "-c", code], text=True).split()
    assert not {"ssl", "http.server", "asyncio", "cryptography"} & set(loaded)


@pytest.fixture
def installed(tmp_path):
    """What `make install` leaves of the C library, as far as flags go."""
    prefix = tmp_path / "prefix"
    (prefix / "lib/pkgconfig").mkdir(parents=True)
    (prefix / "lib/cmake/tlsmith").mkdir(parents=True)
    text = (ROOT / "packaging/tlsmith.pc.in").read_text()
    for name, value in {
        "PREFIX": prefix,
        "LIBDIR": prefix / "lib",
        "INCLUDEDIR": prefix / "include",
        "VERSION": "7.8.9",
        "SYSTEM_LIBS": "-lm -ldl",
    }.items():
        text = text.replace(f"@{name}@", str(value))
    (prefix / "lib/pkgconfig/tlsmith.pc").write_text(text)
    shutil.copy(
        ROOT / "packaging/tlsmith-config.cmake.in",
        prefix / "lib/cmake/tlsmith/tlsmith-config.cmake",
    )
    return prefix


def test_flags_are_those_of_the_library_that_is_installed(cli, installed):
    program("pkg-config")
    cli.environment["PKG_CONFIG_PATH"] = str(installed / "lib/pkgconfig")
    assert cli.out("config", "--cflags", "--libs").split() == [
        f"-I{installed}/include",
        f"-L{installed}/lib",
        "-ltlsmith",
    ]
    assert cli.out("config", "--version") == "7.8.9\n"
    assert "-lm" in cli.out("config", "--static", "--libs").split()
    assert cli.json("config", "--cmakedir", "--pkgconfigdir", "--includedir") == {
        "includedir": f"{installed}/include",
        "cmakedir": f"{installed}/lib/cmake/tlsmith",
        "pkgconfigdir": f"{installed}/lib/pkgconfig",
    }
    assert f"libdir       {installed}/lib" in cli.out("config").splitlines()
    (installed / "lib/cmake/tlsmith/tlsmith-config.cmake").unlink()
    assert "tlsmith-config.cmake" in cli.fails("config", "--cmakedir")


def test_config_without_library_says_how_to_install(cli, tmp_path):
    cli.environment["PKG_CONFIG_LIBDIR"] = str(tmp_path)
    line = cli.fails("config", "--cflags")
    assert "make install" in line
    assert "PKG_CONFIG_PATH" in line
    cli.environment["PKG_CONFIG"] = str(tmp_path / "none")
    assert str(tmp_path / "none") in cli.fails("config", "--libs")


def test_config_reports_missing_pkg_config(tmp_path):
    alone = environment(PATH=str(tmp_path))
    result = subprocess.run(
        [*COMMAND, "config", "--libs"], capture_output=True, text=True, env=alone, timeout=PATIENCE
    )
    assert result.returncode == 1
    assert "pkg-config was not found" in result.stderr
