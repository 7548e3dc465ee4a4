"""Exact facts of certificates, what can be negotiated, and the small helpers."""

import hashlib
import ssl

import pytest
from conftest import memory_pair, refused
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

import tlsmith

UPN = x509.ObjectIdentifier("1.3.6.1.4.1.311.20.2.3")
OTHER = x509.ObjectIdentifier("1.2.3.4")


def utf8(text):
    return bytes([0x0C, len(text)]) + text


def request(*names, subject=()):
    """A request that asks for these alternative names."""
    key = ec.generate_private_key(ec.SECP256R1())
    parts = [x509.NameAttribute(x509.NameOID.COMMON_NAME, one) for one in subject]
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name(parts))
    builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    made = builder.sign(key, hashes.SHA256())
    return tlsmith.CSR.load(made.public_bytes(serialization.Encoding.DER))


def directory(name):
    return x509.DirectoryName(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)]))


NAMES = [
    (x509.DNSName("*.a.example"), ("dns", "*.a.example")),
    (x509.RFC822Name("alice@a.example"), ("email", "alice@a.example")),
    (x509.UniformResourceIdentifier("https://a.example/"), ("uri", "https://a.example/")),
    (x509.OtherName(UPN, utf8(b"alice@corp")), ("upn", "alice@corp")),
    (x509.OtherName(UPN, utf8("ü,\0".encode())), ("upn", r"\c3\bc\2c\00")),
    (
        x509.OtherName(UPN, b"\x02\x01\x07"),
        ("other", "other name 060a2b060104018237140203a003020107"),
    ),
    (x509.OtherName(OTHER, utf8(b"x")), ("other", "other name 1.2.3.4 x")),
    (directory("Alice, A"), ("directory", r"CN=Alice\, A")),
    (x509.RegisteredID(OTHER), ("registered_id", "1.2.3.4")),
]


def test_alternative_names_have_types():
    csr = request(*(name for name, _ in NAMES))
    assert csr.alternative_names == tuple(expected for _, expected in NAMES)
    site = tlsmith.CA().issue("a.example", "192.0.2.1", "2001:db8::1")
    assert site.cert.alternative_names == (
        ("dns", "a.example"),
        ("ip", "192.0.2.1"),
        ("ip", "2001:db8::1"),
    )
    assert tlsmith.CA().cert.alternative_names == ()


@pytest.mark.parametrize(
    "given, shown",
    [
        (("alice",), "alice"),
        (("Müller, Hans",), "Müller, Hans"),
        (("a\\b\u202e",), r"a\5cb\e2\80\ae"),
        (("one", "two"), None),
        ((), None),
    ],
)
def test_common_name_is_exact_or_none(given, shown):
    csr = request(x509.DNSName("a.example"), subject=given)
    cert = tlsmith.CA().sign(csr, names=["a.example"]).cert if given == ("alice",) else None
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, one) for one in given])
    start = tlsmith.CA().cert.not_before
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, start, start)
    made = builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)
    assert tlsmith.Certificate.load(made).common_name == shown
    assert cert is None or cert.common_name == shown


def test_spki_is_the_public_key_in_der():
    cert = tlsmith.CA().cert
    key = serialization.load_der_public_key(cert.spki)
    assert key == cert.to_cryptography().public_key()
    assert hashlib.sha256(cert.spki).digest() == cert.spki_sha256


def test_lists_have_what_can_be_negotiated(ca, identity):
    for names, argument in (
        (tlsmith.cipher_names(), "ciphers"),
        (tlsmith.group_names(), "groups"),
    ):
        assert isinstance(names, tuple) and len(set(names)) == len(names) > 5
        for name in names:
            tlsmith.Client(trust=ca, **{argument: [name]})
    assert "TLS_AES_128_GCM_SHA256" in tlsmith.cipher_names()
    assert "X25519MLKEM768" in tlsmith.group_names()
    assert {"ed25519", "rsa_pss_rsae_sha256"} < set(tlsmith.scheme_names())


