"""Generates keys of every kind, also of kinds that tlsmith refuses, and signs with them.

A key is named by its kind and a label, such as "p256 leaf", and generated once per
process.  The kinds are "rsa" and "dsa" with a size, "ed25519", the curves below,
"explicit" (P-256 by its numbers instead of its name), and "pss" with a size (RSA for
RSASSA-PSS alone).  "rsa768" signs nothing here, only handshakes.
"""

import functools
import hashlib
import math
import subprocess

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, padding, rsa

from . import der

_CURVES = {
    "p256": ec.SECP256R1,
    "p384": ec.SECP384R1,
    "p521": ec.SECP521R1,
    "p192": ec.SECP192R1,
    "p224": ec.SECP224R1,
    "secp256k1": ec.SECP256K1,
    "brainpool": ec.BrainpoolP256R1,
    "brainpool384": ec.BrainpoolP384R1,
    "brainpool512": ec.BrainpoolP512R1,
    "explicit": ec.SECP256R1,
}

_HASHES = {"sha1": hashes.SHA1, "sha256": hashes.SHA256, "sha384": hashes.SHA384}

_SHA256 = der.sequence(der.oid("2.16.840.1.101.3.4.2.1"), der.NULL)
_PSS_PARAMETERS = der.sequence(
    der.explicit(0, _SHA256),
    der.explicit(1, der.sequence(der.oid("1.2.840.113549.1.1.8"), _SHA256)),
    der.explicit(2, der.integer(32)),
)

_SIGNATURES = {
    ("ec", "sha1"): ("1.2.840.10045.4.1",),
    ("ec", "sha256"): ("1.2.840.10045.4.3.2",),
    ("ec", "sha384"): ("1.2.840.10045.4.3.3",),
    ("rsa", "sha1"): ("1.2.840.113549.1.1.5", der.NULL),
    ("rsa", "sha256"): ("1.2.840.113549.1.1.11", der.NULL),
    ("rsa", "sha384"): ("1.2.840.113549.1.1.12", der.NULL),
    ("pss", "sha256"): ("1.2.840.113549.1.1.10", _PSS_PARAMETERS),
    ("dsa", "sha256"): ("2.16.840.1.101.3.4.3.2",),
    ("ed25519", "sha256"): ("1.3.101.112",),
}


def _explicit_p256():
    """Encode P-256 by its numbers (RFC 3279, section 2.3.5)."""
    prime = 2**256 - 2**224 + 2**192 + 2**96 - 1
    numbers = [
        "5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604b",
        "6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"
        "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5",
        "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551",
    ]
    b, base, order = map(bytes.fromhex, numbers)
    return der.sequence(
        der.integer(1),
        der.sequence(der.oid("1.2.840.10045.1.1"), der.integer(prime)),
        der.sequence(der.octet_string((prime - 3).to_bytes(32, "big")), der.octet_string(b)),
        der.octet_string(b"\4" + base),
        der.integer(int.from_bytes(order, "big")),
        der.integer(1),
    )


_OWN_ALGORITHMS = {
    "explicit": der.sequence(der.oid("1.2.840.10045.2.1"), _explicit_p256()),
    "pss": der.sequence(der.oid("1.2.840.113549.1.1.10")),
}
"""The algorithms of keys that `cryptography` does not encode."""


def _kind(spec):
    """Return the kind without its size, for keys that are named by their size."""
    kind = spec.split()[0]
    named = {"rsa", "dsa", "pss"}
    return next((one for one in named if kind.startswith(one)), kind)


def _family(spec):
    kind = _kind(spec)
    return "ec" if kind in _CURVES else kind


@functools.cache
def key(spec):
    """Return the key with this kind and label."""
    kind = spec.split()[0]
    match _family(spec):
        case "ec":
            return ec.generate_private_key(_CURVES[kind]())
        case "ed25519":
            return ed25519.Ed25519PrivateKey.generate()
        case "dsa":
            return dsa.generate_private_key(int(kind[3:]))
        case "rsa" if kind == "rsa8676":
            return _of_mersenne_primes()
    return rsa.generate_private_key(65537, int(kind[3:]))


def _of_mersenne_primes():
    """Return an RSA key with 8676 bits, which would take half a minute to generate."""
    p, q, e = 2**4423 - 1, 2**4253 - 1, 65537
    d = pow(e, -1, math.lcm(p - 1, q - 1))
    parts = rsa.rsa_crt_dmp1(d, p), rsa.rsa_crt_dmq1(d, q), rsa.rsa_crt_iqmp(p, q)
    numbers = rsa.RSAPrivateNumbers(p, q, d, *parts, rsa.RSAPublicNumbers(e, p * q))
    return numbers.private_key(unsafe_skip_rsa_key_validation=True)


@functools.cache
def _small_pem(_spec):
    """Return an RSA key with 768 bits, for which `cryptography` is too strict."""
    command = ["openssl", "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:768"]
    return subprocess.run(command, capture_output=True, check=True).stdout


def private_pem(spec):
    """Return the private key as PKCS#8."""
    if spec.startswith("rsa768"):
        return _small_pem(spec).decode()
    encoding, unencrypted = serialization.Encoding.PEM, serialization.NoEncryption()
    pkcs8 = key(spec).private_bytes(encoding, serialization.PrivateFormat.PKCS8, unencrypted)
    if (algorithm := _OWN_ALGORITHMS.get(_kind(spec))) is None:
        return pkcs8.decode()
    if _kind(spec) == "explicit":
        number = key(spec).private_numbers().private_value.to_bytes(32, "big")
        inner = der.sequence(der.integer(1), der.octet_string(number))
    else:
        form = serialization.PrivateFormat.TraditionalOpenSSL
        inner = key(spec).private_bytes(serialization.Encoding.DER, form, unencrypted)
    return der.pem("PRIVATE KEY", der.sequence(der.integer(0), algorithm, der.octet_string(inner)))


@functools.cache
def spki(spec):
    """Return the SubjectPublicKeyInfo."""
    if spec.startswith("rsa768"):
        command = ["openssl", "pkey", "-pubout", "-outform", "DER"]
        return subprocess.run(
            command, input=_small_pem(spec), capture_output=True, check=True
        ).stdout
    public = key(spec).public_key()
    encoding, form = serialization.Encoding, serialization.PublicFormat
    match _kind(spec):
        case "explicit":
            raw = public.public_bytes(encoding.X962, form.UncompressedPoint)
        case "pss":
            raw = public.public_bytes(encoding.DER, form.PKCS1)
        case _:
            return public.public_bytes(encoding.DER, form.SubjectPublicKeyInfo)
    return der.sequence(_OWN_ALGORITHMS[_kind(spec)], der.bit_string(raw))


@functools.cache
def identifier(spec):
    """Return the key identifier."""
    return hashlib.sha1(spki(spec)).digest()


def algorithm(spec, digest):
    """Return the AlgorithmIdentifier of signatures with this key."""
    dotted, *parameters = _SIGNATURES[_family(spec), digest]
    return der.sequence(der.oid(dotted), *parameters)


def sign(spec, digest, message):
    """Sign a message."""
    signer, hash_ = key(spec), _HASHES[digest]()
    match _family(spec):
        case "ec":
            return signer.sign(message, ec.ECDSA(hash_))
        case "rsa":
            return signer.sign(message, padding.PKCS1v15(), hash_)
        case "pss":
            return signer.sign(message, padding.PSS(padding.MGF1(hash_), hash_.digest_size), hash_)
        case "dsa":
            return signer.sign(message, hash_)
    return signer.sign(message)
