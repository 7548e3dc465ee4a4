"""The base class of Client and Server.  Both are immutable, and threads may share them."""

from __future__ import annotations

from ._context import context
from ._settings import for_both

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Literal, Self, TypeAlias

    from . import _tlsmith

    Version: TypeAlias = Literal["1.2", "1.3"]


class Config:
    """A context of the extension, and the arguments that it was made from."""

    __slots__ = ("_arguments", "_context", "_settings")

    _arguments: dict[str, Any]
    _settings: dict[str, Any]
    _context: _tlsmith.Context

    def _build(self, arguments: dict[str, Any], settings: dict[str, Any]) -> None:
        """Create the context from all arguments, and from the settings of this side only."""
        self._arguments = arguments
        self._settings = {**settings, **for_both(arguments)}
        self._context = context(self._settings)

    def _verifies(self) -> bool:
        """Return whether every accepted peer certificate is verified."""
        return bool(self._settings.get("verify", True))

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, _memo: object) -> Self:
        return self
