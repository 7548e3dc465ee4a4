"""OpenSSL's names and numbers for IANA's names."""

from __future__ import annotations

IANA_CIPHERS = {
    "TLS_AES_256_GCM_SHA384": "TLS_AES_256_GCM_SHA384",
    "TLS_AES_128_GCM_SHA256": "TLS_AES_128_GCM_SHA256",
    "TLS_CHACHA20_POLY1305_SHA256": "TLS_CHACHA20_POLY1305_SHA256",
    "ECDHE-ECDSA-AES256-GCM-SHA384": "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
    "ECDHE-ECDSA-AES128-GCM-SHA256": "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
    "ECDHE-ECDSA-CHACHA20-POLY1305": "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
    "ECDHE-RSA-AES256-GCM-SHA384": "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
    "ECDHE-RSA-AES128-GCM-SHA256": "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
    "ECDHE-RSA-CHACHA20-POLY1305": "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
}
"""The IANA name of every cipher suite that there is, by OpenSSL's."""

_BY_ANY_NAME = {
    name.lower(): iana for openssl, iana in IANA_CIPHERS.items() for name in (openssl, iana)
}

_OPENSSL_CIPHERS = {iana: openssl for openssl, iana in IANA_CIPHERS.items()}

IANA_GROUPS = {
    "prime256v1": "secp256r1",
    "P-256": "secp256r1",
    "secp384r1": "secp384r1",
    "P-384": "secp384r1",
    "secp521r1": "secp521r1",
    "P-521": "secp521r1",
    "X25519": "x25519",
    "X448": "x448",
}
"""The IANA name of every curve that there is, by OpenSSL's."""

GROUPS = {
    "X25519MLKEM768": 192,
    "SecP256r1MLKEM768": 192,
    "SecP384r1MLKEM1024": 256,
    "x25519": 128,
    "x448": 224,
    "secp256r1": 128,
    "secp384r1": 192,
    "secp521r1": 256,
    "MLKEM768": 192,
    "MLKEM1024": 256,
}
"""The bits of security of every key exchange group, as OpenSSL 3.5 counts them, by its
IANA name.  A hybrid is as strong as the stronger of its two parts."""

TLS_13_GROUPS = {name for name in GROUPS if "MLKEM" in name}
"""Those that TLS 1.2 cannot negotiate."""

GROUP_ALIASES = {
    "secp256r1": ["prime256v1", "P-256"],
    "secp384r1": ["P-384"],
    "secp521r1": ["P-521"],
}
"""OpenSSL's other names for groups."""

SCHEMES = {
    "ecdsa_secp384r1_sha384": 192,
    "ecdsa_secp256r1_sha256": 128,
    "ecdsa_secp521r1_sha512": 256,
    "ed25519": 128,
    "ed448": 224,
    "rsa_pss_rsae_sha512": 256,
    "rsa_pss_rsae_sha384": 192,
    "rsa_pss_rsae_sha256": 128,
    "rsa_pkcs1_sha512": 256,
    "rsa_pkcs1_sha384": 192,
    "rsa_pkcs1_sha256": 128,
    "ml_dsa_44": 128,
    "ml_dsa_65": 192,
    "ml_dsa_87": 256,
}
"""The bits of security of every signature scheme, by its IANA name: those of its hash, or of
its key if the scheme allows only one key type."""

_SCHEME_ALIASES = {f"mldsa{size}": f"ml_dsa_{size}" for size in (44, 65, 87)}

_SCHEMES_OF_KEYS = {
    "ecdsa-p256": "ecdsa_secp256r1_sha256",
    "ecdsa-p384": "ecdsa_secp384r1_sha384",
    "ecdsa-p521": "ecdsa_secp521r1_sha512",
}
_OPENSSL_SIGNATURES = {
    "RSA": "rsa_pkcs1_{}",
    "RSA-PSS": "rsa_pss_rsae_{}",
    "PSS": "rsa_pss_rsae_{}",
    "ECDSA": "ecdsa_{}",
}
_ECDSA_HASHES = {
    "sha256": "secp256r1_sha256",
    "sha384": "secp384r1_sha384",
    "sha512": "secp521r1_sha512",
}


def scheme_named(text: str) -> str | None:
    """Return the IANA name of a signature scheme, from that or OpenSSL's algorithm+hash; None
    if it is not supported."""
    algorithm, _, digest = text.partition("+")
    digest = digest.lower()
    if algorithm == "ECDSA":
        digest = _ECDSA_HASHES.get(digest, digest)
    name = _OPENSSL_SIGNATURES.get(algorithm, "").format(digest) if digest else text.lower()
    name = _SCHEME_ALIASES.get(name, name)
    return name if name in SCHEMES else None


def can_sign(key_type: str, schemes: list[str]) -> bool:
    """Return whether a key of this type can sign with one of the schemes."""
    if key_type.startswith("rsa"):
        return any(one.startswith("rsa") for one in schemes)
    return _SCHEMES_OF_KEYS.get(key_type, key_type.replace("-", "_")) in schemes


