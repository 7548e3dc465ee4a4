"""The part of SSLContext that decides what is negotiated: cipher suites, groups,
signature schemes and ALPN."""

from __future__ import annotations

import _ssl
import os
import ssl

from .._errors import quote
from .._tlsmith import may_be_secret
from . import _original
from ._files import of_path
from ._names import (
    GROUP_ALIASES,
    GROUPS,
    IANA_CIPHERS,
    IANA_GROUPS,
    SCHEMES,
    TLS_13_GROUPS,
    group_named,
    scheme_named,
)
from ._security_level import bits_of, check_level, ciphers
from ._settings import enabled_ciphers, versions

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ._context import SSLContext

_RAW: Any = _ssl._SSLContext


class Negotiation:
    """A base class of SSLContext."""

    _alpn: list[str]
    _ciphers: list[str] | None
    """From set_ciphers(), of both versions, in their order."""
    _ciphersuites: list[str] | None
    """From set_ciphersuites(): in place of those of TLS 1.3 in `_ciphers`."""
    _groups: list[str] | None
    _client_schemes: list[str] | None
    _server_schemes: list[str] | None

    if TYPE_CHECKING:

        def _changed(self) -> None: ...

    def _set_negotiation_defaults(self) -> None:
        self._alpn = []
        self._ciphers = self._ciphersuites = self._groups = None
        self._client_schemes = self._server_schemes = None

    def _set(self, name: str, value: list[str]) -> None:
        if getattr(self, name) != value:
            setattr(self, name, value)
            self._changed()

    # Cipher suites.

    def set_ciphers(self, cipherlist: str, /) -> None:
        """Set the cipher suites of TLS 1.2, in OpenSSL's language, and with
        "@SECLEVEL=n" the security level.

        Levels 0 to 2 change nothing: tlsmith never goes below 112 bits of security.
        Level 3 asks for 128 bits in keys, level 4 for 192 bits in keys, cipher suites,
        groups and signatures, and both keep sessions on the server instead of in
        tickets.  Level 5 raises NotImplementedError.  "@STRENGTH" sorts the list.
        """
        if "@SECLEVEL" in cipherlist:
            # OpenSSL applies the level of a list even if it rejects it: try it on another context.
            probe = _original.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            _RAW.set_ciphers(probe, cipherlist)
            check_level(_RAW.security_level.__get__(probe))
        before = _RAW.security_level.__get__(self)
        _RAW.set_ciphers(self, cipherlist)
        names = [one["name"] for one in _RAW.get_ciphers(self)]
        known = [IANA_CIPHERS[name] for name in names if name in IANA_CIPHERS]
        if not known:
            raise ssl.SSLError("No cipher can be selected.")
        self._set("_ciphers", known)
        if _RAW.security_level.__get__(self) != before:
            self._changed()

    def set_ciphersuites(self, ciphersuites: str, /) -> None:
        """Set the cipher suites of TLS 1.3: their names, separated by colons.

        Those that are not supported are left out.  Raises SSLError if none remains.
        """
        raw = getattr(_RAW, "set_ciphersuites", None)
        if raw is not None:
            raw(self, ciphersuites)
        names = [name for name in ciphersuites.split(":") if IANA_CIPHERS.get(name) == name]
        if not names:
            raise ssl.SSLError("No cipher suite can be selected.")
        self._set("_ciphersuites", list(dict.fromkeys(names)))

    def get_ciphers(self: SSLContext) -> list[Any]:  # type: ignore[misc]
        """The enabled cipher suites, in their order, as `ssl` describes them.  Those
        below the security level are left out."""
        enabled = ciphers(enabled_ciphers(self), bits_of(self.security_level))
        known = {IANA_CIPHERS.get(one["name"]): one for one in _RAW.get_ciphers(self)}
        names = known if enabled is None else enabled
        return [known[name] for name in names if name is not None and name in known]

    # Groups.

    def set_ecdh_curve(self, name: str | bytes, /) -> None:
        """Set the only group: a curve, or a group with ML-KEM by its IANA name, which
        OpenSSL need not know.  Raises NotImplementedError for a curve that OpenSSL
        knows and tlsmith does not support."""
        if name in TLS_13_GROUPS:
            self._set("_groups", [name])
            return
        if isinstance(name, (str, bytes)) and may_be_secret(os.fsdecode(name)):
            # OpenSSL's error would repeat it.
            raise ValueError(f"unknown elliptic curve name: {quote(os.fsdecode(name))}")
        _RAW.set_ecdh_curve(self, name)
        text = name.decode() if isinstance(name, bytes) else name
        if text not in IANA_GROUPS:
            raise NotImplementedError(
                f"the curve {text} is not supported for key exchange: choose one of "
                f"{', '.join(IANA_GROUPS)}"
            )
        self._set("_groups", [IANA_GROUPS[text]])

    def set_groups(self, groups: str, /) -> None:
        """Set the groups for key exchange, best first: their names, separated by colons.

        A name after "?" may be unknown.  Raises NotImplementedError for other unknown
        names and for OpenSSL's signs that choose the key shares.
        """
        found = []
        for text in _listed(groups, "group"):
            name = group_named(text.removeprefix("?"))
            if name is not None:
                found.append(name)
            elif not text.startswith("?"):
                raise NotImplementedError(
                    f"the group {quote(text)} is not supported: choose from {', '.join(GROUPS)}"
                )
        if not found:
            raise ssl.SSLError(f"no group of {quote(groups)} is supported")
        self._set("_groups", list(dict.fromkeys(found)))

    def get_groups(self: SSLContext, *, include_aliases: bool = False) -> list[str]:  # type: ignore[misc]
        """The groups that the allowed versions can negotiate, by their IANA names, with
        `include_aliases` also by OpenSSL's others."""
        newest = versions(self)[1]
        names = [name for name in GROUPS if newest == "1.3" or name not in TLS_13_GROUPS]
        if not include_aliases:
            return names
        return [one for name in names for one in (name, *GROUP_ALIASES.get(name, ()))]

    # Signature schemes.

    def set_client_sigalgs(self, sigalgs: str, /) -> None:
        """Set the signature schemes that clients may sign with, best first: IANA names
        or OpenSSL's algorithm+hash, separated by colons.

        Applies on both sides: a client signs with them, a server asks for them.
        Without it, the schemes of set_server_sigalgs() hold for clients, too.
        """
        self._set("_client_schemes", _schemes(sigalgs))

    def set_server_sigalgs(self, sigalgs: str, /) -> None:
        """Set the signature schemes that servers may sign with, likewise."""
        self._set("_server_schemes", _schemes(sigalgs))

    # ALPN.

    def _set_alpn_protocols(self, protocols: bytes, /) -> None:
        alpn = []
        rest = bytes(protocols)
        while rest:
            end = 1 + rest[0]
            alpn.append(rest[1:end].decode("latin-1"))
            rest = rest[end:]
        self._set("_alpn", alpn)

    # Unsupported settings.

    def load_dh_params(self, path: Any, /) -> None:
        """Raise NotImplementedError for valid parameters: the cipher suites that use them are
        not supported."""
        of_path(lambda path: _RAW.load_dh_params(self, path), path)
        raise NotImplementedError(
            "finite-field Diffie-Hellman is not supported: leave load_dh_params() out, since "
            "clients negotiate an elliptic curve"
        )

    def set_psk_client_callback(self, callback: object) -> None:
        """Raise NotImplementedError for any callback: rustls does not support external
        pre-shared keys."""
        self._check_psk(callback)

    def set_psk_server_callback(self, callback: object, identity_hint: object = None) -> None:
        """As set_psk_client_callback()."""
        self._check_psk(callback)

    def _check_psk(self, callback: object) -> None:
        if callback is not None:
            raise NotImplementedError(
                "external pre-shared keys (PSK) are not supported: use certificates"
            )


def _listed(text: str, what: str) -> list[str]:
    if not isinstance(text, str):
        raise TypeError(f"{what}s must be a str of names, not {type(text).__name__}")
    return text.split(":")


def _schemes(sigalgs: str) -> list[str]:
    found = []
    for text in _listed(sigalgs, "signature algorithm"):
        name = scheme_named(text.removeprefix("?"))
        if name is not None:
            found.append(name)
        elif not text.startswith("?"):
            raise NotImplementedError(
                f"the signature algorithm {quote(text)} is not supported: choose from "
                f"{', '.join(SCHEMES)}"
            )
    if not found:
        raise ssl.SSLError(f"no signature algorithm of {quote(sigalgs)} is supported")
    return list(dict.fromkeys(found))
