"""What people say about certificates, as the extension takes it."""

from __future__ import annotations

from . import _tlsmith
from ._errors import config_error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from typing import Any


def options(
    key: str | _tlsmith.Key | None = None,
    valid: str | None = None,
    *,
    common_name: str | None = None,
    organization: str | None = None,
    usage: Sequence[str] | None = None,
    path_len: int | None = None,
    permit: Sequence[str] = (),
    exclude: Sequence[str] = (),
    crl_url: str | None = None,
    ca: bool = False,
    outlive_ca: bool = False,
    copy_extensions: bool = False,
    names: Sequence[str] = (),
) -> dict[str, Any]:
    """The options of certificates and requests.  `names` are only read, for the
    subject where there is an organization and no common name."""
    if key is not None and not isinstance(key, (str, _tlsmith.Key)):
        raise TypeError(f"key is a type of key or a Key, not {type(key).__name__}")
    not_before, lifetime = validity(valid)
    subject = None
    if organization is not None:
        subject = _subject(common_name, organization, names)
        common_name = None
    for kind in () if usage is None else strings("usage", usage):
        if kind not in ("server", "client"):
            raise config_error(f'usage has {kind!r}: "server" and "client" are known')
    if path_len is not None and not 0 <= path_len <= 255:
        raise config_error(f"path_len is {path_len}: 0 to 255 CAs may stand below a CA")
    return {
        "common_name": common_name,
        "subject": subject,
        "not_before": not_before,
        "lifetime": lifetime,
        "server": None if usage is None else "server" in usage,
        "client": None if usage is None else "client" in usage,
        "key_type": key if isinstance(key, str) else None,
        "key": None if isinstance(key, str) else key,
        "path_len": path_len,
        "ca": ca,
        "permit": strings("permit", permit),
        "exclude": strings("exclude", exclude),
        "crl_url": crl_url,
        "outlive_ca": outlive_ca,
        "copy_extensions": copy_extensions,
    }


def strings(name: str, value: Sequence[str]) -> list[str]:
    """A list, and not one of the letters of a str."""
    if isinstance(value, str):
        raise TypeError(f"{name} is a sequence: [{value!r}]")
    return list(value)


_LONGEST_COMMON_NAME = 64


def _subject(common_name: str | None, organization: str, names: Sequence[str]) -> str:
    """A subject (RFC 4514).  A name that is too long for it stays out, as it
    does where there is no organization."""
    if common_name is None and names and len(names[0]) <= _LONGEST_COMMON_NAME:
        common_name = names[0]
    first = "" if common_name is None else f"CN={_escape(common_name)},"
    return f"{first}O={_escape(organization)}"


def _escape(value: str) -> str:
    """What means something in RFC 4514, section 2.4, is escaped."""
    special = '"+,;<>\\=#'
    return "".join(f"\\{c}" if c in special else c for c in value)


_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
# Of the years 1 to 9999, which is what certificates and datetime can say.
_FIRST, _LAST = -62_135_596_800, 253_402_300_799


def validity(valid: str | None) -> tuple[int | None, int | None]:
    """The start, in seconds of the Unix epoch, and the length in seconds."""
    if valid is None:
        return None, None
    if not isinstance(valid, str):
        raise TypeError(f'valid is a str such as "30d" or "-2d..-1d", not {valid!r}')
    start, dots, end = valid.partition("..")
    if not dots:
        lifetime = _span(valid, valid)
        if lifetime <= 0:
            raise config_error(f"valid is {valid!r}: it has to be longer than nothing")
        return None, lifetime
    import time

    first, last = _span(start, valid), _span(end, valid)
    if last <= first:
        raise config_error(f"valid is {valid!r}: it ends before it begins")
    return int(time.time()) + first, last - first


def _span(text: str, whole: str) -> int:
    """Seconds: "90d", "-12h", "0"."""
    try:
        if text[-1:] in _UNITS:
            seconds = int(text[:-1]) * _UNITS[text[-1]]
        elif text == "0":
            seconds = 0
        else:
            raise ValueError
    except ValueError:
        raise config_error(
            f'valid is {whole!r}: write "90d", or "-2d..-1d"; s, m, h and d are the units'
        ) from None
    if abs(seconds) > _LAST:
        raise config_error(f"valid is {whole!r}: it leaves the years 1 to 9999")
    return seconds


def moment(name: str, value: datetime | int | None) -> int | None:
    """An aware datetime, or seconds of the Unix epoch, as seconds."""
    if value is None:
        return None
    if isinstance(value, int):
        seconds = value
    else:
        import datetime

        if not isinstance(value, datetime.datetime):
            kind = type(value).__name__
            raise TypeError(f"{name} is a datetime or seconds of the Unix epoch, not {kind}")
        if value.utcoffset() is None:
            raise config_error(
                f"{name} is {value}, without a time zone: datetime.now(timezone.utc) has one"
            )
        seconds = int(value.timestamp())
    if not _FIRST <= seconds <= _LAST:
        raise config_error(f"{name} is {seconds}: it leaves the years 1 to 9999")
    return seconds
