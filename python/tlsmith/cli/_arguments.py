"""Argument parsing that the verbs share.  A usage error is one line."""

from __future__ import annotations

import argparse

from .._tlsmith import may_be_secret, one_line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn

    Run = Callable[[argparse.Namespace], int]

KEY_TYPES = (
    "ecdsa-p256",
    "ecdsa-p384",
    "ecdsa-p521",
    "ed25519",
    "ed448",
    "rsa-2048",
    "rsa-3072",
    "rsa-4096",
    "ml-dsa-44",
    "ml-dsa-65",
    "ml-dsa-87",
)


class Failure(Exception):
    """The command failed: exit code 1."""

    def __init__(self, sentence: str, code: str = "failed") -> None:
        super().__init__(sentence)
        self.code = code


class UsageError(Exception):
    """The arguments are wrong: exit code 2."""

    code = "usage"


class Parser(argparse.ArgumentParser):
    """A parser with one-line errors, which keeps the line breaks of its texts."""

    def __init__(self, **settings: object) -> None:
        super().__init__(
            allow_abbrev=False,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            **settings,  # type: ignore[arg-type]
        )

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {discreet(message)}; see {self.prog} --help\n")


KEY_AS_ARGUMENT = (
    "an argument looks like a private key: give the name of a file instead, since every user "
    "of this machine can read the arguments of a process"
)


def discreet(sentence: str) -> str:
    """Return the sentence on one line, or another one if it may quote a private key."""
    return KEY_AS_ARGUMENT if may_be_secret(sentence) else one_line(sentence)


class Verbs:
    """The subparsers, one for each verb."""

    def __init__(self, parser: Parser) -> None:
        self._parsers = parser.add_subparsers(
            dest="verb", metavar="VERB", required=True, title="verbs"
        )

    def add(self, name: str, run: Run, summary: str, *, details: str = "", examples: str) -> Parser:
        """Add the parser of a verb that `run` runs.  `details` follow the summary in its
        help."""
        parser = self._parsers.add_parser(
            name,
            help=summary,
            description=f"{summary[0].upper()}{summary[1:]}.\n{details}".rstrip(),
            epilog=f"examples:{examples.rstrip()}",
        )
        parser.add_argument("--json", action="store_true", help="print JSON, for programs")
        parser.set_defaults(run=run)
        return parser


def endpoint(text: str, default_port: int | None = None) -> tuple[str, int]:
    """Parse HOST:PORT, [ADDRESS]:PORT, or HOST alone if there is a default port."""
    if "://" in text:
        raise argparse.ArgumentTypeError(f"'{text}' is a URL: write HOST:PORT")
    host, port = _split(text)
    if not host:
        raise argparse.ArgumentTypeError(f"'{text}' has no host: write HOST:PORT")
    if port is None:
        if default_port is None:
            raise argparse.ArgumentTypeError(f"'{text}' has no port: write HOST:PORT")
        return host, default_port
    return host, port_number(port)


def _split(text: str) -> tuple[str, str | None]:
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        if not bracket or (rest and not rest.startswith(":")):
            raise argparse.ArgumentTypeError(f"'{text}' is not [ADDRESS]:PORT")
        return host, rest[1:] if rest else None
    if text.count(":") > 1:  # an IPv6 address without a port
        return text, None
    host, colon, port = text.partition(":")
    return host, port if colon else None


def port_number(text: str) -> int:
    """Parse a port, 0 to 65535."""
    if not (text.isascii() and text.isdecimal()) or int(text) > 65_535:
        raise argparse.ArgumentTypeError(f"'{text}' is not a port: use 0 to 65535")
    return int(text)


def seconds(text: str) -> float:
    """Parse a time limit in seconds, above 0."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < 1e9:
        raise argparse.ArgumentTypeError(
            f"'{text}' is not a number of seconds: use one above 0, below 1e9"
        )
    return value


def days(text: str) -> int:
    """Parse a number of days, at least 1."""
    if not (text.isascii() and text.isdecimal()) or not 0 < int(text) < 4_000_000:
        raise argparse.ArgumentTypeError(
            f"'{text}' is not a number of days: use a whole number, 1 to 3999999"
        )
    return int(text)


def protocols(text: str) -> list[str]:
    """Split names at commas."""
    return [name.strip() for name in text.split(",") if name.strip()]


def unescaped(text: str) -> bytes:
    r"""Replace the escapes \r, \n, \t, \0, \\ and \xNN."""
    import re

    known = {"r": b"\r", "n": b"\n", "t": b"\t", "0": b"\0", "\\": b"\\"}

    def byte(match: re.Match[bytes]) -> bytes:
        name = match[1].decode()
        return known[name] if name in known else bytes.fromhex(name[1:])

    return re.sub(rb"\\([rnt0\\]|x[0-9a-fA-F]{2})", byte, text.encode(errors="surrogateescape"))
