"""The sentences of refusals: one row for each, and a test that no sentence is without one."""

import importlib
import pathlib
import re

import pytest

import tlsmith.ssl

from . import der, names, verifiers
from .pki import intermediate, leaf, root, self_signed
from .rows import OK, Row, check, table

RFC = "5280, 6.1"
PLAIN = root()
MIDDLE = intermediate(PLAIN)
NO_PURPOSE = ("2.5.29.37", False, der.sequence())
NO_NAMES = names.subject_alt_name()


OLD = root(key="rsa2048 root")
LIMITED = root(nc=names.name_constraints([names.directory("O=Example")]))
BROKEN_DIRECTORY = names.subject_alt_name(der.tlv(0xA4, der.NULL))
SHORT = root(bc=names.basic_constraints(True, 0))
BELOW_SHORT = intermediate(SHORT)


def of(*more, **changes):
    return [leaf(PLAIN, *more, **changes)], [PLAIN]


def below(*more, **changes):
    middle = intermediate(PLAIN, *more, **changes)
    return [leaf(middle), middle], [PLAIN]


def under(*more, **changes):
    top = root(*more, **changes)
    return [leaf(top)], [top]


def says(name, chain_and_trust, tlsmith, openssl, sentence, differs="", **options):
    chain, trust = chain_and_trust
    return Row(
        f"says_{name}", RFC, chain, trust, tlsmith, openssl, differs, says=sentence, **options
    )


# fmt: off
NAMES = [
    says("that_an_address_is_a_dns_name",
         of(san=names.subject_alt_name(names.dns("127.0.0.1"))),
         "name_mismatch", "IP_ADDRESS_MISMATCH",
         "certificate of 'CN=A leaf' has '127.0.0.1' as a DNS name, and it is an address: reissue "
         "it with an iPAddress in its subjectAltName", host="127.0.0.1"),
    says("that_there_are_names_of_other_kinds",
         of(san=names.subject_alt_name(names.registered_id("1.2.3"))),
         "name_mismatch", "HOSTNAME_MISMATCH",
         "certificate of 'CN=A leaf' names no host (its subjectAltName has only: identifier "
         "1.2.3), but you asked for 'localhost': reissue it for that name"),
    says("that_the_names_are_empty", of(san=NO_NAMES), "name_mismatch", "HOSTNAME_MISMATCH",
         "certificate of 'CN=A leaf' names no host (its subjectAltName is empty), but you asked "
         "for "
         "'localhost': reissue it for that name"),
    says("that_there_are_no_names", of(san=None), "name_mismatch", "HOSTNAME_MISMATCH",
         "certificate of 'CN=A leaf' names no host (it has no subjectAltName), but you asked for "
         "'localhost': reissue it for that name"),
    says("that_the_names_are_others", of(), "name_mismatch", "HOSTNAME_MISMATCH",
         "certificate is for 'localhost', '127.0.0.1', but you asked for 'example.com'",
         host="example.com"),
    says("that_a_name_cannot_be_compared_with_constraints",
         ([leaf(LIMITED, subject="O=Example/CN=A", san=BROKEN_DIRECTORY)], [LIMITED]), "malformed",
         "UNABLE_TO_GET_ISSUER_CERT_LOCALLY UNABLE_TO_VERIFY_LEAF_SIGNATURE",
         "' is malformed: its names do not parse", handshake=False),
]

PURPOSES = [
    says("that_a_ca_may_vouch_for_others",
         below(eku=names.extended_key_usage("codeSigning")), "wrong_usage", "INVALID_PURPOSE",
         "the CA 'CN=Intermediate' may only issue certificates for codeSigning, not for "
         "serverAuth (extended "
         "key usage)"),
    says("that_a_root_may_vouch_for_others",
         under(eku=names.extended_key_usage("clientAuth", "codeSigning")),
         "wrong_usage", "INVALID_PURPOSE",
         "the CA 'CN=Root' may only issue certificates for clientAuth, codeSigning, not for "
         "serverAuth"),
    says("that_a_ca_may_vouch_for_nothing", below(eku=NO_PURPOSE),
         "wrong_usage", "INVALID_PURPOSE",
         "the CA 'CN=Intermediate' has an empty extended key usage, so it may not issue "
         "certificates"),
    says("that_a_leaf_may_be_used_for_nothing", of(eku=NO_PURPOSE),
         "wrong_usage", "INVALID_PURPOSE",
         "certificate of 'CN=A leaf' has an empty extended key usage, so it permits no use",
         handshake=False),
    says("that_a_leaf_may_be_used_for_others", of(eku=names.extended_key_usage("clientAuth")),
         "wrong_usage", "INVALID_PURPOSE",
         "certificate of 'CN=A leaf' may be used for clientAuth, not for serverAuth"),
]

