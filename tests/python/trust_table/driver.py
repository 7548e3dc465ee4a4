"""Builds and runs driver.c, which verifies chains with the C library."""

import os
import pathlib
import subprocess

HERE = pathlib.Path(__file__).parent
ROOT = HERE.parents[2]
PATIENCE = 30


class Driver:
    """The program, compiled into a folder against the library in $OUT."""

    def __init__(self, folder):
        library = ROOT / os.environ.get("OUT", "target/c")
        assert (library / "libtlsmith.so").exists(), (
            f"there is no C library in '{library}': run `make lib`, or set OUT to its folder"
        )
        self._program = folder / "driver"
        self._environment = {**os.environ, "LD_LIBRARY_PATH": str(library)}
        compiler = os.environ.get("TEST_CC", "cc")
        subprocess.run(
            [compiler, "-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-O1", "-g"]
            + [f"-I{ROOT / 'include'}", HERE / "driver.c", "-o", self._program]
            + [f"-L{library}", "-ltlsmith"],
            check=True,
        )

    def _command(self, action, settings):
        pairs = (f"{name}={value}" for name, value in settings.items())
        return [self._program, action, *pairs]

    def run(self, action, **settings):
        """Run it and return its output."""
        return subprocess.run(
            self._command(action, settings),
            env=self._environment,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
            timeout=PATIENCE,
        ).stdout

    def start(self, action, sock, **settings):
        """Start it on one end of a socket pair."""
        return subprocess.Popen(
            self._command(action, {"fd": sock.fileno(), **settings}),
            env=self._environment,
            stdout=subprocess.PIPE,
            text=True,
            pass_fds=[sock.fileno()],
        )
