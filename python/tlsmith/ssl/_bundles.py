"""Bundles of trusted certificates, parsed once per process: big clients load
the same one again for every connection."""

from __future__ import annotations

import os

from .. import _tlsmith
from .._errors import CertError
from .._sources import is_der, read
from ._files import of_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Bundle:
    """What a file, a folder or some bytes hold."""

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
        """Of a folder, which OpenSSL looks into only when it has to."""


_PARSED: dict[Any, Bundle] = {}
_MOST_PARSED = 64


def _remember(key: Any, bundle: Bundle) -> Bundle:
    if len(_PARSED) >= _MOST_PARSED:
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
        raise ValueError("there is neither a certificate nor a CRL in it")
    return Bundle(certificates, crls)


def _state(path: str) -> tuple[Any, ...]:
    """What differs as soon as a file was replaced or written to.  The time of the last
    change of the inode is part of it: copies keep the other one."""
    state = of_path(os.stat, path)
    return (path, state.st_mtime_ns, state.st_ctime_ns, state.st_size, state.st_ino, state.st_dev)


def read_bundle(path: str) -> Bundle:
    """The certificates and CRLs of a file."""
    key = _state(path)
    known = _PARSED.get(key)
    return _remember(key, _parse(read(path))) if known is None else known


def _hashed_files(path: str) -> list[tuple[Any, ...]]:
    """The state of each file of a folder that OpenSSL would look at: those that are
    named by a hash.  A link counts as the file that it leads to."""
    states = []
    for name in sorted(of_path(os.listdir, path)):
        stem, _, number = name.partition(".")
        if len(stem) != 8 or not number.removeprefix("r").isdigit():
            continue
        try:
            states.append(_state(os.path.join(path, name)))
        except OSError:
            # A link that leads nowhere is a file that is not there, as in OpenSSL.
            continue
    return states


def read_folder(path: str) -> Bundle:
    """The certificates and CRLs of a folder with hashed names."""
    # The state comes first: a file that is replaced meanwhile has another one next time.
    files = _hashed_files(path)
    key = (path, *files)
    known = _PARSED.get(key)
    if known is not None:
        return known
    bundle = Bundle([], [], lazy=True)
    for file, *_ in files:
        try:
            # They are remembered together.
            part = _parse(read(file))
        except (OSError, ValueError):
            # One that does not parse is one that is not there, as in OpenSSL.
            continue
        bundle.certificates += part.certificates
        bundle.crls += part.crls
    return _remember(key, bundle)


def parse_der_list(data: Any) -> Bundle:
    """PEM as a str, or DER certificates one after the other as bytes."""
    is_text = isinstance(data, str)
    # The error of encode() would hold all of it.
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
    """The length of the first DER value, its header included."""
    if len(data) < 2 or data[0] != 0x30:
        raise CertError(None, "the data is not DER")
    if data[1] < 0x80:
        return 2 + data[1]
    octets = data[1] & 0x7F
    return 2 + octets + int.from_bytes(data[2 : 2 + octets], "big")
