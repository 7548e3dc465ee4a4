"""Revocation: which CRL is about a certificate, and which CRLs count."""

from ssl import VERIFY_X509_PARTIAL_CHAIN as PARTIAL

import pytest

import tlsmith

from . import names
from .pki import NOW, Crl, aki, days, intermediate, leaf, root, self_signed
from .rows import OK, Row, check, table

TOP = root()
MIDDLE = intermediate(TOP)
HOST = leaf(MIDDLE)
OWN = self_signed()
STRANGER = root(subject="CN=Stranger", key="p256 stranger")

# An authority that changed its key and kept its name, and one certificate of each key.
OLD, NEW = root(key="p256 old"), root(key="p256 new")
BEFORE, AFTER = leaf(OLD), leaf(NEW)
MIDDLE_BEFORE, TWIN = intermediate(OLD), intermediate(NEW, key="p256 twin")
HOST_BEFORE = leaf(MIDDLE_BEFORE)

NO_END = "RFC 5280, 5.1.2.5 requires nextUpdate; to OpenSSL such a CRL never ends"
OLD_DIGEST = "a CRL whose signature cannot be checked says nothing; OpenSSL checks SHA-1"
OLD_FORMAT = "a CRL without extensions does not say what it covers (RFC 5280, 5.1.2.1 and 5.2)"
WITHOUT_IDENTIFIERS = "the CRL that the issuer's key verifies counts; OpenSSL takes the newest"
ANY_KEY = "each CRL of the issuer's name counts where no path says which keys are the issuer's"
SELF_SIGNED = "no CA above a trusted self-signed certificate could revoke it"

UNKNOWN = "unknown_revocation"


def revocation(
    name, rfc, crls, tlsmith, openssl, differs="", *, chain=(HOST, MIDDLE), trust=(TOP,), **options
):
    return Row(name, rfc, list(chain), list(trust), tlsmith, openssl, differs, crls=crls, **options)


def rollover(name, leaf_, crls, tlsmith, openssl, differs="", **options):
    """Return a row in which the old and the new root of the CA are trusted."""
    options = {"chain": (leaf_,), "trust": (OLD, NEW), **options}
    return revocation(name, "5280, 6.3.3 (f)", crls, tlsmith, openssl, differs, **options)


def since(day):
    """Return how a sentence gives the date of the CRLs of a day."""
    return f"since {NOW + days(day):%Y-%m-%d %H:%M:%S}"


ONLY_CA_CERTIFICATES = ("2.5.29.28", True, bytes.fromhex("3003 8201ff"))
ONLY_USER_CERTIFICATES = ("2.5.29.28", True, bytes.fromhex("3003 8101ff"))

