"""No error, report or log line holds a part of a private key, in whatever shape it is
given, and wherever it is given in place of something else."""

import base64
import contextlib
import io
import logging
import random
import ssl
import sys
import traceback
import warnings

import pytest
from commandline import CommandLine

import tlsmith
import tlsmith.ssl


def der(tag, *content):
    content = b"".join(content)
    assert len(content) < 0x80
    return bytes([tag, len(content)]) + content


class Secret:
    """An Ed25519 key or one on P-256, of which 32 bytes are secret."""

    def __init__(self, kind, seed):
        self.secret = random.Random(seed).randbytes(32)
        version, octets = der(2, b"\0"), der(4, self.secret)
        if kind == "ed25519":
            algorithm = der(0x30, der(6, bytes.fromhex("2b6570")))
            self.der = der(0x30, version, algorithm, der(4, octets))
        else:
            curve = der(6, bytes.fromhex("2a8648ce3d030107"))
            algorithm = der(0x30, der(6, bytes.fromhex("2a8648ce3d0201")), curve)
            self.der = der(0x30, version, algorithm, der(4, der(0x30, der(2, b"\1"), octets)))
        self.base64 = base64.b64encode(self.der).decode()
        self.pem = ssl.DER_cert_to_PEM_cert(self.der).replace("CERTIFICATE", "PRIVATE KEY")

    def shapes(self):
        """The key as people damage it: str and bytes."""
        pem, trimmed = self.pem, self.pem.strip()
        texts = {
            "escaped": trimmed.replace("\n", "\\n"),
            "carriage returns": pem.replace("\n", "\r"),
            "carriage returns, trimmed": trimmed.replace("\n", "\r"),
            "spaces": trimmed.replace("\n", " "),
            "joined": pem.replace("\n", ""),
            "quoted": '"' + trimmed.replace("\n", "\\n") + '"',
            "JSON": '{"key": "' + trimmed.replace("\n", "\\n") + '"}',
            "leading blanks": "\n  " + pem,
            "leading garbage": "key: " + pem,
            "byte order mark": "\ufeff" + trimmed.replace("\n", " "),
            "base64": self.base64,
            "base64 without padding": self.base64.rstrip("="),
            "hex": self.der.hex(),
            "secret in hex": self.secret.hex(),
            "secret in base64": base64.b64encode(self.secret).decode(),
            "half": pem[: len(pem) // 2],
            "no END": pem.rpartition("-----END")[0],
            "certificate labels": pem.replace("PRIVATE KEY", "CERTIFICATE"),
            "encrypted labels": pem.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY"),
            "NUL": pem.replace("\n", "\0"),
            "surrogates": trimmed.replace("\n", "\udc80"),
            "intact": pem,
        }
        binary = {
            "DER": self.der,
            "longer DER": self.der + b"\0",
            "half DER": self.der[:-3],
            "secret bytes": self.secret,
            "UTF-16": pem.encode("utf-16"),
            "UTF-16, big": pem.encode("utf-16-be"),
        }
        return texts, binary

    def traces(self):
        """Eight bytes of the secret, in every way to write them."""
        found = set()
        for at in range(len(self.secret) - 7):
            eight = self.secret[at : at + 8]
            for between in ("", ":", " "):
                found |= {eight.hex(between or ":").replace(":", between)}
                found |= {eight.hex(between or ":").replace(":", between).upper()}
            found |= {
                "".join(f"%{byte:02X}" for byte in eight),
                "".join(f"\\x{byte:02x}" for byte in eight),
                ", ".join(map(str, eight)),
                repr(eight)[2:-1],
                eight.decode("latin-1"),
            }
        for whole, start in ((self.der, self.der.index(self.secret)), (self.secret, 0)):
            digits = base64.b64encode(whole).decode().rstrip("=")
            first = -(-start * 8 // 6)
            found |= {digits[at : at + 11] for at in range(first, len(digits) - 10)}
        return found


SECRETS = [Secret("ed25519", 15), Secret("ecdsa-p256", 17)]


def everything(error, with_frames):
    """All text that an exception can show: its own, that of its causes, and that of the
    variables in the frames of tlsmith behind it."""
    waiting, seen = [error], []
    while waiting:
        one = waiting.pop()
        if not isinstance(one, BaseException) or one in seen:
            continue
        seen.append(one)
        yield str(one)
        yield repr(one)
        yield repr(one.args)
        yield repr(vars(one))
        yield from map(str, getattr(one, "__notes__", ()))
        for name in ("filename", "filename2", "strerror", "object", "code"):
            yield str(getattr(one, name, ""))
        waiting += [one.__cause__, one.__context__, *one.args]
        for frame, _ in traceback.walk_tb(one.__traceback__ if with_frames else None):
            if "tlsmith" in frame.f_globals.get("__name__", ""):
                yield from (repr(value) for value in frame.f_locals.values())


def loaders(content, tmp_path, identity, ca):
    """All that loads something, from memory where it takes that, and from a file."""
    file = tmp_path / "content"
    data = content.encode(errors="surrogatepass") if isinstance(content, str) else content
    file.write_bytes(data)
    cert = identity.cert.pem
    for source in (content, data, str(file), file):
        yield lambda source=source: tlsmith.load_key(source)
        yield lambda source=source: tlsmith.load_key(source, "wrong")
        yield lambda source=source: tlsmith.load_certificates(source)
        yield lambda source=source: tlsmith.Key.load(source)
        yield lambda source=source: tlsmith.Certificate.load(source)
        yield lambda source=source: tlsmith.CRL.load(source)
        yield lambda source=source: tlsmith.CSR.load(source)
        yield lambda source=source: tlsmith.Identity.load(source)
        yield lambda source=source: tlsmith.Identity.load(cert, source)
        yield lambda source=source: tlsmith.Identity.load(cert, source, password="wrong")
        yield lambda source=source: tlsmith.Identity.load(cert, source, chain=source)
        yield lambda source=source: tlsmith.Identity.load_pkcs12(source, "wrong")
        yield lambda source=source: tlsmith.Identity.load_pkcs12(identity.pkcs12("x"), data)
        yield lambda source=source: tlsmith.CA.load(source)
        yield lambda source=source: tlsmith.CA.load(ca.cert.pem, source)
        yield lambda source=source: tlsmith.Trust.roots(source)
        yield lambda source=source: tlsmith.Trust.roots(ca).with_crls(source)
        yield lambda source=source: tlsmith.inspect(source)
        yield lambda source=source: tlsmith.inspect(source, password=data)


def misplaced(content, ca):
    """All that takes a value, with the key in its place."""
    data = content.encode(errors="surrogatepass") if isinstance(content, str) else content
    for value in (content, data):
        for name in (
            *("common_name", "organization", "crl_url", "ocsp_url", "serial", "key", "valid"),
            *("usage", "extensions", "must_staple"),
        ):
            yield lambda name=name, value=value: ca.issue("a.example", **{name: value})
        yield lambda value=value: ca.issue("a.example", usage=[value])
        yield lambda value=value: ca.issue("a.example", extensions={value: b"\5\0"})
        yield lambda value=value: ca.issue(value)
        yield lambda value=value: tlsmith.CA(permit=[value])
        yield lambda value=value: tlsmith.CA(permit=value)
        yield lambda value=value: tlsmith.CSR(value)
        yield lambda value=value: tlsmith.Key.generate(value)
        yield lambda value=value: tlsmith.Pin.spki(value)
        yield lambda value=value: tlsmith.Pin.cert(value)
        yield lambda value=value: tlsmith.Client(trust=value)
        yield lambda value=value: tlsmith.Client(trust=ca, alpn=value)
        yield lambda value=value: tlsmith.Client(trust=ca, ciphers=[value])
        yield lambda value=value: tlsmith.Client(trust=ca, groups=[value])
        yield lambda value=value: tlsmith.Client(trust=ca, min_version=value)
        yield lambda value=value: tlsmith.Client(trust=ca, ech=value)
        yield lambda value=value: tlsmith.Client(trust=ca, identity=value)
        yield lambda value=value: tlsmith.Client(trust=ca, pins=[value])
        yield lambda value=value: tlsmith.Client(trust=ca).connect((value, 443), timeout=1)
        yield lambda value=value: tlsmith.Client(trust=ca).connect(("localhost", value))
        yield lambda value=value: tlsmith.Server(ca.issue("a.example"), ticket_keys=[value])
        yield lambda value=value: tlsmith.Server(ca.issue("a.example"), ticket_keys=value)
        yield lambda value=value: tlsmith.inspect((value, 443))
        yield lambda value=value: tlsmith.inspect(("localhost", value))
        yield lambda value=value: ca.cert.matches(value)
        yield lambda value=value: tlsmith.Trust.roots(ca).verify([ca.cert], hostname=value)
        yield lambda value=value: ca.revoke(value)


def assert_silent(calls, secret, what, caplog, with_frames=False):
    """Runs calls that may fail, and looks for the key in whatever they leave behind."""
    traces = secret.traces()
    failed = 0
    out, err = io.StringIO(), io.StringIO()
    for call in calls:
        texts = []
        try:
            with (
                contextlib.redirect_stdout(out),
                contextlib.redirect_stderr(err),
                warnings.catch_warnings(record=True) as warned,
            ):
                warnings.simplefilter("always")
                call()
        except Exception as error:  # whatever it is, it is looked into
            failed += 1
            texts += everything(error, with_frames)
        texts += [str(one.message) for one in warned]
        for text in texts:
            found = [trace for trace in traces if trace in text]
            assert not found, (what, found[0], text)
    said = out.getvalue() + err.getvalue() + caplog.text
    assert not [trace for trace in traces if trace in said], what
    return failed


@pytest.mark.parametrize("secret", SECRETS, ids=["ed25519", "ecdsa-p256"])
def test_errors_about_damaged_keys_hold_no_part_of_the_key(secret, tmp_path, identity, ca, caplog):
    caplog.set_level(logging.DEBUG)
    texts, binary = secret.shapes()
    failed = 0
    for what, content in {**texts, **binary}.items():
        calls = loaders(content, tmp_path, identity, ca)
        failed += assert_silent(calls, secret, what, caplog, with_frames=True)
    assert failed > 1500


@pytest.mark.parametrize("secret", SECRETS, ids=["ed25519", "ecdsa-p256"])
def test_errors_about_misplaced_keys_hold_no_part_of_the_key(secret, ca, caplog):
    caplog.set_level(logging.DEBUG)
    texts, binary = secret.shapes()
    failed = 0
    for what in ("escaped", "spaces", "base64", "hex", "secret in base64", "intact", "NUL"):
        failed += assert_silent(misplaced(texts[what], ca), secret, what, caplog)
    failed += assert_silent(misplaced(binary["DER"], ca), secret, "DER", caplog)
    assert failed > 300


@pytest.mark.parametrize("secret", SECRETS, ids=["ed25519", "ecdsa-p256"])
def test_the_command_line_tells_no_part_of_a_key(secret, tmp_path):
    cli = CommandLine(tmp_path)
    cli.run("ca", "init")
    traces = secret.traces()
    texts, _ = secret.shapes()
    for what in ("escaped", "spaces", "base64", "hex", "intact", "carriage returns"):
        text = texts[what]
        file = tmp_path / "content.pem"
        file.write_text(text, newline="")
        for arguments in (
            ("inspect", file),
            ("inspect", text),
            ("inspect", file, "--json"),
            ("inspect", file, "--password-file", text),
            ("sign", file),
            ("sign", text),
            ("issue", text),
            ("issue", "a.example", "--key", text),
            ("issue", "a.example", "--key", file),
            ("issue", "a.example", "--valid", text),
            ("key", text),
            ("key", "--out", f"{text}/x"),
            ("csr", text),
            ("revoke", text),
            ("connect", text),
            ("connect", "localhost:1", "--ca", text),
            ("connect", "localhost:1", "--cert", file),
            ("connect", "localhost:1", "--cert", text, "--key", text),
            ("connect", "localhost:1", "--pin", text),
            ("connect", "localhost:1", "--ech", text),
            ("serve", "--cert", file),
            ("serve", "--cert", text),
            (text,),
        ):
            result = run_whatever(cli, arguments)
            found = [trace for trace in traces if trace in result]
            assert not found, (what, arguments[0], result)


def run_whatever(cli, arguments):
    """All that a command says, whether it fails or not."""
    import subprocess

    from commandline import COMMAND, PATIENCE

    # No argument of a program has a NUL.
    arguments = [str(one).replace("\0", "") for one in arguments]
    done = subprocess.run(
        [*COMMAND, *arguments],
        capture_output=True,
        text=True,
        errors="replace",
        stdin=subprocess.DEVNULL,
        timeout=PATIENCE,
        cwd=cli.directory,
        env=cli.environment,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done.stdout + done.stderr


def test_a_key_in_place_of_a_path_is_explained():
    secret = SECRETS[0]
    for what in ("leading garbage", "quoted", "base64"):
        with pytest.raises(tlsmith.ConfigError, match="looks like PEM or a key") as caught:
            tlsmith.load_key(secret.shapes()[0][what])
        assert caught.value.code == "config.file"
        assert caught.value.__cause__ is None and caught.value.__context__ is None
    with pytest.raises(tlsmith.CertError, match="line ends are lost"):
        tlsmith.load_key(secret.pem.replace("\n", " "))


def test_errors_name_the_file_that_is_wrong(tmp_path, identity, ca):
    broken, empty = tmp_path / "broken.pem", tmp_path / "empty.pem"
    broken.write_text("hello\n")
    empty.touch()
    files = identity.write(tmp_path)
    for path, load in (
        (broken, lambda: tlsmith.load_certificates(broken)),
        (broken, lambda: tlsmith.load_certificates(str(broken))),
        (broken, lambda: tlsmith.load_key(broken)),
        (empty, lambda: tlsmith.load_key(empty)),
        (broken, lambda: tlsmith.Identity.load(broken, files.key)),
        (broken, lambda: tlsmith.Identity.load(files.cert, broken)),
        (files.cert, lambda: tlsmith.Identity.load(files.cert)),
        (broken, lambda: tlsmith.CA.load(broken, files.key)),
        (broken, lambda: tlsmith.Trust.roots(broken)),
        (broken, lambda: tlsmith.Client(trust=broken)),
        (broken, lambda: tlsmith.Trust.roots(ca).with_crls(broken)),
        (broken, lambda: tlsmith.CSR.load(broken)),
        (broken, lambda: tlsmith.inspect(broken)),
        (broken, lambda: tlsmith.Identity.load_pkcs12(broken, "x")),
    ):
        with pytest.raises(tlsmith.Error) as caught:
            load()
        assert str(caught.value).count(f"'{path}'") == 1, str(caught.value)
        assert caught.value.args == (None, str(caught.value))
    with pytest.raises(tlsmith.CertError) as caught:
        tlsmith.load_key(b"hello")
    assert str(caught.value).startswith("the text of 5 bytes")


def test_a_path_of_letters_and_digits_is_still_a_path(tmp_path):
    name = "5f2c8a1b9d3e4f60718293a4b5c6d7e8.pem"
    with pytest.raises(tlsmith.ConfigError, match=name) as caught:
        tlsmith.load_key(tmp_path / name)
    assert isinstance(caught.value.__cause__, FileNotFoundError)
    (tmp_path / name).write_text("hello")
    with pytest.raises(tlsmith.CertError, match=name):
        tlsmith.load_key(tmp_path / name)


def test_the_path_of_secrets_is_not_told_by_repr(identity):
    for one in (identity, identity.key, tlsmith.Server(identity)):
        assert "PRIVATE" not in repr(one)
    assert sys.exc_info() == (None, None, None)
