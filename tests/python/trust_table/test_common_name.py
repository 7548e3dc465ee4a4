"""The common name in place of a DNS name (RFC 9525, section 6.4.4 of RFC 6125).

C is told to take it, `ssl` and `tlsmith.ssl` do so by default, and native Python never
does.
"""

from . import names
from .pki import intermediate, leaf, root
from .rows import OK, Row, check, table

HOST = "www.example.com"
EXAMPLE = names.dns("example.com")

NEVER_NATIVE = "native Python takes no common name for a name (RFC 9525, 1.4)"
OTHER_NAMES = "a certificate with alternative names has no other names (RFC 6125, 6.4.4)"
ONE_NAME = "two common names are ambiguous; OpenSSL tries each"
NO_WILDCARD = "wildcards count in alternative names alone"
UNUSED = "a common name that names nobody is not checked"

PLAIN = root()


def named(subject, *more, nc=None, san=None, sub=None):
    """Return a leaf with this subject, below CAs with these name constraints, and the trust."""
    top = root(nc=nc)
    if sub is None:
        return [leaf(top, *more, subject=subject, san=san)], [top]
    middle = intermediate(top, nc=sub)
    return [leaf(middle, *more, subject=subject, san=san), middle], [top]


def permit(*what):
    return names.name_constraints(what)


def exclude(*what):
    return names.name_constraints(excluded=what)


def accepted(name, rfc, chain, trust, **options):
    """Return a row that only native Python refuses, which never reads the common name."""
    return Row(
        name,
        rfc,
        chain,
        trust,
        OK,
        OK,
        NEVER_NATIVE,
        native="name_mismatch",
        **{"host": HOST, "common_name": True, **options},
    )


def refused(name, rfc, chain, trust, tlsmith, openssl, differs="", **options):
    return Row(
        name,
        rfc,
        chain,
        trust,
        tlsmith,
        openssl,
        differs,
        **{"host": HOST, "common_name": True, **options},
    )


ESCAPES = "name_mismatch"

# fmt: off
NAMES = [
    accepted("common_name_of_host", "6125, 6.4.4", *named(f"CN={HOST}")),
    accepted("common_name_in_other_case", "6125, 6.4.4", *named("CN=WWW.Example.COM")),
    accepted("common_name_among_attributes", "6125, 6.4.4",
             *named(f"C=CH/O=Example/CN={HOST}")),
    refused("common_name_of_another_host", "6125, 6.4.4", *named("CN=evil.test"),
            "name_mismatch", "HOSTNAME_MISMATCH"),
    refused("common_name_of_parent_domain", "6125, 6.4.4", *named("CN=example.com"),
            "name_mismatch", "HOSTNAME_MISMATCH"),
    refused("no_common_name", "6125, 6.4.4", *named("O=Example"),
            "name_mismatch", "HOSTNAME_MISMATCH"),
    refused("common_name_with_nul", "6125, 6.4.4", *named(f"CN={HOST}\0.evil.test"),
            "name_mismatch", "HOSTNAME_MISMATCH"),
    refused("common_name_where_c_was_not_told", "9525, 1.4", *named(f"CN={HOST}"),
            "name_mismatch", OK, "only `ssl` and `tlsmith.ssl` do so without being told",
            ssl=OK, common_name=False),
    refused("common_name_is_an_address", "6125, 6.4.4", *named("CN=127.0.0.1"),
            "name_mismatch", "IP_ADDRESS_MISMATCH", host="127.0.0.1"),
    refused("common_name_is_an_ipv6_address", "6125, 6.4.4", *named("CN=::1"),
            "name_mismatch", "IP_ADDRESS_MISMATCH", host="::1"),
    refused("two_common_names", "6125, 6.4.4", *named(f"CN=example.com/CN={HOST}"),
            "name_mismatch", OK, ONE_NAME),
    refused("wildcard_common_name", "6125, 6.4.4", *named("CN=*.example.com"),
            "name_mismatch", OK, NO_WILDCARD),
]

BESIDE_ALTERNATIVES = [
    refused("common_name_beside_dns_name", "6125, 6.4.4",
            *named(f"CN={HOST}", san=names.subject_alt_name(names.dns("example.net"))),
            "name_mismatch", "HOSTNAME_MISMATCH"),
    refused("common_name_beside_address", "6125, 6.4.4",
            *named(f"CN={HOST}", san=names.subject_alt_name(names.ip("127.0.0.1"))),
            "name_mismatch", OK, OTHER_NAMES),
    refused("common_name_beside_email_address", "6125, 6.4.4",
            *named(f"CN={HOST}", san=names.subject_alt_name(names.email("a@example.com"))),
            "name_mismatch", OK, OTHER_NAMES),
]

