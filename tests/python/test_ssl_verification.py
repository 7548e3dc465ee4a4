"""tlsmith.ssl verifies as `ssl` does under each of its verify_flags and security levels;
the differences are listed with their reasons."""

import datetime
import ssl

import pytest
from conftest import a_key, ssl_context
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from test_ssl_context import Pair

import tlsmith
import tlsmith.ssl

MODULES = {"ssl": ssl, "tlsmith.ssl": tlsmith.ssl}


def outcomes(server, roots, configure=lambda context: None, crls=None):
    """How a client of each module judges a server, as Pair.outcome() has it."""
    found = {}
    for name, module in MODULES.items():
        context = module.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(cadata="".join(one.pem.decode() for one in roots))
        if crls is not None:
            context.load_verify_locations(crls)
        configure(context)
        found[name] = Pair(context, server).outcome()
    return found


# verify_flags.

FLAGS = {
    "none": 0,
    "trusted first": ssl.VERIFY_X509_TRUSTED_FIRST,
    "partial chain": ssl.VERIFY_X509_PARTIAL_CHAIN,
    "strict": ssl.VERIFY_X509_STRICT,
    "CRL of the leaf": ssl.VERIFY_CRL_CHECK_LEAF,
    "CRLs of the chain": ssl.VERIFY_CRL_CHECK_CHAIN,
}


class Pki:
    """A root, an intermediate and a server's certificate below it."""

    def __init__(self, folder):
        self.root = tlsmith.CA("Root")
        self.middle = self.root.intermediate("Intermediate")
        self.leaf = self.middle.issue("localhost")
        self.revoked = self.middle.issue("localhost")
        self.middle.revoke(self.revoked)
        self.crls = {"no CRL": None}
        for name, parts in (
            ("CRL of the intermediate", [self.middle.crl()]),
            ("all CRLs", [self.middle.crl(), self.root.crl()]),
            ("revoked intermediate", [self.middle.crl(), self.root.revoke(self.middle).crl()]),
        ):
            path = self.crls[name] = folder / name
            path.write_bytes(b"".join(crl.pem for crl in parts))
        self.roots = {
            "root": [self.root.cert],
            "intermediate": [self.middle.cert],
            "root and intermediate": [self.root.cert, self.middle.cert],
            "leaf": [self.leaf.cert],
        }


@pytest.fixture(scope="module")
def pki(tmp_path_factory):
    return Pki(tmp_path_factory.mktemp("pki"))


@pytest.mark.parametrize("flags", FLAGS.values(), ids=FLAGS)
@pytest.mark.parametrize("roots", ["root", "intermediate", "root and intermediate", "leaf"])
@pytest.mark.parametrize("sends", ["chain", "leaf alone"])
def test_flags_choose_the_trust_anchors_as_in_ssl(pki, flags, roots, sends):
    chain = pki.leaf.chain if sends == "chain" else pki.leaf.chain[:1]
    pem = b"".join(one.pem for one in chain)
    identity = tlsmith.Identity.load(pem, pki.leaf.key)
    server = ssl_context(ssl.PROTOCOL_TLS_SERVER, identity)
    found = outcomes(
        server,
        pki.roots[roots],
        lambda context: setattr(context, "verify_flags", flags),
        pki.crls["all CRLs"],
    )
    is_accepted = {name: outcome == "accepted" for name, outcome in found.items()}
    assert is_accepted["ssl"] == is_accepted["tlsmith.ssl"], found


@pytest.mark.parametrize("flags", FLAGS.values(), ids=FLAGS)
@pytest.mark.parametrize(
    "crls", ["no CRL", "CRL of the intermediate", "all CRLs", "revoked intermediate"]
)
@pytest.mark.parametrize("leaf", ["leaf", "revoked"])
def test_flags_check_crls_as_in_ssl(pki, flags, crls, leaf):
    server = ssl_context(ssl.PROTOCOL_TLS_SERVER, getattr(pki, leaf))
    found = outcomes(
        server,
        pki.roots["root"],
        lambda context: setattr(context, "verify_flags", flags),
        pki.crls[crls],
    )
    assert found["ssl"] == found["tlsmith.ssl"]


def test_crls_are_checked_more_than_in_ssl_for_half_a_flag(pki):
    """X509_V_FLAG_CRL_CHECK_ALL alone, which `ssl` has no name for."""
    server = ssl_context(ssl.PROTOCOL_TLS_SERVER, pki.revoked)
    found = outcomes(
        server,
        pki.roots["root"],
        lambda context: setattr(context, "verify_flags", 8),
        pki.crls["all CRLs"],
    )
    assert found == {"ssl": "accepted", "tlsmith.ssl": 23}


