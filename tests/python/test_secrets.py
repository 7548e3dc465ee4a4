"""No error, report or log line holds a part of a private key, in whatever shape it is
given, and wherever it is given in place of something else."""

import asyncio
import base64
import contextlib
import functools
import logging
import os
import sys
import tempfile

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs12
from key_material import SECRETS, assert_silent, find

import tlsmith
import tlsmith.ssl


@functools.cache
def store_of(identity):
    """An identity as PKCS#12, with one round of hashing, so that attempts are over soon."""
    encryption = serialization.PrivateFormat.PKCS12.encryption_builder().kdf_rounds(1)
    key, certificate = identity.key.to_cryptography(), identity.cert.to_cryptography()
    return pkcs12.serialize_key_and_certificates(
        b"x", key, certificate, None, encryption.build(b"x")
    )


def loaders(content, tmp_path, identity, ca):
    """All that loads something, from memory where it takes that, and from a file."""
    file = tmp_path / "content"
    data = content.encode(errors="surrogatepass") if isinstance(content, str) else content
    file.write_bytes(data)
    cert, store = identity.cert.pem, store_of(identity)
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
        yield lambda source=source: tlsmith.CA.load(source)
        yield lambda source=source: tlsmith.CA.load(ca.cert.pem, source)
        yield lambda source=source: tlsmith.Trust.roots(source)
        yield lambda source=source: tlsmith.Trust.roots(ca).with_crls(source)
        yield lambda source=source: tlsmith.inspect(source)
        yield lambda source=source: tlsmith.inspect(source, password=data)
    yield lambda: tlsmith.Identity.load_pkcs12(store, data)


def in_new_folder(use, path):
    """Use a path that may become a file: the name of one that exists is believed to be one."""
    assert not os.path.isabs(path)
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        use(path)


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
        for use in (
            tlsmith.CA.local,
            ca.issue("a.example").write,
            ca.key.save,
            ca.cert.save,
            lambda path: tlsmith.CSR("a.example").save(path, path),
            lambda path: tlsmith.Client(trust=ca, keylog=path).buffer("a.example"),
            lambda path: tlsmith.Server(ca.issue("a.example")).listen(path).close(),
            lambda path: ca.install(["nss"], profiles=[path]),
            lambda path: ca.install([path]),
            lambda path: asyncio.run(tlsmith.aio.open_connection(path, timeout=1)),
        ):
            yield lambda use=use, value=value: in_new_folder(use, value)
            folder = b"nowhere" if isinstance(value, bytes) else "nowhere"
            path = os.path.join(folder, value)
            yield lambda use=use, path=path: in_new_folder(use, path)


@pytest.mark.parametrize("secret", SECRETS, ids=str)
def test_errors_about_damaged_keys_hold_no_part_of_the_key(secret, tmp_path, identity, ca, caplog):
    caplog.set_level(logging.DEBUG)
    texts, binary = secret.shapes()
    failed = 0
    for what, content in {**texts, **binary}.items():
        calls = loaders(content, tmp_path, identity, ca)
        failed += assert_silent(calls, secret, what, caplog, with_frames=True)
    assert failed > 1500


@pytest.mark.parametrize("secret", SECRETS, ids=str)
def test_errors_about_misplaced_keys_hold_no_part_of_the_key(secret, ca, caplog):
    caplog.set_level(logging.DEBUG)
    texts, binary = secret.shapes()
    failed = 0
    for what in ("escaped", "spaces", "base64", "hex", "secret in base64", "intact", "NUL"):
        # No path may lead out of the folder.
        text = texts[what].lstrip("/")
        failed += assert_silent(misplaced(text, ca), secret, what, caplog)
    failed += assert_silent(misplaced(binary["DER"], ca), secret, "DER", caplog)
    assert failed > 300


def written(part):
    """Bytes in every encoding that a message may have."""
    for between in ("", ":", " ", ", ", "-"):
        yield between.join(f"{byte:02x}" for byte in part)
        yield between.join(f"{byte:02X}" for byte in part)
    for form in (
        "\\x{:02x}",
        "%{:02X}",
        "\\u{{{:x}}}",
        "\\u{:04x}",
        "\\{:02x}",
        "{}, ",
        "0x{:02x} ",
    ):
        yield "".join(form.format(byte) for byte in part)
    yield repr(part)
    yield ascii(part.decode("latin-1"))
    yield part.decode("latin-1")
    yield str(list(part))
    for before in (b"", b"\0", b"\0\0"):
        yield base64.b64encode(before + part + b"\0").decode()
        yield base64.urlsafe_b64encode(before + part + b"\0").decode()


def test_scanner_finds_eight_bytes_of_a_secret_but_not_seven():
    secret = bytes((n * 167 + 131) % 256 for n in range(40))
    for at in range(len(secret) - 7):
        for text in written(secret[at : at + 8]):
            assert find(f"cannot read '{text}': no such file", secret), text
        for text in written(secret[at : at + 7]):
            assert not find(text, secret), text
    assert not find("the certificate of 'CN=a.example' is expired: /etc/ssl/cert.pem", secret)


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


def test_repr_does_not_contain_private_keys(identity):
    for one in (identity, identity.key, tlsmith.Server(identity)):
        assert "PRIVATE" not in repr(one)
    assert sys.exc_info() == (None, None, None)
