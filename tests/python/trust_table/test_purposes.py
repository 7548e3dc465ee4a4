"""Purposes, names of clients and the maximum path depth, where the caller chooses them."""

from . import names
from .pki import intermediate, leaf, root
from .rows import OK, Row, check, table

NO_CODE = "OpenSSL has no purpose for code signing before 3.2; the reference allows any purpose"
ONLY_TLS = "tlsmith's `any` is a TLS server's or client's; to OpenSSL it is any purpose at all"
MUST_BE_NAMED = "outside TLS an end entity must name the purpose"

EMAIL_OID, CODE_OID = "1.3.6.1.5.5.7.3.4", "1.3.6.1.5.5.7.3.3"
PRIVATE_OID = "1.3.6.1.4.1.55738.20"

PLAIN = root()
ALICE, DEVICE = "alice@example.com", "device.example.com"


def purposes(*which):
    return names.extended_key_usage(*which)


def verified(name, purpose, openssl_purpose, tlsmith, openssl, differs="", *, eku, top=None):
    """Return a row for a leaf and a root with these key purposes, verified for a purpose."""
    anchor = PLAIN if top is None else root(eku=top)
    return Row(f"purpose_{name}", "5280, 4.2.1.12", [leaf(anchor, eku=eku)], [anchor], tlsmith,
               openssl, differs, purpose=purpose, handshake=False,
               verify_options=("-purpose", openssl_purpose))  # fmt: skip


# fmt: off
PURPOSES = [
    verified("server_of_server", "server", "sslserver", OK, OK, eku=purposes("serverAuth")),
    verified("server_of_client", "server", "sslserver", "wrong_usage", "INVALID_PURPOSE",
             eku=purposes("clientAuth")),
    verified("client_of_client", "client", "sslclient", OK, OK, eku=purposes("clientAuth")),
    verified("client_of_server", "client", "sslclient", "wrong_usage", "INVALID_PURPOSE",
             eku=purposes("serverAuth")),
    verified("any_of_server", "any", "any", OK, OK, eku=purposes("serverAuth")),
    verified("any_of_client", "any", "any", OK, OK, eku=purposes("clientAuth")),
    verified("any_of_unrestricted", "any", "any", OK, OK, eku=None),
    verified("any_of_code_signing", "any", "any", "wrong_usage", OK, ONLY_TLS,
             eku=purposes("codeSigning")),
    verified("email_of_email", "email", "smimesign", OK, OK, eku=purposes("emailProtection")),
    verified("email_of_unrestricted", "email", "smimesign", "wrong_usage", OK, MUST_BE_NAMED,
             eku=None),
    verified("email_of_server", "email", "smimesign", "wrong_usage", "INVALID_PURPOSE",
             eku=purposes("serverAuth")),
    verified("email_below_root_for_email", "email", "smimesign", OK, OK,
             eku=purposes("emailProtection"), top=purposes("emailProtection")),
    verified("email_below_root_for_servers", "email", "smimesign",
             "wrong_usage", "INVALID_PURPOSE",
             eku=purposes("emailProtection"), top=purposes("serverAuth")),
    verified("oid_of_email", EMAIL_OID, "smimesign", OK, OK, eku=purposes("emailProtection")),
    verified("oid_of_email_of_server", EMAIL_OID, "smimesign",
             "wrong_usage", "INVALID_PURPOSE", eku=purposes("serverAuth")),
    verified("code_of_code_signing", "code", "any", OK, OK, eku=purposes("codeSigning")),
    verified("code_of_server", "code", "any", "wrong_usage", OK, NO_CODE,
             eku=purposes("serverAuth")),
    verified("oid_of_code_signing", CODE_OID, "any", OK, OK, eku=purposes("codeSigning")),
    verified("private_oid", PRIVATE_OID, "any", OK, OK, eku=purposes(PRIVATE_OID)),
    verified("private_oid_of_server", PRIVATE_OID, "any", "wrong_usage", OK, NO_CODE,
             eku=purposes("serverAuth")),
]
# fmt: on


