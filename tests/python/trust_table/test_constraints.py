"""Name constraints (RFC 5280, section 4.2.1.10) of every kind, for every name."""

from . import der, names
from .pki import intermediate, leaf, root
from .rows import OK, Row, check, table

RFC = "5280, 4.2.1.10"
VIOLATED = {"tlsmith": "constraint", "openssl": "PERMITTED_VIOLATION"}
EXCLUDED = {"tlsmith": "constraint", "openssl": "EXCLUDED_VIOLATION"}
SATISFIED = {"tlsmith": OK, "openssl": OK}

dns, ip, email, uri, directory = (
    names.dns, names.ip, names.email, names.uri, names.directory,
)  # fmt: skip


def permit(*what):
    return names.name_constraints(what)


def exclude(*what):
    return names.name_constraints(excluded=what)


def client(name, constraints, *san, expected, subject="CN=A leaf", usage="client", **options):
    """Return a row for a client with these names, below a root with constraints."""
    top = root(nc=constraints)
    extension = names.subject_alt_name(*san) if san else None
    chain = [leaf(top, subject=subject, san=extension)]
    return Row(name, RFC, chain, [top], **expected, usage=usage, **options)


def server(name, constraints, *san, **options):
    """Return a row for a server that is localhost as well."""
    return client(name, constraints, dns("localhost"), *san, usage="server", **options)


EXAMPLE_ORG, OTHER_ORG = directory("O=Example"), directory("O=Other")
NO_DNS_NAME = {"tlsmith": "malformed", "openssl": OK}
NOT_A_NAME = "what is no DNS name is refused below constraints on DNS names"
PRINTABLE_ORG = der.explicit(4, der.sequence(der.set_of(
    der.sequence(der.oid("2.5.4.10"), der.printable("Example")))))  # fmt: skip
ALICE = email("alice@example.com")

# fmt: off
EMAIL = [
    client("email_at_permitted_host", permit(email("example.com")), ALICE, expected=SATISFIED),
    client("email_at_permitted_host_in_other_case", permit(email("EXAMPLE.com")), ALICE,
           expected=SATISFIED),
    client("email_at_another_host", permit(email("example.net")), ALICE, expected=VIOLATED),
    client("email_below_permitted_host", permit(email("example.com")),
           email("a@mail.example.com"), expected=VIOLATED),
    client("email_below_permitted_domain", permit(email(".example.com")),
           email("a@mail.example.com"), expected=SATISFIED),
    client("email_at_permitted_domain_itself", permit(email(".example.com")), ALICE,
           expected=VIOLATED),
    client("email_that_is_permitted", permit(email("alice@example.com")), ALICE,
           expected=SATISFIED),
    client("email_of_somebody_else", permit(email("bob@example.com")), ALICE,
           expected=VIOLATED),
    client("email_whose_local_part_differs_in_case", permit(email("Alice@example.com")), ALICE,
           expected=VIOLATED),
    client("email_at_excluded_host", exclude(email("example.com")), ALICE, expected=EXCLUDED),
    client("email_that_is_excluded", exclude(email("alice@example.com")), ALICE,
           expected=EXCLUDED),
    client("email_that_is_not_excluded", exclude(email("bob@example.com")), ALICE,
           expected=SATISFIED),
    client("email_beside_one_that_is_not_permitted", permit(email("example.com")), ALICE,
           email("alice@example.net"), expected=VIOLATED),
    client("no_email_below_constraints_for_email", permit(email("example.com")),
           dns("localhost"), expected=SATISFIED),
    client("email_in_subject_that_is_permitted", permit(email("example.com")),
           subject="CN=Alice/emailAddress=alice@example.com", expected=SATISFIED),
    client("email_in_subject_that_is_not_permitted", permit(email("example.net")),
           subject="CN=Alice/emailAddress=alice@example.com", expected=VIOLATED),
    client("email_in_subject_that_is_excluded", exclude(email("example.com")),
           subject="CN=Alice/emailAddress=alice@example.com", expected=EXCLUDED),
    client("email_that_is_excluded_in_another_case", exclude(email("Alice@example.com")), ALICE,
           expected={"tlsmith": "constraint", "openssl": OK},
           differs="mail servers ignore the case of the local part, so exclusions do"),
    client("email_in_subject_beside_permitted_one", permit(email("example.com")), ALICE,
           subject="CN=Alice/emailAddress=alice@example.net",
           expected={"tlsmith": OK, "openssl": "PERMITTED_VIOLATION"},
           differs="an address in the subject counts only without one in subjectAltName"),
    server("server_with_permitted_email", permit(email("example.com")), ALICE,
           expected=SATISFIED),
    server("server_with_email_that_is_not_permitted", permit(email("example.net")), ALICE,
           expected=VIOLATED),
    server("server_without_email_below_constraints_for_email", permit(email("example.com")),
           expected=SATISFIED),
]

