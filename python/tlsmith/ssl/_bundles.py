"""Bundles of trusted certificates, parsed once per process: big clients load
the same one again for every connection."""

from __future__ import annotations

import os

from .. import _tlsmith
from .._errors import CertError
from .._sources import is_der, read

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


def read_bundle(path: str) -> Bundle:
    """The certificates and CRLs of a file."""
    state = os.stat(path)
    key = (path, state.st_mtime_ns, state.st_size, state.st_ino, state.st_dev)
    known = _PARSED.get(key)
    return _remember(key, _parse(read(path))) if known is None else known


def read_folder(path: str) -> Bundle:
    """The certificates and CRLs of the files of a folder that OpenSSL would look
    at: those that are named by a hash."""
    state = os.stat(path)
    key = (path, state.st_mtime_ns, state.st_ino, state.st_dev)
    known = _PARSED.get(key)
    if known is not None:
        return known
    bundle = Bundle([], [], lazy=True)
    for name in sorted(os.listdir(path)):
        stem, _, number = name.partition(".")
        if len(stem) != 8 or not number.lstrip("r").isdigit():
            continue
        try:
            # They are remembered together.
            part = _parse(read(os.path.join(path, name)))
        except (OSError, ValueError):
            # One that does not parse is one that is not there, as in OpenSSL.
            continue
        bundle.certificates += part.certificates
        bundle.crls += part.crls
    return _remember(key, bundle)


def parse_der_list(data: Any) -> Bundle:
    """PEM as a str, or DER certificates one after the other as bytes."""
    if not isinstance(data, (str, bytes, bytearray, memoryview)):
        raise TypeError("cadata should be an ASCII string or a bytes-like object")
    content = data.encode("ascii") if isinstance(data, str) else bytes(data)
    known = _PARSED.get(content)
    if known is not None:
        return known
    if isinstance(data, str):
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
