"""Runs the TLS tests of other packages on `ssl` and on `tlsmith.ssl`, and compares.

The run fails for a test that fails only with tlsmith.ssl.install() and is not in `known.py`,
and for one that is in `known.py` and passes, unless that says why it may.  pip fetches
everything by name into the work folder.
"""

import argparse
import pathlib
import sys

import environments
from known import KNOWN, MAY_PASS
from runs import Run
from suites import SUITES

TRIES = 3
"""How often a test may fail with tlsmith that passes without it: some depend on timing."""


def run(name, label, python, options):
    """The sentences about what is wrong with one suite on one Python."""
    suite, work = SUITES[name], options.work / label
    known = {**KNOWN.get(name, {}), **KNOWN.get(label, {})}
    inside = environments.environment(work / "venv", python, suite)
    if suite.files:
        root = environments.source(work / "source", inside, suite)
    else:
        root = environments.folder_of(inside, "purelib" if suite.package else "stdlib")
    plain = Run(work / "plain", inside, root, suite, None).outcomes()
    installed = Run(work / "tlsmith", inside, root, suite, options.package)
    # Those that are known to fail are on their own: some leave threads or ports behind, over
    # which the tests after them fail, too.
    ours = installed.outcomes(left_out=known)
    ours.update(installed.outcomes(known) if known else {})
    for _ in range(1, TRIES):
        again = differences(plain, ours).keys() - known.keys()
        if again:
            ours.update(installed.outcomes(again))
    return report(label, plain, ours, known, MAY_PASS.get(name, {}))


def differences(plain, ours):
    """The tests that are worse off with tlsmith, and why."""
    worse = {}
    for test, (outcome, _) in plain.items():
        here, detail = ours.get(test, ("missing", "it did not run"))
        if outcome == "ok" and here != "ok" or outcome == "skipped" and here == "failed":
            worse[test] = detail or here
    worse.update(
        {one: why for one, (how, why) in ours.items() if how == "failed" and one not in plain}
    )
    return worse


def report(label, plain, ours, known, may_pass):
    worse = differences(plain, ours)
    passed = [sum(how == "ok" for how, _ in each.values()) for each in (plain, ours)]
    print(
        f"{label}: {passed[0]} of {len(plain)} pass with ssl, {passed[1]} of {len(ours)} with "
        f"tlsmith.ssl, {len(worse)} only without it",
        flush=True,
    )
    wrong = [f"{label}: no test passes with ssl"] if not passed[0] else []
    for test, why in worse.items():
        if test in known:
            print(f"  known    {test}: {known[test]}")
        else:
            wrong.append(f"{label}: {test} fails only with tlsmith: {why}")
    for test in sorted(known.keys() - worse.keys()):
        if ours.get(test, ("", ""))[0] != "ok":
            continue
        if test in may_pass:
            print(f"  passed   {test}: {may_pass[test]}")
        else:
            wrong.append(f"{label}: {test} is in known.py, and passes: take it out")
    return wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("suites", nargs="*", help=f"of {', '.join(SUITES)}; all without")
    parser.add_argument(
        "--work",
        type=pathlib.Path,
        default="target/suites",
        help="folder for environments and sources",
    )
    parser.add_argument(
        "--package", type=pathlib.Path, default="python", help="folder that contains tlsmith"
    )
    options = parser.parse_args()
    options.work, options.package = options.work.resolve(), options.package.resolve()
    unknown = set(options.suites) - SUITES.keys()
    if unknown:
        parser.error(f"no such suite: {', '.join(sorted(unknown))}")
    wrong = []
    for name in options.suites or SUITES:
        if SUITES[name].every_python:
            for version, python in environments.interpreters().items():
                wrong += run(name, f"{name}-{version}", python, options)
        else:
            wrong += run(name, name, sys.executable, options)
    for sentence in wrong:
        print(sentence)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
