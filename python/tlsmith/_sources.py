"""Where documents come from: files, text, bytes; and loading them."""

from __future__ import annotations

import os

from . import _tlsmith
from ._errors import config_error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    StrPath: TypeAlias = str | os.PathLike[str]
    Source: TypeAlias = StrPath | bytes
    Password: TypeAlias = str | bytes | Callable[[], str | bytes]

_LONGEST_FILE = 16 * 1024 * 1024


def read(source: Source) -> bytes:
    """PEM or DER: bytes, a str that begins like PEM, or the path of a file."""
    if isinstance(source, bytes):
        return source
    if isinstance(source, str) and source.lstrip().startswith("-----BEGIN"):
        return source.encode()
    if not isinstance(source, (str, os.PathLike)):
        raise TypeError(f"a path, PEM or DER is needed, not {type(source).__name__}")
    try:
        with open(source, "rb") as file:
            content = file.read(_LONGEST_FILE + 1)
    except OSError as error:
        sentence = f"cannot read '{os.fspath(source)}': {error.strerror}"
        raise config_error(sentence, "config.file") from error
    if len(content) > _LONGEST_FILE:
        sentence = f"'{os.fspath(source)}' is longer than 16 MiB: it is not PEM"
        raise config_error(sentence, "config.file")
    return content


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


def load_certificates(source: Source) -> list[_tlsmith.Certificate]:
    """Every certificate in a PEM file, in PEM text, or the one in DER."""
    content = read(source)
    if is_der(content):
        return [_tlsmith.Certificate.from_der(content)]
    return _tlsmith.Certificate.from_pem(content)


def load_certificate(source: Source) -> _tlsmith.Certificate:
    """The first certificate of load_certificates()."""
    return load_certificates(source)[0]


def load_key(source: Source, password: Password | None = None) -> _tlsmith.Key:
    """The private key in a PEM file, in PEM text, or in DER: PKCS#8, PKCS#1 or
    SEC1.

    The password is for PKCS#8 that is encrypted with PBES2; a key that is not
    encrypted loads with one too.  Raises ConfigError where it is wrong or lacks.
    """
    content = read(source)
    if is_der(content):
        return _tlsmith.Key.from_der(content, password)
    return _tlsmith.Key.from_pem(content, password)


def load_crls(source: Source) -> list[_tlsmith.CRL]:
    """Every CRL in a PEM file, in PEM text, or the one in DER."""
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
