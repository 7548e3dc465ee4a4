"""What the command line warns of: certificates that not everybody accepts."""

import pytest
from commandline import cli
from test_cli_files import request

__all__ = ["cli"]


def warnings(cli, *command):
    """The warnings of a command that succeeds, which JSON repeats."""
    result = cli.run(*command)
    lines = result.stderr.splitlines()
    prefix = f"tlsmith {command[0]}: warning: "
    assert all(line.startswith(prefix) for line in lines), lines
    return [line.removeprefix(prefix) for line in lines]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["a.test"], []),
        (["*.a.test"], []),
        (["*.test"], ["'*.test' matches no host"]),
        (["a.test", "*.localhost"], ["'*.localhost' matches no host"]),
        (["a.test", "--days", "398"], []),
        (["a.test", "--days", "399"], ["399 days: browsers reject more than 398"]),
        (["a.test", "--days", "825"], ["except from roots that the user installed"]),
        (["a.test", "--days", "826"], ["826 days: Apple's systems reject"]),
        (["*.test", "--days", "3000"], ["matches no host", "Apple"]),
        # Clients' certificates are no browser's business.
        (["alice@a.test", "--days", "3000"], []),
        (["a.test", "--client", "--days", "3000"], []),
    ],
)
def test_issue_warns_of_what_is_not_accepted(cli, arguments, words):
    said = warnings(cli, "issue", *arguments)
    assert len(said) == len(words)
    assert all(word in warning for word, warning in zip(words, said, strict=True)), said
    assert cli.json("issue", *arguments)["warnings"] == said


def test_wildcard_that_is_warned_of_is_refused(cli):
    cli.run("issue", "*.test")
    check = ("inspect", "_.test.pem", "--verify", "--ca", "ca.pem", "--host", "a.test")
    assert cli.json(*check, code=1)["verification"]["error"]["code"] == "verify.name_mismatch"
    assert "matches no host" in warnings(cli, "csr", "*.example")[0]


@pytest.mark.parametrize(
    ("subject", "names"),
    [
        ("/CN=one.example", ["one.example"]),
        ("/O=Example/CN=ONE.example/CN=*.example.test", ["one.example", "*.example.test"]),
        ("/CN=Alice/CN=one.example", ["alice", "one.example"]),
        ("/CN=Alice Smith/CN=one.example", ["one.example"]),
        ("/CN=Alice Smith", []),
        ("/CN=192.0.2.1", []),
        ("/CN=alice@one.example", []),
        ("/CN=https:\\/\\/one.example", []),
        ("/CN=one.example\\, two.example", []),
        ("/CN=-one.example", []),
        ("/O=Example", []),
    ],
)
def test_sign_takes_hosts_from_common_names_or_warns(cli, subject, names):
    request(cli, "r-csr.pem", subject)
    said = cli.json("sign", "r-csr.pem")
    assert said["certificate"]["names"] == names
    (warning,) = said["warnings"]
    assert "has no subject alternative name" in warning
    assert ("browsers reject it for every" in warning) == (not names)
    assert all(name in warning.lower() for name in names)
    # A client's certificate needs no host.
    said = cli.json("sign", "r-csr.pem", "--client", "--out", "client.pem")
    assert (said["certificate"]["names"], said["warnings"]) == ([], [])


def test_sign_takes_no_common_name_beside_alternative_names(cli):
    request(cli, "r-csr.pem", "/CN=one.example", "subjectAltName=DNS:two.example")
    assert cli.json("sign", "r-csr.pem")["certificate"]["names"] == ["two.example"]
    said = cli.json("sign", "r-csr.pem", "--name", "three.example", "--force")
    assert said["certificate"]["names"] == ["three.example"]


def test_requests_without_names_get_files_of_their_own(cli):
    for host in ("one.example", "two.example"):
        request(cli, f"{host}.csr", f"/CN={host}")
        assert cli.json("sign", f"{host}.csr")["files"]["cert"] == f"./{host}.pem"
    assert not (cli.directory / "identity.pem").exists()


@pytest.mark.parametrize(
    ("options", "subject"),
    [
        (["--name", "ROOT CA"], "CN=ROOT CA"),
        (["--name", "A, B", "--organization", "Example"], "CN=A\\, B,O=Example"),
    ],
)
def test_ca_init_names_exactly_what_is_given(cli, options, subject):
    assert cli.json("ca", "init", *options)["subject"] == subject


def test_ca_init_without_name_uses_the_user(cli):
    subject = cli.json("ca", "init")["subject"]
    assert subject.startswith("CN=tlsmith CA ")
    assert "@" in subject
