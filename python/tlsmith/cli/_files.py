"""Files that the verbs write, and passwords that they read."""

from __future__ import annotations

import os
import sys

from ._arguments import KEY_TYPES, Failure, Parser, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .._tlsmith import Key


def write_secret(path: str, content: bytes) -> None:
    """Write a file with mode 0600, as a whole or not at all."""
    _write(path, content, 0o600)


def write_public(path: str, content: bytes) -> None:
    """Write a file with mode 0644, as a whole or not at all."""
    _write(path, content, 0o644)


def _write(path: str, content: bytes, mode: int) -> None:
    from tempfile import NamedTemporaryFile

    directory, name = os.path.split(path)
    try:
        with NamedTemporaryFile(dir=directory or ".", prefix=f".{name}.", delete=False) as file:
            try:
                file.write(content)
                file.flush()
                os.fchmod(file.fileno(), mode)
                os.fsync(file.fileno())
                os.replace(file.name, path)
            except BaseException:
                os.unlink(file.name)
                raise
    except OSError as error:
        raise Failure(f"cannot write '{path}': {error.strerror}", "io") from error


def make_folder(path: str) -> None:
    """A folder for files, where there is none yet."""
    try:
        os.makedirs(path, exist_ok=True)
    except OSError as error:
        raise Failure(f"cannot make the folder '{path}': {error.strerror}", "io") from error


def refuse_to_replace(*paths: str) -> None:
    """A key that is lost is lost for good."""
    for path in paths:
        if os.path.lexists(path):
            raise Failure(f"'{path}' is there already: --force replaces it", "exists")


def key_or_type(text: str, password: str | None = None) -> Key | str:
    """What --key says: a type of key to generate, or the file of one."""
    if text in KEY_TYPES:
        return text
    if not os.path.exists(text):
        raise UsageError(
            f"'{text}' is neither a file nor a type of key: {', '.join(KEY_TYPES)} are"
        )
    from .._sources import load_key

    return load_key(text, password)


def add_password(parser: Parser, of_what: str) -> None:
    """The argument that password() reads."""
    parser.add_argument(
        "--password-file", metavar="FILE", help=f"its first line is the password of {of_what}"
    )


def password(path: str | None) -> str | None:
    """The first line of a file, or None where there is no file."""
    if path is None:
        return None
    try:
        with open(path, encoding="utf-8") as file:
            line = file.readline().rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise UsageError(f"'{path}' is not UTF-8: a password is text") from error
    except OSError as error:
        raise UsageError(f"cannot read '{path}': {error.strerror}") from error
    if not line:
        raise UsageError(f"the first line of '{path}' is empty: a password is needed")
    return line


def ask_password(path: str | None, of_what: str) -> str:
    """A password from a file, or from the terminal."""
    known = password(path)
    if known is not None:
        return known
    if not sys.stdin.isatty():
        raise UsageError(f"the password of {of_what} is needed: --password-file")
    from getpass import getpass

    typed = getpass(f"password of {of_what}: ")
    if not typed:
        raise UsageError(f"the password of {of_what} is empty")
    if getpass("again: ") != typed:
        raise UsageError("the two passwords differ")
    return typed
