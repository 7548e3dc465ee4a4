"""Certificates: made by us, read by us and by others."""

import datetime
import os
import pathlib
import shutil
import ssl
import stat
import subprocess

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import AuthorityInformationAccessOID

import tlsmith


def test_certificate_has_requested_fields(ca):
    site = ca.issue(
        "localhost", "127.0.0.1", valid="-1h..1h", organization="A, B", usage=["server", "client"]
    )
    cert = site.cert
    assert cert.subject == r"CN=localhost,O=A\, B"
    assert cert.issuer == ca.cert.subject
    assert cert.names == ("localhost", "127.0.0.1")
    assert cert.not_after - cert.not_before == datetime.timedelta(hours=2)
    assert cert.not_before.tzinfo is datetime.UTC
    assert cert.extended_key_usage == ("serverAuth", "clientAuth")
    assert cert.key_usage == frozenset(["digitalSignature"])
    assert cert.key_type == site.key.type == "ecdsa-p256"
    assert 0 < cert.serial < 2**160
    assert not cert.is_ca and ca.cert.is_ca
    assert "localhost" in cert.text()
    assert cert == tlsmith.load_certificate(cert.pem) == tlsmith.load_certificate(cert.der)
    assert len({cert, site.chain[0]}) == 1


def foreign_certificate():
    """A certificate of cryptography's, with what we do not issue ourselves."""
    access = [
        x509.AccessDescription(method, x509.UniformResourceIdentifier(url))
        for method, url in (
            (AuthorityInformationAccessOID.OCSP, "http://ocsp.example/1"),
            (AuthorityInformationAccessOID.CA_ISSUERS, "http://ca.example/ca.crt"),
            (AuthorityInformationAccessOID.OCSP, "http://ocsp.example/2"),
        )
    ]
    point = [x509.UniformResourceIdentifier("http://crl.example/ca.crl")]
    key, name = ec.generate_private_key(ec.SECP384R1()), x509.Name([])
    builder = x509.CertificateBuilder(name, name, key.public_key(), 300)
    now = datetime.datetime.now(datetime.UTC)
    builder = builder.not_valid_before(now).not_valid_after(now)
    for extension in (
        x509.AuthorityInformationAccess(access),
        x509.CRLDistributionPoints([x509.DistributionPoint(point, None, None, None)]),
    ):
        builder = builder.add_extension(extension, False)
    return builder.sign(key, hashes.SHA384())


def test_certificate_fields_equal_those_of_openssl_and_cryptography():
    theirs = foreign_certificate()
    cert = tlsmith.load_certificate(theirs.public_bytes(Encoding.DER))
    assert cert.key_bits == theirs.public_key().key_size == 384
    assert cert.serial == 300
    assert cert.ocsp_urls == ("http://ocsp.example/1", "http://ocsp.example/2")
    assert cert.crl_urls == ("http://crl.example/ca.crl",)
    assert cert.sha1 == theirs.fingerprint(hashes.SHA1())
    assert cert.sha256 == theirs.fingerprint(hashes.SHA256())
    assert cert.name_constraints is None
    assert cert.sct_count == 0


def test_a_certificate_of_the_web_is_read():
    path = pathlib.Path(__file__).parents[1] / "data/example.org.pem"
    cert = tlsmith.load_certificate(path)
    theirs = x509.load_der_x509_certificate(cert.der)
    timestamps = x509.PrecertificateSignedCertificateTimestamps
    logs = theirs.extensions.get_extension_for_class(timestamps).value
    assert cert.sct_count == len(logs) == 3
    assert cert.key_bits == theirs.public_key().key_size == 2048
    assert cert.ocsp_urls == ("http://ocsp.digicert.com",)
    assert len(cert.crl_urls) == 2


def test_two_authorities_are_not_mistaken_for_each_other():
    assert tlsmith.CA().cert.subject != tlsmith.CA().cert.subject


def test_chain_includes_intermediates(ca):
    middle = ca.intermediate("Issuing CA", permit=["example.com"])
    assert "example.com" in middle.cert.name_constraints
    assert ca.cert.name_constraints is None
    site = middle.issue("www.example.com")
    assert [cert.subject for cert in site.chain] == ["CN=www.example.com", "CN=Issuing CA"]
    with pytest.raises(tlsmith.CertError, match="www.example.org") as caught:
        middle.issue("www.example.org")
    assert caught.value.code == "cert.issue"
    with pytest.raises(tlsmith.CertError, match="path length"):
        middle.intermediate()


@pytest.mark.parametrize("asked", [{}, {"path_len": None}, {"path_len": 0}])
def test_issued_ca_has_path_len_0_by_default(ca, asked):
    """The default of C and Rust: a root may have any number below it."""
    assert ca.intermediate(**asked).cert.path_len == 0
    assert ca.intermediate(path_len=2).intermediate(path_len=1).cert.path_len == 1
    root = tlsmith.CA(**asked)
    assert root.cert.path_len == asked.get("path_len")


