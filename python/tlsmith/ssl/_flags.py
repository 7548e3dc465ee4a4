"""The bits of SSLContext.verify_flags, options and _host_flags: which of them are
applied, which are always in force, and which are refused."""

from __future__ import annotations

import _ssl
import ssl

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

CRL_CHECKS = ssl.VERIFY_CRL_CHECK_LEAF | ssl.VERIFY_CRL_CHECK_CHAIN
STRICT = ssl.VERIFY_X509_STRICT
PARTIAL_CHAIN = ssl.VERIFY_X509_PARTIAL_CHAIN

# Clearing VERIFY_X509_TRUSTED_FIRST changes nothing: webpki tries every path, trust
# anchors first, and a chain is accepted if any path is valid.
_VERIFY_FLAGS = CRL_CHECKS | STRICT | PARTIAL_CHAIN | ssl.VERIFY_X509_TRUSTED_FIRST

NEVER_CHECK_SUBJECT = getattr(_ssl, "HOSTFLAG_NEVER_CHECK_SUBJECT", 0)
_NO_PARTIAL_WILDCARDS = getattr(_ssl, "HOSTFLAG_NO_PARTIAL_WILDCARDS", 0)

IGNORE_EOF = getattr(ssl, "OP_IGNORE_UNEXPECTED_EOF", 0)

# OpenSSL's numbers, for options that the `ssl` of some Python versions does not name.
_LEGACY_SERVER_CONNECT = 0x4
_NO_SESSION_RESUMPTION_ON_RENEGOTIATION = 0x10000
_NO_ENCRYPT_THEN_MAC = 0x80000

_APPLIED = (
    ssl.OP_NO_TLSv1_2
    | ssl.OP_NO_TLSv1_3
    | ssl.OP_NO_TICKET
    | ssl.OP_CIPHER_SERVER_PREFERENCE
    | IGNORE_EOF
)
# What they ask for always holds: there is no TLS below 1.2, no compression, no
# renegotiation, no CBC cipher suite, a new key share in each handshake, and the
# ChangeCipherSpec records of RFC 8446, appendix D.4.  OP_ALL works around bugs of
# peers in protocols that are not supported.
_IN_FORCE = (
    ssl.OP_ALL
    | ssl.OP_NO_SSLv2
    | ssl.OP_NO_SSLv3
    | ssl.OP_NO_TLSv1
    | ssl.OP_NO_TLSv1_1
    | ssl.OP_NO_COMPRESSION
    | ssl.OP_NO_RENEGOTIATION
    | ssl.OP_SINGLE_DH_USE
    | ssl.OP_SINGLE_ECDH_USE
    | getattr(ssl, "OP_ENABLE_MIDDLEBOX_COMPAT", 0)
    | _LEGACY_SERVER_CONNECT
    | _NO_SESSION_RESUMPTION_ON_RENEGOTIATION
    | _NO_ENCRYPT_THEN_MAC
)
_OPTIONS = _APPLIED | _IN_FORCE


def check_verify_flags(_before: Any, flags: Any) -> None:
    """Raise NotImplementedError for a flag of X509_VERIFY_PARAM that is not applied."""
    unknown = int(flags) & ~int(_VERIFY_FLAGS)
    if unknown:
        raise _refusal("verify_flags", ssl.VerifyFlags, unknown)


def check_options(before: Any, options: Any) -> None:
    """Raise NotImplementedError for an option that is added and not applied.

    Options that are set already come from OpenSSL's configuration file.
    """
    unknown = int(options) & ~int(before) & ~int(_OPTIONS)
    if unknown:
        raise _refusal("options", ssl.Options, unknown)


def check_host_flags(_before: Any, flags: Any) -> None:
    """Raise NotImplementedError for another flag than HOSTFLAG_NEVER_CHECK_SUBJECT."""
    unknown = int(flags) & ~(NEVER_CHECK_SUBJECT | _NO_PARTIAL_WILDCARDS)
    if unknown:
        raise NotImplementedError(f"_host_flags {unknown:#x} is not supported: leave it out")
    if not int(flags) & _NO_PARTIAL_WILDCARDS:
        raise NotImplementedError(
            "HOSTFLAG_NO_PARTIAL_WILDCARDS cannot be cleared: a wildcard stands for a whole "
            "label (RFC 9525, section 6.3)"
        )


def _refusal(setting: str, kind: Any, bits: int) -> NotImplementedError:
    name = kind(bits).name or f"{bits:#x}"
    return NotImplementedError(f"{setting}: {name} is not supported: leave it out")
