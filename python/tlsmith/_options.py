"""Converts options of certificates, times, clocks and key logs for the extension."""

from __future__ import annotations

import os

from . import _tlsmith
from ._checks import flag, optional_text, strings, text, whole
from ._errors import ConfigError, config_error, quote

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime, timedelta
    from typing import Any, Literal, TypeAlias

    from ._loading import StrPath

    Clock: TypeAlias = datetime | Callable[[], datetime]
    KeyLog: TypeAlias = StrPath | Callable[[str], object]
    Usage: TypeAlias = Literal["server", "client", "email", "code", "ocsp"]
    When: TypeAlias = datetime | timedelta | str


_USAGES = ("server", "client", "email", "code", "ocsp")


def depth(count: int | None) -> int | None:
    """Check how many CAs may be between a certificate and its root."""
    if count is not None and not 0 <= whole("max_depth", count) <= 255:
        raise config_error(f"max_depth is {count}: use 0 to 255")
    return count


def options(
    key: str | _tlsmith.Key | None = None,
    valid: When | None = None,
    *,
    common_name: str | None = None,
    organization: str | None = None,
    usage: Sequence[Usage] | None = None,
    path_len: int | None = None,
    permit: Sequence[str] = (),
    exclude: Sequence[str] = (),
    crl_url: str | None = None,
    ocsp_url: str | None = None,
    must_staple: bool = False,
    serial: int | None = None,
    extensions: Mapping[str, bytes | tuple[bool, bytes]] | None = None,
    ca: bool = False,
    outlive_ca: bool = False,
    copy_extensions: bool = False,
    allow_other_names: bool = False,
    names: Sequence[str] = (),
) -> dict[str, Any]:
    """Convert the options of certificates and requests.  `names` are only read to find a
    common name for a subject with an organization."""
    if key is not None and not isinstance(key, (str, _tlsmith.Key)):
        raise TypeError(f"key must be a key type or a Key, not {type(key).__name__}")
    not_before, lifetime = validity(valid)
    subject = None
    optional_text("common_name", common_name)
    if organization is not None:
        text("organization", organization)
        subject = _subject(common_name, organization, names)
        common_name = None
    usages = () if usage is None else strings("usage", usage)
    for kind in usages:
        if kind not in _USAGES:
            known = " or ".join(f'"{known}"' for known in _USAGES)
            raise config_error(f"usage has {quote(kind)}: use {known}")
    for_tls = {"server", "client"}.intersection(usages)
    if path_len is not None and not 0 <= whole("path_len", path_len) <= 255:
        raise config_error(f"path_len is {path_len}: use 0 to 255")
    return {
        "common_name": common_name,
        "subject": subject,
        "not_before": not_before,
        "lifetime": lifetime,
        "server": "server" in for_tls if for_tls or usages == [] else None,
        "client": "client" in for_tls if for_tls or usages == [] else None,
        "email": "email" in usages,
        "code": "code" in usages,
        "ocsp": "ocsp" in usages,
        "key_type": key if isinstance(key, str) else None,
        "key": None if isinstance(key, str) else key,
        "path_len": path_len,
        "ca": flag("ca", ca),
        "permit": strings("permit", permit),
        "exclude": strings("exclude", exclude),
        "crl_url": optional_text("crl_url", crl_url),
        "ocsp_url": optional_text("ocsp_url", ocsp_url),
        "must_staple": flag("must_staple", must_staple),
        "serial": None if serial is None else _serial(serial),
        "extensions": [] if extensions is None else _extensions(extensions),
        "outlive_ca": flag("outlive_ca", outlive_ca),
        "copy_extensions": flag("copy_extensions", copy_extensions),
        "allow_other_names": flag("allow_other_names", allow_other_names),
    }


