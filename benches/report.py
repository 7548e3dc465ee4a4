"""The page that `make bench` writes: Markdown, all of it measured."""

from __future__ import annotations

import datetime
import itertools
import os
import pathlib
import platform
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import cases
from peer import OURS, Peer

Measure = Callable[[Peer], float | None]

# What differs by less is the same.
NOISE = 0.97


@dataclass
class Row:
    """What came out of a case: medians by library, of what it takes and of how often
    tlsmith goes into that."""

    case: cases.Case
    values: dict[str, float]
    ratios: dict[str, float]


Results = dict[str, Row]


class Found(Protocol):
    """All that a page is made of."""

    peers: list[Peer]
    rounds: int
    results: Results
    idle_count: int


def verdict(bar: cases.Bar, results: Results) -> tuple[str, bool | None]:
    """What was measured of a bar, the worst of its cases, and whether that meets it."""
    rows = [results[case.key] for case in bar.cases if case.key in results]
    if bar.peer is None:
        if not rows:
            return "", None
        row = max(rows, key=lambda row: row.values[OURS])
        return row.case.show(row.values[OURS]), row.values[OURS] <= bar.limit
    ratios = [(row.ratios[bar.peer], row.case.name) for row in rows if bar.peer in row.ratios]
    if not ratios:
        return "", None
    ratio, name = min(ratios)
    return f"{ratio:.2f} ({name})", ratio >= bar.limit


def table(head: list[str], lines: list[list[str]]) -> str:
    rule = ["---"] + ["---:"] * (len(head) - 1)
    return "".join(f"| {' | '.join(line)} |\n" for line in [head, rule, *lines])


def machine() -> str:
    cpuinfo = pathlib.Path("/proc/cpuinfo").read_text()
    facts = dict(line.split("\t: ", 1) for line in cpuinfo.splitlines() if "\t: " in line)
    facts = {name.strip(): value for name, value in facts.items()}
    model = facts.get("model name", platform.machine())
    extensions = [name for name in ("vaes", "avx512f", "sha_ni") if name in facts["flags"].split()]
    return f"{model} ({', '.join(extensions)}), {os.cpu_count()} cores, Linux {platform.release()}"


def compiler(command: str) -> str:
    run = subprocess.run([command, "--version"], capture_output=True, text=True, check=True)
    return run.stdout.splitlines()[0]


def bars(results: Results) -> str:
    words = {True: "met", False: "**not met**", None: "not measured"}
    lines = []
    for bar in cases.BARS:
        measured, met = verdict(bar, results)
        lines.append([bar.text, measured, words[met]])
    return table(["bar", "measured", ""], lines)


def cell(row: Row, name: str) -> str:
    if name not in row.values:
        return "-"
    shown = row.case.show(row.values[name])
    return shown if name == OURS else f"{shown}, {row.ratios[name]:.2f}"


def section(rows: list[Row], names: list[str]) -> str:
    lines = [[row.case.name, *(cell(row, name) for name in names)] for row in rows]
    return table(["", *names], lines)


def losses(results: Results) -> str:
    """Every case in which another library is ahead, the worst first."""
    lines = []
    for row in results.values():
        ahead = sorted((ratio, name) for name, ratio in row.ratios.items() if ratio < NOISE)
        if ahead:
            case = f"{row.case.section}: {row.case.name}"
            lines.append((ahead, [case, ", ".join(f"{name} {ratio:.2f}" for ratio, name in ahead)]))
    return table(["", "tlsmith beside"], [line for _, line in sorted(lines)])


def page(found: Found, quick: bool) -> str:
    names = [peer.name for peer in found.peers]
    command = "make bench-quick" if quick else "make bench"
    parts = [
        "# tlsmith beside other TLS libraries\n\n",
        f"Written by `{command}` on {datetime.date.today()}: medians of {found.rounds} rounds.\n\n",
        f"- {machine()}\n",
        f"- {compiler('cc')}; {compiler('rustc')}\n",
        *(f"- {peer.name}: {peer.version}\n" for peer in found.peers),
        "\nTLS 1.3 with a P-256 certificate, which the client verifies, and AES-128-GCM where no"
        "\nother cipher suite is named. Servers give one ticket where sessions are resumed, and"
        "\nnone elsewhere. AWS-LC is without jitter entropy everywhere. Each cell is what the"
        "\nlibrary takes, or how fast it is, and then how many times as good tlsmith is: above 1"
        "\ntlsmith is ahead, below it is behind. A dash is where a library cannot.\n"
        f"\nThe heap of idle connections is measured at {found.idle_count:,} of them, which have"
        "\nexchanged a message, without their sockets; OpenSSL is told to release its buffers"
        "\n(SSL_MODE_RELEASE_BUFFERS). callgrind, which counts the instructions, shows programs a"
        "\nprocessor without AVX-512, VAES and SHA extensions.\n",
        "\n## Bars\n\n",
        bars(found.results),
    ]
    for title, rows in itertools.groupby(found.results.values(), lambda row: row.case.section):
        parts += [f"\n## {title}\n\n", section(list(rows), names)]
    parts += ["\n## Where tlsmith is behind\n\n", losses(found.results)]
    return "".join(parts)
