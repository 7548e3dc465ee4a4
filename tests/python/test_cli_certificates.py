"""The command line's certificates, keys, requests and CRLs, judged by OpenSSL."""

import concurrent.futures
import pathlib
import re
import shlex
import stat
import subprocess

import pytest
from commandline import cli, openssl, program
from conftest import KEY_TYPES

import tlsmith

__all__ = ["cli"]


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def names(directory):
    return sorted(path.name for path in directory.iterdir())


def commands_of_the_readme():
    """What the table of the README has in place of OpenSSL's commands."""
    readme = (pathlib.Path(__file__).parents[2] / "README.md").read_text()
    section = readme.partition("## Command line")[2].partition("\n## ")[0]
    return [
        shlex.split(line) for line in re.findall(r"\| `tlsmith (.*)` \|$", section, re.MULTILINE)
    ]


def test_the_six_commands_of_the_readme_do_what_those_of_openssl_do(cli, tmp_path):
    outside, init, csr, sign, serve, connect = commands_of_the_readme()
    assert outside == ["connect", "example.org"]
    for command in (init, csr, sign):
        cli.run(*command)
    said = openssl("req", "-in", "localhost-csr.pem", "-noout", "-verify", "-text", cwd=tmp_path)
    assert "ED448" in said
    text = openssl("x509", "-in", "localhost.pem", "-noout", "-text", cwd=tmp_path)
    assert "CN = ROOT CA" in text
    assert "DNS:localhost" in text
    verify = ("verify", "-x509_strict", "-verify_hostname", "localhost")
    openssl(*verify, "-CAfile", cli.authority / "ca.pem", "localhost.pem", cwd=tmp_path)
    assert serve[:4] == ["serve", "--echo", "--port", "4433"]
    with cli.serve("--echo", *serve[4:]) as (_, port, _announced):
        here = [part.replace("4433", str(port)) for part in connect]
        assert cli.run(*here, input="hello").stdout == "hello"


def test_local_ca_is_created_once_with_private_key(cli):
    assert "tlsmith ca init" in cli.fails("ca")
    assert not cli.authority.exists()
    made = cli.json("ca", "init", "--permit", "example.test", "--path-len", "0")
    assert mode(cli.authority / "ca-key.pem") == 0o600
    assert mode(cli.authority) == 0o700
    assert made["is_ca"] is True
    assert made["path_len"] == 0
    assert made["crl"] is None
    assert made["revoked"] == 0
    assert cli.json("ca") == made
    assert "exists already" in cli.fails("ca", "init")
    assert "example.test" in cli.out("ca", "show")
    cli.run("issue", "www.example.test")
    assert "example.test" in cli.fails("issue", "www.example.org")
    assert names(cli.authority) == ["ca-key.pem", "ca.pem"]


def test_issued_certificate_has_requested_fields(cli, tmp_path):
    said = cli.json(
        "issue",
        "localhost",
        "127.0.0.1",
        "::1",
        "--key",
        "ed25519",
        "--days",
        "90",
        "--out",
        "certs",
    )
    files = {name: path and tmp_path / path for name, path in said["files"].items()}
    assert files["p12"] is None
    assert mode(files["key"]) == mode(files["combined"]) == 0o600
    assert mode(files["cert"]) == 0o644
    assert said["certificate"]["names"] == ["localhost", "127.0.0.1", "::1"]
    assert said["certificate"]["days_left"] in (89, 90)
    assert said["certificate"]["key_type"] == "ed25519"
    openssl("verify", "-x509_strict", "-CAfile", files["ca"], files["cert"])
    public = openssl("x509", "-in", files["cert"], "-noout", "-pubkey")
    assert public == openssl("pkey", "-in", files["key"], "-pubout")
    # Issued again, it is a new one in the same files.
    again = cli.json("issue", "localhost", "--out", "certs")
    assert again["files"]["cert"] == said["files"]["cert"]
    assert again["certificate"]["serial"] != said["certificate"]["serial"]


