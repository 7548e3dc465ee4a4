"""Output: JSON for programs, and text for people, in colour on a terminal."""

from __future__ import annotations

import json
import os
import sys

from .._tlsmith import one_line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import IO


def print_json(value: object) -> None:
    """Print a JSON document and flush.  Control characters, and characters that some
    programs take for a line end, are escaped."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    print("\n".join(map(_json_line, text.split("\n"))), flush=True)


def _json_line(line: str) -> str:
    if one_line(line) == line:
        return line
    return "".join(c if one_line(f"a{c}") == f"a{c}" else json.dumps(c)[1:-1] for c in line)


def write_bytes(content: bytes) -> None:
    """Write bytes to standard output and flush."""
    sys.stdout.buffer.write(content)
    sys.stdout.buffer.flush()


def open_closed_files() -> None:
    """Open missing standard files as /dev/null.  Otherwise a socket or a key file could get
    their descriptor, and output would be written to it."""
    for name in ("stdin", "stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "r+"))


def discard_output() -> None:
    """Discard what is left of the output after its pipe closed, so that no flush at exit
    fails."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, sys.stdout.fileno())
    os.close(null)


class Page:
    """Text for people: labels in one column, values in the next."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file
        self._coloured = (
            file.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
        )

    def line(self, text: str = "") -> None:
        """Print a line without a label."""
        print(printable(text), file=self._file)

    def field(self, label: str, value: object, *, indent: int = 0, style: str = "") -> None:
        """Print a label and its value; nothing for an empty value."""
        if value in (None, "", (), []):
            return
        styled = self._styled(printable(str(value)), style)
        print(f"{' ' * indent}{self._styled(f'{label:<12}', 'dim')} {styled}", file=self._file)

    def good(self, label: str, text: str) -> None:
        """Print a field about a success."""
        self.field(label, text, style="green")

    def warning(self, label: str, text: str) -> None:
        """Print a field that deserves attention."""
        self.field(label, text, style="yellow")

    def bad(self, label: str, text: str) -> None:
        """Print a field about a failure."""
        self.field(label, text, style="red")

    def heading(self, text: str) -> None:
        """Print a heading."""
        print(self._styled(printable(text), "bold"), file=self._file)

    def flush(self) -> None:
        """Flush the output."""
        self._file.flush()

    def _styled(self, text: str, style: str) -> str:
        codes = {"bold": "1", "dim": "2", "red": "1;31", "green": "32", "yellow": "1;33"}
        if not self._coloured or style not in codes:
            return text
        return f"\033[{codes[style]}m{text}\033[0m"


def printable(text: str) -> str:
    """Return the text on one line, without control sequences that a peer may have sent."""
    return one_line(text)
