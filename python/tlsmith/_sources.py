"""Where documents come from: files, text, bytes; and loading them."""

from __future__ import annotations

import os

from . import _tlsmith
from ._errors import Error, file_error, shown_path

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

_LONGEST_FILE = 16 * 1024 * 1024


def discreet(load: Callable[P, T]) -> Callable[P, T]:
    """Make a function that loads keys keep them out of the tracebacks of its errors:
    tools that report errors show the local variables of every frame."""

    def loading(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return load(*args, **kwargs)
        except Error as error:
            del args, kwargs
            raise error.with_traceback(None)  # noqa: B904

    loading.__module__ = load.__module__
    loading.__name__ = load.__name__
    loading.__qualname__ = load.__qualname__
    loading.__doc__ = load.__doc__
    loading.__wrapped__ = load  # type: ignore[attr-defined]
    return loading


class naming:
    """Put the path of a source in front of what is wrong with its content."""

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
        path = shown_path(source)
        sentence = str(error)
        # One that cannot be read is named already.
        if path is not None and error.code != "config.file" and not sentence.startswith(path):
            error.strerror = f"{path}: {sentence}"
            error.args = (error.errno, error.strerror)


def is_content(source: Source) -> bool:
    """Whether it is PEM or DER itself, and no path."""
    return isinstance(source, bytes) or (
        isinstance(source, str) and source.lstrip().startswith("-----BEGIN")
    )


def read(source: Source) -> bytes:
    """PEM or DER: bytes, a str that begins like PEM, or the path of a file."""
    if isinstance(source, bytes):
        return source
    if not isinstance(source, (str, os.PathLike)):
        raise TypeError(f"a path, PEM or DER is needed, not {type(source).__name__}")
    if is_content(source):
        return os.fspath(source).encode(errors="surrogateescape")
    try:
        with open(source, "rb") as file:
            content = file.read(_LONGEST_FILE + 1)
    except OSError as error:
        failure = file_error("cannot read", source, error.strerror or "it cannot be opened")
        if shown_path(source) is not None:
            raise failure from error
    except ValueError:
        # With a NUL, or with what the file system cannot write.
        failure = file_error("cannot read", source, "no file can be called that")
    else:
        if len(content) <= _LONGEST_FILE:
            return content
        failure = file_error("cannot read", source, "it is longer than 16 MiB, and not PEM")
    # Outside of what was caught, which would be told with it, and may hold a key.
    raise failure


def is_der(content: bytes) -> bool:
    """Whether it is DER, a SEQUENCE, and not PEM after some text."""
    return content[:1] == b"\x30" and b"-----BEGIN" not in content


_INTEGER_3 = b"\x02\x01\x03"


def is_pkcs12(content: bytes) -> bool:
    """Whether it is DER that begins with version 3, as PKCS#12 does and nothing
    else here (RFC 7292, section 4)."""
    return is_der(content) and inside(content).startswith(_INTEGER_3)


def inside(der: bytes) -> bytes:
    """What begins inside an element: DER without its first tag and length."""
    length = der[1:2] or b"\0"
    more = length[0] & 0x7F if length[0] & 0x80 else 0
    return der[2 + more :]


_PKCS7 = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07"


def is_pkcs7(content: bytes) -> bool:
    """Whether it is a PKCS#7 bundle, in DER or in PEM (RFC 2315; RFC 7468, section 8)."""
    if is_der(content):
        return inside(content).startswith(_PKCS7)
    return b"-----BEGIN PKCS7-----" in content or b"-----BEGIN CMS-----" in content


@discreet
def load_certificates(source: Source) -> list[_tlsmith.Certificate]:
    """Every certificate in a PEM file, in PEM text, the one in DER, or those in a PKCS#7
    bundle."""
    with naming(source):
        return _tlsmith.Certificate.from_bytes(read(source))


def load_certificate(source: Source) -> _tlsmith.Certificate:
    """The first certificate of load_certificates()."""
    return load_certificates(source)[0]


@discreet
def load_key(source: Source, password: Password | None = None) -> _tlsmith.Key:
    """The private key in a PEM file, in PEM text, or in DER: PKCS#8, PKCS#1 or
    SEC1.

    The password is for a key that is encrypted: PKCS#8 with PBES2 or with 3DES, or PEM
    as OpenSSL encrypted it before PKCS#8.  It is a str, which is its UTF-8, bytes as
    they are, or a function that gives one and is called only if it is needed.  A key
    that is not encrypted loads with one too.

    Raises ConfigError where the password is wrong or lacks.  No error holds a part of
    the key.
    """
    with naming(source):
        return parse_key(read(source), password)


def parse_key(content: bytes, password: Password | None) -> _tlsmith.Key:
    """The private key in PEM or DER."""
    if is_der(content):
        return _tlsmith.Key.from_der(content, password)
    return _tlsmith.Key.from_pem(content, password)


@discreet
def load_crls(source: Source) -> list[_tlsmith.CRL]:
    """Every CRL in a PEM file, in PEM text, or the one in DER."""
    with naming(source):
        content = read(source)
        if is_der(content):
            return [_tlsmith.CRL.from_der(content)]
        return _tlsmith.CRL.from_pem(content)


def certificate_from_der(der: bytes) -> _tlsmith.Certificate:
    """A certificate out of a pickle."""
    return _tlsmith.Certificate.from_der(der)


def crl_from_der(der: bytes) -> _tlsmith.CRL:
    """A CRL out of a pickle."""
    return _tlsmith.CRL.from_der(der)
