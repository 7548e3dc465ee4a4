"""Requests: ours, and those of cryptography, which reads what we make of them."""

import datetime
import os
import pathlib
import stat

import pytest
from conftest import KEY_TYPES, a_key
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, mldsa, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID, NameOID, ObjectIdentifier

import tlsmith

UNKNOWN = ObjectIdentifier("1.3.6.1.4.1.55555.7")

FOREIGN_KEYS = {
    "ecdsa-p256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "ecdsa-p521": lambda: ec.generate_private_key(ec.SECP521R1()),
    "rsa-2048": lambda: rsa.generate_private_key(65537, 2048),
    "ed25519": ed25519.Ed25519PrivateKey.generate,
    "ed448": ed448.Ed448PrivateKey.generate,
    "ml-dsa-65": mldsa.MLDSA65PrivateKey.generate,
}


def name(*attributes):
    return x509.Name([x509.NameAttribute(oid, value) for oid, value in attributes])


SUBJECT = name(
    (NameOID.COUNTRY_NAME, "DE"),
    (NameOID.ORGANIZATION_NAME, "Müller & Söhne"),
    (NameOID.ORGANIZATIONAL_UNIT_NAME, "First"),
    (NameOID.ORGANIZATIONAL_UNIT_NAME, "Second"),
    (NameOID.COMMON_NAME, "www.example.com"),
)

EXTENSIONS = [
    (
        x509.SubjectAlternativeName(
            [x509.DNSName("www.example.com"), x509.RegisteredID(ObjectIdentifier("1.2.3"))]
        ),
        False,
    ),
    (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING]), True),
    (x509.UnrecognizedExtension(UNKNOWN, b"\x04\x03abc"), False),
    (x509.TLSFeature([x509.TLSFeatureType.status_request]), False),
]


def foreign_request(key, subject=SUBJECT, extensions=EXTENSIONS):
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject)
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    has_hash = isinstance(key, (ec.EllipticCurvePrivateKey, rsa.RSAPrivateKey))
    return builder.sign(key, hashes.SHA256() if has_hash else None)


def read(cert):
    return x509.load_der_x509_certificate(cert.der)


def spki(key):
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def values(extensions):
    """The extensions by their identifiers: whether they are critical, and DER."""
    return {one.oid: (one.critical, one.value.public_bytes()) for one in extensions}


# Requests of others.


@pytest.mark.parametrize("kind", FOREIGN_KEYS)
def test_requested_extensions_are_copied_exactly(ca, kind):
    key = FOREIGN_KEYS[kind]()
    theirs = foreign_request(key)
    csr = tlsmith.CSR.load(theirs.public_bytes(Encoding.PEM))
    assert csr.key is None
    assert csr.key_type == kind
    assert csr.names == ("www.example.com",)
    assert csr.subject == "CN=www.example.com,OU=Second,OU=First,O=Müller & Söhne,C=DE"
    assert csr.der == theirs.public_bytes(Encoding.DER)

    cert = read(ca.sign(csr, copy_extensions=True).cert)
    cert.verify_directly_issued_by(read(ca.cert))
    assert cert.subject.public_bytes() == SUBJECT.public_bytes()
    assert spki(cert.public_key()) == spki(key.public_key())
    asked, got = values(theirs.extensions), values(cert.extensions)
    assert asked.items() <= got.items()
    for _, der in asked.values():
        assert der in cert.tbs_certificate_bytes
    assert got.keys() - asked.keys() == {
        ExtensionOID.AUTHORITY_KEY_IDENTIFIER,
        ExtensionOID.SUBJECT_KEY_IDENTIFIER,
        ExtensionOID.BASIC_CONSTRAINTS,
        ExtensionOID.KEY_USAGE,
    }


