"""tlsmith inspect of what has ended or has not begun, and options that say what lacks."""

import subprocess

import pytest
from commandline import cli

import tlsmith

__all__ = ["cli"]

ENDED, BEGINS = "-3d..-1d", "1d..3d"


@pytest.fixture(scope="module")
def ca():
    return tlsmith.CA("Own CA", valid="-9d..90d")


def first_line(cli, *arguments, **options):
    return cli.out("inspect", *arguments, **options).splitlines()[0]


@pytest.mark.parametrize(
    ("valid", "label", "status"),
    [(ENDED, "expired", "expired"), (BEGINS, "not valid yet", "not_yet_valid")],
)
def test_inspect_reports_invalid_times_first(cli, ca, valid, label, status):
    site = ca.issue("localhost", valid=valid)
    files = site.write(cli.directory)
    moment = site.cert.not_after if status == "expired" else site.cert.not_before
    verb = "expired on" if status == "expired" else "is valid from"
    expected = f"CN=localhost {verb} {moment:%Y-%m-%d %H:%M:%S} UTC"
    for path in (files.cert, files.chain, files.combined):
        said = cli.out("inspect", path)
        assert said.startswith(label) and expected in said.splitlines()[0]
        assert "Subject:             CN=localhost" in said
        assert cli.json("inspect", path)["documents"][0]["status"] == status
    (cli.directory / "site.crl").write_bytes(ca.crl(valid=valid).pem)
    line = first_line(cli, "site.crl")
    assert line.startswith(label) and "the CRL of CN=Own CA" in line
    assert cli.json("inspect", "site.crl")["documents"][0]["status"] == status


def test_inspect_names_each_expired_certificate_of_a_chain(cli, ca):
    old = tlsmith.CA("Old CA", valid=ENDED)
    middle = ca.intermediate("Old issuer", valid=ENDED)
    pem = ca.issue("localhost").cert.pem + middle.cert.pem + old.cert.pem
    (cli.directory / "chain.pem").write_bytes(pem)
    lines = cli.out("inspect", "chain.pem").splitlines()
    assert ["CN=Old issuer expired" in lines[0], "CN=Old CA expired" in lines[1]] == [True, True]
    assert not lines[2].startswith("expired")


def test_inspect_of_valid_document_has_no_time_warning(cli, ca):
    files = ca.issue("localhost").write(cli.directory)
    assert not first_line(cli, files.cert).startswith(("expired", "not valid"))
    assert cli.json("inspect", files.cert)["documents"][0]["status"] == "valid"
    (cli.directory / "ca.crl").write_bytes(ca.crl().pem)
    assert cli.json("inspect", "ca.crl")["documents"][0]["status"] == "valid"


def test_an_option_about_verification_verifies(cli, ca):
    files = ca.issue("localhost").write(cli.directory)
    (cli.directory / "ca.crl").write_bytes(ca.crl().pem)
    roots = ("--ca", files.ca)
    assert "verified     CN=localhost" in cli.out("inspect", files.cert, *roots)
    other = tlsmith.CA("Other CA").write(cli.directory / "other")
    assert "not verified" in cli.out("inspect", files.cert, "--ca", other.ca, code=1)
    assert cli.json("inspect", files.cert)["verification"] is None
    for option in (("--host", "other"), ("--at", "2099-01-31"), ("--crl", "ca.crl"), ("--client",)):
        # Nobody but this authority trusts it.
        verdict = cli.json("inspect", files.cert, *option, code=1)["verification"]
        assert verdict["verified"] is False, option
    assert cli.json("inspect", files.cert, *roots, "--crl", "ca.crl")["verification"]["verified"]


@pytest.mark.parametrize("command", [("serve", "--port", "0"), ("connect", "localhost:1")])
def test_error_about_missing_key_names_the_option(cli, ca, command):
    site = ca.issue("localhost")
    files = site.write(cli.directory)
    (cli.directory / "cert.der").write_bytes(site.cert.der)
    for path in (files.cert, files.chain, "cert.der"):
        said = cli.fails(*command, "--cert", path, code=2)
        assert f"'{path}' has no private key: give the file of the key with --key" in said
    assert "missing.pem" in cli.fails(*command, "--cert", "missing.pem", code=2)
    (cli.directory / "garbage.pem").write_text("nothing")
    assert "garbage.pem" in cli.fails(*command, "--cert", "garbage.pem")


def test_a_certificate_with_its_key_is_served_from_any_file(cli, ca):
    site = ca.issue("localhost")
    files = site.write(cli.directory)
    with cli.serve("--echo", "--cert", files.combined) as (_, _port, announced):
        assert announced["certificate"]["subject"] == "CN=localhost"
    # A password is what lacks here, and no key.
    (cli.directory / "site.p12").write_bytes(site.pkcs12("secret", legacy=True))
    said = cli.fails("serve", "--port", "0", "--cert", "site.p12", code=2)
    assert "'site.p12' is a PKCS#12 file with a password: give that with --password-file" in said


