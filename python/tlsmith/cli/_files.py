"""Files of the verbs: identities, trust anchors, passwords and output files."""

from __future__ import annotations

import os
import sys

from .. import _tlsmith
from .._errors import ConfigError
from .._errors import make_folder as _make_folder
from .._identity import Identity
from .._loading import is_der, is_pkcs12, load_certificates, naming, read
from .._trust import Trust
from ._arguments import KEY_TYPES, Failure, Parser, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from argparse import _ActionsContainer as ArgumentGroup
    from collections.abc import Iterable

    from .._tlsmith import Key

    # Path, content, and whether only the owner may read it.
    Document = tuple[str, bytes, bool]


def write(documents: list[Document]) -> None:
    """Write files together, all or none."""
    try:
        _tlsmith.save_files(documents)
    except ConfigError as error:
        if error.code != "config.file":
            raise
        raise Failure(str(error), "io") from error


def add_identity(group: ArgumentGroup) -> None:
    """Add --cert, --key and --password-file, which load_identity() reads."""
    group.add_argument("--cert", metavar="FILE", help="the certificate to present, with its chain")
    group.add_argument(
        "--key", metavar="FILE", help="its private key, if the file of --cert has none"
    )
    add_password(group, "the key, or of the PKCS#12 file of --cert")


def check_identity(options: Namespace) -> None:
    """Raise UsageError for options of an identity without --cert."""
    if options.key and not options.cert:
        raise UsageError("--key needs --cert, the certificate of that key")
    if options.password_file and not options.cert:
        raise UsageError("--password-file needs --cert, the certificate of the encrypted key")


def load_identity(cert: str, key: str | None, secret: bytes | None = None) -> Identity:
    """Load the identity of --cert, --key and --password-file."""
    if key is not None:
        return Identity.load(cert, key, password=secret)
    with naming(cert):
        # Read once: it may be a pipe.
        content = read(cert)
        if is_pkcs12(content):
            return _load_pkcs12(cert, content, secret)
        if b"PRIVATE KEY-----" in content and not is_der(content):
            return Identity.load(content, password=secret)
        # A file without a certificate gets that error first.
        load_certificates(content)
    raise UsageError(f"'{cert}' has no private key: give the file of the key with --key")


def add_trust(group: ArgumentGroup) -> None:
    """Add --ca and --crl, which load_trust() reads."""
    group.add_argument(
        "--ca", metavar="FILE", help="trust these root certificates instead of the system's"
    )
    group.add_argument(
        "--crl",
        metavar="FILE",
        action="append",
        help="check revocation with this CRL; may be repeated",
    )


def load_trust(options: Namespace) -> Trust:
    """Load the trust anchors and CRLs of --ca and --crl."""
    trust = Trust.roots(options.ca) if options.ca else Trust.system()
    return trust.with_crls(*options.crl) if options.crl else trust


def _load_pkcs12(path: str, content: bytes, secret: bytes | None) -> Identity:
    try:
        return Identity.load_pkcs12(content, b"" if secret is None else secret)
    except ConfigError as error:
        # Other errors may be about its keys, or about its iteration count.
        if secret is not None or "password does not open" not in str(error):
            raise
        raise UsageError(
            f"'{path}' is a PKCS#12 file with a password: give that with --password-file"
        ) from error


def refuse_to_replace_inputs(outputs: Iterable[str], inputs: Iterable[str | None]) -> None:
    """Raise UsageError for an output that is also an input, even with --force."""
    for path in outputs:
        if any(source is not None and are_same(path, source) for source in inputs):
            raise UsageError(
                f"'{path}' is an input of this command, so it is not replaced: choose another --out"
            )


def are_same(one: str, other: str) -> bool:
    """Return whether two paths lead to the same existing file."""
    try:
        return os.path.samefile(one, other)
    except OSError:
        return False


def make_folder(path: str) -> None:
    """Create a folder unless it exists."""
    try:
        _make_folder(path)
    except ConfigError as error:
        raise Failure(str(error), "io") from error


def refuse_to_replace(*paths: str) -> None:
    """Raise Failure for a file that exists: an overwritten key could not be restored."""
    for path in paths:
        if os.path.lexists(path):
            raise Failure(f"'{path}' exists already: use --force to replace it", "exists")


def add_out(parser: Parser) -> None:
    """Add --out, which output_location() parses."""
    parser.add_argument(
        "--out",
        metavar="DIR|FILE.pem",
        default=".",
        help="the folder to write to, default the current one; or the file of the certificate, "
        "NAME.pem",
    )


def output_location(out: str, stem: str | None) -> tuple[str, str]:
    """Return the folder of --out, and the stem of the file names: `stem` unless --out
    names a file."""
    if out.endswith(".pem") and not os.path.isdir(out):
        folder, name = os.path.split(out.removesuffix(".pem"))
        if not name:
            raise UsageError(f"'{out}' has no name before .pem")
        return folder or ".", name
    if stem is None:
        raise UsageError(
            "the request is not a file that has a name: name the certificate with --out FILE.pem"
        )
    return out, stem


def key_or_type(text: str, password: bytes | None = None) -> Key | str:
    """Return what --key names: the type of a key to generate, or a key from its file."""
    if text in KEY_TYPES:
        return text
    if not os.path.exists(text):
        raise UsageError(
            f"'{text}' is neither a file nor a key type; the types are {', '.join(KEY_TYPES)}"
        )
    from .._loading import load_key

    return load_key(text, password)


def add_password(parser: ArgumentGroup, of_what: str) -> None:
    """Add --password-file, which password() reads."""
    parser.add_argument(
        "--password-file",
        metavar="FILE",
        help=f"a file whose first line is the password of {of_what}",
    )


def password(path: str | None) -> bytes | None:
    """Return the first line of a file as bytes, without its line end; None without a file.
    The password of a key may be any bytes, not only UTF-8."""
    if path is None:
        return None
    try:
        with open(path, "rb") as file:
            line = file.readline().removesuffix(b"\n").removesuffix(b"\r")
    except OSError as error:
        raise UsageError(f"cannot read '{path}': {error.strerror}") from error
    if not line:
        raise UsageError(f"the first line of '{path}' is empty: write the password there")
    return line


def ask_password(path: str | None, of_what: str) -> str:
    """Get the password of a PKCS#12 file, which is text, from a file or the terminal."""
    known = password(path)
    if known is not None:
        try:
            return known.decode()
        except UnicodeDecodeError:
            # The cause would contain the password.
            sentence = f"the password in '{path}' is not UTF-8, as PKCS#12 needs"
            raise UsageError(f"{sentence}: convert the file with iconv") from None
    if not sys.stdin.isatty():
        raise UsageError(f"'{of_what}' needs a password: give a file with --password-file")
    from getpass import getpass

    typed = getpass(f"Password for {of_what}: ")
    if not typed:
        raise UsageError(f"the password for '{of_what}' is empty: enter one")
    if getpass("Repeat the password: ") != typed:
        raise UsageError("the two passwords differ: try again")
    return typed