def test_issue_writes_pkcs12_for_clients(cli, tmp_path):
    (tmp_path / "password").write_text("open sesame\n")
    options = ("--client", "--p12", "alice.p12", "--password-file", "password")
    cli.run("issue", "alice@example.org", *options)
    assert mode(tmp_path / "alice.p12") == 0o600
    found = ("pkcs12", "-in", "alice.p12", "-passin", "pass:open sesame", "-nodes")
    assert "PRIVATE KEY" in openssl(*found, cwd=tmp_path)
    check = ("verify", "-purpose", "sslclient", "-CAfile", "ca.pem", "alice@example.org.pem")
    openssl(*check, cwd=tmp_path)
    said = cli.json("inspect", "alice.p12", "--password-file", "password")
    assert [entry["type"] for entry in said["documents"]] == ["certificate", "key"]
    assert "password" in cli.fails("inspect", "alice.p12", code=2)
    assert "--password-file" in cli.fails("issue", "b@example.org", "--p12", "b.p12", code=2)
    assert not (tmp_path / "b@example.org.pem").exists()


def test_one_can_be_expired_for_a_test(cli):
    said = cli.json("issue", "localhost", "--valid=-9d..-2d")
    assert said["certificate"]["days_left"] == -3 or said["certificate"]["days_left"] == -2
    options = ("--verify", "--ca", "ca.pem", "--host", "localhost")
    verdict = cli.json("inspect", "localhost.pem", *options, code=1)["verification"]
    assert verdict["verified"] is False
    assert verdict["error"]["code"] == "verify.expired"


@pytest.mark.parametrize("kind", KEY_TYPES)
def test_every_type_of_key_is_made(cli, tmp_path, kind):
    said = cli.json("key", kind, "--out", "key.pem")
    assert said == {"type": "key", "key_type": kind, "file": "key.pem"}
    assert mode(tmp_path / "key.pem") == 0o600
    assert tlsmith.load_key(tmp_path / "key.pem").type == kind


def test_keys_go_to_the_output_and_are_never_replaced_by_chance(cli, tmp_path):
    pem = cli.out("key")
    assert "ASN1 OID: prime256v1" in openssl("pkey", "-noout", "-text", input=pem)
    cli.run("key", "--out", "key.pem")
    before = (tmp_path / "key.pem").read_bytes()
    assert "--force" in cli.fails("key", "--out", "key.pem")
    assert (tmp_path / "key.pem").read_bytes() == before
    cli.run("key", "--out", "key.pem", "--force")
    assert (tmp_path / "key.pem").read_bytes() != before
    (tmp_path / "password").write_text("secret")
    encrypted = cli.out("key", "--password-file", "password")
    openssl("pkey", "-noout", "-passin", "pass:secret", input=encrypted)


@pytest.mark.parametrize(
    ("secret", "end"),
    [
        (b"secret", b""),
        ("pässwörd".encode("latin-1"), b"\n"),
        (b"\xff\xfe\x01", b"\r\n"),
        (b" blanks ", b"\nanother line\n"),
        (b"\xef\xbb\xbfx", b"\n"),
    ],
)
def test_the_bytes_of_a_password_file_are_taken_as_they_are(cli, tmp_path, secret, end):
    (tmp_path / "password").write_bytes(secret + end)
    # OpenSSL takes a carriage return for a part of it.
    (tmp_path / "bare").write_bytes(secret)
    ours = cli.out("key", "--password-file", "password")
    openssl("pkey", "-noout", "-passin", "file:bare", input=ours, cwd=tmp_path)
    plain = cli.out("key")
    theirs = ("pkcs8", "-topk8", "-out", "key.pem", "-passout", "file:bare")
    openssl(*theirs, input=plain, cwd=tmp_path)
    cli.run("inspect", "key.pem", "--password-file", "password")
    cli.run("csr", "a.example", "--key", "key.pem", "--password-file", "password")
    cli.run("issue", "a.example", "--key", "key.pem", "--password-file", "password", "--out", "x")