def client(name, wanted, tlsmith, openssl, *san, differs="", **changes):
    """Return a row for a client with these alternative names, verified for a name."""
    extension = names.subject_alt_name(*san) if san else None
    return Row(f"client_{name}", "5280, 4.2.1.6", [leaf(PLAIN, san=extension, **changes)],
               [PLAIN], tlsmith, openssl, differs, usage="client", client_name=wanted,
               handshake=False)  # fmt: skip


EMAIL, HOST = names.email(ALICE), names.dns(DEVICE)
IN_SUBJECT = "CN=Alice/emailAddress=alice@example.com"

# fmt: off
CLIENT_NAMES = [
    client("email", ALICE, OK, OK, EMAIL),
    client("email_among_names", ALICE, OK, OK, HOST, names.email("bob@example.com"), EMAIL),
    client("email_whose_host_differs_in_case", "alice@EXAMPLE.com", OK, OK, EMAIL),
    client("email_whose_local_part_differs_in_case", "Alice@example.com",
           "name_mismatch", "EMAIL_MISMATCH", EMAIL),
    client("email_of_somebody_else", "bob@example.com", "name_mismatch", "EMAIL_MISMATCH", EMAIL),
    client("email_where_only_dns_names_are", "alice@device.example.com",
           "name_mismatch", "EMAIL_MISMATCH", HOST),
    client("email_without_names", ALICE, "name_mismatch", "EMAIL_MISMATCH"),
    client("email_in_subject", ALICE, "name_mismatch", OK, subject=IN_SUBJECT,
           differs="only alternative names count; OpenSSL also reads the subject"),
    client("email_in_subject_beside_another", ALICE, "name_mismatch", "EMAIL_MISMATCH",
           names.email("bob@example.com"), subject=IN_SUBJECT),
    client("dns_name", DEVICE, OK, OK, HOST),
    client("dns_name_of_wildcard", DEVICE, OK, OK, names.dns("*.example.com")),
    client("another_dns_name", "other.example.com", "name_mismatch", "HOSTNAME_MISMATCH", HOST),
    client("dns_name_where_only_email_is", "example.com",
           "name_mismatch", "HOSTNAME_MISMATCH", EMAIL),
]
# fmt: on


def below(count):
    """Return a leaf below this number of intermediates, and the trust."""
    issuers = [PLAIN]
    for number in range(count):
        key = f"p256 intermediate {number}"
        issuers.append(intermediate(issuers[-1], subject=f"CN=Intermediate {number}", key=key))
    return [leaf(issuers[-1]), *issuers[:0:-1]], [PLAIN]


def depth(name, count, limit, tlsmith, openssl, **options):
    chain, trust = below(count)
    return Row(f"depth_{name}", "5280, 6.1", chain, trust, tlsmith, openssl, max_depth=limit,
               bindings=("c", "native"), by_verify=True, **options)  # fmt: skip


TOO_LONG = "path_too_long", "UNABLE_TO_GET_ISSUER_CERT_LOCALLY CERT_CHAIN_TOO_LONG"

DEPTHS = [
    depth("0_without_intermediate", 0, 0, OK, OK),
    depth("0_with_one_intermediate", 1, 0, *TOO_LONG),
    depth("1_with_one_intermediate", 1, 1, OK, OK),
    depth("1_with_two_intermediates", 2, 1, *TOO_LONG),
    depth("1_with_two_intermediates_of_client", 2, 1, *TOO_LONG, usage="client"),
    depth("6_with_six_intermediates", 6, 6, OK, OK),
    depth("6_with_two_intermediates", 2, 6, OK, OK),
]


@table(*PURPOSES, *CLIENT_NAMES, *DEPTHS)
def test_what_the_caller_asks_for(row, driver, tmp_path):
    check(row, driver, tmp_path)
