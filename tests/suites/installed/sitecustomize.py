"""On PYTHONPATH, it has every Python of a test run begin with tlsmith.ssl.install(),
also those that the tests start."""

import tlsmith.ssl

tlsmith.ssl.install()
