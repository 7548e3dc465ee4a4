"""Converts the settings of an ssl.SSLContext to those of a context of the extension."""

from __future__ import annotations

import os
import ssl

from .. import _tlsmith
from .._context import DEFAULTS
from .._context import context as native_context
from .._identity import Identity
from ._errors import ssl_error
from ._flags import CRL_CHECKS, IGNORE_EOF, PARTIAL_CHAIN, STRICT
from ._names import IANA_CIPHERS, can_sign, is_tls12
from ._security_level import bits_of, check_chain, ciphers, groups, schemes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ._context import SSLContext

_MAX_CHAIN = 10
_CLIENT_AUTH = {ssl.CERT_NONE: "none", ssl.CERT_OPTIONAL: "optional"}
_STATELESS_BELOW = 3
"""From this security level on, OpenSSL neither issues nor accepts stateless tickets (RFC
5077)."""


def settings_of(
    context: SSLContext,
    server_side: bool,
    flags: int | None = None,
    level: int | None = None,
) -> dict[str, Any]:
    """Return all settings of a context of the extension, always in the same order.

    flags, level  instead of the context's own verify_flags and security level
    """
    flags = int(context.verify_flags if flags is None else flags)
    level = context.security_level if level is None else level
    bits = bits_of(level)
    suites = ciphers(enabled_ciphers(context), bits)
    low, high = _with_suites(versions(context), suites)
    certificates = list(context._certificates())
    partial = bool(flags & PARTIAL_CHAIN)
    roots = certificates if partial else complete_paths(certificates)
    crl_checks = flags & CRL_CHECKS
    crls = [crl for bundle in context._bundles.values() for crl in bundle.crls]
    sign, verify = _schemes(context, server_side, bits)
    settings = {
        "roots": roots,
        "end_entities": [one for one in certificates if partial or one.subject == one.issuer],
        "crls": crls if crl_checks else [],
        "crls_leaf_only": crl_checks == ssl.VERIFY_CRL_CHECK_LEAF,
        "crls_always": bool(crl_checks),
        "strict": bool(flags & STRICT),
        "min_security": max(bits, DEFAULTS["min_security"]),
        "verify": context.verify_mode != ssl.CERT_NONE,
        "check_hostname": bool(context.check_hostname),
        "allow_common_name": context.hostname_checks_common_name,
        "allow_truncation": bool(context.options & IGNORE_EOF),
        "identities": _identities(context, certificates, sign, bits),
        "alpn": context._alpn,
        "alpn_is_optional": True,
        "min_version": low,
        "max_version": high,
        "ciphers": suites,
        "groups": groups(context._groups, bits),
        "verify_schemes": verify,
        "signing_schemes": sign,
        "keylog": _keylog(context._keylog),
    }
    if context.options & ssl.OP_NO_TICKET or level >= _STATELESS_BELOW:
        settings["tickets"] = 0
    elif server_side:
        settings["tickets"] = context.num_tickets
    if server_side:
        settings["client_auth"] = _CLIENT_AUTH.get(context.verify_mode, "required")
        settings["verify"] = True
        settings["prefer_own_ciphers"] = bool(context.options & ssl.OP_CIPHER_SERVER_PREFERENCE)
    return _merged({**DEFAULTS, **settings}, context._extra)


def settings_after_switch(
    before: SSLContext, after: SSLContext, server_side: bool
) -> dict[str, Any]:
    """Return the settings of a connection that switches from context `before` to `after`.

    As in SSL_set_SSL_CTX(), certificates, trust anchors, CRLs, TLS 1.2 cipher suites,
    signature schemes, key log and the server's ALPN protocols come from `after`, and the
    rest from `before`.  Verification applies the stricter settings of both, where OpenSSL
    keeps those of `before`.
    """
    flags = before.verify_flags | after.verify_flags & ~PARTIAL_CHAIN
    level = max(before.security_level, after.security_level)
    old, new = (settings_of(one, server_side, flags, level) for one in (before, after))
    mixed = {**old, **{name: new[name] for name in _SWITCHED}}
    if server_side:
        mixed["alpn"] = new["alpn"]
    for name in _STRICTER_IF_TRUE:
        mixed[name] = old[name] or new[name]
    for name in _STRICTER_IF_FALSE:
        mixed[name] = old[name] and new[name]
    mixed["client_auth"] = max(old["client_auth"], new["client_auth"], key=_AUTHS.index)
    mixed["min_security"] = max(old["min_security"], new["min_security"])
    depths = [one["max_depth"] for one in (old, new) if one["max_depth"] is not None]
    mixed["max_depth"] = min(depths, default=None)
    mixed["ciphers"] = _of_both(old["ciphers"], new["ciphers"])
    mixed["min_version"], mixed["max_version"] = _with_suites(versions(before), mixed["ciphers"])
    mixed["pins"] = new["pins"] or old["pins"]
    if old["pins"] and old["pins"] != mixed["pins"]:
        raise NotImplementedError(
            "both contexts pin keys, and not the same ones: use the same pins in both"
        )
    return mixed