def group_named(text: str) -> str | None:
    """Return the IANA name of a group, from any of OpenSSL's names in any case; None if it is
    not supported."""
    for name in GROUPS:
        names = [name, *GROUP_ALIASES.get(name, ())]
        if text.lower() in (one.lower() for one in names):
            return name
    return None


CHANNEL_BINDING_TYPES = ["tls-exporter", "tls-server-end-point"]
"""The supported types of get_channel_binding() (RFC 9266 and RFC 5929).  tls-unique needs the
Finished message, which rustls does not expose."""

ABILITIES = {
    "CHANNEL_BINDING_TYPES": CHANNEL_BINDING_TYPES,
    "HAS_SSLv2": False,
    "HAS_SSLv3": False,
    "HAS_TLSv1": False,
    "HAS_TLSv1_1": False,
    "HAS_PSK": False,
}
"""Constants of the module whose values differ from OpenSSL's."""

PROTOCOLS = {"1.2": "TLSv1.2", "1.3": "TLSv1.3"}


def is_tls12(iana: str) -> bool:
    """Return whether it is a cipher suite of TLS 1.2."""
    return "_WITH_" in iana


def cipher(iana: str) -> tuple[str, str, int]:
    """Return the tuple of SSLSocket.cipher(): name, protocol and key bits."""
    version = "TLSv1.2" if is_tls12(iana) else "TLSv1.3"
    return _OPENSSL_CIPHERS[iana], version, 128 if "_128_" in iana else 256


def of_every_version(names: list[str]) -> list[str]:
    """Return the IANA names of the cipher suites of a Client or Server.  A version without any
    keeps all of its suites."""
    named = [_BY_ANY_NAME[name.lower()] for name in names]
    versions = [is_tls12(iana) for iana in named]
    rest = [iana for iana in _OPENSSL_CIPHERS if is_tls12(iana) not in versions]
    return list(dict.fromkeys(named + rest))


def is_known(iana: str) -> bool:
    """Return whether the cipher suite is supported."""
    return iana in _OPENSSL_CIPHERS


# OpenSSL's reasons for alerts, by their numbers (RFC 8446, section 6).
ALERTS = {
    10: "SSLV3_ALERT_UNEXPECTED_MESSAGE",
    20: "SSLV3_ALERT_BAD_RECORD_MAC",
    21: "TLSV1_ALERT_DECRYPTION_FAILED",
    22: "TLSV1_ALERT_RECORD_OVERFLOW",
    30: "SSLV3_ALERT_DECOMPRESSION_FAILURE",
    40: "SSLV3_ALERT_HANDSHAKE_FAILURE",
    41: "SSLV3_ALERT_NO_CERTIFICATE",
    42: "SSLV3_ALERT_BAD_CERTIFICATE",
    43: "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE",
    44: "SSLV3_ALERT_CERTIFICATE_REVOKED",
    45: "SSLV3_ALERT_CERTIFICATE_EXPIRED",
    46: "SSLV3_ALERT_CERTIFICATE_UNKNOWN",
    47: "SSLV3_ALERT_ILLEGAL_PARAMETER",
    48: "TLSV1_ALERT_UNKNOWN_CA",
    49: "TLSV1_ALERT_ACCESS_DENIED",
    50: "TLSV1_ALERT_DECODE_ERROR",
    51: "TLSV1_ALERT_DECRYPT_ERROR",
    60: "TLSV1_ALERT_EXPORT_RESTRICTION",
    70: "TLSV1_ALERT_PROTOCOL_VERSION",
    71: "TLSV1_ALERT_INSUFFICIENT_SECURITY",
    80: "TLSV1_ALERT_INTERNAL_ERROR",
    86: "TLSV1_ALERT_INAPPROPRIATE_FALLBACK",
    90: "TLSV1_ALERT_USER_CANCELLED",
    100: "TLSV1_ALERT_NO_RENEGOTIATION",
    109: "TLSV13_ALERT_MISSING_EXTENSION",
    110: "TLSV1_UNSUPPORTED_EXTENSION",
    111: "TLSV1_CERTIFICATE_UNOBTAINABLE",
    112: "TLSV1_UNRECOGNIZED_NAME",
    113: "TLSV1_BAD_CERTIFICATE_STATUS_RESPONSE",
    114: "TLSV1_BAD_CERTIFICATE_HASH_VALUE",
    115: "TLSV1_ALERT_UNKNOWN_PSK_IDENTITY",
    116: "TLSV13_ALERT_CERTIFICATE_REQUIRED",
    120: "TLSV1_ALERT_NO_APPLICATION_PROTOCOL",
}

VERIFY_MESSAGES = {
    3: "unable to get certificate CRL",
    7: "certificate signature failure",
    9: "certificate is not yet valid",
    10: "certificate has expired",
    18: "self-signed certificate",
    19: "self-signed certificate in certificate chain",
    20: "unable to get local issuer certificate",
    23: "certificate revoked",
    25: "path length constraint exceeded",
    26: "unsuitable certificate purpose",
    34: "unhandled critical extension",
    47: "permitted subtree violation",
    50: "application verification failure",
    62: "Hostname mismatch, certificate is not valid for '{}'.",
    64: "IP address mismatch, certificate is not valid for '{}'.",
    79: "invalid CA certificate",
}
