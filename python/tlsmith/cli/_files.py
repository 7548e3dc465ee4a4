"""Files that the verbs write, and passwords that they read."""

from __future__ import annotations

import os
import sys

from .. import _tlsmith
from .._certs import Identity
from .._errors import ConfigError
from .._errors import make_folder as _make_folder
from .._sources import is_der, is_pkcs12, load_certificates, naming, read
from ._arguments import KEY_TYPES, Failure, Parser, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import _ActionsContainer as ArgumentGroup
    from collections.abc import Iterable

    from .._tlsmith import Key

    # Path, content, and whether it is the owner's alone.
    Document = tuple[str, bytes, bool]


def write(documents: list[Document]) -> None:
    """Write files together, all or none."""
    try:
        _tlsmith.save_files(documents)
    except ConfigError as error:
        if error.code != "config.file":
            raise
        raise Failure(str(error), "io") from error


def load_identity(cert: str, key: str | None, secret: bytes | None = None) -> Identity:
    """What --cert, --key and --password-file say."""
    if key is not None:
        return Identity.load(cert, key, password=secret)
    with naming(cert):
        # Read once: it may be a pipe.
        content = read(cert)
        if is_pkcs12(content):
            return _load_pkcs12(cert, content, secret)
        if b"PRIVATE KEY-----" in content and not is_der(content):
            return Identity.load(content, password=secret)
        # What is no certificate either is complained about as such.
        load_certificates(content)
    raise UsageError(f"'{cert}' of --cert has no private key: --key says which file has it")


def _load_pkcs12(path: str, content: bytes, secret: bytes | None) -> Identity:
    try:
        return Identity.load_pkcs12(content, b"" if secret is None else secret)
    except ConfigError as error:
        # Others may be about its keys, or how much work it asks for.
        if secret is not None or "password does not open" not in str(error):
            raise
        raise UsageError(
            f"'{path}' is a PKCS#12 file with a password: --password-file says which file has it"
        ) from error


def refuse_to_replace_inputs(outputs: Iterable[str], inputs: Iterable[str | None]) -> None:
    """What a command reads, it never replaces, not even with --force."""
    for path in outputs:
        if any(source is not None and are_same(path, source) for source in inputs):
            raise UsageError(
                f"'{path}' is a file that this command reads, and is not replaced: "
                "choose another --out"
            )


def are_same(one: str, other: str) -> bool:
    """Whether two paths lead to the same file, which is there."""
    try:
        return os.path.samefile(one, other)
    except OSError:
        return False


def make_folder(path: str) -> None:
    """A folder for files, where there is none yet."""
    try:
        _make_folder(path)
    except ConfigError as error:
        raise Failure(str(error), "io") from error


def refuse_to_replace(*paths: str) -> None:
    """Raise Failure for a file that exists: a key that is lost is lost for good."""
    for path in paths:
        if os.path.lexists(path):
            raise Failure(f"'{path}' is there already: --force replaces it", "exists")


def add_place(parser: Parser) -> None:
    """The argument that place() reads."""
    parser.add_argument(
        "--out",
        metavar="DIR|FILE.pem",
        default=".",
        help="where to write, here by default; or the file of the certificate, NAME.pem",
    )


def place(out: str, stem: str | None) -> tuple[str, str]:
    """The folder that --out says, and what the names of the files in it begin
    with: `stem` unless --out says that too."""
    if out.endswith(".pem") and not os.path.isdir(out):
        folder, name = os.path.split(out.removesuffix(".pem"))
        if not name:
            raise UsageError(f"'{out}' has no name before .pem")
        return folder or ".", name
    if stem is None:
        raise UsageError("the request has no file name: give the certificate's, --out FILE.pem")
    return out, stem


def key_or_type(text: str, password: bytes | None = None) -> Key | str:
    """What --key says: a type of key to generate, or the file of one."""
    if text in KEY_TYPES:
        return text
    if not os.path.exists(text):
        raise UsageError(
            f"'{text}' is neither a file nor a type of key: {', '.join(KEY_TYPES)} are"
        )
    from .._sources import load_key

    return load_key(text, password)


def add_password(parser: ArgumentGroup, of_what: str) -> None:
    """The argument that password() reads."""
    parser.add_argument(
        "--password-file", metavar="FILE", help=f"its first line is the password of {of_what}"
    )


def password(path: str | None) -> bytes | None:
    """The first line of a file, without its line end and otherwise as it is, or None where
    there is no file.  A key may be encrypted under any bytes, not only UTF-8."""
    if path is None:
        return None
    try:
        with open(path, "rb") as file:
            line = file.readline().removesuffix(b"\n").removesuffix(b"\r")
    except OSError as error:
        raise UsageError(f"cannot read '{path}': {error.strerror}") from error
    if not line:
        raise UsageError(f"the first line of '{path}' is empty: a password is needed")
    return line


def ask_password(path: str | None, of_what: str) -> str:
    """The password of a PKCS#12 file, which is text: from a file, or from the terminal."""
    known = password(path)
    if known is not None:
        try:
            return known.decode()
        except UnicodeDecodeError:
            # The cause would hold the password.
            sentence = f"the password in '{path}' is not UTF-8, and that of PKCS#12 is text"
            raise UsageError(f"{sentence}: convert the file with iconv") from None
    if not sys.stdin.isatty():
        raise UsageError(f"the password of {of_what} is needed: --password-file")
    from getpass import getpass

    typed = getpass(f"password of {of_what}: ")
    if not typed:
        raise UsageError(f"the password of {of_what} is empty")
    if getpass("again: ") != typed:
        raise UsageError("the two passwords differ")
    return typed
