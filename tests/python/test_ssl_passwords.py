"""tlsmith.ssl and the standard library's `ssl`, in the same tests: the passwords of
private keys in load_cert_chain()."""

import importlib
import ssl

import pytest

import tlsmith.ssl

PASSWORD = "криївка"


@pytest.fixture(params=["ssl", "tlsmith.ssl"])
def context(request):
    return importlib.import_module(request.param).SSLContext(ssl.PROTOCOL_TLS_SERVER)


@pytest.fixture
def files(tmp_path, ca):
    """A certificate, and its key under PASSWORD."""
    identity = ca.issue("localhost")
    certfile, keyfile = tmp_path / "cert.pem", tmp_path / "key.pem"
    certfile.write_bytes(identity.cert.pem)
    keyfile.write_bytes(identity.key.encrypted_pem(PASSWORD))
    return certfile, keyfile


@pytest.mark.parametrize(
    "password",
    [
        PASSWORD,
        PASSWORD.encode(),
        bytearray(PASSWORD.encode()),
        lambda: PASSWORD,
        lambda: PASSWORD.encode(),
    ],
    ids=["str", "bytes", "bytearray", "gives str", "gives bytes"],
)
def test_load_cert_chain_takes_a_password_beyond_ascii(context, files, password):
    context.load_cert_chain(*files, password)


@pytest.mark.parametrize("password", ["wrong", b"wrong", b"\xff"])
def test_load_cert_chain_refuses_a_wrong_password(context, files, password):
    with pytest.raises(ssl.SSLError):
        context.load_cert_chain(*files, password)


@pytest.mark.parametrize("password", ["x" * 1025, b"x" * 1025, "é" * 513])
def test_load_cert_chain_refuses_a_password_of_more_than_1024_bytes(context, files, password):
    with pytest.raises(ValueError, match="longer than 1024 bytes"):
        context.load_cert_chain(*files, password)
    context.load_cert_chain(*files, PASSWORD)


def test_load_cert_chain_takes_password_bytes_as_they_are(files):
    context = tlsmith.ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serialization = pytest.importorskip("cryptography.hazmat.primitives.serialization")
    certfile, keyfile = files
    key = serialization.load_pem_private_key(keyfile.read_bytes(), PASSWORD.encode())
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"\xff"),
    )
    keyfile.write_bytes(pem)
    context.load_cert_chain(certfile, keyfile, b"\xff")
