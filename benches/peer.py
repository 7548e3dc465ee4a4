"""The programs of benches/peers: a process for each library, which measures when asked."""

from __future__ import annotations

import pathlib
import re
import subprocess
import sys
from dataclasses import dataclass

OURS = "tlsmith"
# Calls that move bytes.
READS = {"read", "readv", "recvfrom", "recvmsg"}
WRITES = {"write", "writev", "sendto", "sendmsg"}


@dataclass
class Idle:
    """Bytes of heap for each connection of so many, by side."""

    server: float
    client: float
    count: int


class Peer:
    """One library.  What it cannot do is None."""

    def __init__(self, name: str, folder: pathlib.Path) -> None:
        self.name = name
        self.command = [str(folder / f"bench-{name}"), str(folder / "certs")]
        self.process = subprocess.Popen(
            self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )
        self.version = self._ask("version")

    def _ask(self, line: str) -> str:
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(line + "\n")
        answer = self.process.stdout.readline()
        if not answer:
            sys.exit(f"bench-{self.name} ended at: {line}")
        return answer.strip()

    def measure(self, words: str) -> float | None:
        """In the process that is there, warm."""
        return number(self._ask(words))

    def measure_anew(self, words: str) -> float | None:
        """In a process of its own, cold."""
        return number(self._run([], words).stdout.strip())

    def idle(self, words: str) -> Idle:
        """Also in a process of its own."""
        server, client, count = self._run([], words).stdout.split()
        return Idle(float(server), float(client), int(count))

    def instructions(self, words: str) -> float | None:
        """How many instructions callgrind counts while the program measures."""
        callgrind = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"]
        run = self._run([*callgrind, "--toggle-collect=measured"], words)
        if run.stdout.strip() == "no":
            return None
        found = re.search(r"Collected : (\d+)", run.stderr)
        if found is None:
            sys.exit(f"callgrind counted nothing of bench-{self.name} {words}:\n{run.stderr}")
        return float(found[1])

    def calls(self, words: str) -> tuple[int, int]:
        """How often the kernel was asked to read, and to write."""
        names = ",".join(sorted(READS | WRITES))
        run = self._run(["strace", "-f", "--seccomp-bpf", "-c", "-e", f"trace={names}"], words)
        reads = writes = 0
        for line in run.stderr.splitlines():
            columns = line.split()
            if columns and columns[-1] in READS:
                reads += int(columns[3])
            elif columns and columns[-1] in WRITES:
                writes += int(columns[3])
        return reads, writes

    def _run(self, before: list[str], words: str) -> subprocess.CompletedProcess[str]:
        command = [*before, *self.command, *words.split()]
        run = subprocess.run(command, capture_output=True, text=True)
        if run.returncode != 0:
            sys.exit(f"{' '.join(command)} failed:\n{run.stderr}")
        return run

    def library_size(self) -> int | None:
        """Bytes of the shared libraries of its own that the program is linked with."""
        listed = subprocess.check_output(["ldd", self.command[0]], text=True)
        paths = re.findall(r"=> (/\S*lib(?:tlsmith|ssl|crypto|gnutls)\.\S+)", listed)
        return sum(pathlib.Path(path).resolve().stat().st_size for path in paths) or None


def number(answer: str) -> float | None:
    return None if answer == "no" else float(answer)
