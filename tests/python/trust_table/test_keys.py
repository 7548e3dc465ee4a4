"""Keys and signatures that are too weak, or that no handshake can use."""

from .pki import intermediate, leaf, root
from .rows import OK, Row, check, table

UNSUPPORTED = "no signature scheme of ours is for this key; `openssl verify` looks at no handshake"
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


# fmt: off
ROWS = [
    Row("leaf_p256", "8446, 4.2.3", *of("p256"), OK, OK),
    Row("leaf_p384", "8446, 4.2.3", *of("p384"), OK, OK),
    Row("leaf_p521", "8446, 4.2.3", *of("p521"), OK, OK),
    Row("leaf_ed25519", "8446, 4.2.3", *of("ed25519"), OK, OK),
    Row("leaf_rsa_2048", "8446, 4.2.3", *of("rsa2048"), OK, OK),
    Row("leaf_rsa_1024", "8446, 4.2.3", *of("rsa1024"), WEAK, "EE_KEY_TOO_SMALL"),
    Row("client_rsa_2048", "8446, 4.2.3", *of("rsa2048"), OK, OK, usage="client"),
    Row("client_rsa_1024", "8446, 4.2.3", *of("rsa1024"), WEAK, "EE_KEY_TOO_SMALL",
        usage="client"),
    Row("leaf_p192", "8446, 4.2.3", *of("p192"), WEAK, "EE_KEY_TOO_SMALL", handshake=False),
    Row("leaf_p224", "8446, 4.2.3", *of("p224"), WEAK, OK, UNSUPPORTED, handshake=False),
    Row("leaf_secp256k1", "8446, 4.2.3", *of("secp256k1"), NO_KEY, OK, UNSUPPORTED,
        handshake=False),
    Row("leaf_brainpool", "8446, 4.2.3", *of("brainpool"), NO_KEY, OK, UNSUPPORTED,
        handshake=False),
    Row("leaf_dsa_2048", "8446, 4.2.3", *of("dsa2048"), NO_KEY, OK, UNSUPPORTED,
        handshake=False),
    Row("client_p224", "8446, 4.2.3", *of("p224"), WEAK, OK, UNSUPPORTED, handshake=False,
        usage="client"),
    Row("client_dsa_2048", "8446, 4.2.3", *of("dsa2048"), NO_KEY, OK, UNSUPPORTED,
        handshake=False, usage="client"),
    Row("root_rsa_2048", "5280, 6.1.3 (a)(1)", *below("rsa2048"), OK, OK),
    Row("root_rsa_1024", "5280, 6.1.3 (a)(1)", *below("rsa1024"), WEAK_ISSUER,
        "CA_KEY_TOO_SMALL"),
    Row("root_ed25519", "5280, 6.1.3 (a)(1)", *below("ed25519"), OK, OK),
    Row("root_p384", "5280, 6.1.3 (a)(1)", *below("p384", digest="sha384"), OK, OK),
    Row("root_p192", "5280, 6.1.3 (a)(1)", *below("p192"), WEAK_ISSUER, "CA_KEY_TOO_SMALL"),
    Row("root_secp256k1", "5280, 6.1.3 (a)(1)", *below("secp256k1"), NO_ISSUER_KEY, OK,
        UNSUPPORTED_CA),
    Row("root_brainpool", "5280, 6.1.3 (a)(1)", *below("brainpool"), NO_ISSUER_KEY, OK,
        UNSUPPORTED_CA),
    Row("root_dsa_2048", "5280, 6.1.3 (a)(1)", *below("dsa2048"), NO_ISSUER_KEY, OK,
        UNSUPPORTED_CA),
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
