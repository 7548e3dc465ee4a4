import pytest

from .driver import Driver


@pytest.fixture(scope="session")
def driver(tmp_path_factory):
    """The program that verifies with the C library."""
    return Driver(tmp_path_factory.mktemp("driver"))
