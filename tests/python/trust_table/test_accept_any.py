"""Any certificate, and one that is pinned: what is promised holds for every one."""

from ssl import VERIFY_X509_PARTIAL_CHAIN as PARTIAL

from . import names
from .pki import leaf, root, self_signed
from .rows import OK, Row, check, table

EXPIRED, NOT_YET_VALID = (-30, -1), (1, 30)
PINNED = "a pin takes the place of names, purposes and extensions; validity counts"

STRANGER = root(subject="CN=Stranger")
CODE_ONLY = names.extended_key_usage("codeSigning")
CRITICAL_POLICIES = names.certificate_policies("1.3.6.1.4.1.55738.1", critical=True)

ODD = {
    "v1": self_signed(version=1, subject="CN=localhost"),
    "v1_of_an_unknown_ca": leaf(STRANGER, version=1),
    "unknown_critical_extension": leaf(STRANGER, names.unknown()),
    "critical_policies": leaf(STRANGER, CRITICAL_POLICIES),
    "no_names": leaf(STRANGER, san=None),
    "other_name": leaf(STRANGER, san=names.subject_alt_name(names.dns("example.com"))),
    "ca": self_signed(),
    "end_entity": leaf(STRANGER),
    "code_signing": leaf(STRANGER, eku=CODE_ONLY),
}
PAST = {
    "expired": (leaf(STRANGER, valid=EXPIRED), "expired", "CERT_HAS_EXPIRED"),
    "not_yet_valid": (leaf(STRANGER, valid=NOT_YET_VALID), "not_yet_valid", "CERT_NOT_YET_VALID"),
    "expired_v1": (self_signed(version=1, valid=EXPIRED), "expired", "CERT_HAS_EXPIRED"),
}


def insecure(name, certificate, **options):
    return Row(f"any_{name}", "8446, 4.4.2", [certificate], [], OK, OK, insecure=True, **options)


def pinned(name, certificate, tlsmith=OK, openssl=OK, differs="", **options):
    """OpenSSL's nearest to a pin is the certificate itself as trust, with no name asked
    for."""
    return Row(
        f"pinned_{name}",
        "8446, 4.4.2",
        [certificate],
        [certificate],
        tlsmith,
        openssl,
        differs,
        **{"host": None, "pinned": "sha256", "flags": PARTIAL, **options},
    )


# fmt: off
ROWS = [
    *(insecure(name, one) for name, one in ODD.items()),
    *(insecure(name, one) for name, (one, _, _) in PAST.items()),
    *(pinned(name, ODD[name]) for name in (
        "v1", "v1_of_an_unknown_ca", "no_names", "other_name", "ca", "end_entity",
        "critical_policies",
    )),
    pinned("unknown_critical_extension", ODD["unknown_critical_extension"],
           OK, "UNHANDLED_CRITICAL_EXTENSION", PINNED),
    pinned("code_signing", ODD["code_signing"], OK, "INVALID_PURPOSE", PINNED),
    pinned("for_another_name", ODD["other_name"], OK, "HOSTNAME_MISMATCH", PINNED,
           host="localhost"),
    *(pinned(f"file_{name}", ODD[name], pinned="file") for name in ("v1", "ca", "end_entity")),
    pinned("file_expired", *PAST["expired"], pinned="file"),
    *(pinned(name, one, *expected) for name, (one, *expected) in PAST.items()),
]
# fmt: on


@table(*ROWS)
def test_any_certificate(row, driver, tmp_path):
    check(row, driver, tmp_path)