def test_without_copy_extensions_only_the_names_count(ca):
    theirs = foreign_request(ed25519.Ed25519PrivateKey.generate())
    cert = read(ca.sign(theirs.public_bytes(Encoding.DER)).cert)
    asked, got = values(theirs.extensions), values(cert.extensions)
    names = ExtensionOID.SUBJECT_ALTERNATIVE_NAME
    assert got[names] == asked[names]
    assert not {UNKNOWN, ExtensionOID.TLS_FEATURE} & got.keys()
    usage = cert.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.SERVER_AUTH]
    assert cert.subject.public_bytes() == SUBJECT.public_bytes()


def test_issuer_extensions_are_not_copied_from_request(ca):
    key = ed25519.Ed25519PrivateKey.generate()
    false_id = x509.SubjectKeyIdentifier(b"another key")
    csr = foreign_request(key, extensions=[(false_id, False), *EXTENSIONS])
    cert = read(ca.sign(csr.public_bytes(Encoding.DER), copy_extensions=True).cert)
    got = cert.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
    assert got.value.digest != b"another key"


@pytest.mark.parametrize("index", [-1, -20, 40])
def test_a_request_that_its_key_did_not_sign_is_refused(index):
    der = bytearray(foreign_request(ed448.Ed448PrivateKey.generate()).public_bytes(Encoding.DER))
    der[index] ^= 1
    with pytest.raises(tlsmith.CertError, match="signature") as caught:
        tlsmith.CSR.load(bytes(der))
    assert caught.value.code == "cert.parse"


def test_a_request_of_a_kind_that_cannot_be_checked_is_refused():
    key = ec.generate_private_key(ec.SECP256K1())
    with pytest.raises(tlsmith.ConfigError, match="cannot be checked") as caught:
        tlsmith.CSR.load(foreign_request(key).public_bytes(Encoding.PEM))
    assert caught.value.code == "config.unsupported"


def test_key_stays_with_the_requester(ca, tmp_path):
    csr = foreign_request(ed25519.Ed25519PrivateKey.generate())
    path = tmp_path / "request.pem"
    path.write_bytes(csr.public_bytes(Encoding.PEM))
    site = ca.sign(path)
    for call in (
        lambda: site.key,
        lambda: site.key_pem,
        lambda: site.pem,
        lambda: site.configure(None),
        lambda: site.pkcs12("x"),
        lambda: tlsmith.Server(site),
        lambda: tlsmith.CSR.load(path).save(tmp_path / "csr.pem", tmp_path / "key.pem"),
    ):
        with pytest.raises(tlsmith.Error, match="www.example.com") as caught:
            call()
        assert caught.value.code == "state"
    files = site.write(tmp_path / "certs", name="site")
    assert files.key is None and files.combined is None
    assert sorted(os.listdir(tmp_path / "certs")) == [
        "ca.pem",
        "site-chain.pem",
        "site.pem",
    ]
    assert tlsmith.load_certificate(files.cert) == site.cert
    assert not (tmp_path / "csr.pem").exists(), "nothing is written where the key lacks"


# Ours.


def test_our_requests_are_read_by_cryptography():
    csr = tlsmith.CSR(
        "www.example.com",
        "10.1.2.3",
        "2001:db8::1",
        key="ed448",
        organization="Ex, ample",
        usage=["client"],
    )
    theirs = x509.load_pem_x509_csr(csr.pem)
    assert theirs.is_signature_valid
    assert theirs.public_bytes(Encoding.DER) == csr.der
    assert theirs.subject == name(
        (NameOID.ORGANIZATION_NAME, "Ex, ample"), (NameOID.COMMON_NAME, "www.example.com")
    )
    names = theirs.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["www.example.com"]
    assert [str(ip) for ip in names.get_values_for_type(x509.IPAddress)] == list(csr.names[1:])
    usage = theirs.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    assert "www.example.com" in csr.text()
    assert repr(csr) == f"<tlsmith.CSR {csr.subject}>"


