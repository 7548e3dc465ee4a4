"""Which certificates may vouch for others, and how far."""

from ssl import VERIFY_X509_PARTIAL_CHAIN as PARTIAL

from . import names
from .pki import intermediate, leaf, root, self_signed
from .rows import OK, Row, check, table

EXPIRED, NOT_YET_VALID = (-30, -1), (1, 30)
NO_CA = names.basic_constraints(False)
SERVER_ONLY, CLIENT_ONLY, CODE_ONLY, ANY_PURPOSE = (
    names.extended_key_usage(purpose)
    for purpose in ("serverAuth", "clientAuth", "codeSigning", "any")
)
EXAMPLE_ONLY = names.name_constraints([names.dns("example.com")])
LOCALHOST_ONLY = names.name_constraints([names.dns("localhost"), names.ip("127.0.0.0/8")])
NO_LOCALHOST = names.name_constraints(excluded=[names.dns("localhost")])

CRITICAL = "unsupported_extension", "UNHANDLED_CRITICAL_EXTENSION"
NOT_A_CA = "not_a_ca"
NEEDS_CA = "RFC 5280 requires cA TRUE of version 3; OpenSSL takes keyCertSign for it"
PARTIAL_CHAIN = "a trusted CA ends the path, as with X509_V_FLAG_PARTIAL_CHAIN"
TRUSTED_AS_ITSELF = "a trusted end entity is accepted, as with X509_V_FLAG_PARTIAL_CHAIN"
SELF_ISSUED_COUNTS = "self-issued intermediates count toward a path length: a stricter reading"
NOT_SELF_SIGNED = "only a self-signed certificate of version 1 is a root; OpenSSL reads its names"
PEER_IS_CA = "a CA certificate is no end entity, unless it is self-signed and trusted itself"
ENOUGH = "what is trusted as itself needs no path; OpenSSL prefers the path to a root"


def below(anchor, **changes):
    """Return the chain of a leaf that `anchor` issued, and `anchor` as trust."""
    return [leaf(anchor, **changes)], [anchor]


def below_sub(anchor, *more, **changes):
    """Return the chain of a leaf and an intermediate that `anchor` issued, and the trust."""
    sub = intermediate(anchor, *more, **changes)
    return [leaf(sub), sub], [anchor]


def both(first, second):
    """Return a leaf and, as trust, two CA certificates with the name and key of its issuer."""
    return [leaf(first)], [first, second]


PLAIN = root()
ALICE = self_signed(bc=NO_CA, key="p256 alice", subject="CN=alice")
SUB = intermediate(PLAIN)
UPPER = intermediate(PLAIN, bc=names.basic_constraints(True, 0), key="p256 upper")
LOWER = intermediate(UPPER, subject="CN=Lower")
RENEWED = intermediate(UPPER, subject=UPPER.subject)
REISSUED = intermediate(SUB, subject=SUB.subject, key="p256 reissued")
SELF_ISSUED = intermediate(root(bc=names.basic_constraints(True, 0)), subject="CN=Root")

