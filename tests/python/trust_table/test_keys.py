"""Keys and signatures that are too weak, or that no handshake can use."""

from .pki import intermediate, leaf, root
from .rows import OK, Row, check, table

UNSUPPORTED = "no signature scheme of ours is for this key; `openssl verify` looks at no handshake"
LARGE = "RSA is supported up to 8192 bits"
UNSUPPORTED_CA = "signatures of such keys are not supported"

WEAK = "weak_key"
NO_KEY = "unsupported_key"
WEAK_ISSUER = "weak_key"
NO_ISSUER_KEY = "unsupported_key"

PLAIN = root()


def of(key, **changes):
    """Return a leaf with this type of key, and the trust."""
    return [leaf(PLAIN, key=f"{key} leaf", **changes)], [PLAIN]


def below(key, **changes):
    """Return a leaf of a root with this type of key, and the trust."""
    top = root(key=f"{key} root", **changes)
    return [leaf(top)], [top]


def below_sub(key, **changes):
    middle = intermediate(PLAIN, key=f"{key} intermediate", **changes)
    return [leaf(middle), middle], [PLAIN]


TOO_WEAK = "has a key that is too weak"
NO_KIND = "has a key of an unsupported type"

NOT_SENT = {
    "by_verify": True,
    "connection": "failed",
    "connection_says": "no version, cipher suite, group or signature scheme that both sides allow",
}
"""OpenSSL presents such a certificate to nobody who does not offer its signature scheme and,
in TLS 1.2, its curve: the handshake fails on its side."""

NOT_SENT_BY_CLIENT = {
    "usage": "client",
    "by_verify": True,
    "connection": "missing",
    "connection_says": "sent no certificate",
}

# In TLS 1.2 a client signs with any curve; what OpenSSL says as a server is WRONG_CURVE.
OLD_CLIENT = {"usage": "client", "by_verify": True, "tls12": True}


def odd(key, tlsmith, openssl=OK, differs=UNSUPPORTED, *, says, **options):
    """Return rows with this key in the certificate of a server, of a client, and of a client
    with TLS 1.2."""
    return [
        Row(
            f"{who}_{key}",
            "8446, 4.2.3",
            *of(key),
            tlsmith,
            openssl,
            differs,
            says=says,
            **{**how, **options},
        )
        for who, how in [
            ("leaf", NOT_SENT),
            ("client", NOT_SENT_BY_CLIENT),
            ("tls12_client", OLD_CLIENT),
        ]
    ]


