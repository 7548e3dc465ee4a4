"""Output: JSON for programs; for people words, in colour on a terminal."""

from __future__ import annotations

import json
import os
import sys

from .._tlsmith import one_line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import IO


def print_json(value: object) -> None:
    """One JSON document on the standard output, at once.  Characters that steer
    terminals, or that some take for the end of a line, are escaped as JSON has it."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    print("\n".join(map(_json_line, text.split("\n"))), flush=True)


def _json_line(line: str) -> str:
    if one_line(line) == line:
        return line
    return "".join(c if one_line(f"a{c}") == f"a{c}" else json.dumps(c)[1:-1] for c in line)


def write_bytes(content: bytes) -> None:
    """Bytes on the standard output, at once."""
    sys.stdout.buffer.write(content)
    sys.stdout.buffer.flush()


def open_closed_files() -> None:
    """Programs may be started without the standard files: no socket and no key is to be
    opened in the place of one, and written to as if it were."""
    for name in ("stdin", "stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "r+"))


def discard_output() -> None:
    """Nobody reads the standard output any more: let no flush at exit complain."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, sys.stdout.fileno())
    os.close(null)


class Page:
    """Lines for people, with their labels in one column."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file
        self._coloured = (
            file.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
        )

    def line(self, text: str = "") -> None:
        """A line as it is."""
        print(printable(text), file=self._file)

    def field(self, label: str, value: object, *, indent: int = 0, style: str = "") -> None:
        """A label and its value; nothing where there is no value."""
        if value in (None, "", (), []):
            return
        shown = self._styled(printable(str(value)), style)
        print(f"{' ' * indent}{self._styled(f'{label:<12}', 'dim')} {shown}", file=self._file)

    def good(self, label: str, text: str) -> None:
        """A field that is as it should be."""
        self.field(label, text, style="green")

    def warning(self, label: str, text: str) -> None:
        """A field that people should see."""
        self.field(label, text, style="yellow")

    def bad(self, label: str, text: str) -> None:
        """A field that tells of a failure."""
        self.field(label, text, style="red")

    def heading(self, text: str) -> None:
        """A line above others."""
        print(self._styled(printable(text), "bold"), file=self._file)

    def flush(self) -> None:
        """Show what was said."""
        self._file.flush()

    def _styled(self, text: str, style: str) -> str:
        codes = {"bold": "1", "dim": "2", "red": "1;31", "green": "32", "yellow": "1;33"}
        if not self._coloured or style not in codes:
            return text
        return f"\033[{codes[style]}m{text}\033[0m"


def printable(text: str) -> str:
    """The text on one line: what came from a peer must not steer the terminal."""
    return one_line(text)
