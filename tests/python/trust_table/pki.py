"""Builds certificates and CRLs, valid or not, from their fields.

Nothing is signed before `der` is read, so a table may define many.  Keys are generated
once per process.
"""

import base64
import datetime
import functools
import hashlib

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, padding, rsa

from . import der, names

NOW = datetime.datetime.now(datetime.UTC).replace(microsecond=0)

_CURVES = {
    "p256": ec.SECP256R1,
    "p384": ec.SECP384R1,
    "p521": ec.SECP521R1,
    "p192": ec.SECP192R1,
    "p224": ec.SECP224R1,
    "secp256k1": ec.SECP256K1,
    "brainpool": ec.BrainpoolP256R1,
}

_HASHES = {"sha1": hashes.SHA1, "sha256": hashes.SHA256, "sha384": hashes.SHA384}

_SIGNATURES = {
    ("ec", "sha1"): "1.2.840.10045.4.1",
    ("ec", "sha256"): "1.2.840.10045.4.3.2",
    ("ec", "sha384"): "1.2.840.10045.4.3.3",
    ("rsa", "sha1"): "1.2.840.113549.1.1.5",
    ("rsa", "sha256"): "1.2.840.113549.1.1.11",
    ("rsa", "sha384"): "1.2.840.113549.1.1.12",
    ("dsa", "sha256"): "2.16.840.1.101.3.4.3.2",
    ("pss", "sha256"): "1.2.840.113549.1.1.10",
}

_RSASSA_PSS = der.sequence(der.oid("1.2.840.113549.1.1.10"))
"""The algorithm of a key for RSASSA-PSS alone (RFC 4055, section 1.2)."""

_SHA256 = der.sequence(der.oid("2.16.840.1.101.3.4.2.1"), der.NULL)
_PSS_PARAMETERS = der.sequence(
    der.explicit(0, _SHA256),
    der.explicit(1, der.sequence(der.oid("1.2.840.113549.1.1.8"), _SHA256)),
    der.explicit(2, der.integer(32)),
)


def _explicit_p256():
    """Encode P-256 by its numbers instead of its name (RFC 3279, section 2.3.5)."""
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
        der.sequence(
            der.octet_string((prime - 3).to_bytes(32, "big")), der.octet_string(b)
        ),
        der.octet_string(b"\4" + base),
        der.integer(int.from_bytes(order, "big")),
        der.integer(1),
    )


_EXPLICIT = der.sequence(der.oid("1.2.840.10045.2.1"), _explicit_p256())


@functools.cache
def key(spec):
    """Return the key with this type and label, such as "p256 leaf"."""
    kind = spec.split()[0]
    if kind == "explicit":
        return ec.generate_private_key(ec.SECP256R1())
    if kind in _CURVES:
        return ec.generate_private_key(_CURVES[kind]())
    if kind == "ed25519":
        return ed25519.Ed25519PrivateKey.generate()
    if kind.startswith("dsa"):
        return dsa.generate_private_key(int(kind[3:]))
    return rsa.generate_private_key(65537, int(kind[3:]))


def _own_algorithm(spec):
    """Return the algorithm of a key that `cryptography` does not encode, or None."""
    kind = spec.split()[0]
    if kind == "explicit":
        return _EXPLICIT
    return _RSASSA_PSS if kind.startswith("pss") else None


def key_pem(spec):
    if algorithm := _own_algorithm(spec):
        traditional = key(spec).private_bytes(
            serialization.Encoding.DER,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption(),
        )
        if spec.startswith("explicit"):
            number = key(spec).private_numbers().private_value
            traditional = der.sequence(der.integer(1), der.octet_string(number.to_bytes(32, "big")))
        pkcs8 = der.sequence(der.integer(0), algorithm, der.octet_string(traditional))
        return _pem("PRIVATE KEY", pkcs8).encode()
    return key(spec).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


@functools.cache
def spki(spec):
    if algorithm := _own_algorithm(spec):
        is_ec = spec.startswith("explicit")
        raw = key(spec).public_key().public_bytes(
            serialization.Encoding.X962 if is_ec else serialization.Encoding.DER,
            serialization.PublicFormat.UncompressedPoint
            if is_ec
            else serialization.PublicFormat.PKCS1,
        )
        return der.sequence(algorithm, der.bit_string(raw))
    return (
        key(spec)
        .public_key()
        .public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    )


