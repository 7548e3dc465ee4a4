"""What the configurations of clients and of servers have in common.

Everything here is immutable and may be shared between threads.
"""

from __future__ import annotations

from ._context import context
from ._settings import for_both

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Literal, Self, TypeAlias

    from . import _tlsmith

    Version: TypeAlias = Literal["1.2", "1.3"]


class Config:
    """What Client and Server have in common: a context, and how it was made."""

    __slots__ = ("_arguments", "_context", "_settings")

    _arguments: dict[str, Any]
    _settings: dict[str, Any]
    _context: _tlsmith.Context

    def _build(self, arguments: dict[str, Any], settings: dict[str, Any]) -> None:
        """From all arguments, and from what is not the same for both sides of them."""
        self._arguments = arguments
        self._settings = {**settings, **for_both(arguments)}
        self._context = context(self._settings)

    def _verifies(self) -> bool:
        """Whether no peer's certificate is accepted without having been verified."""
        return bool(self._settings.get("verify", True))

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, _memo: object) -> Self:
        return self