# fmt: off
ROOTS = [
    Row("ca_root", "5280, 6.1.4 (k)", *below(PLAIN), OK, OK),
    Row("ca_root_of_client", "5280, 6.1.4 (k)", *below(PLAIN), OK, OK, usage="client"),
    Row("root_with_ca_false", "5280, 6.1.4 (k)", *below(root(bc=NO_CA)),
        NOT_A_CA, "INVALID_CA"),
    Row("root_with_ca_false_of_client", "5280, 6.1.4 (k)", *below(root(bc=NO_CA)),
        NOT_A_CA, "INVALID_CA", usage="client"),
    Row("root_with_ca_false_above_intermediate", "5280, 6.1.4 (k)", *below_sub(root(bc=NO_CA)),
        NOT_A_CA, "INVALID_CA"),
    Row("root_without_basic_constraints", "5280, 6.1.4 (k)", *below(root(bc=None, ku=None)),
        NOT_A_CA, "INVALID_CA"),
    Row("root_without_basic_constraints_with_keycertsign", "5280, 6.1.4 (k)",
        *below(root(bc=None)), NOT_A_CA, OK, NEEDS_CA),
    Row("v1_root", "5280, 6.1.4 (k)", *below(root(version=1)), OK, OK),
    Row("v1_root_above_intermediate", "5280, 6.1.4 (k)", *below_sub(root(version=1)),
        OK, OK),
    Row("v1_root_expired", "5280, 6.1.3 (a)(2)",
        *below(root(version=1, valid=EXPIRED)), "expired", "CERT_HAS_EXPIRED"),
    Row("v1_intermediate", "5280, 6.1.4 (k)", *below_sub(PLAIN, version=1),
        "other", "INVALID_CA"),
    Row("trusted_v1_intermediate", "5280, 6.1.4 (k)",
        *below(intermediate(PLAIN, version=1)), NOT_A_CA, "INVALID_CA", flags=PARTIAL),
    Row("intermediate_with_ca_false", "5280, 6.1.4 (k)", *below_sub(PLAIN, bc=NO_CA),
        NOT_A_CA, "INVALID_CA"),
    Row("self_signed_client_signs_for_another", "5280, 6.1.4 (k)",
        [leaf(ALICE, subject="CN=bob", key="p256 bob")], [ALICE],
        NOT_A_CA, "INVALID_CA", usage="client"),
    Row("self_signed_server_signs_for_another", "5280, 6.1.4 (k)",
        [leaf(ALICE, key="p256 bob")], [ALICE], NOT_A_CA, "INVALID_CA"),
]

ANCHORS = [
    Row("root_without_key_usage", "5280, 4.2.1.3", *below(root(ku=None)), OK, OK),
    Row("root_with_keycertsign_alone", "5280, 4.2.1.3",
        *below(root(ku=names.key_usage("keyCertSign"))), OK, OK),
    Row("root_without_keycertsign", "5280, 4.2.1.3",
        *below(root(ku=names.key_usage("digitalSignature", "cRLSign"))),
        NOT_A_CA, "UNABLE_TO_GET_ISSUER_CERT_LOCALLY INVALID_CA"),
    Row("root_with_empty_key_usage", "5280, 4.2.1.3", *below(root(ku=names.key_usage())),
        NOT_A_CA, "UNABLE_TO_GET_ISSUER_CERT_LOCALLY INVALID_CA"),
    Row("root_expired", "5280, 6.1.3 (a)(2)", *below(root(valid=EXPIRED)),
        "expired", "CERT_HAS_EXPIRED"),
    Row("root_not_yet_valid", "5280, 6.1.3 (a)(2)", *below(root(valid=NOT_YET_VALID)),
        "not_yet_valid", "CERT_NOT_YET_VALID"),
    Row("intermediate_expired", "5280, 6.1.3 (a)(2)", *below_sub(PLAIN, valid=EXPIRED),
        "expired", "CERT_HAS_EXPIRED"),
    Row("intermediate_not_yet_valid", "5280, 6.1.3 (a)(2)",
        *below_sub(PLAIN, valid=NOT_YET_VALID), "not_yet_valid", "CERT_NOT_YET_VALID"),
    Row("root_expired_beside_a_valid_one", "5280, 6.1", *both(root(valid=EXPIRED), PLAIN),
        OK, OK),
    Row("root_with_ca_false_beside_a_valid_one", "5280, 6.1", *both(PLAIN, root(bc=NO_CA)),
        OK, OK),
    Row("v1_root_whose_own_signature_is_wrong", "5280, 6.1",
        *below(root(version=1, signer="p256 other")), NOT_A_CA, OK, NOT_SELF_SIGNED),
    Row("v1_root_signed_with_sha1", "5280, 6.1", *below(root(version=1, digest="sha1")), OK, OK),
    Row("v1_root_signed_with_sha1_by_rsa", "5280, 6.1",
        *below(root(version=1, digest="sha1", key="rsa2048 root")), OK, OK),
    Row("root_with_unknown_critical_extension", "5280, 6.1.4 (o)",
        *below(root(names.unknown())), *CRITICAL),
    Row("root_with_unknown_extension", "5280, 6.1.4 (o)",
        *below(root(names.unknown(critical=False))), OK, OK),
    Row("intermediate_with_unknown_critical_extension", "5280, 6.1.4 (o)",
        *below_sub(PLAIN, names.unknown()), *CRITICAL),
    Row("leaf_with_unknown_critical_extension", "5280, 6.1.5 (f)",
        [leaf(PLAIN, names.unknown())], [PLAIN], *CRITICAL),
    Row("root_whose_own_signature_is_wrong", "5280, 6.1",
        *below(root(signer="p256 other")), OK, OK),
]

