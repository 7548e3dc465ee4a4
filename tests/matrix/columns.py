"""The columns of the matrix, and the table that shows its cells."""

from typing import NamedTuple

LARGE = 16 << 20
"""Bytes of a large transfer, each way."""

SMALL = 1000


class Column(NamedTuple):
    """What a cell does with its peer.

    name      the head of the column
    version   the only one that tlsmith allows, "1.2" or "1.3"
    mutual    the server requires a certificate of the client
    times     how many connections: the second resumes the session of the first
    size      bytes each way
    """

    name: str
    version: str
    mutual: bool = False
    times: int = 1
    size: int = SMALL


COLUMNS = [
    column
    for version in ("1.2", "1.3")
    for column in (
        Column(version, version),
        Column(f"mutual {version}", version, mutual=True),
        Column(f"resumed {version}", version, times=2),
        Column(f"large {version}", version, size=LARGE),
    )
]


class Limit(NamedTuple):
    """Why a peer cannot fill a cell.

    reason   for people
    expect   a part of what the cell says when it is run all the same, which it then
             is, so that a limit that is gone gets noticed.  None: the peer has no way
             to try it.
    """

    reason: str
    expect: str | None = None


PASS, FAIL, LIMIT = "pass", "FAIL", "limit"


class Cell(NamedTuple):
    """What became of a cell.

    role      of tlsmith, "server" or "client"
    peer      the other side, with its version
    column    the name of the column
    outcome   PASS, FAIL or LIMIT
    reason    of a limit
    """

    role: str
    peer: str
    column: str
    outcome: str
    reason: str


def table(cells):
    """The lines that show these cells: a table for each role, then the reasons."""
    cells, lines, notes = list(cells), [], {}
    columns = [column.name for column in COLUMNS]
    for role in ("server", "client"):
        rows = {}
        for cell in cells:
            if cell.role != role:
                continue
            mark = cell.outcome
            if cell.outcome == LIMIT:
                mark = f"[{notes.setdefault((cell.peer, cell.reason), len(notes) + 1)}]"
            rows.setdefault(cell.peer, {})[cell.column] = mark
        if rows:
            lines += ["", *_grid(f"tlsmith as a {role}, with", columns, rows)]
    if notes:
        lines += ["", "Limits of the peers:"]
        lines += [f"[{number}] {peer}: {reason}" for (peer, reason), number in notes.items()]
    return lines


def _grid(title, columns, rows):
    width = max(map(len, [title, *rows]))
    yield "  ".join([title.ljust(width), *columns])
    for peer in sorted(rows, key=str.lower):
        marks = (rows[peer].get(name, "-").ljust(len(name)) for name in columns)
        yield "  ".join([peer.ljust(width), *marks]).rstrip()
