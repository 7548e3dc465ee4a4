"""Text from certificates and peers cannot forge what stands around it."""

import json
import subprocess
import unicodedata

import pytest
from commandline import COMMAND, PATIENCE

import tlsmith
from tlsmith import _tlsmith
from tlsmith.cli._output import print_json, printable

# All of the BMP but surrogates, in pieces, and some characters from behind it.
POINTS = (*range(0xD800), *range(0xE000, 0x10000), *range(0xE0000, 0xE0200))
CHARACTERS = [chr(point) for point in POINTS]
PIECES = ["".join(CHARACTERS[at : at + 64]) for at in range(0, len(CHARACTERS), 64)]
EVIL = "x\u2028Issuer:              CN=Good Root\u2029\x85\x1b[2J\u202e\u061c\u00ad\ufeff\u2060"


def is_plain(text):
    """Whether every character leaves a mark.  One that this Python does not know yet may be
    known to the core."""
    return all(c.isprintable() or unicodedata.category(c) == "Cn" for c in text)


def length(size):
    if size < 0x80:
        return bytes([size])
    return b"\x81" + bytes([size]) if size < 0x100 else b"\x82" + size.to_bytes(2, "big")


def certificate(text):
    """A certificate with this text for its common name, whatever it is."""
    value = text.encode()
    encoded = b"\x0c" + length(len(value)) + value
    subject = f"CN=#{encoded.hex()}"
    made = _tlsmith.gen_ca(tlsmith._options.options(ca=True) | {"subject": subject})
    return made.chain[0]


def test_every_character_is_escaped_to_one_line():
    harmless = certificate("harmless")
    expected = len(harmless.text().splitlines())
    for piece in PIECES:
        cert = certificate(piece)
        assert len(cert.text().splitlines()) == expected, ascii(piece)
        for text in (cert.subject, cert.issuer, repr(cert), *cert.names):
            assert len(text.splitlines()) == 1, ascii(piece)
            assert is_plain(text), ascii(text)


def test_the_rule_of_the_core_is_wider_than_that_of_python():
    for character in CHARACTERS:
        shown = _tlsmith.one_line(f"a{character}b")
        assert is_plain(shown) and len(shown.splitlines()) == 1
        if shown != f"a{character}b":
            assert shown.startswith("a\\") and shown.isascii(), ascii(character)
        elif character != " ":
            assert is_plain(character) and not character.isspace()


def test_common_name_keeps_exact_text_for_programs():
    cert = certificate(EVIL)
    assert cert.as_dict()["subject"] == ((("commonName", EVIL),),)


@pytest.mark.parametrize("arguments", [[], ["--json"]])
def test_command_line_escapes_untrusted_text(tmp_path, arguments):
    counts = []
    for text in ("harmless", EVIL):
        file = tmp_path / "cert.pem"
        file.write_bytes(certificate(text).pem)
        done = subprocess.run(
            [*COMMAND, "inspect", str(file), *arguments],
            capture_output=True,
            timeout=PATIENCE,
            check=True,
        )
        shown = done.stdout.decode()
        assert shown.replace("\n", "").isprintable(), ascii(shown)
        counts.append(len(shown.splitlines()))
    # A longer key or signature has the same lines.
    assert counts[0] == counts[1]


def test_json_escapes_what_steers_terminals(capsys):
    value = {"alpn": EVIL, "name": "Müller e\u0301", "lone": "\ud800"}
    print_json(value)
    shown = capsys.readouterr().out
    assert json.loads(shown) == value
    assert shown.replace("\n", "").isprintable() and len(shown.splitlines()) == 5
    assert "Müller" in shown


def test_pages_escape_what_steers_terminals():
    assert printable(EVIL).isprintable()
    assert "\\u{2028}" in printable(EVIL)


def test_errors_are_one_line_whatever_they_quote(tmp_path, ca):
    evil = tmp_path / "a\u2028b\x1b[2J\u202e"
    for call in (
        lambda: tlsmith.load_key(evil),
        lambda: tlsmith.load_key(f"{evil}\n"),
        lambda: tlsmith.Identity.load(str(evil)),
        lambda: ca.issue("a.example", usage=[EVIL]),
        lambda: ca.issue("a.example", valid=EVIL),
        lambda: ca.issue("a.example", common_name=EVIL),
        lambda: ca.issue(EVIL),
        lambda: tlsmith.Key.generate(EVIL),
        lambda: tlsmith.Client(trust=ca, ciphers=[EVIL]),
        lambda: tlsmith.Client(trust=ca, keylog="\ud800\u2028"),
        lambda: tlsmith.Trust.roots(ca).verify([certificate(EVIL)], hostname="a.example"),
        lambda: tlsmith.Trust.roots(ca).verify([ca.cert], hostname=EVIL),
        lambda: tlsmith.Client(trust=ca).connect(str(evil), server_name="a.example"),
    ):
        with pytest.raises((tlsmith.Error, TypeError)) as caught:
            call()
        sentence = str(caught.value)
        assert len(sentence.splitlines()) == 1 and sentence.isprintable(), ascii(sentence)