LIMITS = [
    Row("path_length_0_of_root_above_leaf", "5280, 6.1.4 (l)",
        *below(root(bc=names.basic_constraints(True, 0))), OK, OK),
    Row("path_length_0_of_root_above_intermediate", "5280, 6.1.4 (l)",
        *below_sub(root(bc=names.basic_constraints(True, 0))),
        "path_too_long", "PATH_LENGTH_EXCEEDED"),
    Row("path_length_1_of_root_above_intermediate", "5280, 6.1.4 (l)",
        *below_sub(root(bc=names.basic_constraints(True, 1))), OK, OK),
    Row("path_length_0_of_root_above_self_issued", "5280, 6.1.4 (l)",
        [leaf(SELF_ISSUED), SELF_ISSUED], [SELF_ISSUED.issuer], OK, OK),
    Row("path_length_0_of_intermediate_above_leaf", "5280, 6.1.4 (l)",
        *below_sub(PLAIN, bc=names.basic_constraints(True, 0)), OK, OK),
    Row("path_length_0_of_intermediate_above_another", "5280, 6.1.4 (l)",
        [leaf(LOWER), LOWER, LOWER.issuer], [PLAIN], "path_too_long", "PATH_LENGTH_EXCEEDED"),
    Row("path_length_0_of_intermediate_above_self_issued", "5280, 6.1.4 (l)",
        [leaf(RENEWED), RENEWED, RENEWED.issuer], [PLAIN],
        "path_too_long", OK, SELF_ISSUED_COUNTS),
    Row("self_issued_intermediate", "5280, 6.1.4 (l)", [leaf(REISSUED), REISSUED, SUB], [PLAIN],
        OK, OK),
    Row("purpose_of_root_is_code_signing", "5280, 4.2.1.12", *below(root(eku=CODE_ONLY)),
        "wrong_usage", "INVALID_PURPOSE"),
    Row("purpose_of_root_is_servers", "5280, 4.2.1.12", *below(root(eku=SERVER_ONLY)), OK, OK),
    Row("purpose_of_root_is_servers_for_a_client", "5280, 4.2.1.12",
        *below(root(eku=SERVER_ONLY)), "wrong_usage", "INVALID_PURPOSE", usage="client"),
    Row("purpose_of_root_is_clients_for_a_client", "5280, 4.2.1.12",
        *below(root(eku=CLIENT_ONLY)), OK, OK, usage="client"),
    Row("purpose_of_intermediate_is_code_signing", "5280, 4.2.1.12",
        *below_sub(PLAIN, eku=CODE_ONLY), "wrong_usage", "INVALID_PURPOSE"),
    Row("purpose_of_leaf_is_clients", "5280, 4.2.1.12", *below(PLAIN, eku=CLIENT_ONLY),
        "wrong_usage", "INVALID_PURPOSE"),
    Row("purpose_of_root_is_any", "5280, 4.2.1.12", *below(root(eku=ANY_PURPOSE)),
        "wrong_usage", "INVALID_PURPOSE"),
    Row("purpose_of_intermediate_is_any", "5280, 4.2.1.12", *below_sub(PLAIN, eku=ANY_PURPOSE),
        "wrong_usage", "INVALID_PURPOSE"),
    Row("purpose_of_leaf_is_any", "5280, 4.2.1.12", *below(PLAIN, eku=ANY_PURPOSE),
        "wrong_usage", "INVALID_PURPOSE"),
    Row("purpose_of_intermediate_is_clients_for_a_client", "5280, 4.2.1.12",
        *below_sub(PLAIN, eku=CLIENT_ONLY), OK, OK, usage="client"),
    Row("purpose_of_intermediate_is_clients", "5280, 4.2.1.12",
        *below_sub(PLAIN, eku=CLIENT_ONLY), "wrong_usage", "INVALID_PURPOSE"),
    Row("purpose_of_leaf_is_not_restricted", "5280, 4.2.1.12", *below(PLAIN, eku=None), OK, OK),
    Row("constraints_of_root_permit", "5280, 6.1.4 (g)", *below(root(nc=LOCALHOST_ONLY)),
        OK, OK),
    Row("constraints_of_root_do_not_permit", "5280, 6.1.4 (g)", *below(root(nc=EXAMPLE_ONLY)),
        "constraint", "PERMITTED_VIOLATION"),
    Row("constraints_of_root_exclude", "5280, 6.1.4 (g)", *below(root(nc=NO_LOCALHOST)),
        "constraint", "EXCLUDED_VIOLATION"),
    Row("constraints_of_root_above_intermediate", "5280, 6.1.4 (g)",
        *below_sub(root(nc=EXAMPLE_ONLY)), "constraint", "PERMITTED_VIOLATION"),
    Row("constraints_of_intermediate_exclude", "5280, 6.1.4 (g)",
        *below_sub(PLAIN, nc=NO_LOCALHOST), "constraint", "EXCLUDED_VIOLATION"),
    Row("constraints_that_are_not_critical", "5280, 4.2.1.10",
        *below(root(nc=names.name_constraints([names.dns("example.com")], critical=False))),
        "constraint", "PERMITTED_VIOLATION"),
]