_ALLOWED = ("verify_schemes", "signing_schemes")
"""Lists of allowed values: merging two of them takes the intersection."""
_AUTHS = ("none", "optional", "required")
_SWITCHED = (
    "roots",
    "system",
    "bundled",
    "crls",
    "end_entities",
    "pinned",
    "identities",
    "match_issuer",
    "ocsp",
    "verify_schemes",
    "signing_schemes",
    "keylog",
)
_STRICTER_IF_TRUE = ("verify", "check_hostname", "crls_always", "strict", "require_known_name")
_STRICTER_IF_FALSE = (
    "allow_common_name",
    "crls_leaf_only",
    "crls_allow_unknown",
    "insecure_allow_unverified_clients",
)


def _with_suites(allowed: tuple[str, str], suites: list[str] | None) -> tuple[str, str]:
    """Return the versions that have a cipher suite in the list.  In the extension, unlike in
    OpenSSL, a list without suites of a version does not disable it."""
    if suites is None:
        return allowed
    known = {"1.2" if is_tls12(one) else "1.3" for one in suites}
    left = [one for one in ("1.2", "1.3") if allowed[0] <= one <= allowed[1] and one in known]
    if not left:
        raise ssl_error("NO_CIPHERS_AVAILABLE")
    return left[0], left[-1]


def _of_both(old: list[str] | None, new: list[str] | None) -> list[str] | None:
    """Return the TLS 1.3 suites of one list and the TLS 1.2 suites of the other."""
    if old is None and new is None:
        return None
    every = list(IANA_CIPHERS.values())
    old, new = (every if one is None else one for one in (old, new))
    return [
        *(name for name in old if not is_tls12(name)),
        *(name for name in new if is_tls12(name)),
    ]


def enabled_ciphers(context: SSLContext) -> list[str] | None:
    """Return the suites that set_ciphers() and set_ciphersuites() allow; None for all."""
    listed, newer = context._ciphers, context._ciphersuites
    if newer is None:
        return listed
    known = IANA_CIPHERS.values() if listed is None else listed
    return [*newer, *(name for name in known if is_tls12(name))]


def _schemes(
    context: SSLContext, server_side: bool, bits: int
) -> tuple[list[str] | None, list[str] | None]:
    """Return the signature schemes to sign with and to accept; None for all."""
    servers = context._server_schemes
    clients = servers if context._client_schemes is None else context._client_schemes
    sign, verify = (servers, clients) if server_side else (clients, servers)
    return schemes(sign, bits), schemes(verify, bits)


def _identities(
    context: SSLContext,
    certificates: list[_tlsmith.Certificate],
    sign: list[str] | None,
    bits: int,
) -> list[_tlsmith.Identity]:
    """Return the identities that can sign with one of the schemes, with their CAs."""
    every = list(context._identities.values())
    able = [one for one in every if sign is None or can_sign(one.cert.key_type, sign)]
    if every and not able:
        raise ssl_error("NO_SUITABLE_SIGNATURE_ALGORITHM")
    completed = [complete(context, one, certificates) for one in able]
    for identity in completed:
        check_chain(identity.chain, bits)
    return completed


def _keylog(keylog: Any) -> Any:
    return keylog if keylog is None or callable(keylog) else os.fspath(keylog)


def complete_paths(certificates: list[_tlsmith.Certificate]) -> list[_tlsmith.Certificate]:
    """Return the certificates that may end a path without VERIFY_X509_PARTIAL_CHAIN: the
    self-signed ones, and those below one of them."""
    rooted = [one for one in certificates if one.subject == one.issuer]
    rest = [one for one in certificates if one.subject != one.issuer]
    while rest:
        by_subject: dict[str, list[_tlsmith.Certificate]] = {}
        for one in rooted:
            by_subject.setdefault(one.subject, []).append(one)
        found = [one for one in rest if any(map(one.issued_by, by_subject.get(one.issuer, ())))]
        if not found:
            break
        rooted += found
        rest = [one for one in rest if one not in found]
    ends = set(rooted)
    return [one for one in certificates if one in ends]