# fmt: off
ROWS = [
    Row("leaf_p256", "8446, 4.2.3", *of("p256"), OK, OK),
    Row("leaf_p384", "8446, 4.2.3", *of("p384"), OK, OK),
    Row("leaf_p521", "8446, 4.2.3", *of("p521"), OK, OK),
    Row("leaf_ed25519", "8446, 4.2.3", *of("ed25519"), OK, OK),
    Row("leaf_rsa_2048", "8446, 4.2.3", *of("rsa2048"), OK, OK),
    Row("leaf_rsa_1024", "8446, 4.2.3", *of("rsa1024"), WEAK, "EE_KEY_TOO_SMALL",
        says=f"{TOO_WEAK} (rsa-1024)"),
    Row("tls12_leaf_rsa_1024", "8446, 4.2.3", *of("rsa1024"), WEAK, "EE_KEY_TOO_SMALL",
        says=f"{TOO_WEAK} (rsa-1024)", tls12=True),
    Row("leaf_rsa_768", "8446, 4.2.3", *of("rsa768"), WEAK, "EE_KEY_TOO_SMALL",
        says=f"{TOO_WEAK} (rsa-768)"),
    Row("leaf_rsa_8676", "8446, 4.2.3", *of("rsa8676"), NO_KEY, OK, LARGE,
        says=f"{NO_KIND} (rsa-8676)"),
    Row("client_rsa_2048", "8446, 4.2.3", *of("rsa2048"), OK, OK, usage="client"),
    Row("client_rsa_1024", "8446, 4.2.3", *of("rsa1024"), WEAK, "EE_KEY_TOO_SMALL",
        usage="client", says=f"{TOO_WEAK} (rsa-1024)"),
    Row("client_rsa_8676", "8446, 4.2.3", *of("rsa8676"), NO_KEY, OK, LARGE,
        usage="client", says=f"{NO_KIND} (rsa-8676)"),
    Row("leaf_explicit_curve", "5480, 2.1.1", *of("explicit"), NO_KEY,
        "EC_KEY_EXPLICIT_PARAMS", says=f"{NO_KIND} (ECDSA on a curve with explicit "
        "parameters)"),
    Row("client_explicit_curve", "5480, 2.1.1", *of("explicit"), NO_KEY,
        "EC_KEY_EXPLICIT_PARAMS", usage="client", says=NO_KIND),
    *odd("p192", WEAK, "EE_KEY_TOO_SMALL", "", says=f"{TOO_WEAK} (ECDSA on P-192)"),
    *odd("p224", WEAK, says=f"{TOO_WEAK} (ECDSA on P-224)"),
    *odd("secp256k1", NO_KEY, says=f"{NO_KIND} (ECDSA on secp256k1)"),
    *odd("brainpool", NO_KEY, says=f"{NO_KIND} (ECDSA on brainpoolP256r1)"),
    *odd("pss2048", NO_KEY, says="RSASSA-PSS of RFC 4055")[:2],
    *odd("dsa2048", NO_KEY, says=f"{NO_KIND} (dsa")[:2],
    Row("root_rsa_2048", "5280, 6.1.3 (a)(1)", *below("rsa2048"), OK, OK),
    Row("root_rsa_1024", "5280, 6.1.3 (a)(1)", *below("rsa1024"), WEAK_ISSUER,
        "CA_KEY_TOO_SMALL"),
    Row("root_ed25519", "5280, 6.1.3 (a)(1)", *below("ed25519"), OK, OK),
    Row("root_p384", "5280, 6.1.3 (a)(1)", *below("p384", digest="sha384"), OK, OK),
    Row("root_p192", "5280, 6.1.3 (a)(1)", *below("p192"), WEAK_ISSUER, "CA_KEY_TOO_SMALL",
        says=f"{TOO_WEAK} (ECDSA on P-192)"),
    Row("root_p224", "5280, 6.1.3 (a)(1)", *below("p224"), WEAK_ISSUER, OK, UNSUPPORTED_CA,
        says=f"{TOO_WEAK} (ECDSA on P-224)"),
    Row("root_rsa_8676", "5280, 6.1.3 (a)(1)", *below("rsa8676"), NO_ISSUER_KEY, OK, LARGE,
        says=f"{NO_KIND} (rsa-8676)"),
    Row("root_pss_2048", "4055, 3.1", *below("pss2048"), NO_ISSUER_KEY, OK, UNSUPPORTED_CA,
        says="RSASSA-PSS of RFC 4055"),
    Row("root_explicit_curve", "5480, 2.1.1", *below("explicit"), NO_ISSUER_KEY,
        "EC_KEY_EXPLICIT_PARAMS", says=NO_KIND),
    Row("intermediate_pss_2048", "4055, 3.1", *below_sub("pss2048"), NO_ISSUER_KEY, OK,
        UNSUPPORTED_CA, says="RSASSA-PSS of RFC 4055"),
    Row("intermediate_secp256k1", "5280, 6.1.3 (a)(1)", *below_sub("secp256k1"), NO_ISSUER_KEY,
        OK, UNSUPPORTED_CA, says=f"{NO_KIND} (ECDSA on secp256k1)"),
    Row("root_secp256k1", "5280, 6.1.3 (a)(1)", *below("secp256k1"), NO_ISSUER_KEY, OK,
        UNSUPPORTED_CA, says=f"{NO_KIND} (ECDSA on secp256k1)"),
    Row("root_brainpool", "5280, 6.1.3 (a)(1)", *below("brainpool"), NO_ISSUER_KEY, OK,
        UNSUPPORTED_CA, says=f"{NO_KIND} (ECDSA on brainpoolP256r1)"),
    Row("root_dsa_2048", "5280, 6.1.3 (a)(1)", *below("dsa2048"), NO_ISSUER_KEY, OK,
        UNSUPPORTED_CA, says=f"{NO_KIND} (dsa"),
    Row("intermediate_rsa_2048", "5280, 6.1.3 (a)(1)", *below_sub("rsa2048"), OK, OK),
    Row("intermediate_rsa_1024", "5280, 6.1.3 (a)(1)", *below_sub("rsa1024"), WEAK_ISSUER,
        "CA_KEY_TOO_SMALL"),
    Row("leaf_signed_with_sha1", "9155, 4", *of("p256", digest="sha1"), "bad_signature",
        "CA_MD_TOO_WEAK"),
    Row("intermediate_signed_with_sha1", "9155, 4", *below_sub("p256", digest="sha1"),
        "bad_signature", "CA_MD_TOO_WEAK"),
    Row("root_signed_with_sha1", "8446, 4.4.2.4", *below("p256", digest="sha1"), OK, OK),
    Row("leaf_signed_by_another_key", "5280, 6.1.3 (a)(1)", *of("p256", signer="p256 other"),
        "bad_signature", "CERT_SIGNATURE_FAILURE"),
    Row("intermediate_signed_by_another_key", "5280, 6.1.3 (a)(1)",
        *below_sub("p256", signer="p256 other"), "bad_signature", "CERT_SIGNATURE_FAILURE"),
]
# fmt: on


@table(*ROWS)
def test_key(row, driver, tmp_path):
    check(row, driver, tmp_path)
