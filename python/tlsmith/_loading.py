"""Loading certificates, keys and CRLs from files, PEM text or bytes."""

from __future__ import annotations

import os

from . import _tlsmith
from ._errors import Error, file_error, quote_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import ParamSpec, TypeAlias, TypeVar

    StrPath: TypeAlias = str | os.PathLike[str]
    Source: TypeAlias = StrPath | bytes
    Password: TypeAlias = str | bytes | Callable[[], str | bytes]

    P = ParamSpec("P")
    T = TypeVar("T")

_MAX_FILE = 16 * 1024 * 1024


def discreet(load: Callable[P, T]) -> Callable[P, T]:
    """Decorate a function that loads keys to keep them out of the tracebacks of its errors:
    error reporters print the local variables of every frame."""

    def wrapper(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return load(*args, **kwargs)
        except Error as error:
            del args, kwargs
            raise error.with_traceback(None)  # noqa: B904

    wrapper.__module__ = load.__module__
    wrapper.__name__ = load.__name__
    wrapper.__qualname__ = load.__qualname__
    wrapper.__doc__ = load.__doc__
    wrapper.__wrapped__ = load  # type: ignore[attr-defined]
    return wrapper


class naming:
    """Prefix errors about the content of a source with its path."""

    __slots__ = ("_source",)

    def __init__(self, source: Source) -> None:
        self._source = source

    def __enter__(self) -> None:
        pass

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        source = self._source
        if not isinstance(error, Error) or isinstance(source, bytes) or is_content(source):
            return
        path = quote_path(source)
        sentence = str(error)
        # Errors of reading the file name it already.
        if path is not None and error.code != "config.file" and not sentence.startswith(path):
            error.strerror = f"{path}: {sentence}"
            error.args = (error.errno, error.strerror)


def is_content(source: Source) -> bool:
    """Return whether it is PEM or DER, and not a path."""
    return isinstance(source, bytes) or (
        isinstance(source, str) and source.lstrip().startswith("-----BEGIN")
    )


def read(source: Source) -> bytes:
    """Return the bytes of a source: bytes, a str that begins like PEM, or a path."""
    if isinstance(source, bytes):
        return source
    if not isinstance(source, (str, os.PathLike)):
        raise TypeError(f"the source must be a path, PEM or DER, not {type(source).__name__}")
    if is_content(source):
        return os.fspath(source).encode(errors="surrogateescape")
    try:
        with open(source, "rb") as file:
            content = file.read(_MAX_FILE + 1)
    except OSError as error:
        failure = file_error("cannot read", source, error.strerror or "it could not be opened")
        if quote_path(source) is not None:
            raise failure from error
    except ValueError:
        # It has a NUL, or a character that the file system cannot encode.
        failure = file_error("cannot read", source, "it is not a valid path")
    else:
        if len(content) <= _MAX_FILE:
            return content
        failure = file_error("cannot read", source, "it is longer than 16 MiB, and not PEM")
    # Outside of the handler: its exception may contain a key, and would become the context.
    raise failure


def is_der(content: bytes) -> bool:
    """Return whether it is a SEQUENCE in DER, and not PEM after some text."""
    return content[:1] == b"\x30" and b"-----BEGIN" not in content


_INTEGER_3 = b"\x02\x01\x03"


def is_pkcs12(content: bytes) -> bool:
    """Return whether it is PKCS#12: DER that begins with version 3 (RFC 7292, section 4)."""
    return is_der(content) and inside(content).startswith(_INTEGER_3)


def inside(der: bytes) -> bytes:
    """Return DER without its first tag and length."""
    length = der[1:2] or b"\0"
    more = length[0] & 0x7F if length[0] & 0x80 else 0
    return der[2 + more :]


_PKCS7 = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07"


def is_pkcs7(content: bytes) -> bool:
    """Return whether it is a PKCS#7 bundle, in DER or in PEM (RFC 2315; RFC 7468, section 8)."""
    if is_der(content):
        return inside(content).startswith(_PKCS7)
    return b"-----BEGIN PKCS7-----" in content or b"-----BEGIN CMS-----" in content


@discreet
def load_certificates(source: Source) -> list[_tlsmith.Certificate]:
    """Load all certificates of a file or of bytes, in PEM, DER or PKCS#7."""
    with naming(source):
        return _tlsmith.Certificate.from_bytes(read(source))


def load_certificate(source: Source) -> _tlsmith.Certificate:
    """Load the first certificate, as load_certificates() does."""
    return load_certificates(source)[0]


@discreet
def load_key(source: Source, password: Password | None = None) -> _tlsmith.Key:
    """Load a private key from PEM or DER: PKCS#8, PKCS#1 or SEC1.

    The password is for an encrypted key: PKCS#8 with PBES2 or 3DES, or OpenSSL's older
    encrypted PEM.  It is bytes, a str (encoded as UTF-8), or a function that returns one
    and is called only if needed.  It is ignored for a key that is not encrypted.

    Raises ConfigError if the password is wrong or missing.  No error contains a part of
    the key.
    """
    with naming(source):
        return parse_key(read(source), password)


def parse_key(content: bytes, password: Password | None) -> _tlsmith.Key:
    """Parse a private key in PEM or DER."""
    if is_der(content):
        return _tlsmith.Key.from_der(content, password)
    return _tlsmith.Key.from_pem(content, password)


@discreet
def load_crls(source: Source) -> list[_tlsmith.CRL]:
    """Load all CRLs of a file or of bytes, in PEM or DER."""
    with naming(source):
        content = read(source)
        if is_der(content):
            return [_tlsmith.CRL.from_der(content)]
        return _tlsmith.CRL.from_pem(content)


def certificate_from_der(der: bytes) -> _tlsmith.Certificate:
    """Unpickle a Certificate."""
    return _tlsmith.Certificate.from_der(der)


def crl_from_der(der: bytes) -> _tlsmith.CRL:
    """Unpickle a CRL."""
    return _tlsmith.CRL.from_der(der)
