"""From the settings of an ssl.SSLContext to those of a context of the extension."""

from __future__ import annotations

import os
import ssl

from .. import _tlsmith
from .._certs import Identity
from .._context import context as native_context

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ._context import SSLContext

_LONGEST_CHAIN = 10
_IGNORE_EOF = getattr(ssl, "OP_IGNORE_UNEXPECTED_EOF", 0)
_CLIENT_AUTH = {ssl.CERT_NONE: "none", ssl.CERT_OPTIONAL: "optional"}


def settings_of(context: SSLContext, server_side: bool) -> dict[str, Any]:
    """What the extension is told."""
    low, high = versions(context)
    roots = list(context._certificates())
    partial = context.verify_flags & ssl.VERIFY_X509_PARTIAL_CHAIN
    flags = context.verify_flags & (ssl.VERIFY_CRL_CHECK_LEAF | ssl.VERIFY_CRL_CHECK_CHAIN)
    crls = [crl for bundle in context._bundles.values() for crl in bundle.crls]
    identities = context._identities.values()
    settings = {
        "roots": roots,
        "end_entities": [one for one in roots if partial or one.subject == one.issuer],
        "crls": crls if flags else [],
        "crls_leaf_only": flags == ssl.VERIFY_CRL_CHECK_LEAF,
        "crls_always": bool(flags),
        "verify": context.verify_mode != ssl.CERT_NONE,
        "check_hostname": bool(context.check_hostname),
        "allow_common_name": context.hostname_checks_common_name,
        "allow_truncation": bool(context.options & _IGNORE_EOF),
        "identities": [complete(context, one, roots) for one in identities],
        "alpn": context._alpn,
        "alpn_is_optional": True,
        "min_version": low,
        "max_version": high,
        "ciphers": context._ciphers,
        "groups": None if context._group is None else [context._group],
        "keylog": None if context._keylog is None else os.fspath(context._keylog),
    }
    if server_side:
        settings["client_auth"] = _CLIENT_AUTH.get(context.verify_mode, "required")
        settings["verify"] = True
        without = context.options & ssl.OP_NO_TICKET
        settings["tickets"] = 0 if without else context.num_tickets
    return _merged(settings, context._extra)


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
    """Lists grow; what was said by a Client or a Server stands."""
    merged = dict(settings)
    for name, value in extra.items():
        both = isinstance(value, list) and isinstance(merged.get(name), list)
        merged[name] = [*value, *merged[name]] if both else value
    return merged