URIS = [
    client("uri_at_permitted_host", permit(uri("example.com")),
           uri("spiffe://example.com/a"), expected=SATISFIED),
    client("uri_with_port_at_permitted_host", permit(uri("example.com")),
           uri("https://example.com:8443/a"), expected=SATISFIED),
    client("uri_at_another_host", permit(uri("example.net")), uri("spiffe://example.com/a"),
           expected=VIOLATED),
    client("uri_below_permitted_domain", permit(uri(".example.com")),
           uri("https://a.example.com/"), expected=SATISFIED),
    client("uri_below_permitted_host", permit(uri("example.com")),
           uri("https://a.example.com/"), expected=VIOLATED),
    client("uri_at_excluded_host", exclude(uri("example.com")), uri("spiffe://example.com/a"),
           expected=EXCLUDED),
    client("uri_at_host_that_is_not_excluded", exclude(uri("example.net")),
           uri("spiffe://example.com/a"), expected=SATISFIED),
    client("uri_without_host", permit(uri("example.com")), uri("urn:example:a"),
           expected={"tlsmith": "constraint", "openssl": "UNSUPPORTED_NAME_SYNTAX"}),
    client("uri_with_user_at_permitted_host", permit(uri("example.com")),
           uri("https://example.net:x@example.com/"),
           expected={"tlsmith": OK, "openssl": "PERMITTED_VIOLATION"},
           differs="OpenSSL takes the user information for the host (RFC 3986, 3.2.1)"),
    client("uri_whose_user_looks_like_permitted_host", permit(uri("example.com")),
           uri("https://example.com@example.net/"), expected=VIOLATED),
    client("uri_at_an_address_below_permitted_host", permit(uri("example.com")),
           uri("https://192.0.2.1/"), expected=VIOLATED),
    client("uri_at_an_address_below_excluded_host", exclude(uri("example.com")),
           uri("https://192.0.2.1/"), expected={"tlsmith": "constraint", "openssl": OK},
           differs="a URI without a host name is refused below any constraint on URIs"),
    client("no_uri_below_constraints_for_uris", permit(uri("example.com")), ALICE,
           expected=SATISFIED),
    server("server_without_uri_below_constraints_for_uris", permit(uri("example.com")),
           expected=SATISFIED),
]

DIRECTORIES = [
    client("subject_in_permitted_directory", permit(EXAMPLE_ORG), subject="O=Example/CN=Alice",
           expected=SATISFIED),
    client("subject_in_other_case_in_permitted_directory", permit(directory("O=EXAMPLE")),
           subject="O=Example/CN=Alice", expected=SATISFIED),
    client("subject_in_another_directory", permit(EXAMPLE_ORG), subject="O=Other/CN=Alice",
           expected=VIOLATED),
    client("subject_that_only_begins_like_it", permit(EXAMPLE_ORG),
           subject="O=Example Two/CN=Alice", expected=VIOLATED),
    client("subject_in_excluded_directory", exclude(EXAMPLE_ORG), subject="O=Example/CN=Alice",
           expected=EXCLUDED),
    client("subject_in_other_encoding_in_excluded_directory", exclude(PRINTABLE_ORG),
           subject="O=Example/CN=Alice", expected=EXCLUDED),
    client("subject_in_other_encoding_in_permitted_directory", permit(PRINTABLE_ORG),
           subject="O=Example/CN=Alice", expected=SATISFIED),
    client("subject_with_more_spaces_in_excluded_directory", exclude(directory("O=Two Words")),
           subject="O= two  WORDS /CN=Alice", expected=EXCLUDED),
    client("subject_in_directory_that_is_not_excluded", exclude(EXAMPLE_ORG),
           subject="O=Other/CN=Alice", expected=SATISFIED),
    client("empty_subject_below_permitted_directory", permit(EXAMPLE_ORG), ALICE, subject="",
           expected=SATISFIED),
    client("directory_name_that_is_permitted", permit(EXAMPLE_ORG), directory("O=Example/CN=A"),
           subject="O=Example/CN=Alice", expected=SATISFIED),
    client("directory_name_that_is_not_permitted", permit(EXAMPLE_ORG), OTHER_ORG,
           subject="O=Example/CN=Alice", expected=VIOLATED),
    client("directory_name_that_is_excluded", exclude(OTHER_ORG), OTHER_ORG,
           subject="O=Example/CN=Alice", expected=EXCLUDED),
    server("server_in_permitted_directory", permit(EXAMPLE_ORG), subject="O=Example/CN=A host",
           expected=SATISFIED),
    server("server_in_another_directory", permit(EXAMPLE_ORG), subject="O=Other/CN=A host",
           expected=VIOLATED),
]
# fmt: on


def below(constraints, sub_subject, sub_constraints, *san, expected, name):
    """Return a row for a client below a root and an intermediate with constraints."""
    top = root(nc=constraints)
    middle = intermediate(top, subject=sub_subject, nc=sub_constraints)
    chain = [leaf(middle, subject="O=Example/CN=Alice",
                  san=names.subject_alt_name(*san)), middle]  # fmt: skip
    return Row(name, RFC, chain, [top], **expected, usage="client")


UNSUPPORTED_TYPE = {"tlsmith": "constraint", "openssl": "UNSUPPORTED_CONSTRAINT_TYPE"}
OTHER = names.other_name("1.3.6.1.4.1.55738.2", "alice")
REGISTERED = names.registered_id("1.3.6.1.4.1.55738.3")

