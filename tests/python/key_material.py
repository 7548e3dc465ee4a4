"""Private keys whose secret part is known, in every shape that people damage a key to, and
whether a text holds a part of them."""

import base64
import contextlib
import io
import random
import re
import ssl
import traceback
import warnings

PART = 8
"""How many bytes in a row of a secret no text may hold."""


def der(tag, *content):
    content = b"".join(content)
    assert len(content) < 0x80
    return bytes([tag, len(content)]) + content


class Secret:
    """An Ed25519 key or one on P-256, of which 32 bytes are secret."""

    def __init__(self, kind, seed):
        self.kind = kind
        self.secret = random.Random(seed).randbytes(32)
        version, octets = der(2, b"\0"), der(4, self.secret)
        if kind == "ed25519":
            algorithm = der(0x30, der(6, bytes.fromhex("2b6570")))
            self.der = der(0x30, version, algorithm, der(4, octets))
        else:
            curve = der(6, bytes.fromhex("2a8648ce3d030107"))
            algorithm = der(0x30, der(6, bytes.fromhex("2a8648ce3d0201")), curve)
            self.der = der(0x30, version, algorithm, der(4, der(0x30, der(2, b"\1"), octets)))
        self.base64 = base64.b64encode(self.der).decode()
        self.pem = ssl.DER_cert_to_PEM_cert(self.der).replace("CERTIFICATE", "PRIVATE KEY")

    def shapes(self):
        """The key as people damage it: str and bytes."""
        pem, trimmed = self.pem, self.pem.strip()
        texts = {
            "escaped": trimmed.replace("\n", "\\n"),
            "carriage returns": pem.replace("\n", "\r"),
            "carriage returns, trimmed": trimmed.replace("\n", "\r"),
            "spaces": trimmed.replace("\n", " "),
            "joined": pem.replace("\n", ""),
            "quoted": '"' + trimmed.replace("\n", "\\n") + '"',
            "JSON": '{"key": "' + trimmed.replace("\n", "\\n") + '"}',
            "leading blanks": "\n  " + pem,
            "leading garbage": "key: " + pem,
            "byte order mark": "\ufeff" + trimmed.replace("\n", " "),
            "base64": self.base64,
            "base64 without padding": self.base64.rstrip("="),
            "hex": self.der.hex(),
            "secret in hex": self.secret.hex(),
            "secret in base64": base64.b64encode(self.secret).decode(),
            "half": pem[: len(pem) // 2],
            "no END": pem.rpartition("-----END")[0],
            "certificate labels": pem.replace("PRIVATE KEY", "CERTIFICATE"),
            "encrypted labels": pem.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY"),
            "NUL": pem.replace("\n", "\0"),
            "surrogates": trimmed.replace("\n", "\udc80"),
            "intact": pem,
        }
        binary = {
            "DER": self.der,
            "longer DER": self.der + b"\0",
            "half DER": self.der[:-3],
            "secret bytes": self.secret,
            "UTF-16": pem.encode("utf-16"),
            "UTF-16, big": pem.encode("utf-16-be"),
        }
        return texts, binary

    def __str__(self):
        return self.kind

    def find(self, text):
        """The encoding in which a text holds eight bytes in a row of the secret, or None."""
        return find(text, self.secret)


def find(text, secret):
    """The encoding in which a text holds eight bytes in a row of a secret, or None."""
    parts = {secret[at : at + PART] for at in range(len(secret) - PART + 1)}
    for how, decoded in _decoded(text):
        for at in range(len(decoded) - PART + 1):
            if decoded[at : at + PART] in parts:
                return how
    return None


def _decoded(text):
    """All that a text can stand for, and how."""
    plain = _unescaped(text)
    for how, one in (("text", text), ("escapes", plain)):
        yield how, one.encode(errors="surrogatepass")
        yield how, bytes(ord(character) if ord(character) < 256 else 0 for character in one)
        yield from ((f"{how}, Base64", each) for each in _from_base64(one))
    yield from (("hex", each) for each in _from_hex(text))
    numbers = map(int, re.findall(r"\d{1,9}", text))
    yield "numbers", bytes(number if number < 256 else 0 for number in numbers)


_ESCAPES = re.compile(
    r"\\x([0-9a-f]{2})|\\u\{([0-9a-f]{1,4})\}|\\u([0-9a-f]{4})|%([0-9a-f]{2})|\\([0-9a-f]{2})"
    r"|\\(.)",
    re.IGNORECASE,
)


def _unescaped(text):
    """A text without escapes: those of Python and Rust, of URLs and of RFC 4514."""

    def character(match):
        digits = next(filter(None, match.groups()[:5]), None)
        if digits is not None:
            return chr(int(digits, 16))
        return {"n": "\n", "r": "\r", "t": "\t"}.get(match[6], match[6])

    return _ESCAPES.sub(character, text)


def _from_base64(text):
    for run in re.findall(r"[A-Za-z0-9+/_-]{11,}", text):
        digits = run.replace("-", "+").replace("_", "/")
        # A group of four begins wherever it likes.
        for first in range(4):
            group = digits[first:]
            if len(group) % 4 == 1:
                group = group[:-1]
            yield base64.b64decode(group + "=" * (-len(group) % 4))


def _from_hex(text):
    # Whatever separates the bytes.
    for run in re.findall(r"[0-9A-Fa-f]{16,}", re.sub(r"0x|\\x|[ :,%\\-]", "", text)):
        for first in range(2):
            yield bytes.fromhex(run[first : first + (len(run) - first) // 2 * 2])


SECRETS = [Secret("ed25519", 15), Secret("ecdsa-p256", 17)]


# What a call leaves behind.


def everything(error, with_frames):
    """All text that an exception can show: its own, that of its causes, and that of the
    variables in the frames of tlsmith behind it."""
    waiting, seen = [error], []
    while waiting:
        one = waiting.pop()
        if not isinstance(one, BaseException) or one in seen:
            continue
        seen.append(one)
        yield str(one)
        yield repr(one)
        yield repr(one.args)
        yield repr(vars(one))
        yield from map(str, getattr(one, "__notes__", ()))
        for name in ("filename", "filename2", "strerror", "object", "code"):
            yield str(getattr(one, name, ""))
        waiting += [one.__cause__, one.__context__, *one.args]
        for frame, _ in traceback.walk_tb(one.__traceback__ if with_frames else None):
            if "tlsmith" in frame.f_globals.get("__name__", ""):
                yield from (repr(value) for value in frame.f_locals.values())


def assert_silent(calls, secret, what, caplog, with_frames=False):
    """Runs calls that may fail, and looks for the key in whatever they leave behind."""
    failed = 0
    out, err = io.StringIO(), io.StringIO()
    for call in calls:
        texts = []
        try:
            with (
                contextlib.redirect_stdout(out),
                contextlib.redirect_stderr(err),
                warnings.catch_warnings(record=True) as warned,
            ):
                warnings.simplefilter("always")
                call()
        except Exception as error:  # whatever it is, it is looked into
            failed += 1
            texts += everything(error, with_frames)
        texts += [str(one.message) for one in warned]
        for text in texts:
            assert not secret.find(text), (what, secret.find(text), text)
    said = out.getvalue() + err.getvalue() + caplog.text
    assert not secret.find(said), (what, said)
    return failed
