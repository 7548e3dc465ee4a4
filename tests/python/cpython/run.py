"""Runs the standard library's own tests of `ssl` on our engine, and tells on its
last line, as JSON, how each ended.

They come from the `test` package of the interpreter that runs them, and so do
the certificates that they compare with what is written in them.
"""

import json
import sys
import unittest

import tlsmith.ssl

tlsmith.ssl.install()

try:
    from test import support, test_ssl
except ImportError:
    sys.exit(
        "this Python has no `test` package: apt-get install libpython3-testsuite, or "
        "build it with its test modules"
    )


TRIES = 4
"""How often a test may fail that then passes.  The server of some stops for good when a
client goes without having read its tickets, and resets the connection so: which of the
two is faster, decides."""


def name_of(test):
    return test.id().removeprefix("test.test_ssl.")


class Outcomes(unittest.TextTestResult):
    """Keeps the outcome of each test by its name."""

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.by_name = {}

    def note(self, test, outcome, detail=""):
        # A test of several parts ends badly when one of them does.
        name = name_of(getattr(test, "test_case", test))
        if self.by_name.get(name, ["ok"])[0] in ("ok", "skipped"):
            self.by_name[name] = [outcome, detail]

    def addSuccess(self, test):
        super().addSuccess(test)
        self.note(test, "ok")

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self.note(test, "skipped", reason)

    def addFailure(self, test, error):
        super().addFailure(test, error)
        self.note(test, "failed", repr(error[1]))

    def addError(self, test, error):
        super().addError(test, error)
        self.note(test, "failed", repr(error[1]))

    def addSubTest(self, test, subtest, error):
        super().addSubTest(test, subtest, error)
        if error is not None:
            self.note(test, "failed", repr(error[1]))


def run(tests):
    """How each test ended, by its name."""
    suite = unittest.TestSuite(tests)
    runner = unittest.TextTestRunner(stream=sys.stderr, resultclass=Outcomes, verbosity=2)
    return runner.run(suite).by_name


def flat(suite):
    for one in suite:
        yield from flat(one) if isinstance(one, unittest.TestSuite) else [one]


def load():
    return flat(unittest.defaultTestLoader.loadTestsFromModule(test_ssl))


if __name__ == "__main__":
    support.use_resources = []
    outcomes = run(load())
    for _ in range(1, TRIES):
        failed = {name for name, (outcome, _) in outcomes.items() if outcome == "failed"}
        outcomes.update(run(test for test in load() if name_of(test) in failed))
    print(json.dumps(outcomes))
