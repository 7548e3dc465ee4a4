"""tlsmith config: compiler and linker flags for the C library."""

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

_DETAILS = """
Prints the flags of the C library that pkg-config finds, or else of the one inside
this package (only wheels built with `make wheel` contain it).  `tlsmith-config` is
the same command.  --json prints one key for each requested value, or for all.
"""

_EXAMPLES = """
  cc program.c $(tlsmith config --cflags --libs)
  tlsmith config --static --libs
  cmake -Dtlsmith_DIR=$(tlsmith config --cmakedir) .
"""

# Each value, and the arguments of pkg-config that print it.
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
    "cflags": "print the compiler flags",
    "libs": "print the linker flags",
    "includedir": "print the folder of tlsmith.h",
    "libdir": "print the folder of the library",
    "version": "print the version of the library",
    "cmakedir": "print the folder of tlsmith-config.cmake",
    "pkgconfigdir": "print the folder of tlsmith.pc",
}


def add(verbs: Verbs) -> None:
    """Add the parser of the verb."""
    parser = verbs.add(
        "config",
        run,
        "print compiler and linker flags for C programs",
        details=_DETAILS,
        examples=_EXAMPLES,
    )
    for name in _QUERIES:
        parser.add_argument(f"--{name}", action="store_true", help=_HELP[name])
    parser.add_argument(
        "--static", action="store_true", help="with --libs: flags for the static library"
    )


def main() -> int:
    """The program tlsmith-config."""
    from . import main

    return main(["config", *sys.argv[1:]])


def run(options: Namespace) -> int:
    """Print the requested values, or all of them with their names."""
    wanted = [name for name in _QUERIES if getattr(options, name)]
    if options.static and wanted and "libs" not in wanted:
        raise UsageError("--static needs --libs")
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
            "pkg-config finds no C library of tlsmith: run `make install` in its source, or "
            "install a wheel built with `make wheel`; if tlsmith.pc is in an unusual folder, "
            "add that to PKG_CONFIG_PATH",
            "not_installed",
        )


def _folders() -> list[str]:
    """Return the folders that pkg-config searches first; this package's is the last."""
    given = os.environ.get("PKG_CONFIG_PATH")
    ours = os.path.join(os.path.dirname(os.path.dirname(__file__)), "lib", "pkgconfig")
    return [ours] if not given else [given, ours]


def _pkg_config(*arguments: str) -> subprocess.CompletedProcess[str]:
    program = os.environ.get("PKG_CONFIG") or shutil.which("pkg-config") or shutil.which("pkgconf")
    if program is None:
        raise Failure(
            "pkg-config was not found, and it knows the flags: install it", "not_installed"
        )
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
