"""Converts arguments of Client and Server to settings of the extension."""

from __future__ import annotations

from . import _tlsmith
from ._checks import flag, instance, octets, strings, text, whole, wrong
from ._errors import config_error
from ._identity import Identity
from ._options import clock, keylog
from ._trust import Pin

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from ._session_store import Functions, SessionStore


def for_both(arguments: dict[str, Any]) -> dict[str, Any]:
    """Return the settings that Client and Server have in common."""
    lists = ("groups", "ciphers", "verify_schemes", "signing_schemes")
    some = {name: arguments[name] for name in lists}
    return {
        **{name: None if each is None else strings(name, each) for name, each in some.items()},
        "alpn": strings("alpn", arguments["alpn"]),
        "min_version": text("min_version", arguments["min_version"]),
        "max_version": text("max_version", arguments["max_version"]),
        "max_fragment": fragment(arguments["max_fragment"]),
        "min_security": security(arguments["min_security"]),
        "strict": flag("strict", arguments["strict"]),
        "match_issuer": flag("match_issuer", arguments["match_issuer"]),
        "resumption": resumption(arguments["resume"]),
        "keylog": keylog(arguments["keylog"]),
        "now": clock(arguments["now"]),
    }


def fragment(size: int | None) -> int | None:
    """Check max_fragment."""
    if size is not None and not 512 <= whole("max_fragment", size) <= 16_384:
        raise config_error(f"max_fragment is {size}: use 512 to 16384 bytes")
    return size


def security(bits: int) -> int:
    """Check min_security."""
    if whole("min_security", bits) not in (112, 128, 192, 256):
        raise config_error(f"min_security is {bits}: use 112, 128, 192 or 256 bits")
    return bits


def resumption(resume: bool | int) -> int | None:
    """Return how many sessions to keep, or None for the default."""
    if isinstance(resume, bool):
        return None if resume else 0
    if not 0 <= whole("resume", resume) < 1 << 32:
        raise config_error(
            f"resume is {resume}: use the number of sessions to keep, 0 to 2**32 - 1"
        )
    return resume


def native(name: str, identity: Identity) -> _tlsmith.Identity:
    return instance(name, identity, Identity)._native


def own(
    alpn: Sequence[str] | None,
    identity: Identity | None,
    sni: str | bool | None = None,
    session: _tlsmith.Session | None = None,
    context: _tlsmith.Context | None = None,
) -> _tlsmith.Options | None:
    """Return the settings of one connection, which override those of its Client or Server;
    None if there are none.  `context` is that of a Client."""
    if not (sni is None or sni is False or isinstance(sni, str)):
        raise wrong("sni", "a str, False or None", sni)
    if alpn is None and identity is None and sni is None and session is None:
        return None
    if session is not None and not instance("session", session, _tlsmith.Session)._is_of(context):
        raise config_error(
            "the session belongs to another Client, perhaps one that replace() returned: resume "
            "it with its own Client, since other settings may verify less"
        )
    return _tlsmith.Options(
        None if alpn is None else strings("alpn", alpn),
        None if identity is None else native("identity", identity),
        sni,
        session,
    )


def ticket_count(tickets: int) -> int:
    """Check the number of tickets."""
    if whole("tickets", tickets) < 0:
        raise config_error(f"tickets is {tickets}: use 0 to 16")
    return tickets


def early_bytes(early_data: int) -> int:
    """Check the early data limit of a server, in bytes."""
    if isinstance(early_data, bool):
        raise TypeError("early_data of a Server must be an int, the maximum in bytes, not a bool")
    if not 0 <= whole("early_data", early_data) < 1 << 32:
        raise config_error(f"early_data is {early_data}: use 0 to 2**32 - 1 bytes")
    return early_data


def store_functions(store: SessionStore, arguments: dict[str, Any]) -> Functions:
    """Return the functions of a session store, after checking the other arguments."""
    if not arguments["ticket_keys"]:
        raise config_error(
            "session_store needs ticket_keys, which encrypt its values: give all servers with the "
            "same store the same keys"
        )
    if arguments["share_sessions"] is not None:
        raise config_error("session_store and share_sessions exclude each other: use one of them")
    from ._session_store import functions

    return functions(store)


def key_pin(pin: Pin) -> str:
    if instance("each of pins", pin, Pin)._kind != "spki":
        raise config_error(f"{pin} pins a certificate, not a key: use Trust.pinned() for it")
    return pin._sha256


def ech_mode(ech: bytes | str | None) -> bytes | str | None:
    return ech if ech is None or isinstance(ech, str) else octets("ech", ech)
