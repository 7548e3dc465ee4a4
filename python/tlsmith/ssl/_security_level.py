"""OpenSSL's security levels: the minimum bits of security in cipher suites, groups,
signatures and keys (SSL_CTX_set_security_level(3)).

Levels 0 to 2 change nothing, since tlsmith's own minimum is 112 bits.
"""

from __future__ import annotations

import re

from ._errors import ssl_error
from ._names import GROUPS, IANA_CIPHERS, SCHEMES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from .. import _tlsmith

_BITS = {3: 128, 4: 192}
HIGHEST = max(_BITS)

_DEFAULT_GROUPS = ["X25519MLKEM768", "x25519", "secp256r1", "secp384r1", "secp521r1"]

# Of RSA keys (NIST SP 800-57, part 1, table 2), by the bits of their modulus.
_RSA_BITS = ((15360, 256), (7680, 192), (3072, 128), (2048, 112))
_KEY_BITS = {
    "ecdsa-p256": 128,
    "ecdsa-p384": 192,
    "ecdsa-p521": 256,
    "ed25519": 128,
    "ed448": 224,
    "ml-dsa-44": 128,
    "ml-dsa-65": 192,
    "ml-dsa-87": 256,
}


def check_level(level: int) -> None:
    """Raise NotImplementedError for a level above the highest supported one."""
    if level > HIGHEST:
        raise NotImplementedError(
            f"security level {level} is not supported: the highest level is {HIGHEST}"
        )


def bits_of(level: int) -> int:
    """Return the bits that a level requires above tlsmith's own minimum, else 0."""
    check_level(level)
    return _BITS.get(level, 0)


def ciphers(names: list[str] | None, bits: int) -> list[str] | None:
    """Return the cipher suites of a list, None for all, whose keys have so many bits."""
    if bits > 128:
        known = IANA_CIPHERS.values() if names is None else names
        names = [one for one in known if "_128_" not in one]
    if names == []:
        raise ssl_error("NO_CIPHERS_AVAILABLE")
    return names


def groups(names: list[str] | None, bits: int) -> list[str] | None:
    """Return the groups of a list, None for the default ones, with so many bits."""
    if bits > 128:
        known = _DEFAULT_GROUPS if names is None else names
        names = [one for one in known if GROUPS[one] >= bits]
    if names == []:
        raise ssl_error("NO_SUITABLE_GROUPS")
    return names


def schemes(names: list[str] | None, bits: int) -> list[str] | None:
    """Return the signature schemes of a list, None for all, whose hashes and keys have so
    many bits."""
    if bits > 128:
        known = SCHEMES if names is None else names
        names = [one for one in known if SCHEMES[one] >= bits]
    if names == []:
        raise ssl_error("NO_SUITABLE_SIGNATURE_ALGORITHM")
    return names


def check_chain(chain: Iterable[_tlsmith.Certificate], bits: int) -> None:
    """Raise as OpenSSL does for a certificate in the own chain with too small a key, or with
    a signature that uses too weak a hash."""
    for place, certificate in enumerate(chain):
        if not bits:
            return
        if _key_bits(certificate) < bits:
            raise ssl_error("CA_KEY_TOO_SMALL" if place else "EE_KEY_TOO_SMALL")
        is_signed = certificate.subject != certificate.issuer
        if is_signed and _signature_bits(certificate.signature_algorithm) < bits:
            raise ssl_error("CA_MD_TOO_WEAK")


def _key_bits(certificate: _tlsmith.Certificate) -> int:
    kind = certificate.key_type
    if kind.startswith("rsa"):
        modulus = certificate.key_bits
        return next((bits for least, bits in _RSA_BITS if modulus >= least), 0)
    return _KEY_BITS.get(kind, 0)


def _signature_bits(algorithm: str) -> int:
    digest = re.search(r"sha(\d+)", algorithm.lower())
    if digest is not None:
        return int(digest[1]) // 2
    return _KEY_BITS.get(algorithm.lower().removeprefix("id-"), 0)
