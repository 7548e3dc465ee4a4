"""A pytest plugin that writes down how each test ended as soon as it has ended, so that
a test that hangs or ends the process takes no outcome of another with it.

SUITES_OUTCOMES  the file to append to, one JSON list per line: name, outcome, detail
SUITES_ONLY      a file with the only tests to run, as a JSON list of names
SUITES_LEFT_OUT  a file with tests to leave out, likewise
"""

import json
import os
import pathlib

import pytest

BADNESS = ("skipped", "ok", "failed")


class Outcomes:
    def __init__(self, path):
        self.path = pathlib.Path(path)
        self.outcome = self.detail = ""

    def write(self, *line):
        with self.path.open("a") as file:
            file.write(json.dumps(line) + "\n")

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logstart(self, nodeid):
        self.outcome, self.detail = "skipped", ""
        self.write(nodeid, "began", "")

    def pytest_runtest_logreport(self, report):
        # A setup that passes tells nothing, and a subtest is a part of its test.
        if report.passed and report.when != "call":
            return
        outcome = "ok" if report.passed else report.outcome
        if BADNESS.index(outcome) > BADNESS.index(self.outcome):
            self.outcome = outcome
            self.detail = _last_line(report) if outcome == "failed" else ""

    def pytest_runtest_logfinish(self, nodeid):
        self.write(nodeid, self.outcome, self.detail)

    def pytest_collectreport(self, report):
        if report.failed:
            self.write(report.nodeid, "failed", f"not collected: {_last_line(report)}")

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self):
        self.write("", "finished", "")


def _last_line(report):
    crash = getattr(report.longrepr, "reprcrash", None)
    text = crash.message if crash is not None else str(report.longrepr)
    return text.strip()[:400]


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config, items):
    only, left_out = _names("SUITES_ONLY"), _names("SUITES_LEFT_OUT") or set()
    kept = [
        item
        for item in items
        if (only is None or item.nodeid in only) and item.nodeid not in left_out
    ]
    config.hook.pytest_deselected(items=[item for item in items if item not in kept])
    items[:] = kept


def pytest_configure(config):
    config.pluginmanager.register(Outcomes(os.environ["SUITES_OUTCOMES"]), "suites-outcomes")


def _names(variable):
    path = os.environ.get(variable)
    return None if path is None else set(json.loads(pathlib.Path(path).read_text()))