SIGNATURES = [
    says("that_sha1_is_not_accepted", of(digest="sha1"), "bad_signature", "CA_MD_TOO_WEAK",
         "certificate of 'CN=A leaf' is signed with ecdsa-with-SHA1, which is not accepted: have "
         "it reissued with SHA-256 or better"),
    says("that_sha1_with_rsa_is_not_accepted",
         ([leaf(OLD, digest="sha1")], [OLD]), "bad_signature",
         "CA_MD_TOO_WEAK",
         "certificate of 'CN=A leaf' is signed with sha1WithRSAEncryption, which is not accepted: "
         "have it reissued"),
    says("that_a_signature_is_another_keys", of(signer="p256 other"),
         "bad_signature", "CERT_SIGNATURE_FAILURE",
         "certificate of 'CN=A leaf' names 'CN=Root' as its issuer, but the CA of that name in the "
         "chain or among the roots did not sign it: another CA has the same name, or it is forged"),
    says("that_two_algorithms_differ", of(outer_digest="sha384"), "malformed",
         "CERT_SIGNATURE_FAILURE UNABLE_TO_GET_ISSUER_CERT_LOCALLY "
         "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
         "certificate of 'CN=A leaf' is malformed: its two signature algorithms differ",
         handshake=False),
]

KEYS = [
    says(f"the_name_of_{key}", of(key=f"{key} leaf"), "unsupported_key", OK,
         f"certificate of 'CN=A leaf' has a key of an unsupported type ({shown})",
         "`openssl verify` looks at no handshake", handshake=False)
    for key, shown in [("brainpool384", "ECDSA on brainpoolP384r1"),
                       ("brainpool512", "ECDSA on brainpoolP512r1")]
]

ISSUERS = [
    says("that_a_self_signed_certificate_is_not_trusted",
         ([self_signed(bc=names.basic_constraints(False))], [PLAIN]),
         "unknown_issuer", "DEPTH_ZERO_SELF_SIGNED_CERT",
         "certificate of 'CN=A leaf' is self-signed and not one of the trusted roots (1 in all)"),
    says("which_ca_is_missing", ([leaf(MIDDLE)], [PLAIN]), "unknown_issuer",
         "UNABLE_TO_GET_ISSUER_CERT_LOCALLY UNABLE_TO_VERIFY_LEAF_SIGNATURE",
         "certificate of 'CN=A leaf' chains to 'CN=Intermediate', which is not one of the trusted "
         "roots (1 in all): add that CA's certificate to the roots if you trust it, or have the "
         "peer send its intermediate certificates"),
    says("that_the_issuer_is_no_ca", below(bc=names.basic_constraints(False)),
         "not_a_ca", "INVALID_CA",
         "certificate of 'CN=A leaf' was issued by 'CN=Intermediate', which is not a CA"),
    says("that_a_root_is_trusted_as_itself", under(bc=names.basic_constraints(False)),
         "not_a_ca", "INVALID_CA",
         "certificate of 'CN=A leaf' is issued by 'CN=Root', which is trusted only as an "
         "end-entity certificate: it "
         "is not a CA (no cA in its basic constraints), so it cannot issue others"),
    says("that_a_path_length_is_exceeded",
         ([leaf(BELOW_SHORT), BELOW_SHORT], [SHORT]), "path_too_long", "PATH_LENGTH_EXCEEDED",
         "the CA 'CN=Root' allows 0 CAs below it (path length), and the path has 1"),
    says("that_a_path_is_too_deep", ([leaf(MIDDLE), MIDDLE], [PLAIN]), "path_too_long",
         "UNABLE_TO_GET_ISSUER_CERT_LOCALLY CERT_CHAIN_TOO_LONG",
         "certificate of 'CN=A leaf' is 1 CA away from its root, more than the limit of 0",
         max_depth=0, bindings=("c", "native"), by_verify=True),
]

