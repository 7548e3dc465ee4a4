"""Contexts of the extension, made from the settings of a Client, Server or Trust."""

from __future__ import annotations

from . import _tlsmith
from ._errors import config_error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ._trust import Trust

DEFAULTS: dict[str, Any] = {
    "roots": [],
    "system": False,
    "bundled": False,
    "crls": [],
    "crls_leaf_only": False,
    "crls_allow_unknown": False,
    "crls_always": False,
    "end_entities": [],
    "pinned": [],
    "pins": [],
    "max_depth": None,
    "min_security": 112,
    "strict": False,
    "verify": True,
    "check_hostname": True,
    "allow_common_name": False,
    "allow_truncation": False,
    "now": None,
    "identities": [],
    "ocsp": None,
    "alpn": [],
    "alpn_is_optional": False,
    "min_version": "1.2",
    "max_version": "1.3",
    "ciphers": None,
    "prefer_own_ciphers": False,
    "groups": None,
    "max_fragment": None,
    "verify_schemes": None,
    "signing_schemes": None,
    "match_issuer": False,
    "client_auth": "none",
    "omit_certificate_authorities": False,
    "insecure_allow_unverified_clients": False,
    "on_hello": None,
    "require_known_name": False,
    "ech": None,
    "resumption": None,
    "share_sessions": None,
    "tickets": None,
    "ticket_keys": [],
    "session_store": None,
    "on_session": None,
    "early_data": 0,
    "keylog": None,
}
"""The default of every setting of the extension."""


def trust_settings(trust: Trust | None) -> dict[str, Any]:
    """Return the settings for a Trust; none for None, which verifies no peer."""
    if trust is None:
        return {}
    if not (trust._roots or trust._system or trust._bundled or trust._insecure or trust._pinned):
        raise config_error(
            "the Trust is empty, so every certificate would be rejected: add roots, for example "
            "with Trust.system() or Trust.roots(...)"
        )
    return {
        "roots": list(trust._roots),
        "system": trust._system,
        "bundled": trust._bundled,
        "crls": list(trust._crls),
        "crls_leaf_only": trust._leaf_only,
        "crls_allow_unknown": trust._allow_unknown,
        "pinned": list(trust._pinned),
        "verify": not trust._insecure,
    }


def context(settings: dict[str, Any]) -> _tlsmith.Context:
    """Create a context with these settings, and the defaults for the others."""
    return _tlsmith.Context({**DEFAULTS, **settings})