def test_requests_and_their_keys_are_saved_and_loaded(tmp_path):
    csr = tlsmith.CSR("localhost", key=a_key("ecdsa-p384"))
    csr.save(tmp_path / "csr.pem", tmp_path / "key.pem", "secret")
    assert csr.key.der == a_key("ecdsa-p384").der
    assert tlsmith.Key.load(tmp_path / "key.pem", "secret").der == csr.key.der
    assert stat.S_IMODE((tmp_path / "key.pem").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "csr.pem").stat().st_mode) == 0o644
    again = tlsmith.CSR.load(tmp_path / "csr.pem")
    assert again.der == csr.der == tlsmith.CSR.load(csr.pem.decode()).der
    assert again.key is None
    csr.save(tmp_path / "alone.pem")
    assert (tmp_path / "alone.pem").read_bytes() == csr.pem


@pytest.mark.parametrize("ca_asked", [False, True])
def test_no_request_chooses_a_file(ca, tmp_path, ca_asked):
    victim = ca.issue("www.example.com").write(tmp_path)
    before = {path: pathlib.Path(path).read_bytes() for path in victim}
    csr = tlsmith.CSR("www.example.com", ca=ca_asked)
    site = ca.sign(csr.der, ca=ca_asked)
    with pytest.raises(tlsmith.ConfigError, match="request would choose the file names") as caught:
        site.write(tmp_path)
    assert caught.value.code == "config.argument"
    assert {path: pathlib.Path(path).read_bytes() for path in victim} == before
    assert len(os.listdir(tmp_path)) == len(set(victim))
    with site.files() as files:
        assert os.path.basename(files.cert) == "certificate.pem"
        assert tlsmith.load_certificate(files.chain) == site.cert
    # What the program chose itself.
    assert site.write(tmp_path, name="a").cert == str(tmp_path / "a.pem")
    named = ca.sign(csr.der, ca=ca_asked, names=["b.example"])
    assert named.write(tmp_path).cert == str(tmp_path / "b.example.pem")
    own = ca.sign(csr, ca=ca_asked)
    assert own.write(tmp_path / "own").cert == str(tmp_path / "own/www.example.com.pem")


def test_signing_own_request_returns_identity_with_key(ca):
    csr = tlsmith.CSR("localhost")
    site = ca.sign(csr)
    assert site.key.der == csr.key.der
    assert site.chain == (site.cert,)
    tlsmith.Server(site)


def test_request_may_have_subject_only(ca):
    assert tlsmith.CSR(organization="Example").subject == "O=Example"
    assert tlsmith.CSR(common_name="alice").subject == "CN=alice"
    long = "a" * 60 + ".example.com"
    assert ca.issue(long, organization="Example").cert.subject == "O=Example"


# What the authority says about it.


def test_ca_settings_override_the_request(ca):
    csr = tlsmith.CSR("a.example", "b.example", usage=["client"])
    cert = ca.sign(
        csr,
        names=["c.example"],
        usage=["server"],
        valid="-1h..1h",
        crl_url="http://crl.example/ca.crl",
    ).cert
    assert cert.names == ("c.example",)
    assert cert.subject == csr.subject == "CN=a.example"
    assert cert.extended_key_usage == ("serverAuth",)
    assert cert.not_after - cert.not_before == datetime.timedelta(hours=2)
    assert cert.crl_urls == ("http://crl.example/ca.crl",)
    with pytest.raises(tlsmith.ConfigError, match="usage"):
        ca.sign(csr, usage=["server"], copy_extensions=True)


def test_ca_request_needs_permission(ca):
    csr = tlsmith.CSR(common_name="Issuing CA", ca=True)
    with pytest.raises(tlsmith.CertError, match="asks to be a CA") as caught:
        ca.sign(csr)
    assert caught.value.code == "cert.issue"
    middle = ca.sign(csr, ca=True)
    assert isinstance(middle, tlsmith.CA) and middle.cert.path_len == 0
    site = middle.issue("localhost")
    assert tlsmith.Trust.roots(ca).verify(site) == (site.cert, middle.cert, ca.cert)
    foreign = ca.sign(csr.der, ca=True)
    with pytest.raises(tlsmith.CertError, match="private key is not available"):
        foreign.issue("localhost")
    with pytest.raises(tlsmith.CertError, match="private key is not available"):
        foreign.crl()
    assert type(ca.sign(tlsmith.CSR("localhost"))) is tlsmith.Identity


