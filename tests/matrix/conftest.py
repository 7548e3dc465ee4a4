"""The frame of the matrix: which cells there are, and the table at the end of the run."""

import sys
from pathlib import Path

# What starts programs is shared with the tests of the Python package.
sys.path.insert(0, str(Path(__file__).parents[1] / "python"))

import pytest
from columns import FAIL, LIMIT, PASS, Cell, table
from peer import Builds

import tlsmith


def pytest_configure(config):
    config.addinivalue_line("markers", "heavy: what `make interop` leaves out")


def pytest_collection_modifyitems(items):
    """Puts the place of each cell into its reports, where a plugin that distributes the
    tests finds them, too."""
    for item in items:
        values = item.callspec.params if hasattr(item, "callspec") else {}
        if "peer" in values and "column" in values:
            peer, column = values["peer"], values["column"]
            place = {"role": peer.role, "peer": peer.name, "column": column.name}
            item.user_properties.extend(place.items())


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter):
    cells, versions = [], {}
    for outcome in ("passed", "failed", "error"):
        for report in terminalreporter.stats.get(outcome, []):
            told = dict(report.user_properties)
            if "column" not in told:
                continue
            versions.setdefault(told["peer"], told["peer"])
            if "version" in told:
                versions[told["peer"]] = told["version"]
            mark = FAIL if outcome != "passed" else LIMIT if "limit" in told else PASS
            cells.append((told, mark))
    for line in table(
        Cell(told["role"], versions[told["peer"]], told["column"], mark, told.get("limit", ""))
        for told, mark in cells
    ):
        terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def builds(tmp_path_factory):
    return Builds(tmp_path_factory)


@pytest.fixture(scope="session")
def ca():
    return tlsmith.CA("Matrix CA")


@pytest.fixture(scope="session")
def site(ca):
    return ca.issue("localhost", "127.0.0.1", common_name="localhost")


@pytest.fixture(scope="session")
def user(ca):
    return ca.issue_client("alice@example.org")
