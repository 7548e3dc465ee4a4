"""tlsmith version: the versions of the package and of its main dependencies."""

from __future__ import annotations

import platform

from .._tlsmith import build_info
from ._arguments import Verbs
from ._output import print_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace

_DETAILS = """
--json prints the keys tlsmith, rustls, aws-lc-rs, aws-lc-sys, target and python.
"""

_EXAMPLES = """
  tlsmith version
  tlsmith version --json
"""


def add(verbs: Verbs) -> None:
    """Add the parser of the verb."""
    verbs.add(
        "version",
        run,
        "print the versions of tlsmith and its dependencies",
        details=_DETAILS,
        examples=_EXAMPLES,
    )


def run(options: Namespace) -> int:
    """Print the versions."""
    info = {**build_info(), "python": platform.python_version()}
    if options.json:
        print_json(info)
    else:
        for name, value in info.items():
            print(f"{name:<10} {value}")
    return 0
