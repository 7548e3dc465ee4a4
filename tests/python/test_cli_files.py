"""Which files the command line writes, and which it leaves alone."""

import os
import pathlib
import resource

import pytest
from commandline import cli, openssl

import tlsmith

__all__ = ["cli"]


def contents(directory):
    """Every file below a directory."""
    paths = sorted(path for path in pathlib.Path(directory).rglob("*") if path.is_file())
    return {str(path.relative_to(directory)): path.read_bytes() for path in paths}


def request(cli, file, subject="/CN=x", *extensions, key="stranger-key.pem"):
    """A stranger's request, which OpenSSL makes."""
    new = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc", "-keyout", key)
    added = [part for extension in extensions for part in ("-addext", extension)]
    openssl("req", "-new", *new, "-out", file, "-subj", subject, *added, cwd=cli.directory)


ROLES = ["www.example.test-key", "www.example.test-chain", "www.example.test-combined"]


@pytest.mark.parametrize("name", [*ROLES, "www.example.test", "ca", "ca-key"])
def test_request_does_not_choose_the_names_of_files(cli, name):
    cli.run("issue", "www.example.test")
    cli.run("csr", "www.example.test", "--out", "requests")
    request(cli, "evil-csr.pem", "/CN=evil", f"subjectAltName=DNS:{name}")
    for folder in (cli.directory, cli.authority):
        before = contents(folder)
        said = cli.json("sign", cli.directory / "evil-csr.pem", "--out", folder)
        assert said["certificate"]["names"] == [name]
        written = {"evil.pem", "evil-chain.pem", "ca.pem"}
        assert {os.path.basename(path) for path in said["files"].values() if path} == written
        after = contents(folder)
        assert before.items() <= after.items()
        assert set(after) - set(before) <= {
            f"{prefix}evil{end}.pem" for prefix in ("", "authority/") for end in ("", "-chain")
        }
    cli.run("issue", "later.example.test")


@pytest.mark.parametrize("role", ["-key", "-chain", "-combined", "-csr"])
def test_host_named_like_a_role_gets_its_own_files(cli, role):
    cli.run("issue", "www.test")
    before = contents(cli.directory)
    said = cli.json("issue", f"www.test{role}")
    assert said["files"]["cert"] == f"./www.test{role}_.pem"
    assert before.items() <= contents(cli.directory).items()


@pytest.mark.parametrize("name", ["ca", "ca-key", "CA"])
def test_host_named_ca_does_not_overwrite_the_root(cli, name):
    cli.run("ca", "init")
    before = contents(cli.authority)
    for verb in ("issue", "csr"):
        cli.run(verb, name, "--force", "--out", cli.authority)
        assert before.items() <= contents(cli.authority).items()


def test_authority_is_not_replaced_even_by_force(cli):
    cli.run("ca", "init")
    before = contents(cli.authority)
    for out in ("ca.pem", "ca-key.pem"):
        for command in (["issue", "a.test"], ["crl"]):
            line = cli.fails(*command, "--force", "--out", cli.authority / out, code=2)
            assert "is not replaced" in line or "is the name of the root's file" in line
    assert contents(cli.authority) == before


def test_sign_keeps_request_beside_its_certificate(cli):
    key, name = "www.example.test-key.pem", "www.example.test.pem"
    request(cli, name, "/CN=x", "subjectAltName=DNS:www.example.test", key=key)
    before = contents(cli.directory)
    said = cli.json("sign", name)
    assert said["files"]["cert"] == "./www.example.test-cert.pem"
    assert said["files"]["chain"] == "./www.example.test-cert-chain.pem"
    assert before.items() <= contents(cli.directory).items()
    for options in (["--out", name], ["--out", name, "--force"]):
        assert "is an input of this command" in cli.fails("sign", name, *options, code=2)
        assert "is an input of this command" in cli.fails(
            "issue", "www.example.test", "--csr", name, *options[2:], code=2
        )
    assert before.items() <= contents(cli.directory).items()


@pytest.mark.parametrize(
    ("file", "stem"),
    [
        ("www-csr.pem", "www"),
        ("www.csr", "www"),
        ("www.csr.pem", "www"),
        ("www.req", "www"),
        ("other.pem", "other-cert"),
        ("ca-csr.pem", "ca_"),
        ("www-key-csr.pem", "www-key_"),
        (".csr", "request"),
        ("a b;c-csr.pem", "a_b_c"),
    ],
)
def test_sign_names_certificate_after_request_file(cli, file, stem):
    request(cli, file, "/CN=x", "subjectAltName=DNS:a.test")
    files = cli.json("sign", file)["files"]
    assert files["cert"] == f"./{stem}.pem"
    assert files["chain"] == f"./{stem}-chain.pem"


