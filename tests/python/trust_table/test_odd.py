"""Certificates that are legal and rare: each binding accepts them, and shows them.

The check of a row asserts that a program learns which certificate was accepted.  What no
parser can read is refused, also unverified: OpenSSL does not present it, so that the
tests in Rust have those certificates.
"""

from . import der, names
from .pki import leaf, root
from .rows import OK, Row, check, table

UUID = "2.25.329800735698586629295641978511506172918"
LONG = "1.3.6.1.4.1.55738." + ".".join(["99"] * 60)

TOP = root()


def attribute(dotted, value):
    """Encode a distinguished name of one attribute."""
    return der.sequence(der.set_of(der.sequence(der.oid(dotted), value)))


ODD = {
    "extension_with_a_large_arc": leaf(TOP, (UUID, False, der.NULL)),
    "extension_with_a_long_identifier": leaf(TOP, (LONG, False, der.NULL)),
    "purpose_with_a_large_arc": leaf(
        TOP, eku=names.extended_key_usage("serverAuth", "clientAuth", UUID)
    ),
    "policy_with_a_large_arc": leaf(TOP, names.certificate_policies(UUID)),
    "attribute_with_a_large_arc": leaf(TOP, subject=attribute(UUID, der.utf8("A leaf"))),
    "universal_string": leaf(
        TOP, subject=attribute("2.5.4.3", der.tlv(0x1C, "A leaf".encode("utf-32-be")))
    ),
    "bmp_string": leaf(
        TOP, subject=attribute("2.5.4.3", der.tlv(0x1E, "A leaf".encode("utf-16-be")))
    ),
    "byte_after_the_key_identifier": leaf(
        TOP, ski=("2.5.29.14", False, der.octet_string(b"key") + b"\0")
    ),
    "empty_subject": leaf(TOP, subject=""),
}


def rows(name, certificate):
    """Return rows that accept a certificate in every way."""
    everywhere, unverified = ("c", "native", "ssl"), ("c", "native")
    return [
        Row(
            f"{how}_{usage}_with_{name}",
            "5280, 4.1",
            [certificate],
            trust,
            OK,
            OK,
            usage=usage,
            # `ssl` asks clients only for certificates that it verifies.
            bindings=unverified if settings and usage == "client" else everywhere,
            **settings,
        )
        for usage in ("server", "client")
        for how, trust, settings in [
            ("verified", [TOP], {}),
            ("insecure", [], {"insecure": True}),
            ("pinned", [TOP], {"pinned": "sha256"}),
        ]
    ]


ROWS = [row for name, certificate in ODD.items() for row in rows(name, certificate)]


@table(*ROWS)
def test_odd_certificate(row, driver, tmp_path):
    check(row, driver, tmp_path)