def _serial(serial: int) -> str:
    """Convert to hex, with two digits for each byte."""
    if isinstance(serial, bool) or not isinstance(serial, int):
        raise TypeError(f"serial must be an int, not {type(serial).__name__}")
    if not 0 < serial < 1 << 159:
        raise config_error(f"serial is {serial}: use 1 to 2**159 - 1 (RFC 5280, section 4.1.2.2)")
    return serial.to_bytes((serial.bit_length() + 7) // 8, "big").hex()


def _extensions(
    extensions: Mapping[str, bytes | tuple[bool, bytes]],
) -> list[tuple[str, bool, bytes]]:
    """Return object identifier, criticality and DER of each extension."""
    if not hasattr(extensions, "items"):
        raise TypeError(f"extensions must be a mapping, not {type(extensions).__name__}")
    found = []
    for oid, value in extensions.items():
        critical, der = value if isinstance(value, tuple) else (False, value)
        if not isinstance(der, bytes):
            kind = type(der).__name__
            raise TypeError(f"the extension {oid} must be DER, or (critical, DER), not {kind}")
        text("each key of extensions", oid)
        found.append((oid, flag(f"whether {oid} is critical", critical), der))
    return found


_MAX_COMMON_NAME = 64


def _subject(common_name: str | None, organization: str, names: Sequence[str]) -> str:
    """Format a subject (RFC 4514).  The common name is chosen as the core does without an
    organization."""
    if common_name is None:
        common_name = next(filter(_is_common_name, names), None)
    first = "" if common_name is None else f"CN={_escape(common_name)},"
    return f"{first}O={_escape(organization)}"


def _is_common_name(name: str) -> bool:
    """Return whether it is a host name or e-mail address, and short enough."""
    import ipaddress

    if len(name) > _MAX_COMMON_NAME or "://" in name:
        return False
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return True
    return False


def _escape(value: str) -> str:
    """Escape special characters (RFC 4514, section 2.4), and space at either end, which
    would be skipped."""
    last = len(value) - 1
    return "".join(_escaped(c, at in (0, last)) for at, c in enumerate(value))


def _escaped(character: str, at_end: bool) -> str:
    if character in '"+,;<>\\=#':
        return f"\\{character}"
    if character < " " or (at_end and character.isspace()):
        return "".join(f"\\{byte:02X}" for byte in character.encode())
    return character


_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
# The years 1 to 9999, the range of certificates and of datetime.
_FIRST, _LAST = -62_135_596_800, 253_402_300_799


# If only the end is given, notBefore is an hour ago, so that a clock that is slightly behind
# accepts the certificate.  The core does the same.
_BACKDATED = 3600


def now() -> int:
    """Return the time in seconds of the Unix epoch."""
    import time

    return int(time.time())


def validity(valid: When | None) -> tuple[int | None, int | None]:
    """Return the start, in seconds of the Unix epoch, and the length in seconds."""
    if valid is None:
        return None, None
    if not isinstance(valid, str):
        return _validity_of_object(valid)
    start, dots, end = valid.partition("..")
    if dots:
        return _between(_point(start, valid), _point(end, valid), valid)
    if _is_date(valid):
        return _between(now() - _BACKDATED, _point(valid, valid), valid)
    return _from_now(_span(valid, valid), valid)


def _validity_of_object(valid: object) -> tuple[int | None, int | None]:
    import datetime

    if isinstance(valid, datetime.timedelta):
        return _from_now(int(valid.total_seconds()), valid)
    if not isinstance(valid, datetime.datetime):
        raise TypeError(
            'valid must be a str such as "30d" or "-2d..-1d", a timedelta or a datetime, '
            f"not {type(valid).__name__}"
        )
    end = epoch_seconds("valid", valid)
    assert end is not None
    return _between(now() - _BACKDATED, end, valid)


def _from_now(lifetime: int, valid: object) -> tuple[None, int]:
    if lifetime <= 0:
        raise config_error(f"valid is {_shown(valid)}: it must be longer than 0 seconds")
    if lifetime > _LAST:
        raise _too_far(valid)
    return None, lifetime


def _between(first: int, last: int, valid: object) -> tuple[int, int]:
    if last <= first:
        raise config_error(f"valid is {_shown(valid)}: it ends before it begins")
    return first, last - first


def _shown(valid: object) -> str:
    return repr(valid) if isinstance(valid, str) else str(valid)


def _too_far(valid: object) -> ConfigError:
    return config_error(f"valid is {_shown(valid)}: it is outside the years 1 to 9999")


def _is_date(text: str) -> bool:
    """Return whether it begins like "2030-01-31"."""
    return text[:4].isdigit() and text[4:5] == "-"


def _point(text: str, whole: str) -> int:
    """Convert an offset from now, or a date, to seconds of the Unix epoch."""
    if not _is_date(text):
        return now() + _span(text, whole)
    import datetime

    try:
        point = datetime.datetime.fromisoformat(text)
    except ValueError:
        raise config_error(f"valid is {quote(whole)}: {quote(text)} is not a valid date") from None
    if point.tzinfo is None:
        point = point.replace(tzinfo=datetime.UTC)
    return _seconds(point)


def _seconds(point: datetime) -> int:
    """Return whole seconds of the Unix epoch.  timestamp() is a float, which may round up
    far from now."""
    import datetime

    epoch = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
    return (point - epoch) // datetime.timedelta(seconds=1)


def _span(text: str, whole: str) -> int:
    """Convert "90d", "-12h" or "0" to seconds."""
    try:
        if text[-1:] in _UNITS:
            seconds = int(text[:-1]) * _UNITS[text[-1]]
        elif text == "0":
            seconds = 0
        else:
            raise ValueError
    except ValueError:
        raise config_error(
            f'valid is {quote(whole)}: write "90d", "-2d..-1d" or "2030-01-31"; '
            "the units are s, m, h and d"
        ) from None
    if abs(seconds) > _LAST:
        raise _too_far(whole)
    return seconds


def epoch_seconds(name: str, value: datetime | int | None) -> int | None:
    """Convert an aware datetime, or seconds of the Unix epoch, to seconds."""
    if value is None:
        return None
    if isinstance(value, int):
        seconds = value
    else:
        import datetime

        if not isinstance(value, datetime.datetime):
            kind = type(value).__name__
            raise TypeError(f"{name} must be a datetime or seconds of the Unix epoch, not {kind}")
        if value.utcoffset() is None:
            raise config_error(
                f"{name} is {value}, without a time zone: give it one, such as datetime.UTC"
            )
        seconds = _seconds(value)
    if not _FIRST <= seconds <= _LAST:
        raise config_error(f"{name} is {seconds}: it is outside the years 1 to 9999")
    return seconds


def keylog(keylog: KeyLog | None) -> KeyLog | None:
    """Check a key log: a path or a function."""
    if keylog is None or callable(keylog):
        return keylog
    if isinstance(keylog, (str, os.PathLike)):
        try:
            os.fsencode(keylog)
        except UnicodeError:
            raise config_error(f"keylog is {quote(keylog)}, which is not a valid path") from None
        return keylog
    raise TypeError(f"keylog must be a path or a function, not {type(keylog).__name__}")


def clock(now: Clock | None) -> Callable[[], int | None] | None:
    """Return a function that returns the time in seconds of the Unix epoch."""
    if now is None:
        return None
    if callable(now):
        current = now
        return lambda: epoch_seconds("now", current())
    fixed = epoch_seconds("now", now)
    return lambda: fixed