class Key:
    """A dict key that is equal for equal settings.  It keeps the objects alive, so that no
    later object can have the same address."""

    __slots__ = ("_hash", "_values")

    def __init__(self, settings: dict[str, Any]) -> None:
        values = settings.values()
        self._values = tuple(tuple(one) if isinstance(one, list) else one for one in values)
        # Hash it once: it may contain hundreds of certificates.
        self._hash = hash(self._values)

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Key) and self._values == other._values


_MAX_SHARED = 16
_shared: dict[Key, _tlsmith.Context] = {}


def shared(key: Key, settings: dict[str, Any]) -> _tlsmith.Context:
    """Return a native context for these client settings, shared between SSLContexts: many
    libraries create an SSLContext with the same settings for each connection.

    Sessions are not shared.  Programs create a new SSLContext to verify a server anew, and
    a server should not be able to link connections of different contexts.
    """
    context = _shared.pop(key, None) or native_context(settings)
    # Most recently used last.
    _shared[key] = context
    for oldest in list(_shared)[:-_MAX_SHARED]:
        _shared.pop(oldest, None)
    return context


def is_plain(context: SSLContext) -> bool:
    """Return whether the settings are only values.  Contexts with identities, functions of
    the application or key logs are not shared."""
    return not (context._extra or context._identities or context._keylog)


def versions(context: SSLContext) -> tuple[str, str]:
    """Return the lowest and the highest allowed version."""
    low, high = context.minimum_version, context.maximum_version
    allowed = []
    for name, version, forbidden in (
        ("1.2", ssl.TLSVersion.TLSv1_2, ssl.OP_NO_TLSv1_2),
        ("1.3", ssl.TLSVersion.TLSv1_3, ssl.OP_NO_TLSv1_3),
    ):
        # The constants MINIMUM_SUPPORTED and MAXIMUM_SUPPORTED are negative.
        fits = (low < 0 or low <= version) and (high < 0 or version <= high)
        if context.protocol == ssl.PROTOCOL_TLSv1_2:
            fits = version == ssl.TLSVersion.TLSv1_2
        if fits and not context.options & forbidden:
            allowed.append(name)
    if not allowed:
        raise ssl.SSLError(1, "[SSL: NO_PROTOCOLS_AVAILABLE] no protocols available")
    return allowed[0], allowed[-1]


def complete(
    context: SSLContext, identity: Identity, roots: list[_tlsmith.Certificate]
) -> _tlsmith.Identity:
    """Add known CAs to an identity that was loaded without any, as OpenSSL does."""
    chain = list(identity.chain)
    if len(chain) > 1:
        return identity._native
    by_subject = {one.subject: one for one in roots}
    while chain[-1].subject != chain[-1].issuer and len(chain) < _MAX_CHAIN:
        issuer = by_subject.get(chain[-1].issuer)
        if issuer is None:
            break
        chain.append(issuer)
    if len(chain) == 1:
        return identity._native
    key = (identity, *chain)
    if key not in context._completed:
        context._completed[key] = _tlsmith.Identity(chain, identity.key)
    return context._completed[key]


def _merged(settings: dict[str, Any], extra: dict[str, Any]) -> dict[str, Any]:
    """Merge the settings of a Client or Server that ssl.SSLContext does not have.  Lists are
    concatenated, except lists of allowed values, which are intersected.  A CRL check that
    verify_flags requires is never weakened."""
    merged = dict(settings)
    for name, value in extra.items():
        if value is None:
            # Not set.
            continue
        both = isinstance(value, list) and isinstance(merged.get(name), list)
        if both and name in _ALLOWED:
            merged[name] = [one for one in value if one in merged[name]]
        else:
            merged[name] = [*value, *merged[name]] if both else value
    merged["strict"] = settings["strict"] or extra.get("strict", False)
    merged["min_security"] = max(settings["min_security"], extra.get("min_security", 0))
    if settings["crls_always"]:
        leaf_only = extra.get("crls_leaf_only", True) or not extra.get("crls")
        merged["crls_leaf_only"] = settings["crls_leaf_only"] and leaf_only
        merged["crls_allow_unknown"] = False
    if merged["client_auth"] == "none":
        # verify_mode was changed since: no certificate is requested.
        merged["insecure_allow_unverified_clients"] = False
    return merged