def test_out_names_the_certificate(cli):
    cli.run("csr", "a.test")
    said = cli.json("sign", "a.test-csr.pem", "--out", "certs/www.pem")
    assert said["files"]["cert"] == "certs/www.pem"
    assert said["files"]["ca"] == "certs/ca.pem"
    pem = (cli.directory / "a.test-csr.pem").read_text()
    assert "--out FILE.pem" in cli.fails("sign", pem, code=2)
    assert cli.json("sign", pem, "--out", "certs/own.pem")["files"]["cert"] == "certs/own.pem"
    said = cli.json("issue", "b.test", "--out", "certs/b.pem")
    assert said["files"]["key"] == "certs/b-key.pem"
    for command in (["issue", "b.test"], ["sign", "a.test-csr.pem"]):
        for folder in ("certs", "new"):
            line = cli.fails(*command, "--force", "--out", f"{folder}/ca.pem", code=2)
            assert "is the name of the root's file" in line
    assert ".pem" in cli.fails("issue", "b.test", "--out", "certs/.pem", code=2)


def test_renewal_replaces_its_own_earlier_files(cli):
    options = ["--p12", "p.p12", "--password-file", "password"]
    (cli.directory / "password").write_text("secret\n")
    first = cli.json("issue", "a.test", "b.test", *options)
    before = contents(cli.directory)
    # Also with other names behind the first.
    again = cli.json("issue", "a.test", "c.test", *options)
    assert again["files"] == first["files"]
    after = contents(cli.directory)
    kept = {"password", "ca.pem", "authority/ca.pem", "authority/ca-key.pem"}
    assert {name for name in before if before[name] == after[name]} == kept
    assert set(before) == set(after)
    identity = tlsmith.Identity.load(cli.directory / "a.test.pem", cli.directory / "a.test-key.pem")
    assert identity.cert.names == ("a.test", "c.test")


def foreign_key(path):
    path.write_bytes(tlsmith.Key.generate("ed25519").pem)


def foreign_certificate(path):
    path.write_bytes(tlsmith.CA().issue("a.test").pem)


def encrypted_key(path):
    tlsmith.Key.generate("ed25519").save(path, "secret")


def text(path):
    path.write_text("precious\n")


def dangling_link(path):
    path.symlink_to("nowhere")


def fifo(path):
    os.mkfifo(path)


def certificate_for_another(path):
    ca = tlsmith.CA.local(path.parent / "authority")
    path.write_bytes(ca.issue("other.test").pem)


@pytest.mark.parametrize(
    ("file", "make"),
    [
        ("a.test.pem", foreign_key),
        ("a.test.pem", foreign_certificate),
        ("a.test.pem", certificate_for_another),
        ("a.test-chain.pem", text),
        ("a.test-chain.pem", fifo),
        ("a.test-combined.pem", foreign_key),
        ("a.test-combined.pem", dangling_link),
        ("a.test-combined.pem", certificate_for_another),
    ],
)
def test_issue_keeps_foreign_files(cli, file, make):
    cli.run("ca", "init")
    path = cli.directory / file
    make(path)
    before = contents(cli.directory)
    line = cli.fails("issue", "a.test")
    assert f"'./{file}' exists already" in line
    assert "--force" in line
    assert contents(cli.directory) == before
    if make is not fifo:
        cli.run("issue", "a.test", "--force")
        assert tlsmith.load_certificate(path).names == ("a.test",)


@pytest.mark.parametrize("make", [foreign_key, encrypted_key, foreign_certificate, text])
@pytest.mark.parametrize("is_renewal", [True, False])
def test_issue_keeps_foreign_keys(cli, make, is_renewal):
    cli.run("ca", "init")
    if is_renewal:
        cli.run("issue", "a.test")
    path = cli.directory / "a.test-key.pem"
    make(path)
    before = contents(cli.directory)
    assert "is not the key of './a.test.pem'" in cli.fails("issue", "a.test")
    assert contents(cli.directory) == before
    cli.run("issue", "a.test", "--force")
    tlsmith.Identity.load(cli.directory / "a.test.pem", path)


def test_issue_leaves_a_key_that_a_request_waits_for(cli):
    cli.run("csr", "a.test")
    cli.run("sign", "a.test-csr.pem")
    before = contents(cli.directory)
    assert "may be the key of './a.test-csr.pem'" in cli.fails("issue", "a.test")
    # The request signed again has the same key, and its certificate is replaced.
    cli.run("sign", "a.test-csr.pem")
    after = contents(cli.directory)
    assert {name for name in before if before[name] != after[name]} == {
        "a.test.pem",
        "a.test-chain.pem",
    }


def test_sign_does_not_part_a_certificate_from_its_key(cli):
    cli.run("issue", "a.test")
    request(cli, "a.test-csr.pem", "/CN=x", "subjectAltName=DNS:a.test")
    before = contents(cli.directory)
    for command in (["sign", "a.test-csr.pem"], ["issue", "a.test", "--csr", "a.test-csr.pem"]):
        assert "is the key of the existing certificate" in cli.fails(*command)
    assert contents(cli.directory) == before
    cli.run("sign", "a.test-csr.pem", "--force")


