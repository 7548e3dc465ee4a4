"""tlsmith config: flags for C programs that use the C library."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

from ._arguments import Failure, UsageError, Verbs
from ._output import print_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace

_SAYS = """
The flags are those of the C library that is installed, as pkg-config knows it, or
else of the one in this package, which wheels of `make wheel` have.  `tlsmith-config`
is the same command.
JSON has a key for each thing that was asked for, or for all of them.
"""

_EXAMPLES = """
  cc program.c $(tlsmith config --cflags --libs)
  tlsmith config --static --libs
  cmake -Dtlsmith_DIR=$(tlsmith config --cmakedir) .
"""

# What is asked for, and how pkg-config is asked.
_QUERIES: dict[str, tuple[str, ...]] = {
    "cflags": ("--cflags",),
    "libs": ("--libs",),
    "includedir": ("--variable=includedir",),
    "libdir": ("--variable=libdir",),
    "version": ("--modversion",),
    "cmakedir": ("--variable=libdir",),
    "pkgconfigdir": ("--variable=pcfiledir",),
}

_HELP = {
    "cflags": "flags for the compiler",
    "libs": "flags for the linker",
    "includedir": "the folder of tlsmith.h",
    "libdir": "the folder of the library",
    "version": "the version of the library",
    "cmakedir": "the folder of tlsmith-config.cmake",
    "pkgconfigdir": "the folder of tlsmith.pc",
}


def add(verbs: Verbs) -> None:
    """The arguments."""
    parser = verbs.add(
        "config", run, "flags for C programs that use the library", says=_SAYS, examples=_EXAMPLES
    )
    for name in _QUERIES:
        parser.add_argument(f"--{name}", action="store_true", help=_HELP[name])
    parser.add_argument("--static", action="store_true", help="of --libs: for the static library")


def main() -> int:
    """The program tlsmith-config."""
    from . import main

    return main(["config", *sys.argv[1:]])


def run(options: Namespace) -> int:
    """Print what was asked for; everything with its name where nothing was."""
    wanted = [name for name in _QUERIES if getattr(options, name)]
    if options.static and wanted and "libs" not in wanted:
        raise UsageError("--static is about --libs")
    _check_installed()
    values = {name: _value(name, options.static) for name in wanted or _QUERIES}
    if options.json:
        print_json(values)
    elif wanted:
        print(" ".join(value for value in values.values() if value))
    else:
        for name, value in values.items():
            print(f"{name:<12} {value}")
    return 0


def _value(name: str, static: bool) -> str:
    how = _QUERIES[name]
    if name == "libs" and static:
        how = ("--static", *how)
    value = _pkg_config(*how, "tlsmith").stdout.strip()
    if name != "cmakedir":
        return value
    directory = os.path.join(value, "cmake", "tlsmith")
    if not os.path.isfile(os.path.join(directory, "tlsmith-config.cmake")):
        raise Failure(f"'{directory}' has no tlsmith-config.cmake: install the library again")
    return directory


def _check_installed() -> None:
    if _pkg_config("--exists", "tlsmith").returncode != 0:
        raise Failure(
            "pkg-config finds no C library: `make install` in the source of tlsmith installs "
            "it, and `make wheel` puts it into the Python package; PKG_CONFIG_PATH has to name "
            "the folder of tlsmith.pc where that is no usual one",
            "not_installed",
        )


def _folders() -> list[str]:
    """Where pkg-config looks before all others: last in what comes with us."""
    given = os.environ.get("PKG_CONFIG_PATH")
    ours = os.path.join(os.path.dirname(os.path.dirname(__file__)), "lib", "pkgconfig")
    return [ours] if not given else [given, ours]


def _pkg_config(*arguments: str) -> subprocess.CompletedProcess[str]:
    program = os.environ.get("PKG_CONFIG") or shutil.which("pkg-config") or shutil.which("pkgconf")
    if program is None:
        raise Failure("there is no pkg-config, which knows the flags: install it", "not_installed")
    try:
        return subprocess.run(
            [program, *arguments],
            check=False,
            capture_output=True,
            text=True,
            env={**os.environ, "PKG_CONFIG_PATH": os.pathsep.join(_folders())},
        )
    except OSError as error:
        raise Failure(f"cannot run '{program}': {error.strerror}", "not_installed") from error
