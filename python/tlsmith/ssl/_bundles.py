"""Bundles of trusted certificates, parsed once per process: some clients load the same
bundle for every connection."""

from __future__ import annotations

import os

from .. import _tlsmith
from .._errors import CertError
from .._loading import is_der, read
from ._files import of_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Bundle:
    """The certificates and CRLs of a file, a folder or bytes."""

    __slots__ = ("certificates", "crls", "lazy")

    def __init__(
        self,
        certificates: list[_tlsmith.Certificate],
        crls: list[_tlsmith.CRL],
        lazy: bool = False,
    ) -> None:
        self.certificates = certificates
        self.crls = crls
        self.lazy = lazy
        """True for a folder, which OpenSSL reads only when it builds a chain."""


_PARSED: dict[Any, Bundle] = {}
_MAX_PARSED = 64


def _remember(key: Any, bundle: Bundle) -> Bundle:
    if len(_PARSED) >= _MAX_PARSED:
        _PARSED.clear()
    return _PARSED.setdefault(key, bundle)


def _parse(content: bytes) -> Bundle:
    if is_der(content):
        return Bundle([_tlsmith.Certificate.from_der(content)], [])
    certificates, crls = [], []
    if b"CERTIFICATE-----" in content:
        certificates = _tlsmith.Certificate.from_pem(content)
    if b"-----BEGIN X509 CRL-----" in content:
        crls = _tlsmith.CRL.from_pem(content)
    if not certificates and not crls:
        raise ValueError("it contains neither a certificate nor a CRL")
    return Bundle(certificates, crls)


def _state(path: str) -> tuple[Any, ...]:
    """Return values that change when a file is replaced or written.  The inode change time is
    included, since copying can preserve the modification time."""
    state = of_path(os.stat, path)
    return (path, state.st_mtime_ns, state.st_ctime_ns, state.st_size, state.st_ino, state.st_dev)


def read_bundle(path: str) -> Bundle:
    """Read the certificates and CRLs of a file."""
    key = _state(path)
    known = _PARSED.get(key)
    return _remember(key, _parse(read(path))) if known is None else known


def _hashed_files(path: str) -> list[tuple[Any, ...]]:
    """Return the state of each file in a folder that OpenSSL would read: those named by a
    hash.  Links are followed."""
    states = []
    for name in sorted(of_path(os.listdir, path)):
        stem, _, number = name.partition(".")
        if len(stem) != 8 or not number.removeprefix("r").isdigit():
            continue
        try:
            states.append(_state(os.path.join(path, name)))
        except OSError:
            # Skip a broken link, as OpenSSL does.
            continue
    return states


def read_folder(path: str) -> Bundle:
    """Read the certificates and CRLs of a folder with hashed names."""
    # Take the states first: a file that is replaced meanwhile is read again next time.
    files = _hashed_files(path)
    key = (path, *files)
    known = _PARSED.get(key)
    if known is not None:
        return known
    bundle = Bundle([], [], lazy=True)
    for file, *_ in files:
        try:
            # Only the whole folder is cached.
            part = _parse(read(file))
        except (OSError, ValueError):
            # Skip a file that cannot be parsed, as OpenSSL does.
            continue
        bundle.certificates += part.certificates
        bundle.crls += part.crls
    return _remember(key, bundle)


def parse_der_list(data: Any) -> Bundle:
    """Parse PEM as a str, or concatenated DER certificates as bytes."""
    is_text = isinstance(data, str)
    # The error of encode() would contain the data.
    if not (data.isascii() if is_text else isinstance(data, (bytes, bytearray, memoryview))):
        raise TypeError("cadata should be an ASCII string or a bytes-like object")
    content = data.encode("ascii") if is_text else bytes(data)
    known = _PARSED.get(content)
    if known is not None:
        return known
    if is_text:
        return _remember(content, _parse(content))
    certificates = []
    rest = content
    while rest:
        length = _der_length(rest)
        certificates.append(_tlsmith.Certificate.from_der(rest[:length]))
        rest = rest[length:]
    if not certificates:
        raise ValueError("Empty certificate data")
    return _remember(content, Bundle(certificates, []))


def _der_length(data: bytes) -> int:
    """Return the length of the first DER value, including its header."""
    if len(data) < 2 or data[0] != 0x30:
        raise CertError(None, "the data is not DER")
    if data[1] < 0x80:
        return 2 + data[1]
    octets = data[1] & 0x7F
    return 2 + octets + int.from_bytes(data[2 : 2 + octets], "big")
