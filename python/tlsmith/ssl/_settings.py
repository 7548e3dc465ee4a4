"""From the settings of an ssl.SSLContext to those of a context of the extension."""

from __future__ import annotations

import os
import ssl

from .. import _tlsmith
from .._certs import Identity
from .._context import DEFAULTS
from .._context import context as native_context
from ._errors import ssl_error
from ._flags import CRL_CHECKS, IGNORE_EOF, PARTIAL_CHAIN, STRICT
from ._level import bits_of, check_chain, ciphers, groups, schemes
from ._names import IANA_CIPHERS, can_sign, is_tls12

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ._context import SSLContext

_LONGEST_CHAIN = 10
_CLIENT_AUTH = {ssl.CERT_NONE: "none", ssl.CERT_OPTIONAL: "optional"}
_STATELESS_BELOW = 3
"""From this security level on OpenSSL neither issues nor takes tickets that hold the
session (RFC 5077)."""


def settings_of(
    context: SSLContext,
    server_side: bool,
    flags: int | None = None,
    level: int | None = None,
) -> dict[str, Any]:
    """The settings of a context of the extension, complete and always in one order.

    flags, level  in place of the context's own verify_flags and security level
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
    """The settings of a connection of `before` whose context is `after` from now on.

    As SSL_set_SSL_CTX() has it, certificates, trust anchors, CRLs, cipher suites of TLS
    1.2, signature schemes, key log and the server's ALPN protocols are those of `after`,
    and the rest stays.  What verifies is as strict as the stricter of both, where
    OpenSSL keeps that of `before`.
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
            "both contexts pin keys, and not the same ones: no connection can have both"
        )
    return mixed


_ALLOWED = ("verify_schemes", "signing_schemes")
"""Lists of what is allowed, of two of which only what is in both is."""
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
    """The versions of which there is a cipher suite.  A list of the extension does not
    switch off a version of which it names none, as OpenSSL's does."""
    if suites is None:
        return allowed
    known = {"1.2" if is_tls12(one) else "1.3" for one in suites}
    left = [one for one in ("1.2", "1.3") if allowed[0] <= one <= allowed[1] and one in known]
    if not left:
        raise ssl_error("NO_CIPHERS_AVAILABLE")
    return left[0], left[-1]


def _of_both(old: list[str] | None, new: list[str] | None) -> list[str] | None:
    """The suites of TLS 1.3 in one list and those of TLS 1.2 in the other."""
    if old is None and new is None:
        return None
    every = list(IANA_CIPHERS.values())
    old, new = (every if one is None else one for one in (old, new))
    return [
        *(name for name in old if not is_tls12(name)),
        *(name for name in new if is_tls12(name)),
    ]


def enabled_ciphers(context: SSLContext) -> list[str] | None:
    """What set_ciphers() and set_ciphersuites() leave; None for all suites."""
    listed, newer = context._ciphers, context._ciphersuites
    if newer is None:
        return listed
    known = IANA_CIPHERS.values() if listed is None else listed
    return [*newer, *(name for name in known if is_tls12(name))]


def _schemes(
    context: SSLContext, server_side: bool, bits: int
) -> tuple[list[str] | None, list[str] | None]:
    """The signature schemes to sign with and to accept; None for all."""
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
    """The identities that can sign with one of the schemes, with their CAs."""
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
    """The certificates that may end a path without VERIFY_X509_PARTIAL_CHAIN: those
    that are self-signed, and those below one of these."""
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
    """What is the same for the same settings.  It keeps the objects, so that no later
    one can pass for one of them."""

    __slots__ = ("_hash", "_values")

    def __init__(self, settings: dict[str, Any]) -> None:
        values = settings.values()
        self._values = tuple(tuple(one) if isinstance(one, list) else one for one in values)
        # There can be hundreds of certificates in it: they are hashed once.
        self._hash = hash(self._values)

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Key) and self._values == other._values


_MOST_SHARED = 16
_shared: dict[Key, _tlsmith.Context] = {}


def shared(key: Key, settings: dict[str, Any]) -> _tlsmith.Context:
    """The context of the extension for these settings of a client: many libraries make
    an ssl.SSLContext, and set it up in the same way, for each connection.

    Sessions are not shared.  A new ssl.SSLContext is how programs have a server shown
    and verified again, with the certificates that it has now; and who keeps two of them
    apart does not expect the server to see that they belong together.
    """
    context = _shared.pop(key, None) or native_context(settings)
    # The one that was used last comes last.
    _shared[key] = context
    for oldest in list(_shared)[:-_MOST_SHARED]:
        _shared.pop(oldest, None)
    return context


def is_plain(context: SSLContext) -> bool:
    """Whether the settings are values and nothing else.  Identities, functions of the
    application and files that are written to belong to the one who gave them."""
    return not (context._extra or context._identities or context._keylog)


def versions(context: SSLContext) -> tuple[str, str]:
    """The lowest and the highest version that are allowed."""
    low, high = context.minimum_version, context.maximum_version
    allowed = []
    for name, version, forbidden in (
        ("1.2", ssl.TLSVersion.TLSv1_2, ssl.OP_NO_TLSv1_2),
        ("1.3", ssl.TLSVersion.TLSv1_3, ssl.OP_NO_TLSv1_3),
    ):
        # Those that stand for the lowest and the highest there are, are negative.
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
    """An identity with the CAs above it that are known, where it was loaded without
    any, as OpenSSL has it."""
    chain = list(identity.chain)
    if len(chain) > 1:
        return identity._native
    by_subject = {one.subject: one for one in roots}
    while chain[-1].subject != chain[-1].issuer and len(chain) < _LONGEST_CHAIN:
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
    """The settings with those of a Client or a Server that ssl.SSLContext has no name
    for.  Lists grow, except those of what is allowed, which shrink.  A CRL check that
    verify_flags asks for is never weaker."""
    merged = dict(settings)
    for name, value in extra.items():
        if value is None:
            # Nothing was said.
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
        # verify_mode was changed since: no certificate is asked for.
        merged["insecure_allow_unverified_clients"] = False
    return merged