def test_pkcs12_without_a_password_is_refused_for_what_is_wrong_with_it(cli, ca):
    files = ca.issue("localhost").write(cli.directory)
    command = ["openssl", "pkcs12", "-export", "-in", files.combined]
    command += ["-keypbe", "NONE", "-certpbe", "NONE", "-passout", "pass:"]
    # More rounds for the MAC than are allowed.
    command += ["-iter", "4000001", "-out", "slow.p12"]
    subprocess.run(command, cwd=cli.directory, check=True)
    said = cli.fails("serve", "--port", "0", "--cert", "slow.p12", code=2)
    assert "slow.p12" in said and "would take too long to open" in said
    assert "--password-file" not in said


def test_inspect_verifies_only_certificates(cli, ca):
    cli.run("ca", "init")
    (cli.directory / "ca.pem").write_bytes(ca.cert.pem)
    cli.run("csr", "a.example")
    cli.run("crl", "--out", "list.pem")
    for file, kind in (
        ("a.example-csr.pem", "a certificate request"),
        ("list.pem", "a CRL"),
        ("a.example-key.pem", "a private key"),
    ):
        said = cli.fails("inspect", file, "--ca", "ca.pem", code=2)
        assert f"'{file}' is {kind}, and only certificates can be verified" in said


def test_error_names_key_of_another_certificate(cli, ca):
    (cli.directory / "cert.pem").write_bytes(ca.issue("localhost").cert.pem)
    (cli.directory / "other.pem").write_bytes(tlsmith.Key.generate().pem)
    said = cli.fails("serve", "--port", "0", "--cert", "cert.pem", "--key", "other.pem")
    assert "'other.pem': the private key" in said and "'CN=localhost'" in said


def test_install_reports_missing_nss_database(cli):
    cli.run("ca", "init")
    cli.environment["HOME"] = str(cli.directory)
    said = cli.fails("ca", "install", "--store", "nss")
    assert "no NSS database found" in said and "certutil -N" in said


def test_error_explains_file_in_place_of_ca_folder(cli):
    (cli.directory / "authority").write_text("nothing")
    said = cli.fails("ca", "init", code=2)
    assert f"'{cli.authority}'" in said and "a file of that name exists" in said


def test_verbs_load_encrypted_key_with_its_password(cli, ca):
    site = ca.issue("localhost")
    (cli.directory / "password").write_bytes("pässwörd\n".encode())
    (cli.directory / "site.p12").write_bytes(site.pkcs12("pässwörd", legacy=True))
    (cli.directory / "site.pem").write_bytes(site.chain_pem)
    (cli.directory / "key.pem").write_bytes(site.key.encrypted_pem("pässwörd"))
    for options in (("--cert", "site.p12"), ("--cert", "site.pem", "--key", "key.pem")):
        options = (*options, "--password-file", "password")
        with cli.serve("--echo", *options) as (_, _port, announced):
            assert announced["certificate"]["subject"] == "CN=localhost"
        # The server is gone, and the key was read before.
        assert "connect" in cli.fails("connect", "localhost:1", *options)
    for verb in (("serve", "--port", "0"), ("connect", "localhost:1")):
        said = cli.fails(*verb, "--password-file", "password", code=2)
        assert "--password-file needs --cert" in said


def test_file_of_openssh_key_is_accepted_as_argument(cli):
    label = "OPENSSH PRIVATE KEY"
    pem = f"-----BEGIN {label}-----\nb3BlbnNzaC1rZXktdjEAAAAABG5vbmU=\n-----END {label}-----\n"
    (cli.directory / "id").write_text(pem)
    for arguments, options in ((["inspect", "id"], {}), (["inspect", "-"], {"input": pem})):
        said = cli.run(*arguments, code=1, **options).stderr
        assert f"it has '{label}'" in said and "argument" not in said
    assert "standard input: " in said


@pytest.mark.parametrize("key", ["ecdsa-p256", "ed448"])
def test_install_for_browsers_names_accepted_key_types(cli, key):
    profile = cli.directory / ".pki/nssdb"
    profile.mkdir(parents=True)
    subprocess.run(["certutil", "-N", "--empty-password", "-d", f"sql:{profile}"], check=True)
    cli.environment["HOME"] = str(cli.directory)
    cli.run("ca", "init", "--key", key)
    done = cli.run("ca", "install", "--store", "nss", code=2 if key == "ed448" else 0)
    assert (done.stdout == "") is (key == "ed448")
    if key == "ecdsa-p256":
        assert done.stderr == ""
    else:
        assert "they accept ECDSA (ecdsa-p256, ecdsa-p384) and RSA keys only" in done.stderr
        assert f"its key is {key}" in done.stderr
    assert "ECDSA and RSA keys" in " ".join(cli.out("ca", "--help").split())
