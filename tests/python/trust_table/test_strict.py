"""VERIFY_X509_STRICT: what RFC 5280 demands of certificates, and few verifiers do."""

from ssl import VERIFY_X509_STRICT as STRICT

from . import names
from .pki import aki, intermediate, leaf, root, self_signed, ski
from .rows import OK, Row, check, table

PLAIN = root()
NO_CA = names.basic_constraints(False)
RELAXED_CA = names.basic_constraints(True, critical=False)
OPENSSL_REQ = self_signed()
BARE = self_signed(aki=None, ski=None)
UNKNOWN = "AUTHORITY_KEY_IDENTIFIER_CRITICAL UNHANDLED_CRITICAL_EXTENSION"


def of(*more, **changes):
    return [leaf(PLAIN, *more, **changes)], [PLAIN]


def below(*more, **changes):
    top = root(*more, **changes)
    return [leaf(top)], [top]


def below_sub(*more, **changes):
    middle = intermediate(PLAIN, *more, **changes)
    return [leaf(middle), middle], [PLAIN]


# fmt: off
CASES = [
    ("plain_chain", "5280, 6.1", *of(), OK),
    ("plain_chain_with_intermediate", "5280, 6.1", *below_sub(), OK),
    ("leaf_without_authority_key_identifier", "5280, 4.2.1.1", *of(aki=None),
     "MISSING_AUTHORITY_KEY_IDENTIFIER"),
    ("intermediate_without_authority_key_identifier", "5280, 4.2.1.1", *below_sub(aki=None),
     "MISSING_AUTHORITY_KEY_IDENTIFIER"),
    ("root_without_subject_key_identifier", "5280, 4.2.1.2", *below(ski=None),
     "MISSING_SUBJECT_KEY_IDENTIFIER"),
    ("intermediate_without_subject_key_identifier", "5280, 4.2.1.2", *below_sub(ski=None),
     "MISSING_SUBJECT_KEY_IDENTIFIER"),
    ("leaf_without_subject_key_identifier", "5280, 4.2.1.2", *of(ski=None), OK),
    ("root_whose_basic_constraints_are_not_critical", "5280, 4.2.1.9", *below(bc=RELAXED_CA),
     "CA_BCONS_NOT_CRITICAL"),
    ("intermediate_whose_basic_constraints_are_not_critical", "5280, 4.2.1.9",
     *below_sub(bc=RELAXED_CA), "CA_BCONS_NOT_CRITICAL"),
    ("root_without_key_usage", "5280, 4.2.1.3", *below(ku=None), "CA_CERT_MISSING_KEY_USAGE"),
    ("intermediate_without_key_usage", "5280, 4.2.1.3", *below_sub(ku=None),
     "CA_CERT_MISSING_KEY_USAGE"),
    ("critical_authority_key_identifier", "5280, 4.2.1.1",
     *of(aki=aki(PLAIN.key, critical=True)), UNKNOWN),
    ("critical_subject_key_identifier", "5280, 4.2.1.2",
     *of(ski=ski("p256 leaf", critical=True)), UNKNOWN),
    ("empty_subject_of_intermediate", "5280, 4.1.2.6", *below_sub(subject=""),
     "SUBJECT_NAME_EMPTY ISSUER_NAME_EMPTY"),
    ("empty_subject_of_leaf_with_critical_names", "5280, 4.2.1.6",
     *of(subject="", san=names.subject_alt_name(names.dns("localhost"), critical=True)), OK),
    ("empty_subject_of_leaf_with_names_that_are_not_critical", "5280, 4.2.1.6", *of(subject=""),
     "EMPTY_SUBJECT_SAN_NOT_CRITICAL"),
    ("path_length_of_leaf", "5280, 4.2.1.9", *of(bc=names.basic_constraints(False, 0)),
     "PATHLEN_INVALID_FOR_NON_CA"),
    ("path_length_of_root_without_key_usage", "5280, 4.2.1.9",
     *below(bc=names.basic_constraints(True, 0), ku=None), "PATHLEN_WITHOUT_KU_KEY_CERT_SIGN"),
    ("keycertsign_of_leaf", "5280, 4.2.1.3",
     *of(ku=names.key_usage("digitalSignature", "keyCertSign")),
     "KU_KEY_CERT_SIGN_INVALID_FOR_NON_CA"),
    ("self_signed_without_key_usage", "5280, 4.2.1.3", [OPENSSL_REQ], [OPENSSL_REQ], OK),
    ("self_signed_without_identifiers", "5280, 4.2.1.1", [BARE], [BARE], OK),
]
# fmt: on


def strict(name, rfc, chain, trust, openssl, **options):
    tlsmith = {OK: OK, UNKNOWN: "unsupported_extension"}.get(openssl, "malformed")
    flags = {"flags": STRICT, "bindings": ("c", "ssl")}
    return Row(name, rfc, chain, trust, tlsmith, openssl, **flags, **options)


def relaxed(name, rfc, chain, trust, openssl):
    """Return the row without the flag: only an unknown critical extension is refused."""
    expected = ("unsupported_extension", openssl) if openssl == UNKNOWN else (OK, OK)
    return Row(f"{name}_relaxed", rfc, chain, trust, *expected)


EMPTY_NAMES = strict(
    "empty_alternative_names_of_leaf",
    "5280, 4.2.1.6",
    *of(san=names.subject_alt_name()),
    "EMPTY_SUBJECT_ALT_NAME",
    host=None,
)


NO_SUBJECT = strict(
    "empty_subject_of_leaf_without_names",
    "5280, 4.1.2.6",
    *of(subject="", san=None),
    "SUBJECT_NAME_EMPTY",
    host=None,
    says="its subject is empty (section 4.1.2.6)",
)


def own(name, rfc, **changes):
    """Return a row for a trusted self-signed certificate, which OpenSSL accepts as it is."""
    certificate = self_signed(**changes)
    return strict(f"self_signed_{name}", rfc, [certificate], [certificate], OK)


SELF_SIGNED = [
    own("whose_basic_constraints_are_not_critical", "5280, 4.2.1.9", bc=RELAXED_CA),
    own("with_path_length_and_ca_false", "5280, 4.2.1.9", bc=names.basic_constraints(False, 0)),
    own("with_keycertsign_and_ca_false", "5280, 4.2.1.3", bc=NO_CA,
        ku=names.key_usage("digitalSignature", "keyCertSign")),
]  # fmt: skip


@table(
    *(strict(*case) for case in CASES),
    *(relaxed(*case) for case in CASES),
    EMPTY_NAMES,
    NO_SUBJECT,
    *SELF_SIGNED,
)
def test_strictness(row, driver, tmp_path):
    check(row, driver, tmp_path)
