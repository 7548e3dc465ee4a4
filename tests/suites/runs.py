"""Runs of pytest that end: a test that hangs or ends the process has failed, and those
after it run in a process of their own."""

import json
import os
import pathlib
import signal
import subprocess
import time

HERE = pathlib.Path(__file__).parent

TEST_SECONDS = 30
"""How long one test may take before pytest-timeout ends it."""

STUCK_SECONDS = 90
"""How long no test may begin or end before the process is ended from outside, where the
main thread does not come back to Python."""

EXIT_SECONDS = 20
"""How long a process may take to end after its last test, where it waits for a thread."""

EXIT = "(the end of the process)"


class Run:
    """A suite in one environment, with tlsmith or without."""

    def __init__(self, work, python, root, suite, package):
        self.work, self.python, self.root, self.suite = work, python, root, suite
        self.variables = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("PYTHON", "PYTEST", "SUITES", "CI"))
        }
        folders = [HERE / "plugin"]
        if package is not None:
            folders += [HERE / "installed", package]
        self.variables["PYTHONPATH"] = os.pathsep.join(map(str, folders))
        work.mkdir(parents=True, exist_ok=True)
        (work / "log").write_text("")
        self._check(package)

    def _check(self, package):
        """Raise unless SSLContext is whose it has to be in this run."""
        command = [self.python, "-c", "import ssl; print(ssl.SSLContext.__module__)"]
        answer = subprocess.run(command, env=self.variables, capture_output=True, text=True)
        expected = "ssl" if package is None else "tlsmith.ssl._context"
        if answer.stdout.strip() != expected:
            raise SystemExit(
                f"ssl.SSLContext is of {answer.stdout.strip()!r} where the tests are to run, "
                f"not of {expected!r}. {answer.stderr}"
            )

    def outcomes(self, only=None, left_out=()):
        """How each test ended, by its name: "ok", "skipped" or "failed", and why.

        only      the names of the tests to run; all without it
        left_out  the names of tests not to run
        """
        ended = {}
        while True:
            before = len(ended)
            is_finished = self._once(ended, only, left_out)
            if is_finished or len(ended) == before:
                return ended

    def _once(self, ended, only, left_out):
        """One process.  Returns whether there is no test left."""
        lines = self.work / "outcomes"
        lines.write_text("")
        variables = {**self.variables, "SUITES_OUTCOMES": str(lines)}
        for variable, names in (("SUITES_ONLY", only), ("SUITES_LEFT_OUT", [*ended, *left_out])):
            if names is not None:
                path = self.work / variable.lower()
                path.write_text(json.dumps(sorted(names)))
                variables[variable] = str(path)
        # Not `python -m`, which would look for modules where the tests are.
        command = [self.python.parent / "pytest"]
        # tlsmith's own plugin is imported by install() before pytest could rewrite it.
        command += ["-W", "ignore::pytest.PytestAssertRewriteWarning"]
        command += ["-p", "suites_outcomes", "-p", "no:cacheprovider", "-p", "no:tlsmith"]
        command += ["-q", "--tb=short", f"--timeout={TEST_SECONDS}", "--timeout-method=signal"]
        command += [*self.suite.arguments, *self.suite.tests]
        if not {"pyproject.toml", "pytest.ini"} & set(self.suite.files):
            command += ["-c", str(HERE / "pytest.ini"), "--rootdir", str(self.root)]
        with (self.work / "log").open("ab") as log:
            process = subprocess.Popen(
                command,
                cwd=self.root,
                env=variables,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
            try:
                is_stuck = _is_stuck(process, lines)
            finally:
                # Also after Ctrl-C, which does not come to its session.
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGKILL)
                    process.wait()
        return _read(lines, ended, is_stuck)


def _is_stuck(process, lines):
    """Wait until a process ends (False) or is stuck (True)."""
    size, since, limit = 0, time.monotonic(), STUCK_SECONDS
    while True:
        try:
            process.wait(1)
            return False
        except subprocess.TimeoutExpired:
            now = lines.stat().st_size
            if now != size:
                size, since = now, time.monotonic()
                is_finished = lines.read_bytes().endswith(b'["", "finished", ""]\n')
                limit = EXIT_SECONDS if is_finished else STUCK_SECONDS
            elif time.monotonic() - since > limit:
                return True


def _read(lines, ended, is_stuck):
    running, is_finished = None, False
    for line in lines.read_text().splitlines():
        name, outcome, detail = json.loads(line)
        if outcome == "began":
            running = name
        elif outcome == "finished":
            is_finished = True
        else:
            ended[name], running = (outcome, detail), None
    if running is not None:
        why = "hangs" if is_stuck else "ends the process"
        ended[running] = ("failed", f"it {why}")
    elif is_stuck:
        ended[EXIT] = ("failed", "it hangs")
        return True
    return is_finished