FORM = [
    says("that_constraints_do_not_parse", below(nc=names.raw(names.name_constraints(), der.NULL)),
         "malformed", "UNABLE_TO_GET_ISSUER_CERT_LOCALLY INVALID_CA",
         "certificate of 'CN=Intermediate' is malformed: its name constraints do not parse"),
    says("that_a_root_cannot_be_one", under(nc=names.raw(names.name_constraints(), der.NULL)),
         "not_loaded",
         "UNABLE_TO_GET_ISSUER_CERT_LOCALLY UNABLE_TO_VERIFY_LEAF_SIGNATURE INVALID_CA",
         "the certificate of 'CN=Root' cannot be a root: its name constraints do not parse"),
    says("that_names_do_not_parse", of(san=names.raw(NO_NAMES, der.NULL)), "malformed",
         "UNABLE_TO_GET_ISSUER_CERT_LOCALLY UNABLE_TO_VERIFY_LEAF_SIGNATURE",
         "certificate of 'CN=A leaf' is malformed: its subjectAltName does not parse",
         handshake=False),
    says("that_purposes_do_not_parse", of(eku=names.raw(NO_PURPOSE, der.NULL)), "malformed",
         "UNABLE_TO_GET_ISSUER_CERT_LOCALLY UNABLE_TO_VERIFY_LEAF_SIGNATURE",
         "certificate of 'CN=A leaf' is malformed: its extended key usage does not parse",
         handshake=False),
    says("that_basic_constraints_do_not_parse",
         below(bc=names.raw(names.basic_constraints(True), der.NULL)), "malformed",
         "UNABLE_TO_GET_ISSUER_CERT_LOCALLY INVALID_CA",
         "certificate of 'CN=Intermediate' is malformed: its basic constraints do not parse"),
    says("that_an_extension_occurs_twice", of(names.unknown(False), names.unknown(False)),
         "malformed", OK,
         "certificate of 'CN=A leaf' is malformed: an extension occurs twice (RFC 5280, section "
         "4.2)",
         "OpenSSL looks only at those that it knows"),
    says("that_a_certificate_is_too_large",
         of(("1.3.6.1.4.1.55738.9", False, der.octet_string(bytes(66_000)))), "other", OK,
         " bytes, and at most 65535 are supported", "webpki reads no longer certificates",
         handshake=False),
    says("that_a_validity_is_reversed", of(valid=(10, -10)), "malformed",
         "CERT_HAS_EXPIRED CERT_NOT_YET_VALID",
         "certificate of 'CN=A leaf' is malformed: its notAfter is before its notBefore"),
]
# fmt: on

ROWS = [*NAMES, *PURPOSES, *SIGNATURES, *KEYS, *ISSUERS, *FORM]


@table(*ROWS)
def test_sentence(row, driver, tmp_path):
    check(row, driver, tmp_path)


# That no sentence is without a test.

SOURCE = pathlib.Path(__file__).parents[3] / "src/trust"