def test_a_password_of_pkcs12_that_is_not_utf8_is_refused(cli, tmp_path):
    (tmp_path / "password").write_bytes(b"p\xe4ss\n")
    options = ("--p12", "a.p12", "--password-file", "password")
    line = cli.fails("issue", "a.example", *options, code=2)
    assert "'password'" in line and "UTF-8" in line and "p\xe4" not in line
    assert not (tmp_path / "a.p12").exists()


def test_csr_uses_existing_or_new_key(cli, tmp_path):
    said = cli.json("csr", "www.example.org", "example.org", "--organization", "Example, Inc.")
    assert said["names"] == ["www.example.org", "example.org"]
    assert mode(tmp_path / "www.example.org-key.pem") == 0o600
    text = openssl("req", "-in", said["csr"], "-noout", "-verify", "-text", cwd=tmp_path)
    assert "Example, Inc." in text
    assert "DNS:www.example.org, DNS:example.org" in text
    assert "--force" in cli.fails("csr", "www.example.org")
    cli.run("key", "rsa-2048", "--out", "own.pem")
    said = cli.json("csr", "*.example.org", "--key", "own.pem")
    assert said["csr"].endswith("_.example.org-csr.pem")
    assert said["key"] is None
    assert said["key_type"] == "rsa-2048"
    openssl("req", "-in", said["csr"], "-noout", "-verify", cwd=tmp_path)
    assert "ed449" in cli.fails("csr", "a.example", "--key", "ed449", code=2)


def test_other_names_of_a_request_need_the_option(cli, tmp_path):
    names = "subjectAltName=DNS:a.test,otherName:1.3.6.1.4.1.311.20.2.3;UTF8:admin@corp"
    request = ("req", "-new", "-newkey", "rsa:2048", "-noenc", "-keyout", "k.pem", "-out", "r.pem")
    openssl(*request, "-subj", "/CN=a.test", "-addext", names, cwd=tmp_path)
    (said,) = cli.json("inspect", "r.pem")["documents"]
    shown = "other name 1.3.6.1.4.1.311.20.2.3 admin@corp"
    assert (said["names"], said["other_names"]) == (["a.test"], [shown])
    assert "allow_other_names" in cli.fails("sign", "r.pem")
    said = cli.json("sign", "r.pem", "--allow-other-names")
    assert said["certificate"]["names"] == ["a.test"]


def test_requests_of_openssl_are_signed(cli, tmp_path):
    request = ("req", "-new", "-newkey", "rsa:2048", "-noenc", "-keyout", "k.pem", "-out", "r.pem")
    openssl(*request, "-subj", "/CN=a.test", "-addext", "subjectAltName=DNS:a.test", cwd=tmp_path)
    said = cli.json("sign", "r.pem")
    assert said["files"]["key"] is None
    assert said["certificate"]["names"] == ["a.test"]
    assert said["files"]["cert"] == "./r-cert.pem"
    openssl("verify", "-x509_strict", "-CAfile", "ca.pem", "r-cert.pem", cwd=tmp_path)
    said = cli.json("issue", "b.test", "--csr", "r.pem")
    assert said["certificate"]["names"] == ["b.test"]
    (tmp_path / "broken.pem").write_text((tmp_path / "r.pem").read_text().replace("A", "B"))
    before = names(tmp_path)
    cli.fails("sign", "broken.pem")
    cli.run("csr", "sub.test", "--request-ca")
    assert "CA" in cli.fails("sign", "sub.test-csr.pem")
    assert set(names(tmp_path)) - set(before) == {"sub.test-csr.pem", "sub.test-key.pem"}
    assert cli.json("sign", "sub.test-csr.pem", "--allow-ca")["certificate"]["is_ca"]