# fmt: off
PATHS = [
    below(permit(EXAMPLE_ORG), "O=Example/CN=Sub", None, ALICE, expected=SATISFIED,
          name="intermediate_in_permitted_directory"),
    below(permit(EXAMPLE_ORG), "O=Other/CN=Sub", None, ALICE, expected=VIOLATED,
          name="intermediate_in_another_directory"),
    below(exclude(OTHER_ORG), "O=Other/CN=Sub", None, ALICE, expected=EXCLUDED,
          name="intermediate_in_excluded_directory"),
    below(permit(email("example.com")), "CN=Sub", permit(email("example.com")), ALICE,
          expected=SATISFIED, name="email_that_both_authorities_permit"),
    below(permit(email("example.com")), "CN=Sub", permit(email("example.net")), ALICE,
          expected=VIOLATED, name="email_that_root_alone_permits"),
    below(None, "CN=Sub", permit(email("example.net")), ALICE, expected=VIOLATED,
          name="email_that_intermediate_does_not_permit"),
    below(permit(email("example.com")), "CN=Sub", exclude(ALICE), ALICE, expected=EXCLUDED,
          name="email_that_intermediate_excludes"),
    below(permit(uri("example.com")), "CN=Sub", None, uri("https://example.net/"),
          expected=VIOLATED, name="uri_that_root_does_not_permit"),
]

KINDS = [
    client("several_kinds_that_are_permitted",
           permit(dns("example.com"), ip("10.0.0.0/8"), email("example.com")),
           dns("a.example.com"), ip("10.1.2.3"), ALICE, expected=SATISFIED),
    client("one_kind_that_is_not_permitted",
           permit(dns("example.com"), ip("10.0.0.0/8"), email("example.com")),
           dns("a.example.com"), ip("192.0.2.1"), ALICE, expected=VIOLATED),
    client("permitted_and_excluded", names.name_constraints([email("example.com")], [ALICE]),
           ALICE, expected=EXCLUDED),
    client("dns_name_below_permitted_one", permit(dns("example.com")), dns("a.example.com"),
           expected=SATISFIED),
    client("dns_name_that_only_ends_like_it", permit(dns("example.com")),
           dns("badexample.com"), expected=VIOLATED),
    client("wildcard_below_permitted_name", permit(dns("example.com")), dns("*.example.com"),
           expected=SATISFIED),
    client("dns_name_below_constraint_with_dot", permit(dns(".example.com")),
           dns("a.example.com"), expected=SATISFIED),
    client("dns_name_of_constraint_with_dot", permit(dns(".example.com")), dns("example.com"),
           expected=VIOLATED),
    client("wildcard_beside_excluded_name", exclude(dns("example.net")), dns("*.example.com"),
           expected=SATISFIED),
    client("wildcard_below_excluded_name", exclude(dns("example.com")), dns("*.example.com"),
           expected=EXCLUDED),
    client("wildcard_that_covers_an_excluded_name", exclude(dns("a.example.com")),
           dns("*.example.com"), expected={"tlsmith": "constraint", "openssl": OK},
           differs="a wildcard that matches an excluded name is excluded"),
    client("dns_name_with_final_dot_below_excluded_name", exclude(dns("example.com")),
           dns("a.example.com."), expected=NO_DNS_NAME, differs=NOT_A_NAME),
    client("dns_name_with_nul_below_permitted_name", permit(dns("example.com")),
           dns("evil.test\0.example.com"), expected=NO_DNS_NAME, differs=NOT_A_NAME),
    client("dns_name_in_other_case_below_excluded_name", exclude(dns("example.com")),
           dns("A.EXAMPLE.COM"), expected=EXCLUDED),
    client("every_dns_name_excluded", exclude(dns("")), dns("a.example.com"),
           expected=EXCLUDED),
    client("ipv6_address_in_permitted_network", permit(ip("2001:db8::/32")),
           ip("2001:db8::1"), expected=SATISFIED),
    client("ipv4_address_below_permitted_ipv6_network", permit(ip("2001:db8::/32")),
           ip("192.0.2.1"), expected=VIOLATED),
    client("address_outside_permitted_network", permit(ip("10.0.0.0/8")), ip("192.0.2.1"),
           expected=VIOLATED),
    client("address_in_excluded_network", exclude(ip("10.0.0.0/8")), ip("10.1.2.3"),
           expected=EXCLUDED),
    client("other_name_below_constraints_for_it", permit(OTHER), OTHER,
           expected=UNSUPPORTED_TYPE),
    client("no_other_name_below_constraints_for_it", permit(OTHER), ALICE, expected=SATISFIED),
    client("registered_id_below_constraints_for_it", permit(REGISTERED), REGISTERED,
           expected=UNSUPPORTED_TYPE),
    client("no_registered_id_below_constraints_for_it", permit(REGISTERED), ALICE,
           expected=SATISFIED),
]
# fmt: on


@table(*EMAIL, *URIS, *DIRECTORIES, *PATHS, *KINDS)
def test_name_constraints(row, driver, tmp_path):
    check(row, driver, tmp_path)
