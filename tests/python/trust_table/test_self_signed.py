"""Self-signed certificates that are trusted: for the peer itself, and for others."""

from . import names
from .pki import leaf, root, self_signed
from .rows import OK, Row, check, table

EXPIRED, NOT_YET_VALID = (-30, -1), (1, 30)
NO_CA = names.basic_constraints(False)
SERVER_ONLY, CLIENT_ONLY, CODE_ONLY = (
    names.extended_key_usage(purpose) for purpose in ("serverAuth", "clientAuth", "codeSigning")
)


def own(*more, **changes):
    """Return a self-signed certificate as the chain and as the trust."""
    certificate = self_signed(*more, **changes)
    return [certificate], [certificate]


OPENSSL_REQ = self_signed()

# fmt: off
ROWS = [
    Row("self_signed_ca", "5280, 6.1", *own(), OK, OK),
    Row("self_signed_ca_for_its_address", "9525, 6", *own(), OK, OK, host="127.0.0.1"),
    Row("self_signed_ca_for_any_name", "5280, 6.1", *own(), OK, OK, host=None),
    Row("self_signed_ca_for_another_name", "9525, 6", *own(),
        "name_mismatch", "HOSTNAME_MISMATCH", host="example.com"),
    Row("self_signed_ca_for_another_address", "9525, 6", *own(),
        "name_mismatch", "IP_ADDRESS_MISMATCH", host="127.0.0.2"),
    Row("self_signed_ca_expired", "5280, 6.1.3 (a)(2)", *own(valid=EXPIRED),
        "expired", "CERT_HAS_EXPIRED"),
    Row("self_signed_ca_not_yet_valid", "5280, 6.1.3 (a)(2)", *own(valid=NOT_YET_VALID),
        "not_yet_valid", "CERT_NOT_YET_VALID"),
    Row("self_signed_ca_for_servers", "5280, 4.2.1.12", *own(eku=SERVER_ONLY), OK, OK),
    Row("self_signed_ca_for_clients", "5280, 4.2.1.12", *own(eku=CLIENT_ONLY),
        "wrong_usage", "INVALID_PURPOSE"),
    Row("self_signed_ca_for_code_signing", "5280, 4.2.1.12", *own(eku=CODE_ONLY),
        "wrong_usage", "INVALID_PURPOSE"),
    Row("self_signed_ca_of_client", "5280, 6.1", *own(), OK, OK, usage="client"),
    Row("self_signed_ca_of_client_for_clients", "5280, 4.2.1.12", *own(eku=CLIENT_ONLY), OK, OK,
        usage="client"),
    Row("self_signed_ca_of_client_for_servers", "5280, 4.2.1.12", *own(eku=SERVER_ONLY),
        "wrong_usage", "INVALID_PURPOSE", usage="client"),
    Row("self_signed_ca_of_client_expired", "5280, 6.1.3 (a)(2)", *own(valid=EXPIRED),
        "expired", "CERT_HAS_EXPIRED", usage="client"),
    Row("self_signed_ca_with_unknown_critical_extension", "5280, 6.1.5 (f)", *own(names.unknown()),
        "unsupported_extension", "UNHANDLED_CRITICAL_EXTENSION"),
    Row("self_signed_ca_that_only_signs_certificates", "5280, 4.2.1.3",
        *own(ku=names.key_usage("keyCertSign", "cRLSign")),
        "not_an_end_entity", "INVALID_PURPOSE"),
    Row("self_signed_ca_that_also_signs_handshakes", "5280, 4.2.1.3",
        *own(ku=names.key_usage("digitalSignature", "keyCertSign")), OK, OK),
    Row("self_signed_ca_whose_signature_is_wrong", "5280, 6.1", *own(signer="p256 other"), OK, OK),
    Row("self_signed_end_entity", "5280, 6.1", *own(bc=NO_CA), OK, OK),
    Row("self_signed_end_entity_of_client", "5280, 6.1", *own(bc=NO_CA), OK, OK, usage="client"),
    Row("self_signed_without_basic_constraints", "5280, 6.1", *own(bc=None), OK, OK),
    Row("self_signed_end_entity_for_another_name", "9525, 6", *own(bc=NO_CA),
        "name_mismatch", "HOSTNAME_MISMATCH", host="example.com"),
    Row("self_signed_end_entity_expired", "5280, 6.1.3 (a)(2)", *own(bc=NO_CA, valid=EXPIRED),
        "expired", "CERT_HAS_EXPIRED"),
    Row("self_signed_end_entity_for_clients", "5280, 4.2.1.12", *own(bc=NO_CA, eku=CLIENT_ONLY),
        "wrong_usage", "INVALID_PURPOSE"),
    Row("self_signed_ca_that_is_not_trusted", "5280, 6.1", [OPENSSL_REQ], [root()],
        "not_an_end_entity", "DEPTH_ZERO_SELF_SIGNED_CERT"),
    Row("self_signed_end_entity_that_is_not_trusted", "5280, 6.1",
        [self_signed(bc=NO_CA)], [root()], "unknown_issuer", "DEPTH_ZERO_SELF_SIGNED_CERT"),
    Row("self_signed_ca_with_the_key_of_a_trusted_one", "5280, 6.1",
        [self_signed(san=names.subject_alt_name(names.dns("example.com")))], [OPENSSL_REQ],
        "not_an_end_entity", "DEPTH_ZERO_SELF_SIGNED_CERT", host="example.com"),
    Row("self_signed_ca_as_root_for_another", "5280, 6.1.4 (k)",
        [leaf(OPENSSL_REQ, key="p256 other")], [OPENSSL_REQ], OK, OK),
    Row("self_signed_ca_with_the_roots_of_others", "5280, 6.1",
        [OPENSSL_REQ], [root(), OPENSSL_REQ], OK, OK),
    Row("self_signed_ca_with_constraints_on_itself", "5280, 6.1.4 (b)",
        *own(nc=names.name_constraints([names.dns("example.com")])), OK, OK),
]
# fmt: on


@table(*ROWS)
def test_self_signed_certificate(row, driver, tmp_path):
    check(row, driver, tmp_path)
