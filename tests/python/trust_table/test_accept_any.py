"""Any certificate, and one that is pinned: what is promised holds for every one with a key
that its handshake can be verified with."""

import dataclasses
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
ANY_KEY = "a pin takes the place of the security level, too"
NEITHER = "no signature of TLS is verified with such a key here"
NO_CURVE = "OpenSSL as a server refuses a curve that it does not offer, whatever it verifies"
ACCEPT_ALL = ("-partial_chain", "-auth_level", "0")
TLS13_ALONE = "rustls has no signature schemes for such keys in TLS 1.2"

ODD_KEYS = {
    name: leaf(STRANGER, key=f"{key} leaf")
    for name, key in {
        "rsa_768": "rsa768",
        "rsa_1024": "rsa1024",
        "rsa_8676": "rsa8676",
        "rsassa_pss": "pss2048",
        "rsassa_pss_1024": "pss1024",
        "explicit_curve": "explicit",
        "secp256k1": "secp256k1",
        "p192": "p192",
        "p224": "p224",
        "brainpool": "brainpool",
        "dsa": "dsa2048",
    }.items()
}
BOTH = ("rsa_768", "rsa_1024", "rsa_8676", "explicit_curve")
"""They are verified in TLS 1.2 and TLS 1.3."""


def insecure(name, certificate, **options):
    return Row(f"any_{name}", "8446, 4.4.2", [certificate], [], OK, OK, insecure=True, **options)


def old(row, **options):
    """Return the row of a peer without TLS 1.3."""
    return dataclasses.replace(row, name=f"tls12_{row.name}", tls12=True, **options)


def of_client(row, **options):
    """Return the row of a client: `ssl` and `tlsmith.ssl` ask for no certificate unverified."""
    options = {"bindings": ("c", "native"), **options}
    return dataclasses.replace(row, name=f"client_{row.name}", usage="client", **options)


def unusable(name, **options):
    """Return rows for a key that a handshake cannot be verified with: OpenSSL presents it in
    TLS 1.2 alone, as a client, and refuses its curve as a server."""
    says = {
        "tlsmith": "unsupported_key",
        "differs": NEITHER,
        "says": "which cannot verify handshakes",
    }
    by_server = {
        "connection": "failed",
        "connection_says": "handshake_failure",
        "by_verify": True,
        "verify_options": ACCEPT_ALL,
        **says,
    }
    client = {"by_verify": True, "verify_options": ACCEPT_ALL, **says, **options}
    row, fixed = insecure(name, ODD_KEYS[name]), pinned(name, ODD_KEYS[name])
    return [
        *(dataclasses.replace(one, **by_server) for one in (row, fixed)),
        *(of_client(old(one), **client) for one in (row, fixed)),
    ]


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

KEYS = [
    *(insecure(name, ODD_KEYS[name]) for name in BOTH),
    *(old(insecure(name, ODD_KEYS[name])) for name in BOTH),
    *(of_client(insecure(name, ODD_KEYS[name])) for name in BOTH if name != "explicit_curve"),
    *(of_client(old(insecure(name, ODD_KEYS[name]))) for name in BOTH if name != "explicit_curve"),
    *(pinned(name, ODD_KEYS[name], OK, "EE_KEY_TOO_SMALL", ANY_KEY)
      for name in ("rsa_768", "rsa_1024")),
    *(old(pinned(name, ODD_KEYS[name], OK, "EE_KEY_TOO_SMALL", ANY_KEY))
      for name in ("rsa_768", "rsa_1024")),
    pinned("rsa_8676", ODD_KEYS["rsa_8676"]),
    pinned("explicit_curve", ODD_KEYS["explicit_curve"]),
    insecure("rsassa_pss", ODD_KEYS["rsassa_pss"]),
    insecure("rsassa_pss_1024", ODD_KEYS["rsassa_pss_1024"]),
    of_client(insecure("rsassa_pss", ODD_KEYS["rsassa_pss"])),
    pinned("rsassa_pss", ODD_KEYS["rsassa_pss"]),
    pinned("rsassa_pss_expired", leaf(STRANGER, key="pss2048 leaf", valid=EXPIRED),
           "expired", "CERT_HAS_EXPIRED"),
    Row("tls12_any_rsassa_pss", "8446, 4.2.3", [ODD_KEYS["rsassa_pss"]], [], OK, OK,
        TLS13_ALONE, insecure=True, tls12=True, connection="failed",
        connection_says="have it use TLS 1.3"),
    *(dataclasses.replace(of_client(old(row)), by_verify=True, verify_options=ACCEPT_ALL)
      for row in (insecure("secp256k1", ODD_KEYS["secp256k1"]),
                  pinned("secp256k1", ODD_KEYS["secp256k1"]))),
    *unusable("p192"),
    *unusable("p224"),
    *unusable("brainpool"),
    *unusable("dsa", connection="missing", connection_says="sent no certificate"),
]
# fmt: on


@table(*ROWS, *KEYS)
def test_any_certificate(row, driver, tmp_path):
    check(row, driver, tmp_path)
