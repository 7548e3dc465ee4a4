"""Keys of every type, and those under a password, with cryptography as the
peer."""

import os
import stat
import subprocess

import pytest
from conftest import KEY_TYPES, a_key
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_private_key,
    load_pem_private_key,
    pkcs12,
)

import tlsmith

PASSWORD = "pässword"


def public(key):
    """The public half of a key of cryptography's, either half."""
    key = key.public_key() if hasattr(key, "private_bytes") else key
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


@pytest.fixture(params=KEY_TYPES)
def key(request):
    return a_key(request.param)


def test_each_type_is_read_by_cryptography_and_back(key):
    theirs = load_pem_private_key(key.pem, None)
    assert public(theirs) == public(load_der_private_key(key.der, None))
    cert = x509.load_der_x509_certificate(tlsmith.CA(key=key).cert.der)
    assert public(cert.public_key()) == public(theirs)
    for form in (Encoding.PEM, Encoding.DER):
        again = tlsmith.Key.load(theirs.private_bytes(form, PrivateFormat.PKCS8, NoEncryption()))
        assert again.der == key.der
        assert again.type == key.type


def test_generate_returns_key_of_requested_type():
    assert [a_key(kind).type for kind in KEY_TYPES] == KEY_TYPES


def test_encrypted_keys_are_read_by_cryptography(key):
    pem = key.encrypted_pem(PASSWORD)
    assert pem.startswith(b"-----BEGIN ENCRYPTED PRIVATE KEY-----\n")
    assert public(load_pem_private_key(pem, PASSWORD.encode())) == public(
        load_pem_private_key(key.pem, None)
    )
    with pytest.raises(ValueError):
        load_pem_private_key(pem, b"another")
    assert tlsmith.load_key(pem, PASSWORD).der == key.der


def test_encrypted_keys_of_cryptography_are_read(key):
    theirs = load_pem_private_key(key.pem, None)
    encryption = BestAvailableEncryption(PASSWORD.encode())
    for form in (Encoding.PEM, Encoding.DER):
        encrypted = theirs.private_bytes(form, PrivateFormat.PKCS8, encryption)
        assert tlsmith.Key.load(encrypted, PASSWORD).der == key.der
        for password, sentence in (("another", "it is wrong"), (None, "give its password")):
            with pytest.raises(tlsmith.ConfigError, match=sentence) as caught:
                tlsmith.Key.load(encrypted, password)
            assert caught.value.code == "config.argument"


def test_unencrypted_key_loads_with_a_password():
    key = a_key("ed448")
    assert tlsmith.Key.load(key.pem, "whatever").der == key.der


@pytest.mark.parametrize("password", [None, PASSWORD])
def test_keys_are_saved_with_mode_0600(tmp_path, password):
    key, path = a_key("ecdsa-p521"), tmp_path / "key.pem"
    path.write_text("what was there before")
    path.chmod(0o644)
    key.save(path, password)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert os.listdir(tmp_path) == ["key.pem"]
    expected = b"-----BEGIN PRIVATE" if password is None else b"-----BEGIN ENCRYPTED"
    assert path.read_bytes().startswith(expected)
    assert tlsmith.Key.load(path, password).der == key.der
    with pytest.raises(tlsmith.ConfigError, match="/nonexistent/key.pem") as caught:
        key.save("/nonexistent/key.pem", password)
    assert caught.value.code == "config.file"


def test_identities_and_authorities_are_loaded_with_a_password(tmp_path):
    ca = tlsmith.CA()
    ca.cert.save(tmp_path / "ca.pem")
    ca.key.save(tmp_path / "ca-key.pem", PASSWORD)
    again = tlsmith.CA.load(tmp_path / "ca.pem", tmp_path / "ca-key.pem", password=PASSWORD)
    assert again.issue("localhost").cert.issuer == ca.cert.subject
    site = ca.issue("localhost")
    both = site.chain_pem + site.key.encrypted_pem(PASSWORD)
    assert tlsmith.Identity.load(both, password=PASSWORD).key_pem == site.key_pem
    with pytest.raises(tlsmith.ConfigError, match="password"):
        tlsmith.Identity.load(both)


# PKCS#12.


# cryptography does not know those with ML-DSA.
PKCS12_TYPES = [kind for kind in KEY_TYPES if not kind.startswith("ml-dsa")]


@pytest.mark.parametrize("kind", PKCS12_TYPES)
def test_pkcs12_is_read_by_cryptography(kind):
    key = a_key(kind)
    site = tlsmith.CA().intermediate("Issuing CA").issue("localhost", key=key)
    store = pkcs12.load_pkcs12(site.pkcs12(PASSWORD), PASSWORD.encode())
    assert public(store.key) == public(load_pem_private_key(key.pem, None))
    ders = [store.cert.certificate.public_bytes(Encoding.DER)]
    ders += [other.certificate.public_bytes(Encoding.DER) for other in store.additional_certs]
    assert ders == [cert.der for cert in site.chain]
    with pytest.raises(ValueError):
        pkcs12.load_pkcs12(site.pkcs12(PASSWORD), b"another")


def test_legacy_pkcs12_is_read_by_cryptography_and_openssl(tmp_path):
    site = tlsmith.CA().intermediate("Issuing CA").issue("localhost")
    path = tmp_path / "old.p12"
    path.write_bytes(site.pkcs12(PASSWORD, "old friend", legacy=True))
    store = pkcs12.load_pkcs12(path.read_bytes(), PASSWORD.encode())
    assert store.cert.certificate.public_bytes(Encoding.DER) == site.cert.der
    assert tlsmith.Identity.load_pkcs12(path, PASSWORD).chain == site.chain
    command = ["openssl", "pkcs12", "-legacy", "-in", path, "-passin", f"pass:{PASSWORD}"]
    done = subprocess.run([*command, "-info", "-nodes"], check=True, capture_output=True, text=True)
    assert "friendlyName: old friend" in done.stdout
    assert "MAC: sha1" in done.stderr
    assert done.stderr.count("pbeWithSHA1And3-KeyTripleDES-CBC") == 2


