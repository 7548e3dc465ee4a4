"""The command line `tlsmith`.  Each verb is a module of its own here.

Exit codes: 0 done; 1 TLS, verification or a certificate failed; 2 it was not
asked properly.  Like the shell has it for every program, 130 is Ctrl-C and 141
an output that nobody reads any more.
"""

from __future__ import annotations

import re
import sys

from .._errors import ConfigError, Error, shown
from ._arguments import KEY_AS_ARGUMENT, Failure, Parser, UsageError, Verbs, discreet
from ._output import discard_output, open_closed_files, print_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Sequence

DONE, FAILED, USAGE, INTERRUPTED, BROKEN_PIPE = 0, 1, 2, 130, 141

# What was asked for cannot be.  A key that does not match is no such thing.
_USAGE_CODES = ("config.argument", "config.file", "config.unsupported")

# PEM of a kind that may be secret: requests are given as text, too.
_SECRET_PEM = re.compile("-----BEGIN (?!(NEW )?CERTIFICATE REQUEST-|CERTIFICATE-|X509 CRL-)")

_EXAMPLES = """
  tlsmith connect example.org           talk to a server, and see who it is
  tlsmith issue localhost 127.0.0.1     a certificate and its key, from your own CA
  tlsmith serve .                       this folder over HTTPS
  tlsmith inspect example.org:443       the certificates of a server
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command, by default that of sys.argv: its exit code."""
    open_closed_files()
    given = sys.argv[1:] if arguments is None else arguments
    if any(map(_SECRET_PEM.search, given)):
        # Before anything is named, or even created, by it.
        _report(KEY_AS_ARGUMENT)
        return USAGE
    try:
        options = _parser().parse_args(arguments)
        code = _run(options)
        sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        discard_output()
        return BROKEN_PIPE
    except OSError as error:
        # Of the last flush: a full disk, for one.
        discard_output()
        return _report(f"cannot write the output: {error.strerror}")


def _parser() -> Parser:
    from . import (
        ca,
        config,
        connect,
        crl,
        csr,
        inspect,
        issue,
        key,
        revoke,
        serve,
        sign,
        version,
    )

    parser = Parser(
        prog="tlsmith",
        description="TLS connections and certificates, safe by default.",
        epilog=f"examples:{_EXAMPLES}\nexit codes: 0 done; 1 TLS, verification or a "
        "certificate failed; 2 usage",
    )
    verbs = Verbs(parser)
    for verb in (
        connect,
        serve,
        ca,
        issue,
        key,
        csr,
        sign,
        revoke,
        crl,
        inspect,
        config,
        version,
    ):
        verb.add(verbs)
    return parser


def _run(options: Namespace) -> int:
    """Run the verb; what fails as it may fail becomes a sentence."""
    try:
        done: int = options.run(options)
        return done
    except UsageError as error:
        return _fail(options, error.code, discreet(str(error)), USAGE)
    except Failure as error:
        return _fail(options, error.code, discreet(str(error)), FAILED)
    except ConfigError as error:
        code = USAGE if error.code in _USAGE_CODES else FAILED
        return _fail(options, error.code, str(error), code)
    except Error as error:
        return _fail(options, error.code, str(error), FAILED)
    except UnicodeEncodeError as error:
        return _fail(options, UsageError.code, f"{shown(error.object)} is not text", USAGE)
    except BrokenPipeError:
        raise
    except OSError as error:
        where = f"'{error.filename}': " if error.filename else ""
        return _fail(options, "io", discreet(f"{where}{error.strerror or error}"), FAILED)


def _fail(options: Namespace, code: str, sentence: str, exit_code: int) -> int:
    if options.json:
        print_json({"error": {"code": code, "message": sentence}})
    _report(sentence, options.verb)
    return exit_code


def _report(sentence: str, verb: str | None = None) -> int:
    name = f"tlsmith {verb}" if verb else "tlsmith"
    print(f"{name}: {sentence}", file=sys.stderr)
    return FAILED