def test_certificate_does_not_outlive_its_ca_by_default():
    ca = tlsmith.CA(valid="1d")
    calls = (
        lambda **more: ca.issue("localhost", valid="9d", **more),
        lambda **more: ca.issue_client("a@b.example", valid="9d", **more),
        lambda **more: ca.intermediate(valid="9d", **more),
        lambda **more: ca.sign(tlsmith.CSR("localhost"), valid="9d", **more),
    )
    for call in calls:
        with pytest.raises(tlsmith.CertError, match="it ends on"):
            call()
        assert call(outlive_ca=True).cert.not_after > ca.cert.not_after


@pytest.mark.parametrize("kind", KEY_TYPES)
def test_every_ca_issues_for_every_key_directly_and_by_request(kind):
    ca = tlsmith.CA(key=a_key(kind))
    issuer = read(ca.cert)
    issuer.verify_directly_issued_by(issuer)
    trust = tlsmith.Trust.roots(ca)
    for leaf in KEY_TYPES:
        key = a_key(leaf)
        csr = tlsmith.CSR("localhost", key=key)
        assert x509.load_der_x509_csr(csr.der).is_signature_valid
        for site in (
            ca.issue("localhost", key=key),
            ca.sign(csr, copy_extensions=True),
            ca.sign(csr.der),
        ):
            cert = read(site.cert)
            cert.verify_directly_issued_by(issuer)
            assert spki(cert.public_key()) == spki(x509.load_der_x509_csr(csr.der).public_key())
            assert site.cert.key_type == leaf
            assert trust.verify(site, hostname="localhost")[-1] == ca.cert


def test_wrong_arguments(ca):
    csr = tlsmith.CSR("localhost")
    for call in (
        lambda: tlsmith.CSR(b"localhost"),
        lambda: tlsmith.CSR("localhost", key=3),
        lambda: tlsmith.CSR("localhost", usage="server"),
        lambda: tlsmith.CSR("localhost", valid="3d"),
        lambda: tlsmith.CSR.load(3),
        lambda: csr.save(3),
        lambda: csr.save("/nonexistent/csr", "/nonexistent/key", 3),
        lambda: ca.sign(3),
        lambda: ca.sign(csr, names="localhost"),
        lambda: ca.sign(csr, names=[3]),
        lambda: ca.sign(csr, key="ed25519"),
    ):
        with pytest.raises(TypeError):
            call()
    for call, part in (
        (lambda: tlsmith.CSR(), "at least one name"),
        (lambda: tlsmith.CSR("a b"), "a b"),
        (lambda: tlsmith.CSR("localhost", key="dsa"), "dsa"),
        (lambda: tlsmith.CSR("localhost", usage=["mail"]), "mail"),
        (lambda: ca.sign(csr, names=["a b"]), "a b"),
        (lambda: ca.sign(csr, crl_url="here"), "here"),
        (lambda: ca.sign("/nonexistent.csr"), "/nonexistent.csr"),
    ):
        with pytest.raises(tlsmith.ConfigError) as caught:
            call()
        assert part in str(caught.value)
    with pytest.raises(tlsmith.CertError, match="certificate request"):
        ca.sign(ca.cert.pem)


def test_signed_request_gets_the_usual_extensions(ca):
    csr = tlsmith.CSR.load(foreign_request(a_key_of_theirs()).public_bytes(Encoding.DER))
    added = {
        "ocsp_url": "http://ocsp.example/",
        "serial": 0x1234,
        "extensions": {"1.3.6.1.4.1.55555.8": (False, b"\x05\x00")},
    }
    cert = ca.sign(csr, must_staple=True, **added).cert
    parsed = x509.load_der_x509_certificate(cert.der)
    assert cert.ocsp_urls == ("http://ocsp.example/",)
    assert parsed.serial_number == 0x1234
    features = parsed.extensions.get_extension_for_class(x509.TLSFeature).value
    assert list(features) == [x509.TLSFeatureType.status_request]
    assert cert.extensions()["1.3.6.1.4.1.55555.8"] == (False, b"\x05\x00")
    # The request asks for it, too.
    with pytest.raises(tlsmith.Error, match="requested twice"):
        ca.sign(csr, must_staple=True, copy_extensions=True)
    assert ca.sign(csr, copy_extensions=True, **added).cert.ocsp_urls == cert.ocsp_urls


