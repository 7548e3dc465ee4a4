"""No error or log line of tlsmith.ssl holds a part of a private key, in whatever shape it is
given, and wherever it is given in place of something else."""

import contextlib
import logging
import os
import ssl
import tempfile

import pytest
from cryptography.hazmat.primitives import serialization
from key_material import SECRETS, assert_silent

import tlsmith.ssl


def client():
    return tlsmith.ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def server():
    return tlsmith.ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)


def put(context, name, value):
    setattr(context, name, value)


def wrapped(context, **options):
    context.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), **options).do_handshake()


@pytest.fixture
def cert(tmp_path, ca):
    path = tmp_path / "cert.pem"
    path.write_bytes(ca.issue("localhost").cert.pem)
    return path


@pytest.fixture
def encrypted(tmp_path, ca):
    """A key that a wrong password does not open, after few rounds of hashing."""
    key = ca.issue("localhost").key.to_cryptography()
    path = tmp_path / "encrypted.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"x"),
        )
    )
    return path


def loaders(content, tmp_path, cert, encrypted):
    """All that loads something, with the key as its content."""
    data = content.encode(errors="surrogatepass") if isinstance(content, str) else content
    folder = tmp_path / "folder"
    folder.mkdir(exist_ok=True)
    # As c_rehash names them.
    file = folder / "0a1b2c3d.0"
    file.write_bytes(data)
    yield lambda: server().load_cert_chain(file)
    yield lambda: server().load_cert_chain(file, file)
    yield lambda: server().load_cert_chain(cert, file)
    yield lambda: server().load_cert_chain(cert, file, password="wrong")
    yield lambda: server().load_cert_chain(cert, file, password=lambda: "wrong")
    yield lambda: server().load_cert_chain(cert, encrypted, password=content)
    yield lambda: server().load_cert_chain(cert, encrypted, password=data)
    yield lambda: server().load_cert_chain(cert, encrypted, password=lambda: content)
    yield lambda: client().load_verify_locations(file)
    yield lambda: client().load_verify_locations(cafile=str(file))
    yield lambda: wrapped(from_folder(folder), server_hostname="localhost")
    yield lambda: client().load_verify_locations(cadata=content)
    yield lambda: client().load_verify_locations(cadata=data)
    yield lambda: tlsmith.ssl.create_default_context(cafile=file)
    yield lambda: tlsmith.ssl.create_default_context(cadata=content)
    yield lambda: server().load_dh_params(file)


def from_folder(folder):
    context = client()
    context.load_verify_locations(capath=folder)
    return context


def misplaced(content, cert):
    """All that takes a path or a value, with the key in its place."""
    data = content.encode(errors="surrogatepass") if isinstance(content, str) else content
    for value in (content, data):
        folder = b"nowhere" if isinstance(value, bytes) else "nowhere"
        for path in (value, os.path.join(folder, value)):
            yield lambda path=path: server().load_cert_chain(path)
            yield lambda path=path: server().load_cert_chain(path, path)
            yield lambda path=path: server().load_cert_chain(cert, path)
            yield lambda path=path: client().load_verify_locations(path)
            yield lambda path=path: wrapped(from_folder(path), server_hostname="localhost")
            yield lambda path=path: tlsmith.ssl.create_default_context(cafile=path)
            yield lambda path=path: tlsmith.ssl.create_default_context(capath=path)
            yield lambda path=path: put(client(), "keylog_filename", path)
            yield lambda path=path: server().load_dh_params(path)
            yield lambda path=path: tlsmith.ssl.get_server_certificate(("::1", 1), ca_certs=path)
        yield lambda value=value: server().set_ecdh_curve(value)
        yield lambda value=value: client().set_groups(value)
        yield lambda value=value: client().set_client_sigalgs(value)
        yield lambda value=value: client().set_server_sigalgs(value)
        if value.isascii():
            # Of other text the standard library's own code raises an error that holds it.
            yield lambda value=value: client().set_ciphers(value)
            yield lambda value=value: client().set_alpn_protocols([value])
            yield lambda value=value: wrapped(client(), server_hostname=value)
        yield lambda value=value: put(server(), "sni_callback", value)
        yield lambda value=value: put(client(), "minimum_version", value)
        yield lambda value=value: put(client(), "verify_flags", value)
        yield lambda value=value: put(client(), "options", value)
        yield lambda value=value: wrapped(client(), server_hostname="a.example", session=value)
        yield lambda value=value: tlsmith.ssl.get_server_certificate((value, 1))
        yield lambda value=value: tlsmith.ssl.SSLContext(value)


def outcome(calls, secret, what, caplog):
    """How many failed.  None of them may leave a file elsewhere."""
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        return assert_silent(calls, secret, what, caplog)


@pytest.mark.parametrize("secret", SECRETS, ids=str)
def test_errors_about_damaged_keys_hold_no_part_of_the_key(
    secret, tmp_path, cert, encrypted, caplog
):
    caplog.set_level(logging.DEBUG)
    texts, binary = secret.shapes()
    failed = 0
    for what, content in {**texts, **binary}.items():
        calls = loaders(content, tmp_path, cert, encrypted)
        failed += outcome(calls, secret, what, caplog)
    assert failed > 300


@pytest.mark.parametrize("secret", SECRETS, ids=str)
def test_errors_about_misplaced_keys_hold_no_part_of_the_key(secret, cert, caplog):
    caplog.set_level(logging.DEBUG)
    texts, binary = secret.shapes()
    failed = 0
    for what, content in {**texts, "DER": binary["DER"]}.items():
        # No path may lead out of the folder.
        content = content.lstrip("/") if isinstance(content, str) else content
        failed += outcome(misplaced(content, cert), secret, what, caplog)
    assert failed > 700
