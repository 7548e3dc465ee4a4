"""What arguments are.  The extension takes them by position and by other names, so that
its complaints would name nothing that a program wrote."""

from __future__ import annotations

from ._errors import shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any, TypeVar

    from _typeshed import ReadableBuffer

    T = TypeVar("T")


def wrong(name: str, what: str, value: object) -> TypeError:
    """The complaint about an argument that is none of `what`."""
    kind = type(value).__name__
    # The value of what holds others is not much help, and may be long.
    told = f": {shown(value)}" if isinstance(value, (str, int, float, tuple)) else ""
    return TypeError(f"{name} is {what}, not {kind}{told}")


def text(name: str, value: str) -> str:
    """A str, and nothing that could pass for one until later."""
    if not isinstance(value, str):
        raise wrong(name, "a str", value)
    return value


def optional_text(name: str, value: str | None) -> str | None:
    """A str or None."""
    if value is not None and not isinstance(value, str):
        raise wrong(name, "a str or None", value)
    return value


def optional_function(name: str, value: T) -> T:
    """Something that can be called, or None."""
    if value is not None and not callable(value):
        raise TypeError(f"{name} is a function, not {type(value).__name__}")
    return value


def flag(name: str, value: bool) -> bool:
    """What is true or false, and nothing that is only taken for it."""
    if not isinstance(value, bool):
        raise wrong(name, "True or False", value)
    return value


def whole(name: str, value: int) -> int:
    """A number without a fraction, and no truth value."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise wrong(name, "an int", value)
    return value


def seconds(name: str, value: float | None) -> float | None:
    """A number of seconds, or None."""
    if value is not None and (isinstance(value, (bool, str)) or not hasattr(value, "__float__")):
        raise wrong(name, "a number of seconds or None", value)
    return value


def octets(name: str, value: ReadableBuffer) -> bytes:
    """The bytes of anything that has some."""
    try:
        view = memoryview(value)
    except TypeError:
        raise wrong(name, "bytes", value) from None
    return bytes(view)


def listed(name: str, values: Iterable[T]) -> list[T]:
    """Several, and not one whose bytes or letters would be taken for several."""
    if isinstance(values, (str, bytes, bytearray, memoryview)):
        raise TypeError(f"{name} is a sequence: [{shown(values)}]")
    try:
        each = iter(values)
    except TypeError:
        raise wrong(name, "a sequence", values) from None
    return list(each)


def strings(name: str, values: Iterable[str]) -> list[str]:
    """Several str."""
    return [text(f"each of {name}", one) for one in listed(name, values)]


def instance(name: str, value: Any, kind: type[T]) -> T:
    """An object of one class of ours."""
    if not isinstance(value, kind):
        article = "an" if kind.__name__[0] in "AEIOU" else "a"
        raise wrong(name, f"{article} {kind.__name__}", value)
    return value
