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


class Outcomes(unittest.TextTestResult):
    """Keeps the outcome of each test by its name."""

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.by_name = {}

    def note(self, test, outcome, detail=""):
        # A test of several parts ends badly when one of them does.
        name = getattr(test, "test_case", test).id().removeprefix("test.test_ssl.")
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


if __name__ == "__main__":
    support.use_resources = []
    suite = unittest.defaultTestLoader.loadTestsFromModule(test_ssl)
    runner = unittest.TextTestRunner(stream=sys.stderr, resultclass=Outcomes, verbosity=2)
    result = runner.run(suite)
    print(json.dumps(result.by_name))
