"""Settings of clients and servers, from their arguments to those of the extension."""

from __future__ import annotations

from . import _tlsmith
from ._certs import Identity
from ._checks import flag, instance, octets, strings, text, whole, wrong
from ._errors import config_error
from ._options import clock, keylog
from ._trust import Pin

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from ._session_store import Functions, SessionStore


def for_both(arguments: dict[str, Any]) -> dict[str, Any]:
    """The settings that a Client and a Server have from the same arguments."""
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
    """The most bytes in a record that is sent."""
    if size is not None and not 512 <= whole("max_fragment", size) <= 16_384:
        raise config_error(f"max_fragment is {size}: 512 to 16384 bytes can be in a record")
    return size


def security(bits: int) -> int:
    """The least security of keys and signatures."""
    if whole("min_security", bits) not in (112, 128, 192, 256):
        raise config_error(f"min_security is {bits}: 112, 128, 192 and 256 bits are known")
    return bits


def resumption(resume: bool | int) -> int | None:
    """How many sessions are kept to resume, or None for the default."""
    if isinstance(resume, bool):
        return None if resume else 0
    if not 0 <= whole("resume", resume) < 1 << 32:
        raise config_error(f"resume is {resume}: it is how many sessions to keep")
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
    """What one connection has in place of the settings of its Client or Server.  `context`
    is that of a Client."""
    if not (sni is None or sni is False or isinstance(sni, str)):
        raise wrong("sni", "a str, False or None", sni)
    if alpn is None and identity is None and sni is None and session is None:
        return None
    if session is not None and not instance("session", session, _tlsmith.Session)._is_of(context):
        raise config_error(
            "the session is of another Client, of which replace() makes one, too: a session is "
            "only resumed with the checks that it was made under"
        )
    return _tlsmith.Options(
        None if alpn is None else strings("alpn", alpn),
        None if identity is None else native("identity", identity),
        sni,
        session,
    )


def ticket_count(tickets: int) -> int:
    """How many tickets a server sends."""
    if whole("tickets", tickets) < 0:
        raise config_error(f"tickets is {tickets}: 0 to 16 can be sent")
    return tickets


def early_bytes(early_data: int) -> int:
    """How many bytes of early data a server takes."""
    if isinstance(early_data, bool):
        raise TypeError("early_data of a server is how many bytes a client may send")
    if not 0 <= whole("early_data", early_data) < 1 << 32:
        raise config_error(f"early_data is {early_data}: 0 to 2**32 - 1 bytes can be allowed")
    return early_data


def kept_in(store: SessionStore, arguments: dict[str, Any]) -> Functions:
    """The functions of a session store, which goes with other arguments of its Server."""
    if not arguments["ticket_keys"]:
        raise config_error(
            "session_store needs ticket_keys: its values are encrypted with them, and servers "
            "that share a store share the keys"
        )
    if arguments["share_sessions"] is not None:
        raise config_error("session_store takes the place of share_sessions: use one of them")
    from ._session_store import functions

    return functions(store)


def key_pin(pin: Pin) -> str:
    if instance("each of pins", pin, Pin)._kind != "spki":
        raise config_error(f"{pin} is a certificate: Trust.pinned() is for those")
    return pin._sha256


def ech_mode(ech: bytes | str | None) -> bytes | str | None:
    return ech if ech is None or isinstance(ech, str) else octets("ech", ech)
