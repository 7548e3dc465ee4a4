"""Checks of argument types.  The extension has other argument names, so its own errors
would not name the argument that the program gave."""

from __future__ import annotations

from ._errors import quote

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any, TypeVar

    from _typeshed import ReadableBuffer

    T = TypeVar("T")


def wrong(name: str, what: str, value: object) -> TypeError:
    """Return the TypeError for an argument that is not `what`."""
    kind = type(value).__name__
    # The values of containers are long, and may contain secrets.
    quoted = f": {quote(value)}" if isinstance(value, (str, int, float, tuple)) else ""
    return TypeError(f"{name} must be {what}, not {kind}{quoted}")


def text(name: str, value: str) -> str:
    """Return a str; TypeError for anything else."""
    if not isinstance(value, str):
        raise wrong(name, "a str", value)
    return value


def optional_text(name: str, value: str | None) -> str | None:
    """Return a str or None; TypeError for anything else."""
    if value is not None and not isinstance(value, str):
        raise wrong(name, "a str or None", value)
    return value


def optional_function(name: str, value: T) -> T:
    """Return a callable or None; TypeError for anything else."""
    if value is not None and not callable(value):
        raise TypeError(f"{name} must be a function, not {type(value).__name__}")
    return value


def flag(name: str, value: bool) -> bool:
    """Return a bool; TypeError for anything else, such as 0 or ""."""
    if not isinstance(value, bool):
        raise wrong(name, "True or False", value)
    return value


def whole(name: str, value: int) -> int:
    """Return an int; TypeError for anything else, such as True."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise wrong(name, "an int", value)
    return value


def seconds(name: str, value: float | None) -> float | None:
    """Return a number of seconds or None; TypeError for anything else."""
    if value is not None and (isinstance(value, (bool, str)) or not hasattr(value, "__float__")):
        raise wrong(name, "a number of seconds or None", value)
    return value


def octets(name: str, value: ReadableBuffer) -> bytes:
    """Return the bytes of a bytes-like object; TypeError for anything else."""
    try:
        view = memoryview(value)
    except TypeError:
        raise wrong(name, "bytes", value) from None
    return bytes(view)


def listed(name: str, values: Iterable[T]) -> list[T]:
    """Return a list; TypeError for a str or bytes, whose items would be its characters."""
    if isinstance(values, (str, bytes, bytearray, memoryview)):
        raise TypeError(f"{name} must be a sequence: write [{quote(values)}]")
    try:
        each = iter(values)
    except TypeError:
        raise wrong(name, "a sequence", values) from None
    return list(each)


def strings(name: str, values: Iterable[str]) -> list[str]:
    """Return a list of str; TypeError for anything else."""
    return [text(f"each of {name}", one) for one in listed(name, values)]


def instance(name: str, value: Any, kind: type[T]) -> T:
    """Return an instance of `kind`; TypeError for anything else."""
    if not isinstance(value, kind):
        article = "an" if kind.__name__[0] in "AEIOU" else "a"
        raise wrong(name, f"{article} {kind.__name__}", value)
    return value