PARTIAL_CHAINS = [
    Row("trusted_intermediate", "5280, 6.1.1 (d)", *below(SUB),
        OK, "UNABLE_TO_GET_ISSUER_CERT", PARTIAL_CHAIN, ssl="unknown_issuer"),
    Row("trusted_intermediate_with_partial_chain", "5280, 6.1.1 (d)", *below(SUB),
        OK, OK, flags=PARTIAL),
    Row("trusted_intermediate_that_is_sent", "5280, 6.1.1 (d)", [leaf(SUB), SUB], [SUB],
        OK, OK, flags=PARTIAL),
    Row("trusted_intermediate_with_ca_false", "5280, 6.1.4 (k)",
        *below(intermediate(PLAIN, bc=NO_CA)), NOT_A_CA, "INVALID_CA", flags=PARTIAL),
    Row("trusted_intermediate_without_keycertsign", "5280, 4.2.1.3",
        *below(intermediate(PLAIN, ku=names.key_usage("cRLSign"))),
        NOT_A_CA, "UNABLE_TO_GET_ISSUER_CERT_LOCALLY INVALID_CA",
        flags=PARTIAL),
    Row("trusted_intermediate_expired", "5280, 6.1.3 (a)(2)",
        *below(intermediate(PLAIN, valid=EXPIRED)), "expired", "CERT_HAS_EXPIRED",
        flags=PARTIAL),
    Row("trusted_intermediate_with_constraints", "5280, 6.1.4 (g)",
        *below(intermediate(PLAIN, nc=EXAMPLE_ONLY)), "constraint", "PERMITTED_VIOLATION",
        flags=PARTIAL),
    Row("trusted_intermediate_for_code_signing", "5280, 4.2.1.12",
        *below(intermediate(PLAIN, eku=CODE_ONLY)), "wrong_usage", "INVALID_PURPOSE",
        flags=PARTIAL),
    Row("trusted_intermediate_with_path_length_0", "5280, 6.1.4 (l)",
        *below_sub(intermediate(PLAIN, bc=names.basic_constraints(True, 0), key="p256 upper",
                                subject="CN=Upper")),
        "path_too_long", "PATH_LENGTH_EXCEEDED", flags=PARTIAL),
]
# fmt: on


def trusted(certificate):
    """Return a certificate as the chain and as the trust, without its issuer."""
    return [certificate], [certificate]