ELSEWHERE = {
    "tests/rust/connection/certificate_verify.rs": [
        "the peer sent a certificate that cannot be read: ",
        "its version, a time or its key is malformed",
        "the peer signed the handshake with signature scheme ",
    ],
    "tests/rust/connection/pinned_keys.rs": [" pinned keys is in the chain of the certificate of "],
    "tests/rust/connection/server_names.rs": ["cannot be checked for the name that you asked for"],
    "a test below": [" bits of security, ", "is not accepted, whatever its names"],
    "tests/python/test_bundles.py": ["is not trusted for {purpose}, by the settings"],
    "src/trust/path_errors/tests.rs, for each error of webpki": ["path_errors/webpki_errors.rs"],
    "what webpki says comes first, or no path gets there": [
        "it is signed with an algorithm that is not supported",
        "two parsers read its chain differently",
        "a bundled root",
        "one of its extensions does not parse",
        "the name constraints of its root do not parse",
        "too many names would have to be compared with name constraints",
        # They are refused as critical extensions that are not supported.
        "its authority key identifier is critical",
        "its subject key identifier is critical",
        "its two signature algorithms differ (section 4.1.1.2)",
        "it has extensions and is not of version 3",
    ],
    "a part of others, for a certificate without a name or a key that can be read": [
        "a name that cannot be read",
        "an unknown algorithm",
    ],
    "no refusals: tests/rust/connection/unverified_clients.rs": [
        "the peer's certificate was not verified: this context accepts any",
    ],
    "no refusals, but wrong calls and files": [
        "the chain is empty",
        "is not a DNS name or an address",
        "is not a purpose: choose one of ",
        "cannot read the ",
        "its store ",
        "a file of its store is damaged PEM",
        "the system has no usable trusted roots",
        "holds no file with a PEM certificate",
        "'{}': {",
    ],
}
"""Sentences that no row reaches, by where they are tested or why they cannot be."""


def literals():
    """Yield each text of the verification with spaces in it, and its file."""
    for path in SOURCE.rglob("*.rs"):
        if path.name != "tests.rs":
            code = re.sub(r"(?m)^\s*//.*$", "", path.read_text())
            for text in re.findall(r'"((?:[^"\\]|\\.|\\\n)*)"', code):
                text = re.sub(r"\\\n\s*", "", text)
                if " " in text and len(text) > 12:
                    yield str(path.relative_to(SOURCE)), text


def rows_of_all_tables():
    for path in pathlib.Path(__file__).parent.glob("test_*.py"):
        module = importlib.import_module(f"{__package__}.{path.stem}")
        for value in vars(module).values():
            for mark in getattr(value, "pytestmark", ()):
                if mark.name == "parametrize" and mark.args[0] == "row":
                    yield from mark.args[1]


def sentences_of(row, folder):
    """Return what the calls that are at hand without a C library say."""
    folder.mkdir()
    files = verifiers.Files(row, folder)
    results = []
    if "native" in row.bindings:
        results.append(verifiers.native_verify(row))
    if "ssl" in row.bindings and row.handshake:
        results.append(verifiers.tlsmith_ssl(row, files))
    return [result.sentence for result in results]


@pytest.mark.filterwarnings("ignore::tlsmith.InsecureWarning")
def test_every_sentence_has_a_row(tmp_path):
    said = "\n".join(
        sentence
        for number, row in enumerate(rows_of_all_tables())
        if OK != row.tlsmith or row.connection or row.native
        for sentence in sentences_of(row, tmp_path / str(number))
    )
    excused = [part for parts in ELSEWHERE.values() for part in parts]
    without = [
        (path, text)
        for path, text in literals()
        if not re.search(re.sub(r"\\\{.*?\\\}", ".*", re.escape(text)), said)
        and not any(part in text or part == path for part in excused)
    ]
    assert not without, "\n".join(map(str, without))


def test_too_little_security_is_counted_in_bits(tmp_path):
    for own, part in [
        ("rsa2048 leaf", "a key with 112 bits"),
        ("p384 leaf", "a signature with 128 bits"),
    ]:
        top = root(key="p384 root", digest="sha384")
        row = Row(part, RFC, [leaf(top, key=own)], [top], OK, OK)
        folder = tmp_path / part.replace(" ", "_")
        folder.mkdir()
        result = verifiers.tlsmith_ssl(
            row, verifiers.Files(row, folder), ciphers="DEFAULT:@SECLEVEL=4"
        )
        assert result.reason == "weak_key", result
        assert f"has {part} of security, and at least 192 are required" in result.sentence


def test_matches_rejects_unusable_certificate():
    unusable = tlsmith.Certificate.from_der(leaf(PLAIN, names.unknown()).der)
    with pytest.raises(tlsmith.Error, match="is not accepted, whatever its names: it has a crit"):
        unusable.matches("localhost")