def test_revocation_survives_later_crls(cli, tmp_path):
    cli.run("issue", "a.test")
    cli.run("issue", "b.test")
    first = cli.json("revoke", "a.test.pem", "--reason", "key_compromise")
    assert first["revoked"] == 1
    record = cli.authority / "ca.crl"
    assert first["crl"] == str(record)
    number = tlsmith.CRL.load(record).number
    serial = tlsmith.load_certificate(tmp_path / "b.test.pem").serial
    assert cli.json("revoke", hex(serial))["revoked"] == 2
    said = cli.json("crl", "--out", "list.crl", "--days", "30")
    assert [(entry["serial"], entry["reason"]) for entry in said["revoked"]] == [
        (first["serial"], "key_compromise"),
        (f"{serial:x}", "unspecified"),
    ]
    assert said["number"] > tlsmith.CRL.load(record).number - 1 > number
    assert cli.json("ca")["revoked"] == 2
    text = openssl("crl", "-in", "list.crl", "-noout", "-text", "-CAfile", "ca.pem", cwd=tmp_path)
    assert "verify OK" in text
    assert "Key Compromise" in text
    options = ("--verify", "--ca", "ca.pem", "--crl", "list.crl")
    verdict = cli.json("inspect", "a.test.pem", *options, code=1)["verification"]
    assert verdict["error"]["code"] == "verify.revoked"
    assert "1 revoked" not in cli.out("crl")
    der = cli.run("crl", "--der", text=False).stdout
    assert len(tlsmith.CRL.from_der(der)) == 2


def test_revoking_at_the_same_time_loses_nothing(cli):
    cli.run("ca", "init")
    serials = [hex(number) for number in range(1, 13)]
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda serial: cli.run("revoke", serial), serials))
    said = cli.json("crl")
    assert {f"0x{entry['serial']}" for entry in said["revoked"]} == set(serials)


def test_broken_or_foreign_crl_is_never_replaced(cli, tmp_path):
    cli.run("issue", "a.test")
    record = cli.authority / "ca.crl"
    record.write_text("not a CRL")
    cli.fails("revoke", "a.test.pem")
    assert record.read_text() == "not a CRL"
    tlsmith.CA().crl().save(record)
    before = record.read_bytes()
    assert "move it away" in cli.fails("revoke", "a.test.pem")
    assert record.read_bytes() == before


def test_revoke_rejects_certificates_of_other_cas(cli, ca, tmp_path):
    cli.run("ca", "init")
    (tmp_path / "other.pem").write_bytes(ca.issue("other.test").cert_pem)
    assert "call revoke() of that CA" in cli.fails("revoke", "other.pem", code=2)
    assert not (cli.authority / "ca.crl").exists()
    assert "0xyz" in cli.fails("revoke", "0xyz", code=2)
    assert "missing.pem" in cli.fails("revoke", "missing.pem", code=2)


def test_inspect_names_each_document_type(cli, tmp_path):
    cli.run("issue", "localhost")
    cli.run("csr", "other.test")
    cli.run("crl", "--out", "list.crl")
    for path, kinds in {
        "localhost.pem": ["certificate"],
        "localhost-chain.pem": ["certificate"],
        "localhost-key.pem": ["key"],
        "localhost-combined.pem": ["certificate", "key"],
        "other.test-csr.pem": ["csr"],
        "list.crl": ["crl"],
    }.items():
        said = cli.json("inspect", path)
        assert [entry["type"] for entry in said["documents"]] == kinds, path
        assert said["verification"] is None
        assert cli.json("inspect", "-", input=(tmp_path / path).read_text()) == said
    for path in ("localhost-key.pem", "localhost-combined.pem"):
        secret = (tmp_path / path).read_text().splitlines()[1]
        assert secret not in cli.out("inspect", path)
        assert secret not in cli.out("inspect", path, "--json")
    openssl("x509", "-in", "localhost.pem", "-outform", "der", "-out", "c.der", cwd=tmp_path)
    assert "Subject:             CN=localhost" in cli.out("inspect", "c.der")