HOST = leaf(PLAIN)
HOST_CA = intermediate(
    PLAIN,
    san=names.subject_alt_name(names.dns("localhost")),
    ku=names.key_usage("digitalSignature", "keyCertSign"),
)

# fmt: off
TRUSTED_LEAVES = [
    Row("trusted_leaf", "5280, 6.1", *trusted(HOST), OK,
        "UNABLE_TO_GET_ISSUER_CERT_LOCALLY UNABLE_TO_VERIFY_LEAF_SIGNATURE",
        TRUSTED_AS_ITSELF, ssl="unknown_issuer"),
    Row("trusted_leaf_with_partial_chain", "5280, 6.1", *trusted(HOST), OK, OK, flags=PARTIAL),
    Row("trusted_leaf_for_another_name", "9525, 6", *trusted(HOST),
        "name_mismatch", "HOSTNAME_MISMATCH", host="example.com", flags=PARTIAL),
    Row("trusted_leaf_for_its_address", "9525, 6", *trusted(HOST), OK, OK,
        host="127.0.0.1", flags=PARTIAL),
    Row("trusted_leaf_for_another_address", "9525, 6", *trusted(HOST),
        "name_mismatch", "IP_ADDRESS_MISMATCH", host="127.0.0.2", flags=PARTIAL),
    Row("trusted_leaf_of_client", "5280, 6.1", *trusted(HOST), OK, OK,
        usage="client", flags=PARTIAL),
    Row("trusted_leaf_for_another_purpose", "5280, 4.2.1.12",
        *trusted(leaf(PLAIN, eku=CLIENT_ONLY)), "wrong_usage", "INVALID_PURPOSE",
        flags=PARTIAL),
    Row("trusted_leaf_of_a_server_as_client", "5280, 4.2.1.12",
        *trusted(leaf(PLAIN, eku=SERVER_ONLY)), "wrong_usage", "INVALID_PURPOSE",
        usage="client", flags=PARTIAL),
    Row("trusted_leaf_expired", "5280, 6.1.3 (a)(2)", *trusted(leaf(PLAIN, valid=EXPIRED)),
        "expired", "CERT_HAS_EXPIRED", flags=PARTIAL),
    Row("trusted_leaf_not_yet_valid", "5280, 6.1.3 (a)(2)",
        *trusted(leaf(PLAIN, valid=NOT_YET_VALID)), "not_yet_valid", "CERT_NOT_YET_VALID",
        flags=PARTIAL),
    Row("trusted_leaf_with_unknown_critical_extension", "5280, 6.1.5 (f)",
        *trusted(leaf(PLAIN, names.unknown())), *CRITICAL,
        flags=PARTIAL),
    Row("trusted_leaf_signs_for_another", "5280, 6.1.4 (k)",
        [leaf(HOST, subject="CN=Other", key="p256 other")], [HOST],
        NOT_A_CA, "INVALID_CA", flags=PARTIAL),
    Row("trusted_leaf_beside_its_expired_root", "5280, 6.1",
        [HOST], [HOST, root(valid=EXPIRED)], OK, "CERT_HAS_EXPIRED", ENOUGH, flags=PARTIAL),
    Row("intermediate_as_the_peer", "5280, 4.2.1.9", [HOST_CA], [PLAIN],
        "not_an_end_entity", OK, PEER_IS_CA),
    Row("trusted_intermediate_as_the_peer", "5280, 4.2.1.9", *trusted(HOST_CA),
        "not_an_end_entity", OK, PEER_IS_CA, ssl=OK, flags=PARTIAL),
    Row("leaf_beside_another_trusted_one", "5280, 6.1",
        [leaf(root(subject="CN=Stranger", key="p256 stranger"))], [HOST],
        "unknown_issuer", "UNABLE_TO_GET_ISSUER_CERT_LOCALLY UNABLE_TO_VERIFY_LEAF_SIGNATURE",
        flags=PARTIAL),
]
# fmt: on


@table(*ROOTS, *ANCHORS, *LIMITS, *PARTIAL_CHAINS, *TRUSTED_LEAVES)
def test_chain_below_an_anchor(row, driver, tmp_path):
    check(row, driver, tmp_path)