@pytest.mark.parametrize("bit", range(31))
def test_other_flags_are_refused(context, bit):
    known = 0
    for flags in FLAGS.values():
        known |= flags
    flag = 1 << bit
    context.verify_flags = 0
    if flag & known:
        context.verify_flags |= flag
        assert context.verify_flags == flag
    else:
        with pytest.raises(NotImplementedError, match="verify_flags: "):
            context.verify_flags |= flag
        assert context.verify_flags == 0


# VERIFY_X509_STRICT.

NOW = datetime.datetime.now(datetime.UTC)
DAY = datetime.timedelta(days=1)


def certificate(subject, key, issuer=None, issuer_key=None, extensions=()):
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, subject)]))
        .issuer_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, issuer or subject)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - DAY)
        .not_valid_after(NOW + DAY)
    )
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    return builder.sign(issuer_key or key, hashes.SHA256())


KEY_USAGE = {
    name: name == "key_cert_sign"
    for name in (
        "digital_signature",
        "content_commitment",
        "key_encipherment",
        "data_encipherment",
        "key_agreement",
        "key_cert_sign",
        "crl_sign",
        "encipher_only",
        "decipher_only",
    )
}


def strange_chain(without):
    """A root and a leaf that lack something that RFC 5280 asks for."""
    root_key, leaf_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    root_id = x509.SubjectKeyIdentifier.from_public_key(root_key.public_key())
    is_critical = without != "critical basicConstraints"
    root = certificate(
        "Root",
        root_key,
        extensions=[
            (x509.BasicConstraints(ca=True, path_length=None), is_critical),
            *([(root_id, False)] if without != "subjectKeyIdentifier of the CA" else []),
            *([(x509.KeyUsage(**KEY_USAGE), True)] if without != "keyUsage of the CA" else []),
        ],
    )
    authority_id = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(root_id)
    leaf = certificate(
        "localhost",
        leaf_key,
        "Root",
        root_key,
        [
            (x509.SubjectAlternativeName([x509.DNSName("localhost")]), False),
            *([(authority_id, False)] if without != "authorityKeyIdentifier" else []),
        ],
    )
    return root, leaf, leaf_key


@pytest.mark.parametrize("flags", [0, ssl.VERIFY_X509_STRICT], ids=["lax", "strict"])
@pytest.mark.parametrize(
    "without",
    [
        "nothing",
        "authorityKeyIdentifier",
        "critical basicConstraints",
        "subjectKeyIdentifier of the CA",
        "keyUsage of the CA",
    ],
)
def test_strict_asks_for_the_extensions_of_rfc_5280(without, flags):
    root, leaf, key = strange_chain(without)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    identity = tlsmith.Identity.load(leaf.public_bytes(Encoding.PEM), pem)
    server = ssl_context(ssl.PROTOCOL_TLS_SERVER, identity)
    roots = [tlsmith.Certificate.load(root.public_bytes(Encoding.PEM))]
    found = outcomes(server, roots, lambda context: setattr(context, "verify_flags", flags))
    is_accepted = {name: outcome == "accepted" for name, outcome in found.items()}
    assert is_accepted["ssl"] == is_accepted["tlsmith.ssl"], found
    assert is_accepted["tlsmith.ssl"] == (without == "nothing" or not flags)


# Security levels.