def test_certificates_are_verified_for_a_host_at_a_date(cli):
    cli.run("issue", "localhost", "--days", "30")
    check = ("inspect", "localhost.pem", "--verify", "--ca", "ca.pem")
    said = cli.json(*check, "--host", "localhost")["verification"]
    assert said["verified"] is True
    assert said["path"][0] == "CN=localhost"
    assert len(said["path"]) == 2
    assert "verified" in cli.out(*check)
    assert "you asked for 'other'" in cli.out(*check, "--host", "other", code=1)
    assert "expired on" in cli.out(*check, "--at", "2099-01-31", code=1)
    assert cli.json(*check, "--client", code=1)["verification"]["error"]["code"] == (
        "verify.wrong_usage"
    )
    assert "31st" in cli.fails(*check, "--at", "31st", code=2)


def test_inspect_verifies_server_for_its_name(cli):
    with cli.serve("--echo", "--name", "localhost") as (_, port, announced):
        look = ("inspect", f"localhost:{port}")
        assert cli.json(*look)["documents"] == [announced["certificate"]]
        cli.run(*look, "--verify", "--ca", announced["ca"])
        cli.run(*look, "--verify", code=1)
        wrong = ("inspect", f"127.0.0.1:{port}", "--verify", "--ca", announced["ca"])
        assert cli.json(*wrong, code=1)["verification"]["error"]["code"] == "verify.name_mismatch"


@pytest.mark.parametrize(
    ("arguments", "words", "code"),
    [
        (["inspect", "missing.pem"], "neither a file that exists nor HOST:PORT", 2),
        (["inspect", "garbage"], "garbage", 1),
        (["issue"], "NAME", 2),
        (["issue", "a.test", "--days", "0"], "'0' is not a number of days", 2),
        (["issue", "a.test", "--days", "9", "--valid", "9d"], "not allowed with", 2),
        (["issue", "a.test", "--valid", "soon"], "soon", 2),
        (["issue", "a b"], "a b", 2),
        (["issue", "a.test", "--out", "garbage"], "garbage", 1),
        (["issue", "a.test", "--days", "99999"], "CA", 1),
        (["sign", "missing.pem"], "missing.pem", 2),
        (["ca", "show", "--name", "x"], "--name is for init", 2),
        (["ca", "destroy"], "destroy", 2),
        (["crl"], "tlsmith ca init", 1),
        (["revoke", "0x1"], "tlsmith ca init", 1),
        (["key", "--password-file", "missing"], "missing", 2),
        (["ca", "init", "--ca-dir", "garbage/ca"], "garbage/ca", 2),
    ],
)
def test_invalid_argument_error_is_one_line(cli, tmp_path, arguments, words, code):
    (tmp_path / "garbage").write_bytes(b"\0\1\2garbage")
    line = cli.fails(*arguments, code=code)
    assert line.startswith(f"tlsmith {arguments[0]}: ")
    assert words in line
    assert not (tmp_path / "a.test.pem").exists()


def test_browsers_trust_the_ca_until_uninstall(cli, tmp_path):
    cli.environment["HOME"] = str(tmp_path)
    store = tmp_path / ".pki" / "nssdb"
    store.mkdir(parents=True)
    certutil = [program("certutil", "libnss3-tools")]
    database = ["-d", f"sql:{store}"]
    subprocess.run([*certutil, "-N", "--empty-password", *database], check=True)
    subject = cli.json("ca", "init", "--name", "Trusted by browsers")["subject"]

    def listed():
        command = [*certutil, "-L", *database]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    assert cli.json("ca", "install", "--store", "nss") == {"stores": [f"nss:{store}"]}
    assert "Trusted by browsers" in subject
    assert "C,," in listed()
    assert "no store needed a change" in cli.out("ca", "install", "--store", "nss")
    assert str(store) in cli.out("ca", "uninstall", "--store", "nss")
    assert "C,," not in listed()
    assert "--store" in cli.fails("ca", "show", "--store", "nss", code=2)