def test_issue_keeps_the_given_key_file(cli):
    (cli.directory / "password").write_text("secret\n")
    cli.run("key", "--out", "a.test-key.pem", "--password-file", "password")
    before = (cli.directory / "a.test-key.pem").read_bytes()
    options = ["--key", "a.test-key.pem", "--password-file", "password"]
    for _ in range(2):
        said = cli.json("issue", "a.test", *options)
        assert said["files"]["key"] == "./a.test-key.pem"
        assert (cli.directory / "a.test-key.pem").read_bytes() == before
    key = tlsmith.load_key(cli.directory / "a.test-key.pem", "secret")
    tlsmith.Identity.load(cli.directory / "a.test.pem", key)


def test_inputs_are_not_replaced_even_by_force(cli):
    (cli.directory / "password").write_text("secret\n")
    cli.run("key", "--out", "a-csr.pem")
    cli.run("key", "--out", "k.pem")
    before = contents(cli.directory)
    for command in (
        ["csr", "a", "--key", "a-csr.pem"],
        ["key", "--out", "password", "--password-file", "password"],
        ["issue", "a.test", "--p12", "password", "--password-file", "password"],
        ["issue", "a.test", "--p12", "./k.pem", "--key", "k.pem", "--password-file", "password"],
    ):
        assert "is an input of this command" in cli.fails(*command, "--force", code=2)
    made = contents(cli.directory)
    assert before.items() <= made.items()
    assert all(name.startswith("authority/") for name in set(made) - set(before))


def test_issue_replaces_foreign_pkcs12_only_with_force(cli):
    (cli.directory / "password").write_text("secret\n")
    cli.run("ca", "init")
    (cli.directory / "p.p12").write_text("precious")
    options = ["--p12", "p.p12", "--password-file", "password"]
    assert "PKCS#12" in cli.fails("issue", "a.test", *options)
    assert not (cli.directory / "a.test.pem").exists()
    cli.run("issue", "a.test", *options, "--force")


def test_issue_keeps_root_of_another_ca(cli):
    cli.run("ca", "init")
    root, other = cli.authority / "ca.pem", tlsmith.CA().cert_pem
    (cli.directory / "ca.pem").write_bytes(other)
    said = cli.json("issue", "a.test")
    assert said["files"]["ca"] == str(root)
    assert "is not the root of this CA, and is kept" in said["warnings"][0]
    assert (cli.directory / "ca.pem").read_bytes() == other
    said = cli.json("issue", "a.test", "--force")
    assert (said["files"]["ca"], said["warnings"]) == ("./ca.pem", [])
    assert (cli.directory / "ca.pem").read_bytes() == root.read_bytes()


def test_crl_replaces_an_earlier_one_alone(cli):
    cli.run("ca", "init")
    cli.run("crl", "--out", "list.crl")
    first = tlsmith.CRL.load(cli.directory / "list.crl").number
    cli.run("crl", "--out", "list.crl", "--der")
    assert tlsmith.CRL.load(cli.directory / "list.crl").number > first
    for content in (tlsmith.CA().crl().pem, tlsmith.Key.generate("ed25519").pem, b"precious"):
        (cli.directory / "list.crl").write_bytes(content)
        assert "is not a CRL of" in cli.fails("crl", "--out", "list.crl")
        assert (cli.directory / "list.crl").read_bytes() == content
    cli.run("crl", "--out", "list.crl", "--force")
    record = cli.authority / "ca.crl"
    assert "leave out --der" in cli.fails("crl", "--der", "--out", record, code=2)
    number = tlsmith.CRL.load(record).number
    cli.run("crl", "--out", record)
    assert tlsmith.CRL.load(record).number > number


def full_disk():
    """Every file of the process ends after 100 bytes, which is a short write and then
    an error."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))


@pytest.mark.parametrize(
    "command",
    [
        ["issue", "a.test"],
        ["issue", "new.test"],
        ["csr", "new.test"],
        ["sign", "b.test-csr.pem"],
        ["key", "--out", "key.pem", "--force"],
        ["crl", "--out", "list.crl"],
        ["revoke", "0x1"],
        ["ca", "init", "--ca-dir", "other"],
    ],
)
def test_full_disk_keeps_old_files_and_adds_none(cli, command):
    cli.run("issue", "a.test")
    cli.run("csr", "b.test")
    cli.run("key", "--out", "key.pem")
    cli.run("crl", "--out", "list.crl")
    before = contents(cli.directory)
    result = cli.run(*command, code=1, preexec_fn=full_disk)
    assert "File too large" in result.stderr
    assert contents(cli.directory) == before


def test_unwritable_file_keeps_all_old_files(cli):
    cli.run("issue", "a.test")
    (cli.directory / "a.test-chain.pem").unlink()
    (cli.directory / "a.test-chain.pem").mkdir()
    before = contents(cli.directory)
    assert "directory" in cli.fails("issue", "a.test", "--force")
    assert contents(cli.directory) == before