# An empty extension names nobody else.
EMPTY = names.subject_alt_name()
BESIDE_NOTHING = [
    accepted("common_name_beside_empty_alternatives", "6125, 6.4.4",
             *named(f"CN={HOST}", san=EMPTY)),
    accepted("permitted_common_name_beside_empty_alternatives", "5280, 4.2.1.10",
             *named(f"CN={HOST}", san=EMPTY, nc=permit(EXAMPLE))),
    refused("other_common_name_beside_empty_alternatives", "6125, 6.4.4",
            *named("CN=evil.test", san=EMPTY), "name_mismatch", "HOSTNAME_MISMATCH",
            says="names no host (its subjectAltName is empty)"),
    refused("excluded_common_name_beside_empty_alternatives", "5280, 4.2.1.10",
            *named("CN=evil.test", san=EMPTY, nc=exclude(names.dns("evil.test"))),
            ESCAPES, "EXCLUDED_VIOLATION", host="evil.test"),
    refused("common_name_is_an_address_beside_empty_alternatives", "6125, 6.4.4",
            *named("CN=127.0.0.1", san=EMPTY), "name_mismatch", "IP_ADDRESS_MISMATCH",
            host="127.0.0.1"),
]

CONSTRAINTS = [
    accepted("common_name_that_is_permitted", "5280, 4.2.1.10",
             *named(f"CN={HOST}", nc=permit(EXAMPLE))),
    accepted("common_name_that_intermediate_permits", "5280, 4.2.1.10",
             *named(f"CN={HOST}", sub=permit(EXAMPLE))),
    accepted("common_name_that_is_not_excluded", "5280, 4.2.1.10",
             *named(f"CN={HOST}", nc=exclude(names.dns("evil.test")))),
    accepted("common_name_below_constraints_for_addresses", "5280, 4.2.1.10",
             *named(f"CN={HOST}", nc=permit(names.ip("10.0.0.0/8")))),
    accepted("common_name_below_excluded_addresses", "5280, 4.2.1.10",
             *named(f"CN={HOST}", nc=exclude(names.ip("0.0.0.0/0")))),
    accepted("common_name_below_constraints_for_email", "5280, 4.2.1.10",
             *named(f"CN={HOST}", nc=permit(names.email("example.net")))),
    accepted("common_name_below_permitted_directory", "5280, 4.2.1.10",
             *named(f"O=Example/CN={HOST}", nc=permit(names.directory("O=Example")))),
    refused("common_name_outside_permitted_directory", "5280, 4.2.1.10",
            *named(f"O=Other/CN={HOST}", nc=permit(names.directory("O=Example"))),
            "constraint", "PERMITTED_VIOLATION"),
    refused("common_name_that_is_not_permitted", "5280, 4.2.1.10",
            *named("CN=evil.test", nc=permit(EXAMPLE)), ESCAPES, "PERMITTED_VIOLATION",
            host="evil.test"),
    refused("common_name_that_intermediate_does_not_permit", "5280, 4.2.1.10",
            *named("CN=evil.test", sub=permit(EXAMPLE)), ESCAPES, "PERMITTED_VIOLATION",
            host="evil.test"),
    refused("common_name_that_is_excluded", "5280, 4.2.1.10",
            *named("CN=evil.test", nc=exclude(names.dns("evil.test"))), ESCAPES,
            "EXCLUDED_VIOLATION", host="evil.test"),
    refused("common_name_below_an_excluded_one", "5280, 4.2.1.10",
            *named("CN=a.evil.test", sub=exclude(names.dns("evil.test"))), ESCAPES,
            "EXCLUDED_VIOLATION", host="a.evil.test"),
    refused("common_name_permitted_by_root_alone", "5280, 4.2.1.10",
            *named(f"CN={HOST}", nc=permit(EXAMPLE), sub=permit(names.dns("example.net"))),
            ESCAPES, "PERMITTED_VIOLATION"),
    refused("common_name_is_an_address_below_constraints", "5280, 4.2.1.10",
            *named("CN=127.0.0.1", nc=exclude(names.ip("0.0.0.0/0"))),
            "name_mismatch", "IP_ADDRESS_MISMATCH", host="127.0.0.1"),
    Row("unused_common_name_beside_permitted_dns_name", "5280, 4.2.1.10",
        *named("CN=evil.test", nc=permit(EXAMPLE),
               san=names.subject_alt_name(names.dns(HOST))), OK, OK, host=HOST),
    Row("unused_common_name_beside_address", "5280, 4.2.1.10",
        *named("CN=evil.test", nc=permit(EXAMPLE),
               san=names.subject_alt_name(names.ip("127.0.0.1"))),
        OK, "PERMITTED_VIOLATION", UNUSED, host="127.0.0.1"),
]
# fmt: on


@table(*NAMES, *BESIDE_ALTERNATIVES, *BESIDE_NOTHING, *CONSTRAINTS)
def test_common_name(row, driver, tmp_path):
    check(row, driver, tmp_path)