NEW, OLD = "TLS_CHACHA20_POLY1305_SHA256", "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256"


@pytest.mark.parametrize("old", [OLD, "ECDHE-ECDSA-CHACHA20-POLY1305"])
def test_cipher_list_keeps_versions_that_it_does_not_name(client, server, old):
    for ciphers, version, expected in [
        ([NEW], "1.3", NEW),
        ([NEW], "1.2", None),
        ([old], "1.2", OLD),
        ([old], "1.3", None),
        ([old, NEW], "1.2", OLD),
        ([old, NEW], "1.3", NEW),
    ]:
        for changed in "client", "server":
            limits = {"ciphers": ciphers, "min_version": version, "max_version": version}
            sides = {"client": client, "server": server}
            sides[changed] = sides[changed].replace(**limits)
            info = memory_pair(sides["client"], sides["server"])[0].info
            assert info.version == version
            assert expected is None or info.cipher == expected


def test_only_versions_switch_a_version_off(client, server):
    old = server.replace(max_version="1.2")
    memory_pair(client.replace(ciphers=[NEW]), old)
    errors = refused(client.replace(ciphers=[NEW], min_version="1.3"), old)
    assert "no version in common" in str(errors[1])


@pytest.mark.parametrize("old", [OLD, "ecdhe-ecdsa-chacha20-poly1305"])
def test_ciphers_of_a_client_become_those_of_its_ssl_context(client, old):
    def names(*ciphers):
        context = client.replace(ciphers=ciphers).ssl_context()
        return [one["name"] for one in context.get_ciphers()]

    assert names(old)[0] == "ECDHE-ECDSA-CHACHA20-POLY1305"
    assert len(names(old)) == 4 and not any("ECDHE" in one for one in names(old)[1:])
    assert names(NEW)[0] == NEW and all("ECDHE" in one for one in names(NEW)[1:])
    assert names(NEW, old) == [NEW, "ECDHE-ECDSA-CHACHA20-POLY1305"]


def test_random_bytes_are_new_each_time():
    assert tlsmith.random_bytes(0) == b""
    assert len(tlsmith.random_bytes(100_000)) == 100_000
    assert tlsmith.random_bytes(32) != tlsmith.random_bytes(32)
    too_many = MemoryError, OverflowError
    for wrong, error in [
        (-1, ValueError),
        (1 << 70, too_many),
        ((1 << 63) - 1, too_many),
        ("1", TypeError),
        (None, TypeError),
    ]:
        with pytest.raises(error):
            tlsmith.random_bytes(wrong)


@pytest.mark.parametrize("algorithm", ["sha256", "sha384", "sha512", "SHA256"])
def test_digests_are_those_of_hashlib(algorithm):
    for data in b"", b"abc", bytearray(70_000), memoryview(b"abcdef")[::1]:
        expected = hashlib.new(algorithm.lower(), data).digest()
        assert tlsmith.digest(algorithm, data) == expected


def test_unknown_digests_are_refused():
    for wrong in "", "sha1", "md5", "sha-256", "sha256\0", "x" * 10_000:
        with pytest.raises(tlsmith.ConfigError, match="sha256, sha384, sha512"):
            tlsmith.digest(wrong, b"")
    for algorithm, data in [(None, b""), ("sha256", "text"), ("sha256", None), (256, b"")]:
        with pytest.raises(TypeError):
            tlsmith.digest(algorithm, data)


def test_security_level_without_suites_disables_the_version(ca, identity):
    context = tlsmith.ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=ca.cert.pem.decode())
    context.set_ciphers("ECDHE-ECDSA-AES128-GCM-SHA256@SECLEVEL=4")
    settings = tlsmith.ssl._settings.settings_of(context, False)
    assert (settings["min_version"], settings["max_version"]) == ("1.3", "1.3")
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises(ssl.SSLError, match="NO_CIPHERS_AVAILABLE"):
        tlsmith.ssl._settings.settings_of(context, False)
