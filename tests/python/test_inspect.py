"""Looking at what one does not know."""

import subprocess
import warnings

import pytest
from conftest import thread

import tlsmith


@pytest.fixture(scope="module")
def files(ca, identity, tmp_path_factory):
    """What everybody has lying around, in both forms."""
    folder = tmp_path_factory.mktemp("documents")
    csr = tlsmith.CSR("localhost")
    documents = {
        "cert.pem": identity.cert.pem,
        "cert.der": identity.cert.der,
        "chain.pem": identity.cert.pem + ca.cert.pem,
        "csr.pem": csr.pem,
        "csr.der": csr.der,
        "crl.pem": ca.crl().pem,
        "crl.der": ca.crl().der,
        "crls.pem": ca.crl().pem * 2,
        "key.pem": identity.key_pem,
        "key.der": identity.key.der,
        "both.pem": identity.pem,
        "site.p12": identity.pkcs12("secret"),
        "locked.pem": identity.key.encrypted_pem("secret"),
    }
    for name, content in documents.items():
        (folder / name).write_bytes(content)
    openssl = ["openssl", "pkcs8", "-topk8", "-outform", "DER", "-passout", "pass:secret"]
    openssl += ["-in", folder / "key.pem", "-out", folder / "locked.der"]
    subprocess.run(openssl, check=True)
    # Without extensions, which makes it one of the first version.
    openssl = ["openssl", "x509", "-req", "-in", folder / "csr.pem", "-outform", "DER"]
    openssl += ["-CA", folder / "cert.pem", "-CAkey", folder / "key.pem", "-CAcreateserial"]
    subprocess.run([*openssl, "-out", folder / "old.der"], check=True, capture_output=True)
    return folder


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("cert.pem", tlsmith.Certificate),
        ("cert.der", tlsmith.Certificate),
        ("old.der", tlsmith.Certificate),
        ("csr.pem", tlsmith.CSR),
        ("csr.der", tlsmith.CSR),
        ("crl.pem", tlsmith.CRL),
        ("crl.der", tlsmith.CRL),
        ("key.pem", tlsmith.Key),
        ("key.der", tlsmith.Key),
        ("locked.pem", tlsmith.Key),
        ("locked.der", tlsmith.Key),
        ("both.pem", tlsmith.Identity),
        ("site.p12", tlsmith.Identity),
    ],
)
def test_inspect_detects_type_by_content(files, name, kind):
    for source in (files / name, str(files / name), (files / name).read_bytes()):
        assert type(tlsmith.inspect(source, password="secret")) is kind


def test_several_certificates_or_crls_are_a_list(files, ca, identity):
    assert tlsmith.inspect(files / "chain.pem") == [identity.cert, ca.cert]
    assert [type(one) for one in tlsmith.inspect(files / "crls.pem")] == [tlsmith.CRL] * 2


@pytest.mark.parametrize("name", ["site.p12", "locked.pem", "locked.der"])
@pytest.mark.parametrize("password", [None, "wrong"])
def test_error_asks_for_missing_or_wrong_password(files, name, password):
    with pytest.raises(tlsmith.ConfigError, match="password"):
        tlsmith.inspect(files / name, password=password)


def test_inspect_rejects_other_content(files, identity):
    for nothing in (b"", b"hello", b"\x30", b"\x30\x82", identity.cert.der[:-1], b"\x30\x03abc"):
        with pytest.raises(tlsmith.CertError):
            tlsmith.inspect(nothing)
    with pytest.raises(tlsmith.ConfigError, match="No such file"):
        tlsmith.inspect(files / "not there")
    with pytest.raises(TypeError, match="int"):
        tlsmith.inspect(7)
    with pytest.raises(TypeError, match=r"\('localhost', '443'\)"):
        tlsmith.inspect(("localhost", "443"))


def test_unsigned_request_is_rejected_as_request(files):
    der = bytearray((files / "csr.der").read_bytes())
    der[-1] ^= 1
    with pytest.raises(tlsmith.CertError, match="the request's own signature is wrong"):
        tlsmith.inspect(bytes(der))


def test_inspect_returns_chain_of_untrusted_server(ca):
    stranger = tlsmith.CA().intermediate().issue("elsewhere.example", valid="-2d..-1d")
    with tlsmith.listen(("127.0.0.1", 0), stranger) as listener:

        def serve():
            with listener.accept()[0] as sock:
                sock.do_handshake()

        with thread(serve):
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                chain = tlsmith.inspect(("127.0.0.1", listener.address[1]))
    assert chain == list(stranger.chain)