def test_pkcs12_keeps_every_type_of_key(key):
    site = tlsmith.CA().intermediate("Issuing CA").issue("localhost", key=key)
    again = tlsmith.Identity.load_pkcs12(site.pkcs12(PASSWORD), PASSWORD)
    assert again.chain == site.chain
    assert again.key.der == key.der


@pytest.mark.parametrize(
    ("names", "name", "shown"),
    [
        (["localhost", "127.0.0.1"], None, "localhost"),
        (["localhost"], "my name", "my name"),
        ([], None, "My CA"),
    ],
)
def test_openssl_prints_friendly_name_of_pkcs12(tmp_path, names, name, shown):
    ca = tlsmith.CA("My CA")
    path = tmp_path / "x.p12"
    path.write_bytes((ca.issue(*names) if names else ca).pkcs12("secret", name))
    command = ["openssl", "pkcs12", "-in", path, "-passin", "pass:secret", "-nodes", "-nocerts"]
    out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert f"friendlyName: {shown}\n" in out


def old_encryption():
    builder = PrivateFormat.PKCS12.encryption_builder().hmac_hash(hashes.SHA1())
    builder = builder.key_cert_algorithm(pkcs12.PBES.PBESv1SHA1And3KeyTripleDESCBC)
    return builder.build(PASSWORD.encode())


@pytest.mark.parametrize("old", [False, True])
@pytest.mark.parametrize("kind", ["ecdsa-p256", "rsa-2048", "ed25519", "ed448"])
def test_pkcs12_of_cryptography_is_read(tmp_path, kind, old):
    site = tlsmith.CA().intermediate("Issuing CA").issue("localhost", key=a_key(kind))
    leaf, issuer = (x509.load_der_x509_certificate(cert.der) for cert in site.chain)
    encryption = old_encryption() if old else BestAvailableEncryption(PASSWORD.encode())
    key = load_der_private_key(site.key.der, None)
    path = tmp_path / "site.p12"
    path.write_bytes(pkcs12.serialize_key_and_certificates(b"x", key, leaf, [issuer], encryption))
    again = tlsmith.Identity.load_pkcs12(path, PASSWORD)
    assert again.chain == site.chain
    assert again.key.der == site.key.der
    with pytest.raises(tlsmith.ConfigError, match="password") as caught:
        tlsmith.Identity.load_pkcs12(path.read_bytes(), "another")
    assert caught.value.code == "config.argument"


def test_pkcs12_without_a_mac_is_refused_unless_it_is_allowed(tmp_path):
    ca = tlsmith.CA()
    whole, bare = tmp_path / "ca.pem", tmp_path / "ca.p12"
    whole.write_bytes(ca.pem)
    command = ["openssl", "pkcs12", "-export", "-in", whole, "-nomac", "-out", bare]
    subprocess.run([*command, "-passout", f"pass:{PASSWORD}"], check=True)
    for load in (tlsmith.Identity.load_pkcs12, tlsmith.CA.load_pkcs12):
        with pytest.raises(tlsmith.CertError, match="has no MAC") as caught:
            load(bare, PASSWORD)
        assert str(bare) in str(caught.value)
        assert load(bare, PASSWORD, insecure_no_mac=True).chain == ca.chain
    with pytest.raises(tlsmith.CertError, match="has no MAC"):
        tlsmith.Identity.load(bare, password=PASSWORD)


def test_authorities_are_kept_as_pkcs12():
    ca = tlsmith.CA("My CA")
    again = tlsmith.CA.load_pkcs12(ca.pkcs12(PASSWORD), PASSWORD)
    assert again.issue("localhost").cert.issuer == "CN=My CA"
    leaf = ca.issue("localhost").pkcs12(PASSWORD)
    with pytest.raises(tlsmith.ConfigError, match="not a CA"):
        tlsmith.CA.load_pkcs12(leaf, PASSWORD)


def test_wrong_arguments():
    key, ca = a_key("ed25519"), tlsmith.CA()
    for call in (
        lambda: key.encrypted_pem(3),
        lambda: key.encrypted_pem(None),
        lambda: key.save(3),
        lambda: key.save("/nonexistent/key", 3),
        lambda: tlsmith.Key.load(3),
        lambda: tlsmith.Key.load(key.pem, 3),
        lambda: tlsmith.load_key(key.der, 3),
        lambda: ca.pkcs12(3),
        lambda: tlsmith.Identity.load_pkcs12(ca.pkcs12("x"), 3),
        lambda: tlsmith.CA(key=3),
        lambda: tlsmith.CA(permit="example.com"),
    ):
        with pytest.raises(TypeError):
            call()
    for call, part in (
        (lambda: key.encrypted_pem(""), "password is empty"),
        (lambda: ca.pkcs12(""), "password is empty"),
        (lambda: ca.issue("localhost", key="ed449"), "ed449"),
        (lambda: tlsmith.CA(path_len=-1), "-1"),
        (lambda: tlsmith.CA(valid="9999999999999d"), "9999999999999d"),
    ):
        with pytest.raises(tlsmith.ConfigError) as caught:
            call()
        assert part in str(caught.value)
    with pytest.raises(tlsmith.CertError, match="PKCS#12"):
        tlsmith.Identity.load_pkcs12(ca.cert.pem, "x")
