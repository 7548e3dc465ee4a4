"""keyUsage (RFC 5280, section 4.2.1.3): who may sign certificates, CRLs and handshakes."""

from . import names
from .pki import Crl, intermediate, leaf, root
from .rows import OK, Row, check, table

NEEDS_SIGNATURE = (
    "the key signs every handshake of TLS 1.3, and those of TLS 1.2 that are supported "
    "(RFC 8446, 4.4.2.2); OpenSSL also accepts keys for key agreement and encipherment"
)

PLAIN = root()


def usages(*which):
    return names.key_usage(*which)


def issuing(ku):
    """Return a leaf whose issuer has this keyUsage, and the trust."""
    sub = intermediate(PLAIN, ku=ku)
    return [leaf(sub), sub], [PLAIN]


def presented(ku, key="p256 leaf"):
    return [leaf(PLAIN, ku=ku, key=key)], [PLAIN]


def with_crls(root_usage, sub_usage):
    """Return a chain whose issuers have these keyUsages, the trust and the CRLs."""
    top = root(ku=root_usage)
    sub = intermediate(top, ku=sub_usage)
    return {"chain": [leaf(sub), sub], "trust": [top], "crls": [Crl(sub), Crl(top)]}


SIGNS_ALL = usages("keyCertSign", "cRLSign")
SIGNS_CERTIFICATES = usages("keyCertSign")
NO_ISSUER = "UNABLE_TO_GET_ISSUER_CERT_LOCALLY UNABLE_TO_VERIFY_LEAF_SIGNATURE INVALID_CA"

# fmt: off
ISSUERS = [
    Row("issuer_with_keycertsign", "5280, 6.1.4 (n)", *issuing(SIGNS_CERTIFICATES), OK, OK),
    Row("issuer_without_key_usage", "5280, 6.1.4 (n)", *issuing(None), OK, OK),
    Row("issuer_with_usage_that_is_not_critical", "5280, 6.1.4 (n)",
        *issuing(names.key_usage("digitalSignature", critical=False)), "not_a_ca", NO_ISSUER),
    Row("issuer_with_digitalsignature_alone", "5280, 6.1.4 (n)",
        *issuing(usages("digitalSignature")), "not_a_ca", NO_ISSUER),
    Row("issuer_with_crlsign_alone", "5280, 6.1.4 (n)", *issuing(usages("cRLSign")),
        "not_a_ca", NO_ISSUER),
    Row("issuer_with_empty_key_usage", "5280, 6.1.4 (n)", *issuing(usages()),
        "not_a_ca", NO_ISSUER),
    Row("issuer_of_client_without_keycertsign", "5280, 6.1.4 (n)",
        *issuing(usages("digitalSignature")), "not_a_ca", NO_ISSUER, usage="client"),
]

LEAVES = [
    Row("server_with_digitalsignature", "8446, 4.4.2.2",
        *presented(usages("digitalSignature")), OK, OK),
    Row("server_without_key_usage", "8446, 4.4.2.2", *presented(None), OK, OK),
    Row("server_with_more_usages", "8446, 4.4.2.2",
        *presented(usages("digitalSignature", "keyEncipherment", "keyAgreement")), OK, OK),
    Row("server_with_keycertsign_alone", "8446, 4.4.2.2", *presented(SIGNS_CERTIFICATES),
        "wrong_usage", "INVALID_PURPOSE"),
    Row("server_with_contentcommitment_alone", "8446, 4.4.2.2",
        *presented(usages("contentCommitment")), "wrong_usage", "INVALID_PURPOSE"),
    Row("server_with_empty_key_usage", "8446, 4.4.2.2", *presented(usages()),
        "wrong_usage", NO_ISSUER, handshake=False),
    Row("server_with_keyagreement_alone", "8446, 4.4.2.2", *presented(usages("keyAgreement")),
        "wrong_usage", OK, NEEDS_SIGNATURE),
    Row("server_with_keyencipherment_alone", "8446, 4.4.2.2",
        *presented(usages("keyEncipherment"), "rsa2048 leaf"),
        "wrong_usage", OK, NEEDS_SIGNATURE),
    Row("client_with_digitalsignature", "8446, 4.4.2.2",
        *presented(usages("digitalSignature")), OK, OK, usage="client"),
    Row("client_without_key_usage", "8446, 4.4.2.2", *presented(None), OK, OK, usage="client"),
    Row("client_with_keycertsign_alone", "8446, 4.4.2.2", *presented(SIGNS_CERTIFICATES),
        "wrong_usage", "INVALID_PURPOSE", usage="client"),
    Row("client_with_keyencipherment_alone", "8446, 4.4.2.2",
        *presented(usages("keyEncipherment"), "rsa2048 leaf"),
        "wrong_usage", "INVALID_PURPOSE", usage="client"),
    Row("client_with_keyagreement_alone", "8446, 4.4.2.2", *presented(usages("keyAgreement")),
        "wrong_usage", OK, NEEDS_SIGNATURE, usage="client"),
]

CRL_ISSUERS = [
    Row("crls_of_issuers_with_crlsign", "5280, 6.3.3 (f)", **with_crls(SIGNS_ALL, SIGNS_ALL),
        tlsmith=OK, openssl=OK),
    Row("crls_of_issuers_without_key_usage", "5280, 6.3.3 (f)", **with_crls(None, None),
        tlsmith=OK, openssl=OK),
    Row("crl_of_intermediate_without_crlsign", "5280, 6.3.3 (f)",
        **with_crls(SIGNS_ALL, SIGNS_CERTIFICATES),
        tlsmith="unknown_revocation", openssl="KEYUSAGE_NO_CRL_SIGN"),
    Row("crl_of_root_without_crlsign", "5280, 6.3.3 (f)",
        **with_crls(SIGNS_CERTIFICATES, SIGNS_ALL),
        tlsmith="unknown_revocation", openssl="KEYUSAGE_NO_CRL_SIGN"),
]
# fmt: on


@table(*ISSUERS, *LEAVES, *CRL_ISSUERS)
def test_key_usage(row, driver, tmp_path):
    check(row, driver, tmp_path)