# fmt: off
ROWS = [
    revocation("nobody_is_revoked", "5280, 6.3.3", [Crl(MIDDLE), Crl(TOP)], OK, OK),
    revocation("leaf_is_revoked", "5280, 6.3.3 (i)", [Crl(MIDDLE, HOST), Crl(TOP)],
        "revoked", "CERT_REVOKED",
        says="'CN=A leaf' is revoked by 'CN=Intermediate' since "),
    revocation("client_is_revoked", "5280, 6.3.3 (i)", [Crl(MIDDLE, HOST), Crl(TOP)],
        "revoked", "CERT_REVOKED", usage="client"),
    revocation("client_is_not_revoked", "5280, 6.3.3", [Crl(MIDDLE), Crl(TOP)], OK, OK,
        usage="client"),
    revocation("intermediate_is_revoked", "5280, 6.3.3 (i)", [Crl(MIDDLE), Crl(TOP, MIDDLE)],
        "revoked", "CERT_REVOKED",
        says="'CN=Intermediate' is revoked by 'CN=Root' since "),
    revocation("another_certificate_is_revoked", "5280, 6.3.3 (i)",
        [Crl(MIDDLE, leaf(MIDDLE)), Crl(TOP)], OK, OK),
    revocation("serial_number_revoked_by_another_ca", "5280, 6.3.3 (b)",
        [Crl(MIDDLE), Crl(TOP), Crl(STRANGER, HOST, MIDDLE)], OK, OK),
    revocation("no_crl_of_intermediate", "5280, 6.3.3", [Crl(TOP)], UNKNOWN, "UNABLE_TO_GET_CRL",
        says="certificate of 'CN=A leaf': add the CRL of 'CN=Intermediate'"),
    revocation("no_crl_of_root", "5280, 6.3.3", [Crl(MIDDLE)], UNKNOWN, "UNABLE_TO_GET_CRL",
        says="certificate of 'CN=Intermediate': add the CRL of 'CN=Root'"),
    revocation("crl_of_a_stranger_alone", "5280, 6.3.3", [Crl(STRANGER)],
        UNKNOWN, "UNABLE_TO_GET_CRL"),
    revocation("crl_from_the_future", "5280, 5.1.2.4", [Crl(MIDDLE, this=1), Crl(TOP)],
        UNKNOWN, "CRL_NOT_YET_VALID",
        says="the one of 'CN=Intermediate' is from the future ("),
    revocation("crl_of_root_from_the_future", "5280, 5.1.2.4",
        [Crl(MIDDLE), Crl(TOP, this=1)], UNKNOWN, "CRL_NOT_YET_VALID",
        says="the one of 'CN=Root' is from the future ("),
    revocation("crl_from_the_future_beside_a_current_one", "5280, 5.1.2.4",
        [Crl(MIDDLE, this=1), Crl(MIDDLE), Crl(TOP)], OK, OK),
    revocation("crl_that_expired", "5280, 5.1.2.5", [Crl(MIDDLE, this=-9, until=-1), Crl(TOP)],
        UNKNOWN, "CRL_HAS_EXPIRED",
        says="certificate of 'CN=A leaf': the nextUpdate of the one at hand was "),
    revocation("crl_of_root_that_expired", "5280, 5.1.2.5",
        [Crl(MIDDLE), Crl(TOP, this=-9, until=-1)], UNKNOWN, "CRL_HAS_EXPIRED",
        says="certificate of 'CN=Intermediate': the nextUpdate of the one at hand was"),
    revocation("crl_that_expired_beside_a_current_one", "5280, 5.1.2.5",
        [Crl(MIDDLE, this=-9, until=-1), Crl(MIDDLE), Crl(TOP)], OK, OK),
    revocation("crl_without_next_update", "5280, 5.1.2.5", [Crl(MIDDLE, until=None), Crl(TOP)],
        "not_loaded", OK, NO_END,
        says="it has no nextUpdate (RFC 5280"),
    revocation("v1_crl", "5280, 5.1.2.1", [Crl(MIDDLE, version=1), Crl(TOP)],
        "not_loaded", OK, OLD_FORMAT,
        says="it is of version 1, and RFC 5280"),
    revocation("crl_without_extensions", "5280, 5.2",
        [Crl(MIDDLE, extensions=[]), Crl(TOP)], "not_loaded", OK, OLD_FORMAT,
        says="it has no extensions, and RFC 5280, section 5.2, requires"),
    revocation("crl_with_unknown_critical_extension", "5280, 5.2",
        [Crl(MIDDLE, extensions=[aki(MIDDLE.key), names.crl_number(1), names.unknown()]),
         Crl(TOP)], "not_loaded", "UNHANDLED_CRITICAL_CRL_EXTENSION",
        says="it has a critical extension that is not supported"),
    revocation("crl_signed_by_another_key", "5280, 6.3.3 (g)",
        [Crl(MIDDLE, signer="p256 other", extensions=[aki(MIDDLE.key), names.crl_number(1)]),
         Crl(TOP)], UNKNOWN, "CRL_SIGNATURE_FAILURE",
        says="signed with the key of its issuer 'CN=Intermediate': another CA has the same"),
    revocation("crl_of_another_key_of_the_name", "5280, 6.3.3 (f)",
        [Crl(MIDDLE, signer="p256 other"), Crl(TOP)], UNKNOWN,
        "UNABLE_TO_GET_CRL_ISSUER UNABLE_TO_GET_CRL",
        says="signed with the key of its issuer 'CN=Intermediate'"),
    revocation("crl_signed_with_sha1", "5280, 6.3.3 (g)",
        [Crl(MIDDLE, digest="sha1"), Crl(TOP)], "not_loaded", OK, OLD_DIGEST,
        says="it is signed with ecdsa-with-SHA1, which is not supported"),
    revocation("crl_for_ca_certificates_alone", "5280, 5.2.5",
        [Crl(MIDDLE, extensions=[aki(MIDDLE.key), names.crl_number(1), ONLY_CA_CERTIFICATES]),
         Crl(TOP)], "not_loaded", "DIFFERENT_CRL_SCOPE"),
    revocation("revoked_leaf_that_is_trusted_itself", "5280, 6.3.3 (i)",
        [Crl(MIDDLE, HOST), Crl(TOP)], "revoked", "CERT_REVOKED",
        trust=(TOP, HOST), flags=PARTIAL),
    revocation("leaf_that_is_trusted_itself", "5280, 6.3.3", [Crl(MIDDLE), Crl(TOP)], OK, OK,
        trust=(TOP, HOST), flags=PARTIAL),
    revocation("self_signed_certificate_that_is_trusted", "5280, 6.3.3", [Crl(TOP)],
        OK, "UNABLE_TO_GET_CRL", SELF_SIGNED, ssl="unknown_revocation", chain=(OWN,),
        trust=(TOP, OWN)),
    revocation("self_signed_certificate_that_revokes_itself", "5280, 6.3.3 (i)",
        [Crl(OWN, OWN)], "revoked", "CERT_REVOKED", chain=(OWN,), trust=(OWN,)),
    rollover("old_key_with_both_crls", BEFORE, [Crl(OLD), Crl(NEW)], OK, OK),
    rollover("old_key_with_a_newer_crl_of_the_new_key", BEFORE,
        [Crl(OLD, this=-2), Crl(NEW, this=-1)], OK, OK),
    rollover("new_key_with_a_newer_crl_of_the_old_key", AFTER,
        [Crl(OLD, this=-1), Crl(NEW, this=-2)], OK, OK),
    rollover("old_key_revoked_by_its_own_crl", BEFORE,
        [Crl(OLD, BEFORE, this=-2), Crl(NEW, this=-1)], "revoked", "CERT_REVOKED"),
    rollover("new_key_revoked_by_its_own_crl", AFTER,
        [Crl(OLD, this=-1), Crl(NEW, AFTER, this=-2)], "revoked", "CERT_REVOKED"),
    rollover("old_key_revoked_by_both", BEFORE,
        [Crl(NEW, BEFORE, this=-1), Crl(OLD, BEFORE, this=-2)], "revoked", "CERT_REVOKED",
        says=since(-2)),
    rollover("new_key_revoked_by_both", AFTER,
        [Crl(NEW, AFTER, this=-2), Crl(OLD, AFTER, this=-1)], "revoked", "CERT_REVOKED",
        says=since(-2)),
    rollover("intermediate_of_the_old_key_revoked_by_both", HOST_BEFORE,
        [Crl(MIDDLE_BEFORE), Crl(NEW, MIDDLE_BEFORE, this=-1), Crl(OLD, MIDDLE_BEFORE, this=-2)],
        "revoked", "CERT_REVOKED", chain=(HOST_BEFORE, MIDDLE_BEFORE), says=since(-2)),
    rollover("no_crl_of_the_key_above_the_intermediate", HOST_BEFORE,
        [Crl(MIDDLE_BEFORE), Crl(NEW)], UNKNOWN,
        "UNABLE_TO_GET_CRL_ISSUER UNABLE_TO_GET_CRL", chain=(HOST_BEFORE, MIDDLE_BEFORE),
        says="no CRL for the certificate of 'CN=Intermediate' is signed with the key"),
    rollover("intermediates_of_one_name_revoked_by_both", HOST_BEFORE,
        [Crl(TWIN, HOST_BEFORE, this=-1), Crl(MIDDLE_BEFORE, HOST_BEFORE, this=-2), Crl(OLD),
         Crl(NEW)], "revoked", "CERT_REVOKED", chain=(HOST_BEFORE, TWIN, MIDDLE_BEFORE),
        says=since(-2)),
    rollover("trusted_itself_and_revoked_by_the_new_key", BEFORE, [Crl(OLD), Crl(NEW, BEFORE)],
        "revoked", OK, ANY_KEY, trust=(OLD, NEW, BEFORE), flags=PARTIAL),
    rollover("trusted_itself_and_revoked_by_the_old_key", BEFORE, [Crl(OLD, BEFORE), Crl(NEW)],
        "revoked", "CERT_REVOKED", trust=(OLD, NEW, BEFORE), flags=PARTIAL),
    rollover("old_key_listed_by_the_new_key", BEFORE,
        [Crl(OLD, this=-2), Crl(NEW, BEFORE, this=-1)], OK, OK),
    rollover("old_key_with_a_crl_of_the_new_key_alone", BEFORE, [Crl(NEW)],
        UNKNOWN, "UNABLE_TO_GET_CRL_ISSUER UNABLE_TO_GET_CRL",
        says="signed with the key of its issuer 'CN=Root'"),
    rollover("old_key_with_crls_without_key_identifiers", BEFORE,
        [Crl(OLD, this=-2, extensions=[names.crl_number(1)]),
         Crl(NEW, this=-1, extensions=[names.crl_number(2)])],
        OK, "CRL_SIGNATURE_FAILURE", WITHOUT_IDENTIFIERS),
    rollover("old_key_revoked_without_key_identifiers", BEFORE,
        [Crl(OLD, BEFORE, this=-2, extensions=[names.crl_number(1)]),
         Crl(NEW, this=-1, extensions=[names.crl_number(2)])],
        "revoked", "CRL_SIGNATURE_FAILURE"),
]
# fmt: on