# What the OpenSSL of today's systems knows.
@pytest.mark.parametrize(
    "key", ["ecdsa-p256", "ecdsa-p384", "ecdsa-p521", "ed25519", "ed448", "rsa-2048"]
)
def test_ssl_and_openssl_take_what_we_write(ca, tmp_path, key):
    site = ca.issue("localhost", key=key)
    files = site.write(tmp_path)
    assert os.listdir(tmp_path) and files.cert == str(tmp_path / "localhost.pem")
    for path, mode in ((files.key, 0o600), (files.combined, 0o600), (files.cert, 0o644)):
        assert stat.S_IMODE(os.stat(path).st_mode) == mode, path
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.chain, files.key)
    context.load_cert_chain(files.combined)
    context.load_verify_locations(files.ca)
    assert shutil.which("openssl"), "openssl is needed: apt-get install openssl"
    command = ["openssl", "verify", "-x509_strict", "-CAfile", files.ca, files.cert]
    subprocess.run(command, check=True, capture_output=True)


def test_files_exist_only_in_the_with_block(ca):
    with ca.issue("localhost").files() as files:
        assert all(os.path.exists(path) for path in files)
    assert not any(os.path.exists(path) for path in files)


def test_write_replaces_all_files_or_none(ca, tmp_path):
    ca.issue("localhost").write(tmp_path)
    (tmp_path / "ca.pem").unlink()
    (tmp_path / "ca.pem").mkdir()
    before = {path: path.is_file() and path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(tlsmith.ConfigError, match="ca.pem") as caught:
        ca.issue("localhost").write(tmp_path)
    assert caught.value.code == "config.file"
    after = {path: path.is_file() and path.read_bytes() for path in tmp_path.iterdir()}
    assert after == before


@pytest.mark.parametrize("name", ["ca", "ca-key", "www-key", "www-chain", "www-CSR", ".hidden"])
def test_certificate_named_like_another_file_is_written_beside_it(ca, tmp_path, name):
    www = ca.issue("www").write(tmp_path)
    before = {path: pathlib.Path(path).read_bytes() for path in www}
    # As a stranger's request may ask for it.
    site = tlsmith.CA.sign(ca, tlsmith.CSR("x"), names=[name.removeprefix(".")])
    files = site.write(tmp_path, name=name if name.startswith(".") else None)
    assert {path: pathlib.Path(path).read_bytes() for path in www} == before
    assert len(set(files)) == len(files)
    assert not os.path.basename(files.cert).startswith(".")


def test_name_that_would_make_two_files_one_is_refused(ca, tmp_path):
    with pytest.raises(tlsmith.ConfigError, match="same file"):
        ca.issue("localhost").write(tmp_path, name="ca")
    assert os.listdir(tmp_path) == []
    # The root itself may be called so.
    files = ca.write(tmp_path, name="ca")
    assert files.cert == files.ca == str(tmp_path / "ca.pem")
    assert tlsmith.CA.load(files.cert, files.key).cert == ca.cert


def test_an_authority_can_be_loaded_again(ca, tmp_path):
    files = ca.write(tmp_path, name="my ca")
    again = tlsmith.CA.load(files.cert, files.key)
    assert again.cert == ca.cert
    assert again.issue("localhost").cert.issuer == ca.cert.subject
    identity = tlsmith.Identity.load(files.combined)
    assert identity.key_pem == ca.key_pem
    with pytest.raises(tlsmith.ConfigError, match="not a CA"):
        tlsmith.CA.load(ca.issue("localhost").pem)


def test_keys_are_generated_and_loaded_and_not_in_repr():
    key = tlsmith.Key.generate("ed25519")
    assert tlsmith.load_key(key.pem).der == tlsmith.load_key(key.der).der == key.der
    assert repr(key) == "<tlsmith.Key ed25519>"
    with pytest.raises(tlsmith.ConfigError, match="dsa-1024"):
        tlsmith.Key.generate("dsa-1024")


def test_a_key_that_does_not_fit_is_refused(ca):
    with pytest.raises(tlsmith.ConfigError, match="does not belong") as caught:
        tlsmith.Identity.load(ca.cert_pem, tlsmith.Key.generate("ed25519"))
    assert caught.value.code == "config.key_mismatch"


@pytest.mark.parametrize("valid", ["", "90", "1y", "-1d", "2d..1d", "d", "..", "1d.."])
def test_error_names_invalid_validity_argument(ca, valid):
    with pytest.raises(tlsmith.ConfigError) as caught:
        ca.issue("localhost", valid=valid)
    assert repr(valid) in str(caught.value)


def test_text_before_pem_may_begin_with_a_nought(ca):
    # 0x30 is how DER begins, and the "0" of what openssl s_client prints.
    assert tlsmith.load_certificate(b"0 s:CN = x\n" + ca.cert.pem) == ca.cert


@pytest.mark.parametrize("source", [b"", b"noise", b"\x30\x00", "-----BEGIN nothing"])
def test_non_certificate_is_rejected(source):
    with pytest.raises(tlsmith.CertError) as caught:
        tlsmith.load_certificates(source)
    assert caught.value.code == "cert.parse"


def test_error_names_unreadable_file(tmp_path):
    for path in (tmp_path, tmp_path / "missing.pem", "/dev/zero"):
        with pytest.raises(tlsmith.ConfigError, match=str(path)) as caught:
            tlsmith.load_certificates(path)
        assert caught.value.code == "config.file"


def test_wrong_types_raise_type_errors(ca):
    for call in (
        lambda: tlsmith.load_certificates(3),
        lambda: ca.issue(b"localhost"),
        lambda: ca.issue("localhost", valid=30),
        lambda: ca.issue("localhost", usage="server"),
    ):
        with pytest.raises(TypeError):
            call()
