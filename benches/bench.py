"""Measures tlsmith through its C API beside other TLS libraries: `make bench` calls it.

Each library has a program of its own, benches/peers, and all do the same work.  In each
round every one of them takes its turn, and ratios are taken within the round: what the
tables show are medians over the rounds, of times and of ratios.

    python3 benches/bench.py [--quick] [--check] [--rounds N] [--results FILE]
"""

from __future__ import annotations

import argparse
import os
import pathlib
import statistics
import sys

import cases
import report
from peer import OURS, Peer

FOLDER = pathlib.Path("target/bench")
NAMES = [
    OURS,
    "openssl-system",
    "openssl",
    "boringssl",
    "aws-lc",
    "gnutls",
    "rustls",
    "rustls-ffi",
]
QUICK_NAMES = NAMES[:2]


class Bench:
    """Has the libraries take turns, and keeps what came out."""

    def __init__(self, peers: list[Peer], rounds: int) -> None:
        self.peers = peers
        self.rounds = rounds
        self.results: report.Results = {}
        self.idle_count = 0

    def in_turns(self, case: cases.Case, measure: report.Measure) -> None:
        """The first turn warms up, and finds out who can do it at all."""
        say(case.name)
        able = [peer for peer in self.peers if measure(peer) is not None]
        figures: dict[str, list[float]] = {peer.name: [] for peer in able}
        for turn in range(self.rounds):
            # Nobody always comes after the same one.
            for peer in able[turn % len(able) :] + able[: turn % len(able)]:
                figures[peer.name].append(measure(peer) or 0)
        self.keep(case, figures)

    def once(self, case: cases.Case, measure: report.Measure) -> None:
        """What is the same each time."""
        say(case.name)
        figures = {peer.name: measure(peer) for peer in self.peers}
        self.keep(case, {name: [figure] for name, figure in figures.items() if figure is not None})

    def keep(self, case: cases.Case, figures: dict[str, list[float]]) -> None:
        ours = figures[OURS]
        self.results[case.key] = report.Row(
            case,
            {name: statistics.median(theirs) for name, theirs in figures.items()},
            {
                name: statistics.median(b / a for a, b in zip(ours, theirs, strict=True))
                for name, theirs in figures.items()
            },
        )

    def idle(self) -> None:
        say(cases.IDLE)
        found = {peer.name: peer.idle(cases.IDLE) for peer in self.peers}
        self.keep(cases.IDLE_SERVER, {name: [idle.server] for name, idle in found.items()})
        self.keep(cases.IDLE_CLIENT, {name: [idle.client] for name, idle in found.items()})
        self.idle_count = found[OURS].count

    def calls(self) -> None:
        """What more messages take beyond the same program with fewer of them.  Now and then
        a thread that is slow gets a piece more: the median of three."""
        say("system calls")
        reads: dict[str, list[float]] = {}
        writes: dict[str, list[float]] = {}
        for peer in self.peers:
            for _ in range(3):
                few, many = peer.calls(cases.CALLS_FEW), peer.calls(cases.CALLS_MANY)
                reads.setdefault(peer.name, []).append((many[0] - few[0]) / cases.CALLS_MIB)
                writes.setdefault(peer.name, []).append((many[1] - few[1]) / cases.CALLS_MIB)
        self.keep(cases.READ_CALLS, reads)
        self.keep(cases.WRITE_CALLS, writes)


def say(what: str) -> None:
    print(f"  measure  {what}", file=sys.stderr, flush=True)


def timing(case: cases.Case) -> report.Measure:
    return lambda peer: peer.measure_anew(case.words) if case.anew else peer.measure(case.words)


def run(bench: Bench, quick: bool) -> None:
    for case in cases.TIMED:
        if case.quick or not quick:
            bench.in_turns(case, timing(case))
    bench.idle()
    bench.once(cases.LIBRARY, Peer.library_size)
    if quick:
        return
    for case in cases.INSTRUCTIONS:
        bench.once(case, instructions(case))
    bench.calls()


def instructions(case: cases.Case) -> report.Measure:
    return lambda peer: peer.instructions(case.words)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="against the system's OpenSSL alone")
    parser.add_argument("--check", action="store_true", help="fail where a bar is missed")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--results", type=pathlib.Path, help="write the tables to this file too")
    options = parser.parse_args()
    os.chdir(pathlib.Path(__file__).parent.parent)

    names = QUICK_NAMES if options.quick else NAMES
    bench = Bench([Peer(name, FOLDER) for name in names], options.rounds)
    run(bench, options.quick)
    page = report.page(bench, options.quick)
    print(page, end="")
    if options.results:
        options.results.write_text(page)
    missed = [bar for bar in cases.BARS if report.verdict(bar, bench.results)[1] is False]
    return 1 if options.check and missed else 0


if __name__ == "__main__":
    sys.exit(main())
