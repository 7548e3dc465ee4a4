"""Runs a program under strace: to see which system calls it makes, and to have one of them
fail."""

import dataclasses
import re
import shutil
import subprocess

PATIENCE = 60
"""Seconds that a program may take, under strace, before the test fails."""

LINE = re.compile(r"^(?:\d+ +)?(?P<name>\w+)\((?P<arguments>.*)")


@dataclasses.dataclass(frozen=True)
class Call:
    """The `number`th system call of this name, counted from 1."""

    name: str
    number: int
    text: str = dataclasses.field(compare=False)

    def failing(self, error):
        """What has strace make it fail."""
        return f"inject={self.name}:error={error}:when={self.number}"


def strace(output, *expressions):
    """The beginning of a command line that traces what follows it."""
    assert shutil.which("strace"), "'strace' is needed by the tests: apt-get install strace"
    options = [part for expression in expressions for part in ("-e", expression)]
    return ["strace", "-qq", "-f", "--seccomp-bpf", "-y", "-s", "0", "-o", str(output), *options]


def read(output, names):
    """The calls of these names in the output of strace, with `getppid` among them."""
    counts = dict.fromkeys(names, 0)
    calls = []
    for line in output.read_text(errors="replace").splitlines():
        match = LINE.match(line)
        if match is None or match["name"] not in counts:
            continue
        counts[match["name"]] += 1
        calls.append(Call(match["name"], counts[match["name"]], match["arguments"]))
    return calls


def between_marks(calls):
    """Those between the two calls of getppid()."""
    marks = [place for place, call in enumerate(calls) if call.name == "getppid"]
    assert len(marks) == 2, f"{len(marks)} marks: is this the program with the marks?"
    return calls[marks[0] + 1 : marks[1]]


def run(command, **options):
    """Run a program to its end, which no signal and no time limit has to bring."""
    done = subprocess.run(
        list(map(str, command)),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
        **options,
    )
    assert done.returncode >= 0, f"signal {-done.returncode} ended it: {done.stderr}"
    assert "panicked" not in done.stderr, done.stderr
    return done