@table(*ROWS)
def test_revocation(row, driver, tmp_path):
    check(row, driver, tmp_path)


def test_only_a_crl_of_the_roots_key_counts_against_the_root():
    certificates_alone = names.key_usage("keyCertSign")
    old = root(key="p256 old", ku=certificates_alone)
    host = leaf(old)
    chain = [tlsmith.Certificate.from_der(host.der)]
    roots = [tlsmith.Certificate.from_der(one.der) for one in (old, NEW)]

    def verify(*crls):
        crls = [tlsmith.CRL.from_der(one.der) for one in crls]
        trust = tlsmith.Trust.roots(*roots).with_crls(*crls, unknown="allow")
        return trust.verify(chain)

    assert verify(Crl(STRANGER)) == (chain[0], roots[0])
    for crls in ([Crl(NEW)], [Crl(NEW), Crl(NEW, this=-2)]):
        with pytest.raises(tlsmith.VerifyError, match="is signed with the key of its issuer"):
            verify(*crls)
    with pytest.raises(tlsmith.VerifyError, match="the root 'CN=Root' may not sign CRLs"):
        verify(Crl(NEW), Crl(old))
    with pytest.raises(tlsmith.VerifyError, match="the root 'CN=Root' may not sign CRLs"):
        verify(Crl(old))