@functools.cache
def key_identifier(spec):
    return hashlib.sha1(spki(spec)).digest()


def _kind(signer):
    if isinstance(signer, ec.EllipticCurvePrivateKey):
        return "ec"
    if isinstance(signer, rsa.RSAPrivateKey):
        return "rsa"
    return "dsa" if isinstance(signer, dsa.DSAPrivateKey) else "ed25519"


def _algorithm(spec, digest):
    kind = "pss" if spec.startswith("pss") else _kind(key(spec))
    if kind == "ed25519":
        return der.sequence(der.oid("1.3.101.112"))
    parameters = {"rsa": [der.NULL], "pss": [_PSS_PARAMETERS]}.get(kind, [])
    return der.sequence(der.oid(_SIGNATURES[kind, digest]), *parameters)


def _sign(spec, digest, message):
    signer, algorithm = key(spec), _HASHES[digest]()
    match _kind(signer):
        case "ec":
            return signer.sign(message, ec.ECDSA(algorithm))
        case "rsa" if spec.startswith("pss"):
            pss = padding.PSS(padding.MGF1(algorithm), algorithm.digest_size)
            return signer.sign(message, pss, algorithm)
        case "rsa":
            return signer.sign(message, padding.PKCS1v15(), algorithm)
        case "dsa":
            return signer.sign(message, algorithm)
    return signer.sign(message)


def _signed(tbs, algorithm, signature):
    return der.sequence(tbs, algorithm, der.bit_string(signature))


def _pem(label, content):
    text = base64.encodebytes(content).decode().replace("\n", "")
    lines = [text[at : at + 64] for at in range(0, len(text), 64)]
    return "\n".join([f"-----BEGIN {label}-----", *lines, f"-----END {label}-----", ""])


def days(count):
    return datetime.timedelta(days=count)


_serials = iter(range(0x1000, 0x100000))


class Cert:
    """A certificate, self-signed without an `issuer`.

    `signer` and `issuer_name` override the issuer's key and name.  `valid` is the validity
    period in days from now.
    """

    def __init__(
        self,
        subject,
        issuer=None,
        extensions=(),
        *,
        key,
        version=3,
        valid=(-10, 30),
        digest="sha256",
        signer=None,
        issuer_name=None,
        serial=None,
    ):
        self.subject = subject
        self.issuer = issuer or self
        self.extensions = tuple(extensions)
        self.key = key
        self.version = version
        self.valid = valid
        self.digest = digest
        self.signer = signer or self.issuer.key
        self.issuer_name = self.issuer.subject if issuer_name is None else issuer_name
        self.serial = next(_serials) if serial is None else serial

    @functools.cached_property
    def der(self):
        algorithm = _algorithm(self.signer, self.digest)
        start, end = self.valid
        fields = [
            der.integer(self.serial),
            algorithm,
            names.dn(self.issuer_name),
            der.sequence(der.time(NOW + days(start)), der.time(NOW + days(end))),
            names.dn(self.subject),
            spki(self.key),
        ]
        if self.version > 1:
            fields.insert(0, der.explicit(0, der.integer(self.version - 1)))
        if self.extensions:
            fields.append(der.explicit(3, _extensions(self.extensions)))
        tbs = der.sequence(*fields)
        return _signed(tbs, algorithm, _sign(self.signer, self.digest, tbs))

    @property
    def pem(self):
        return _pem("CERTIFICATE", self.der)

    @property
    def sha256(self):
        return hashlib.sha256(self.der).hexdigest()


def _extensions(extensions):
    def encode(extension):
        kind, critical, value = extension() if callable(extension) else extension
        flag = [der.boolean(True)] if critical else []
        return der.sequence(der.oid(kind), *flag, der.octet_string(value))

    return der.sequence(*map(encode, extensions))


def ski(key_spec, critical=False):
    """Return a function that makes the extension, so that no key is generated yet."""
    return lambda: names.subject_key_identifier(key_identifier(key_spec), critical)


