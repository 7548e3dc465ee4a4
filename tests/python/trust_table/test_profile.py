"""Extensions that contradict themselves, and paths that are too long."""

from . import der, names
from .pki import intermediate, leaf, root
from .rows import OK, Row, check, table

PLAIN = root()
NO_CA = names.basic_constraints(False)
PERMITTED = names.name_constraints([names.dns("localhost")])
MALFORMED = names.raw(PERMITTED, der.NULL)
EMPTY = names.raw(PERMITTED, der.sequence())
SHORT_NETWORK = names.name_constraints([der.implicit(7, b"\x7f\x00\x00\x00\xff")])
WITH_MINIMUM = names.raw(PERMITTED, der.sequence(der.explicit(0, der.sequence(
    names.dns("localhost"), der.implicit(0, b"\x01")))))  # fmt: skip

UNREADABLE = "UNABLE_TO_GET_ISSUER_CERT_LOCALLY UNABLE_TO_VERIFY_LEAF_SIGNATURE INVALID_CA"
BROKEN = "malformed"
NOT_CHECKED = "OpenSSL ignores name constraints of an end entity; RFC 5280 forbids them"
MUST_NOT_BE_EMPTY = "RFC 5280 forbids empty name constraints, which say nothing to OpenSSL"
NOT_A_CA = "not_a_ca"
TOO_LONG = "paths have six intermediates at most; OpenSSL allows 100"


def below(*more, **changes):
    top = root(*more, **changes)
    return [leaf(top)], [top]


def below_sub(*more, **changes):
    middle = intermediate(PLAIN, *more, **changes)
    return [leaf(middle), middle], [PLAIN]


def of(*more, **changes):
    return [leaf(PLAIN, *more, **changes)], [PLAIN]


def long_path(count):
    """Return a leaf below this number of intermediates, and the trust."""
    issuers = [PLAIN]
    for number in range(count):
        issuer = intermediate(issuers[-1], subject=f"CN=Sub {number}", key=f"p256 sub {number}")
        issuers.append(issuer)
    return [leaf(issuers[-1]), *issuers[:0:-1]], [PLAIN]


# fmt: off
ROWS = [
    Row("name_constraints_of_root_malformed", "5280, 4.2.1.10", *below(nc=MALFORMED),
        "not_loaded", UNREADABLE),
    Row("name_constraints_of_intermediate_malformed", "5280, 4.2.1.10",
        *below_sub(nc=MALFORMED), BROKEN, UNREADABLE),
    Row("name_constraints_of_root_empty", "5280, 4.2.1.10", *below(nc=EMPTY), BROKEN, OK,
        MUST_NOT_BE_EMPTY),
    Row("name_constraints_of_intermediate_empty", "5280, 4.2.1.10", *below_sub(nc=EMPTY),
        BROKEN, OK, MUST_NOT_BE_EMPTY),
    Row("name_constraints_of_leaf", "5280, 4.2.1.10", *of(nc=PERMITTED), BROKEN, OK,
        NOT_CHECKED),
    Row("name_constraints_of_client", "5280, 4.2.1.10", *of(nc=PERMITTED), BROKEN, OK,
        NOT_CHECKED, usage="client"),
    Row("network_of_five_bytes", "5280, 4.2.1.10", *below(nc=SHORT_NETWORK), BROKEN,
        "UNSUPPORTED_NAME_SYNTAX"),
    Row("name_constraints_with_minimum", "5280, 4.2.1.10", *below_sub(nc=WITH_MINIMUM), BROKEN,
        "SUBTREE_MINMAX"),
    Row("root_with_keycertsign_and_ca_false", "5280, 4.2.1.9", *below(bc=NO_CA),
        NOT_A_CA, "INVALID_CA"),
    Row("root_with_path_length_and_ca_false", "5280, 4.2.1.9",
        *below(bc=names.basic_constraints(False, 0)), NOT_A_CA, "INVALID_CA"),
    Row("root_with_negative_path_length", "5280, 4.2.1.9",
        *below(bc=names.basic_constraints(True, -1)), "malformed",
        UNREADABLE),
    Row("root_with_two_basic_constraints", "5280, 4.2", *below(names.basic_constraints(True, 0)),
        "not_loaded", UNREADABLE),
    Row("root_with_malformed_key_usage", "5280, 4.2.1.3",
        *below(ku=names.raw(names.key_usage("keyCertSign"), der.NULL)),
        "malformed", UNREADABLE),
    Row("root_with_malformed_extended_key_usage", "5280, 4.2.1.12",
        *below(names.raw(names.extended_key_usage("serverAuth"), der.NULL)),
        "not_loaded", UNREADABLE),
    Row("leaf_with_malformed_alternative_names", "5280, 4.2.1.6",
        *of(san=names.raw(names.subject_alt_name(), der.NULL)), "malformed",
        UNREADABLE, handshake=False),
    Row("six_intermediates", "5280, 6.1", *long_path(6), OK, OK),
    Row("seven_intermediates", "5280, 6.1", *long_path(7), "path_too_long", OK,
        TOO_LONG),
]
# fmt: on


@table(*ROWS)
def test_profile(row, driver, tmp_path):
    check(row, driver, tmp_path)
