import pytest

from .driver import Driver


@pytest.fixture(scope="session")
def driver(tmp_path_factory):
    """The C library's judge."""
    return Driver(tmp_path_factory.mktemp("driver"))
