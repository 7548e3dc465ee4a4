"""Revocation: CRLs of one CA that are for different certificates."""

import pytest

import tlsmith

from . import der, names
from .pki import Crl, aki, intermediate, leaf, root
from .rows import OK, Row, check, table

TOP = root()
MIDDLE = intermediate(TOP)
PLAIN = leaf(MIDDLE)

A, B, C = (names.uri(f"http://{name}.example/crl") for name in "abc")
DIRECTORY = names.directory("CN=Shard")


def of_points(*points):
    return leaf(MIDDLE, names.crl_distribution_points(*points))


HOST = of_points(names.distribution_point(A))
OF_BOTH = of_points(names.distribution_point(C, A))
OF_TWO = of_points(names.distribution_point(C), names.distribution_point(A))
OF_DIRECTORY = of_points(names.distribution_point(DIRECTORY))
OF_SOME_REASONS = of_points(names.distribution_point(A, reasons=b"\x06\x40"))
OF_ANOTHER_CA = of_points(names.distribution_point(A, crl_issuer="CN=Another CA"))
BROKEN = leaf(MIDDLE, ("2.5.29.31", False, der.sequence(der.NULL)))

# OpenSSL checks the root against its own CRL too.
POINT_OF_CAS = names.crl_distribution_points(names.distribution_point(A))
TOP_OF_A = root(POINT_OF_CAS)
CAS_OF_A = {"middle": intermediate(TOP_OF_A, POINT_OF_CAS), "top": TOP_OF_A}

UNKNOWN = "unknown_revocation"

CONTRADICTION = "where CRLs of one CA contradict each other, the one that revokes counts"


def shard(issuer, *revoked, points=(A,), only=None, **options):
    """Return a CRL for these distribution points."""
    scope = names.issuing_distribution_point(*points, only=only)
    extensions = [aki(issuer.key), names.crl_number(1), scope]
    return Crl(issuer, *revoked, extensions=extensions, **options)


def scope(name, host, crls, tlsmith, openssl, differs="", **options):
    top, middle = options.pop("top", TOP), options.pop("middle", MIDDLE)
    above = options.pop("above", None)
    crls = [*crls, above or Crl(TOP)]
    chain = [host, middle]
    return Row(
        name, "5280, 6.3.3 (b)", chain, [top], tlsmith, openssl, differs, crls=crls, **options
    )