def a_key_of_theirs():
    return FOREIGN_KEYS["ecdsa-p256"]()


# Requests are untrusted input.

UPN = x509.OtherName(ObjectIdentifier("1.3.6.1.4.1.311.20.2.3"), b"\x0c\x0aadmin@corp")


def asking(common_name, *alternative):
    extensions = [(x509.SubjectAlternativeName(alternative), False)] if alternative else []
    subject = name((NameOID.COMMON_NAME, common_name))
    return foreign_request(ed25519.Ed25519PrivateKey.generate(), subject, extensions)


def test_names_that_cannot_be_checked_need_the_option(ca):
    directory = x509.DirectoryName(name((NameOID.COMMON_NAME, "Boss")))
    csr = tlsmith.CSR.load(
        asking("web1", x509.DNSName("web1.example"), UPN, directory).public_bytes(Encoding.PEM)
    )
    shown = "other name 1.3.6.1.4.1.311.20.2.3 admin@corp"
    assert (csr.names, csr.other_names) == (("web1.example",), (shown, "directory CN=Boss"))
    with pytest.raises(tlsmith.CertError, match="allow_other_names") as caught:
        ca.sign(csr)
    assert caught.value.code == "cert.issue" and shown in str(caught.value)
    for site in (ca.sign(csr, allow_other_names=True), ca.sign(csr, names=["web1.example"])):
        assert site.cert.names == ("web1.example",)
    kept = ca.sign(csr, allow_other_names=True).cert.to_cryptography().extensions
    names = kept.get_extension_for_class(x509.SubjectAlternativeName).value
    assert UPN in list(names)


@pytest.mark.parametrize(
    "bad",
    [
        "evil.com\0.corp.example",
        "evil.com\n.corp.example",
        "evil.com .corp.example",
        "*.*.corp.example",
        "a..corp.example",
        "192.0.2.1",
        "https://corp.example",
    ],
)
def test_a_malformed_name_is_not_signed(ca, bad):
    csr = tlsmith.CSR.load(asking("a b", x509.DNSName(bad)).public_bytes(Encoding.PEM))
    with pytest.raises(tlsmith.CertError, match="it asks for the DNS name") as caught:
        ca.sign(csr)
    assert caught.value.code == "cert.issue" and "\n" not in str(caught.value)


@pytest.mark.parametrize("host", ["bank.com", "*.bank.com", "localhost", "192.0.2.1"])
def test_a_common_name_does_not_escape_the_constraints_of_the_root(host):
    ca = tlsmith.CA(permit=["corp.example"]).intermediate()
    for alternative in ([], [x509.RFC822Name("a@b.example")]):
        der = asking(host, *alternative).public_bytes(Encoding.DER)
        with pytest.raises(tlsmith.CertError, match="permit only corp.example"):
            ca.sign(der, usage=["server"])
    der = asking("web1", x509.DNSName("web1.corp.example")).public_bytes(Encoding.DER)
    assert ca.sign(der).cert.names == ("web1.corp.example",)


@pytest.mark.parametrize("organization", [None, "Example"])
def test_an_address_is_not_a_common_name(organization):
    ca = tlsmith.CA(permit=["example.test", "127.0.0.0/8"])
    site = ca.issue("127.0.0.1", organization=organization)
    assert site.cert.subject == ("O=Example" if organization else "")
    assert tlsmith.Trust.roots(ca).verify(site, hostname="127.0.0.1")
    mixed = ca.issue("127.0.0.1", "www.example.test", organization=organization)
    assert mixed.cert.subject.startswith("CN=www.example.test")
