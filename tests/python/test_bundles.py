"""Encrypted keys and bundles of certificates as OpenSSL and Java make them, for tlsmith
and for its `ssl`, with the standard library's `ssl` as the peer."""

import ssl
import subprocess

import pytest

import tlsmith
import tlsmith.ssl as shim

PASSWORD = "p\xe4ss".encode("latin-1")


def openssl(*arguments):
    done = subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)
    return done.stdout


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bundles")
    plain, secret = folder / "plain.key", folder / "password"
    secret.write_bytes(PASSWORD)
    site = tlsmith.CA().issue("localhost", key="rsa-2048")
    plain.write_bytes(site.key_pem)
    (folder / "cert.pem").write_bytes(site.cert_pem)
    given = ["-in", plain, "-passout", f"file:{secret}"]
    openssl("rsa", "-traditional", "-aes256", *given, "-out", folder / "old.key")
    openssl("rsa", "-traditional", "-des3", *given, "-out", folder / "older.key")
    openssl("pkcs8", "-topk8", *given, "-out", folder / "pkcs8.key")
    openssl("pkcs8", "-topk8", "-v1", "PBE-SHA1-3DES", *given, "-out", folder / "des3.key")
    return folder


ENCRYPTED = ["old.key", "older.key", "pkcs8.key", "des3.key"]


@pytest.mark.parametrize("name", ENCRYPTED)
def test_encrypted_keys_are_read_with_bytes_as_they_are(folder, name):
    der = tlsmith.load_key(folder / "plain.key").der
    asked = []
    for password in (PASSWORD, lambda: asked.append(1) or PASSWORD):
        assert tlsmith.load_key(folder / name, password).der == der
        assert tlsmith.Key.load(folder / name, password).der == der
        loaded = tlsmith.Identity.load(folder / "cert.pem", folder / name, password=password)
        assert loaded.key.der == der
    assert asked == [1, 1, 1]
    for wrong in ("pass", b"pass", lambda: "other", None):
        with pytest.raises(tlsmith.ConfigError, match="password") as caught:
            tlsmith.load_key(folder / name, wrong)
        assert name in str(caught.value)