# fmt: off
LISTED = [
    scope("complete_crl_lists_beside_a_newer_shard", PLAIN,
        [Crl(MIDDLE, PLAIN, this=-2), shard(MIDDLE, points=[B])], "revoked", "CERT_REVOKED"),
    scope("shard_lists_beside_a_newer_shard", PLAIN,
        [shard(MIDDLE, PLAIN, this=-2), shard(MIDDLE, points=[B])],
        "revoked", "DIFFERENT_CRL_SCOPE"),
    scope("shard_lists_beside_a_newer_complete_crl", PLAIN,
        [shard(MIDDLE, PLAIN, this=-2), Crl(MIDDLE)], "revoked", OK, CONTRADICTION),
    scope("shard_of_another_point_lists", HOST, [shard(MIDDLE, HOST, points=[B])],
        "revoked", "DIFFERENT_CRL_SCOPE"),
    scope("shard_of_another_point_lists_beside_the_own", HOST,
        [shard(MIDDLE, HOST, points=[B]), shard(MIDDLE)], "revoked", OK, CONTRADICTION),
    scope("shard_of_the_point_lists", HOST, [shard(MIDDLE, HOST, this=-2),
        shard(MIDDLE, points=[B])], "revoked", "CERT_REVOKED",
        says="'CN=A leaf' is revoked by 'CN=Intermediate' since "),
    scope("shard_of_the_point_lists_beside_a_newer_complete_crl", HOST,
        [shard(MIDDLE, HOST, this=-2), Crl(MIDDLE)], "revoked", OK, CONTRADICTION),
    scope("complete_crl_lists_beside_a_newer_shard_of_the_point", HOST,
        [Crl(MIDDLE, HOST, this=-2), shard(MIDDLE)], "revoked", OK, CONTRADICTION),
    scope("shard_lists_an_intermediate", HOST, [shard(MIDDLE)], "revoked",
        "DIFFERENT_CRL_SCOPE", above=shard(TOP, MIDDLE)),
    scope("leaf_is_unknown_and_its_intermediate_revoked", PLAIN, [shard(MIDDLE)], "revoked",
        "DIFFERENT_CRL_SCOPE", above=Crl(TOP, MIDDLE),
        says="'CN=Intermediate' is revoked by 'CN=Root' since "),
    scope("crl_of_the_name_in_another_encoding_lists", PLAIN,
        [Crl(MIDDLE, PLAIN, issuer_name=der.sequence(der.set_of(
            der.sequence(der.oid("2.5.4.3"), der.printable("INTERMEDIATE")))))],
        "revoked", "CERT_REVOKED"),
    scope("hold_that_was_released", PLAIN,
        [Crl(MIDDLE, PLAIN, this=-2, reason=6), Crl(MIDDLE)], OK, OK),
    scope("hold_that_an_expired_crl_released", PLAIN,
        [Crl(MIDDLE, PLAIN, this=-4, reason=6), Crl(MIDDLE, this=-3, until=-1)],
        UNKNOWN, "CERT_REVOKED"),
    scope("hold_that_was_released_in_the_shard_of_the_point", HOST,
        [shard(MIDDLE, HOST, this=-2, reason=6), shard(MIDDLE)], OK, OK),
    scope("hold_that_a_forged_crl_released", PLAIN,
        [Crl(MIDDLE, PLAIN, this=-2, reason=6), Crl(MIDDLE, signer="p256 other")],
        "revoked", "CERT_REVOKED"),
    scope("entry_that_takes_off_the_list", PLAIN, [Crl(MIDDLE, PLAIN, reason=8)], OK, OK),
    scope("expired_crl_lists", PLAIN, [Crl(MIDDLE, PLAIN, this=-9, until=-1)],
        UNKNOWN, "CRL_HAS_EXPIRED", says="no current CRL covers the certificate"),
    scope("expired_shard_lists_beside_a_complete_crl", PLAIN,
        [shard(MIDDLE, PLAIN, this=-9, until=-1), Crl(MIDDLE)], OK, OK),
    scope("expired_shard_of_another_point_lists", HOST,
        [shard(MIDDLE, HOST, points=[B], this=-9, until=-1), shard(MIDDLE, points=[C])],
        UNKNOWN, "DIFFERENT_CRL_SCOPE", says="no current CRL covers the certificate"),
]

COVERED = [
    scope("shard_of_the_point", HOST, [shard(MIDDLE)], OK, OK),
    scope("shard_of_the_point_beside_a_newer_one", HOST,
        [shard(MIDDLE, this=-2), shard(MIDDLE, points=[B])], OK, OK),
    scope("shard_of_one_of_the_names", OF_BOTH, [shard(MIDDLE, points=[B, A])], OK, OK),
    scope("shard_of_one_of_the_points", OF_TWO, [shard(MIDDLE)], OK, OK),
    scope("shard_of_a_directory_name", OF_DIRECTORY, [shard(MIDDLE, points=[DIRECTORY])], OK, OK),
    scope("complete_crl_beside_a_newer_shard", PLAIN,
        [Crl(MIDDLE, this=-2), shard(MIDDLE)], OK, OK),
    scope("complete_crl_for_a_certificate_with_points", HOST, [Crl(MIDDLE)], OK, OK),
    scope("shard_for_users_alone_and_a_leaf", HOST, [shard(MIDDLE, only="user")], OK, OK),
    scope("shard_for_cas_alone_and_an_intermediate", HOST, [shard(MIDDLE)], OK, OK,
        **CAS_OF_A, above=shard(TOP, only="ca")),
]