LEVELS = range(5)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("key", ["rsa-2048", "rsa-3072", "ecdsa-p256", "ecdsa-p384", "ed25519"])
def test_levels_refuse_small_keys_of_servers_as_in_ssl(level, key):
    ca = tlsmith.CA(key=a_key("ecdsa-p384"))
    server = ssl_context(ssl.PROTOCOL_TLS_SERVER, ca.issue("localhost", key=a_key(key)))
    found = outcomes(
        server, [ca.cert], lambda context: context.set_ciphers(f"DEFAULT@SECLEVEL={level}")
    )
    is_accepted = {name: outcome == "accepted" for name, outcome in found.items()}
    assert is_accepted["ssl"] == is_accepted["tlsmith.ssl"], found


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("key", ["rsa-2048", "rsa-3072", "ecdsa-p256", "ecdsa-p384"])
def test_levels_refuse_small_keys_of_cas_as_in_ssl(level, key):
    ca = tlsmith.CA(key=a_key(key))
    server = ssl_context(ssl.PROTOCOL_TLS_SERVER, ca.issue("localhost", key=a_key("ecdsa-p384")))
    found = outcomes(
        server, [ca.cert], lambda context: context.set_ciphers(f"DEFAULT@SECLEVEL={level}")
    )
    is_accepted = {name: outcome == "accepted" for name, outcome in found.items()}
    assert is_accepted["ssl"] == is_accepted["tlsmith.ssl"], found


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("key", ["rsa-2048", "rsa-3072", "ecdsa-p256", "ecdsa-p384"])
@pytest.mark.parametrize("late", [False, True])
def test_levels_reject_small_own_keys_as_in_ssl(ca, level, key, late):
    """Also where the level comes after the certificate, which OpenSSL lets pass."""
    identity = ca.issue("localhost", key=a_key(key))
    found = {}
    for name, module in MODULES.items():
        context = module.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        try:
            if not late:
                context.set_ciphers(f"DEFAULT@SECLEVEL={level}")
            identity.configure(context)
            context.set_ciphers(f"DEFAULT@SECLEVEL={level}")
            context.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_side=True)
            found[name] = "accepted"
        except ssl.SSLError as error:
            found[name] = error.reason
    if late:
        assert found["ssl"] == "accepted"
    if not late:
        assert found["ssl"] == found["tlsmith.ssl"]


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("cipher", ["AES128", "AES256", "CHACHA20"])
def test_levels_refuse_weak_cipher_suites_as_in_ssl(level, version, cipher):
    ca = tlsmith.CA(key=a_key("ecdsa-p384"))
    names = {
        "AES128": ["TLS_AES_128_GCM_SHA256", "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"],
        "AES256": ["TLS_AES_256_GCM_SHA384", "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"],
        "CHACHA20": [
            "TLS_CHACHA20_POLY1305_SHA256",
            "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
        ],
    }
    identity = ca.issue("localhost", key=a_key("ecdsa-p384"))
    server = tlsmith.Server(identity, ciphers=names[cipher]).ssl_context()
    server.maximum_version = server.minimum_version = version
    found = outcomes(
        server, [ca.cert], lambda context: context.set_ciphers(f"DEFAULT@SECLEVEL={level}")
    )
    is_accepted = {name: outcome == "accepted" for name, outcome in found.items()}
    assert is_accepted["ssl"] == is_accepted["tlsmith.ssl"], found


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("group", ["x25519", "secp256r1", "secp384r1"])
def test_levels_refuse_small_groups_as_in_ssl(level, group):
    ca = tlsmith.CA(key=a_key("ecdsa-p384"))
    identity = ca.issue("localhost", key=a_key("ecdsa-p384"))
    server = tlsmith.Server(identity, groups=[group]).ssl_context()
    found = outcomes(
        server, [ca.cert], lambda context: context.set_ciphers(f"DEFAULT@SECLEVEL={level}")
    )
    is_accepted = {name: outcome == "accepted" for name, outcome in found.items()}
    assert is_accepted["ssl"] == is_accepted["tlsmith.ssl"], found


def test_level_4_leaves_hybrid_groups_and_long_keys(context):
    context.set_ciphers("DEFAULT@SECLEVEL=4")
    assert context.security_level == 4
    names = [one["name"] for one in context.get_ciphers()]
    assert names and not [name for name in names if "128" in name]
    settings = tlsmith.ssl._settings.settings_of(context, False)
    assert settings["groups"] == ["X25519MLKEM768", "secp384r1", "secp521r1"]
    context.set_ecdh_curve("prime256v1")
    with pytest.raises(ssl.SSLError, match="NO_SUITABLE_GROUPS"):
        context.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_hostname="localhost")


def test_level_5_is_rejected_and_the_level_kept(context):
    context.set_ciphers("DEFAULT@SECLEVEL=3")
    with pytest.raises(NotImplementedError, match="security level 5"):
        context.set_ciphers("DEFAULT:@SECLEVEL=5")
    assert context.security_level == 3
    for wrong in ("DEFAULT@SECLEVEL=6", "DEFAULT@SECLEVEL", "DEFAULT@UNKNOWN"):
        with pytest.raises(ssl.SSLError, match="No cipher can be selected"):
            context.set_ciphers(wrong)
    assert context.security_level == 3


def test_security_level_of_cipher_list_persists(context):
    context.set_ciphers("DEFAULT@SECLEVEL=3")
    context.set_ciphers("DEFAULT")
    assert context.security_level == 3
    context.set_ciphers("DEFAULT@SECLEVEL=1")
    assert context.security_level == 1


def test_strength_sorts_the_cipher_suites(context):
    context.set_ciphers("ECDHE+AESGCM+AES128:ECDHE+AESGCM+AES256:@STRENGTH")
    names = [one["name"] for one in context.get_ciphers() if "ECDHE" in one["name"]]
    assert "AES256" in names[0] and "AES128" in names[-1]


def test_level_3_sends_no_tickets_of_tls12(ca):
    """As in OpenSSL, which keeps the session on the server then."""
    identity = ca.issue("localhost", key=a_key("ecdsa-p384"))
    for module in MODULES.values():
        server = module.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server.maximum_version = ssl.TLSVersion.TLSv1_2
        identity.configure(server)
        server.set_ciphers("DEFAULT@SECLEVEL=3")
        client = ssl_context(ssl.PROTOCOL_TLS_CLIENT, ca=ca)
        pair = Pair(client, server)
        assert pair.outcome() == "accepted"
        assert not pair.client.session.has_ticket