def aki(key_spec, critical=False):
    return lambda: names.authority_key_identifier(key_identifier(key_spec), critical)


_SLOTS = ("bc", "ku", "eku", "san", "nc", "ski", "aki")


def _cert(subject, issuer, key_spec, profile, more, changes):
    """Return a certificate with the extensions of a profile and `more`.

    `changes` replace an extension of the profile, or leave it out with None.  A version 1
    certificate has no extensions.
    """
    slots = {slot: changes.pop(slot) for slot in _SLOTS if slot in changes}
    extensions = [*(one for one in {**profile, **slots}.values() if one is not None), *more]
    if changes.get("version", 3) < 3:
        extensions = []
    return Cert(subject, issuer, extensions, key=key_spec, **changes)


def root(*more, subject="CN=Root", key="p256 root", **changes):
    """Return a self-signed CA certificate."""
    profile = {
        "bc": names.basic_constraints(True),
        "ku": names.key_usage("keyCertSign", "cRLSign"),
        "ski": ski(key),
    }
    return _cert(subject, None, key, profile, more, changes)


def intermediate(issuer, *more, subject="CN=Intermediate", key="p256 intermediate", **changes):
    """Return a CA certificate that `issuer` signed."""
    profile = {
        "bc": names.basic_constraints(True),
        "ku": names.key_usage("keyCertSign", "cRLSign"),
        "ski": ski(key),
        "aki": aki(issuer.key),
    }
    return _cert(subject, issuer, key, profile, more, changes)


def leaf(issuer, *more, subject="CN=A leaf", key="p256 leaf", **changes):
    """Return an end-entity certificate for localhost and 127.0.0.1."""
    profile = {
        "bc": names.basic_constraints(False),
        "ku": names.key_usage("digitalSignature"),
        "eku": names.extended_key_usage("serverAuth", "clientAuth"),
        "san": names.subject_alt_name(names.dns("localhost"), names.ip("127.0.0.1")),
        "ski": ski(key),
        "aki": aki(issuer.key),
    }
    return _cert(subject, issuer, key, profile, more, changes)


def self_signed(*more, subject="CN=A leaf", key="p256 leaf", **changes):
    """Return a self-signed certificate like that of `openssl req -x509`: cA TRUE, with names."""
    profile = {
        "ski": ski(key),
        "aki": aki(key),
        "bc": names.basic_constraints(True),
        "san": names.subject_alt_name(names.dns("localhost"), names.ip("127.0.0.1")),
    }
    return _cert(subject, None, key, profile, more, changes)


class Crl:
    """A CRL that revokes certificates of an issuer.

    `signer` overrides the issuer's key.  `this` and `until` are thisUpdate and nextUpdate
    in days from now; `until` None omits nextUpdate.
    """

    def __init__(
        self,
        issuer,
        *revoked,
        signer=None,
        version=2,
        this=-1,
        until=7,
        digest="sha256",
        extensions=None,
    ):
        self.issuer = issuer
        self.revoked = revoked
        self.signer = signer or issuer.key
        self.version = version
        self.this, self.until = this, until
        self.digest = digest
        self.extensions = extensions

    @functools.cached_property
    def der(self):
        algorithm = _algorithm(self.signer, self.digest)
        fields = [algorithm, names.dn(self.issuer.subject), der.time(NOW + days(self.this))]
        if self.until is not None:
            fields.append(der.time(NOW + days(self.until)))
        date = der.time(NOW + days(self.this))
        if self.revoked:
            entries = (der.sequence(der.integer(one.serial), date) for one in self.revoked)
            fields.append(der.sequence(*entries))
        if self.version > 1:
            fields.insert(0, der.integer(self.version - 1))
            extensions = self.extensions
            if extensions is None:
                extensions = [aki(self.signer), names.crl_number(1)]
            if extensions:
                fields.append(der.explicit(0, _extensions(extensions)))
        tbs = der.sequence(*fields)
        return _signed(tbs, algorithm, _sign(self.signer, self.digest, tbs))

    @property
    def pem(self):
        return _pem("X509 CRL", self.der)