NOT_COVERED = [
    scope("shard_and_a_certificate_without_points", PLAIN, [shard(MIDDLE)],
        UNKNOWN, "DIFFERENT_CRL_SCOPE",
        says="no CRL covers the certificate of 'CN=A leaf': the one of 'CN=Intermediate' is for "
             "the distribution point 'http://a.example/crl', and the "
             "certificate names no distribution point (cRLDistributionPoints), add the one that "
             "covers this certificate"),
    scope("shard_of_another_point", HOST, [shard(MIDDLE, points=[B, C])],
        UNKNOWN, "DIFFERENT_CRL_SCOPE",
        says="is for the distribution point 'http://b.example/crl' and 1 more, and the "
             "certificate names 'http://a.example/crl' (cRLDistributionPoints)"),
    scope("shard_of_another_directory_name", OF_DIRECTORY,
        [shard(MIDDLE, points=[names.directory("CN=Another")])], UNKNOWN, "DIFFERENT_CRL_SCOPE",
        says="is for the distribution point 'directory CN=Another', and the certificate names "
             "'directory CN=Shard'"),
    scope("shard_and_an_intermediate_without_points", HOST, [shard(MIDDLE)],
        UNKNOWN, "DIFFERENT_CRL_SCOPE", above=shard(TOP),
        says="the certificate of 'CN=Intermediate': the one of 'CN=Root' is for"),
    scope("shard_for_cas_alone_and_a_leaf", HOST, [shard(MIDDLE, only="ca")],
        UNKNOWN, "DIFFERENT_CRL_SCOPE", says="is for certificates of CAs alone, add the one"),
    scope("shard_for_users_alone_and_an_intermediate", HOST, [shard(MIDDLE)],
        UNKNOWN, "DIFFERENT_CRL_SCOPE", **CAS_OF_A, above=shard(TOP, only="user"),
        says="is for certificates of others than CAs alone, add the one"),
    scope("shard_and_a_point_of_another_ca", OF_ANOTHER_CA, [shard(MIDDLE)],
        UNKNOWN, "DIFFERENT_CRL_SCOPE"),
    scope("shard_and_a_point_for_some_reasons", OF_SOME_REASONS, [shard(MIDDLE)],
        UNKNOWN, "UNABLE_TO_GET_CRL", says="and the certificate names no distribution point of "
        "its own CA for all reasons (cRLDistributionPoints)"),
    scope("shard_and_points_that_do_not_parse", BROKEN, [shard(MIDDLE)],
        UNKNOWN, "UNABLE_TO_GET_ISSUER_CERT_LOCALLY UNABLE_TO_VERIFY_LEAF_SIGNATURE",
        handshake=False),
]
# fmt: on


@table(*LISTED, *COVERED, *NOT_COVERED)
def test_scope(row, driver, tmp_path):
    check(row, driver, tmp_path)


def verify_allowing_unknown(row):
    chain, trusted = (
        [tlsmith.Certificate.from_der(one.der) for one in some] for some in (row.chain, row.trust)
    )
    crls = [tlsmith.CRL.from_der(one.der) for one in row.crls]
    trust = tlsmith.Trust.roots(*trusted).with_crls(*crls, unknown="allow")
    return trust.verify(chain)


@pytest.mark.parametrize("row", LISTED, ids=[row.name for row in LISTED])
def test_allowing_unknown_accepts_nothing_that_a_crl_lists(row):
    if row.tlsmith == OK:
        verify_allowing_unknown(row)
        return
    with pytest.raises(tlsmith.VerifyError) as refused:
        verify_allowing_unknown(row)
    assert refused.value.reason == row.tlsmith


@pytest.mark.parametrize("row", NOT_COVERED, ids=[row.name for row in NOT_COVERED])
def test_allowing_unknown_accepts_what_no_crl_covers(row):
    verify_allowing_unknown(row)