@pytest.mark.parametrize("name", ENCRYPTED)
def test_ssl_reads_encrypted_keys_as_the_standard_library(folder, name):
    cert, key = folder / "cert.pem", folder / name
    for module in (shim, ssl):
        asked = []

        def ask(asked=asked):
            asked.append(1)
            return PASSWORD

        for password in (PASSWORD, bytearray(PASSWORD), ask):
            context = module.SSLContext(module.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(cert, key, password=password)
        assert asked == [1]
        with pytest.raises(module.SSLError):
            context.load_cert_chain(cert, key, password="pass")


def test_ssl_password_callback_is_called_only_if_needed_and_once(folder):
    asked = []

    def ask():
        asked.append(1)
        return "wrong"

    context = shim.SSLContext(shim.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "plain.key", password=ask)
    assert asked == []
    with pytest.raises(shim.SSLError):
        context.load_cert_chain(folder / "cert.pem", folder / "pkcs8.key", password=ask)
    assert asked == [1]


def test_ssl_password_callback_that_fails_is_heard(folder):
    context = shim.SSLContext(shim.PROTOCOL_TLS_SERVER)

    def fail():
        raise RuntimeError("nobody is there")

    for password, error, words in (
        (fail, RuntimeError, "nobody is there"),
        (lambda: 7, TypeError, "must return a string"),
        (lambda: b"x" * 1025, ValueError, "cannot be longer"),
        (7, TypeError, "should be a string or callable"),
        ("x" * 1025, ValueError, "cannot be longer"),
    ):
        with pytest.raises(error, match=words):
            context.load_cert_chain(folder / "cert.pem", folder / "pkcs8.key", password=password)
    with pytest.raises(RuntimeError, match="nobody is there"):
        tlsmith.load_key(folder / "pkcs8.key", fail)
    # Whatever was raised is not raised once more by the next call.
    with pytest.raises(tlsmith.ConfigError, match="give its password"):
        tlsmith.load_key(folder / "pkcs8.key")


def test_key_of_several_in_pkcs12_is_chosen_by_its_friendly_name(tmp_path):
    store = tmp_path / "two.p12"
    for name in ("first", "second"):
        command = ["keytool", "-genkeypair", "-alias", name, "-keyalg", "EC"]
        command += ["-dname", f"CN={name}", "-keystore", store, "-storetype", "PKCS12"]
        subprocess.run([*command, "-storepass", "secret"], check=True, capture_output=True)
    for name in ("first", "second"):
        loaded = tlsmith.Identity.load_pkcs12(store, "secret", name=name)
        assert loaded.cert.subject == f"CN={name}"
    for name in (None, "third"):
        with pytest.raises(tlsmith.ConfigError, match="'first', 'second'") as caught:
            tlsmith.Identity.load_pkcs12(store, "secret", name=name)
        assert str(store) in str(caught.value)


@pytest.mark.parametrize("form", ["PEM", "DER"])
def test_pkcs7_bundles_are_chains_and_roots(tmp_path, form):
    ca = tlsmith.CA()
    site = ca.intermediate("Issuing CA").issue("localhost")
    every, bundle = tmp_path / "all.pem", tmp_path / "bundle.p7b"
    every.write_bytes(ca.cert.pem + site.chain[1].pem + site.cert.pem)
    openssl("crl2pkcs7", "-nocrl", "-certfile", every, "-outform", form, "-out", bundle)
    expected = [*site.chain, ca.cert]
    assert tlsmith.load_certificates(bundle) == expected
    assert tlsmith.load_certificates(bundle.read_bytes()) == expected
    assert tlsmith.inspect(bundle) == expected
    loaded = tlsmith.Identity.load(bundle, site.key)
    assert list(loaded.chain) == expected
    trust = tlsmith.Trust.roots(bundle)
    assert trust.verify(site.chain, hostname="localhost")
    # The key decides, whatever the order.
    issuer = tlsmith.Identity.load(bundle, ca.key)
    assert issuer.cert == ca.cert


def test_trusted_certificates_are_roots_for_what_their_settings_allow(tmp_path):
    ca = tlsmith.CA()
    site = ca.issue("localhost")
    plain, trusted = tmp_path / "ca.pem", tmp_path / "trusted.pem"
    plain.write_bytes(ca.cert.pem)
    for settings, is_trusted in (("-addtrust", True), ("-addreject", False)):
        change = [settings, "serverAuth", "-out", trusted]
        openssl("x509", "-in", plain, "-trustout", *change)
        trust = tlsmith.Trust.roots(trusted)
        if is_trusted:
            assert trust.verify(site.chain, hostname="localhost")
        else:
            with pytest.raises(tlsmith.VerifyError, match="not trusted for serverAuth"):
                trust.verify(site.chain, hostname="localhost")


def test_every_error_about_a_file_names_it(tmp_path, folder):
    broken, empty = tmp_path / "broken.pem", tmp_path / "empty.pem"
    broken.write_text("hello\n")
    empty.write_bytes(b"")
    cert, key = folder / "cert.pem", folder / "plain.key"
    for path in (broken, empty):
        for load in (
            lambda path: tlsmith.load_certificates(path),
            lambda path: tlsmith.load_key(path),
            lambda path: tlsmith.Identity.load(path),
            lambda path: tlsmith.Identity.load(path, key),
            lambda path: tlsmith.Identity.load(cert, path),
            lambda path: tlsmith.CA.load(path, key),
            lambda path: tlsmith.Trust.roots(path),
            lambda path: tlsmith.Trust.roots(cert).with_crls(path),
            lambda path: tlsmith.Client(trust=path),
            lambda path: tlsmith.CSR.load(path),
            lambda path: tlsmith.inspect(path),
            lambda path: tlsmith.Identity.load_pkcs12(path, "x"),
        ):
            with pytest.raises(tlsmith.Error) as caught:
                load(path)
            assert str(path) in str(caught.value)


def test_error_names_the_actual_file_type(tmp_path, folder):
    cert, key = folder / "cert.pem", folder / "plain.key"
    public, p12 = tmp_path / "public.pem", tmp_path / "id.p12"
    public.write_bytes(tlsmith.load_key(key).public_pem)
    p12.write_bytes(tlsmith.CA().issue("localhost").pkcs12("x"))
    request = tmp_path / "request.pem"
    tlsmith.CSR("localhost").save(request)
    for path, kind in (
        (key, "a private key"),
        (folder / "pkcs8.key", "an encrypted private key"),
        (public, "a public key"),
        (p12, "a PKCS#12 file"),
        (request, "a certificate request"),
    ):
        for load in (tlsmith.load_certificates, tlsmith.Trust.roots):
            with pytest.raises(tlsmith.CertError) as caught:
                load(path)
            assert f"{path}" in str(caught.value)
            assert f"this is {kind}; a certificate is needed" in str(caught.value)
    for path, kind in ((cert, "a certificate"), (public, "a public key")):
        with pytest.raises(tlsmith.CertError, match=f"this is {kind}; a private key is needed"):
            tlsmith.Identity.load(cert, path)
