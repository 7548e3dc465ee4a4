"""The command line `tlsmith`.  Each verb is a module of its own here.

Exit codes: 0 success; 1 TLS, verification or a certificate failed; 2 usage error.
As with other programs in a shell, 130 is Ctrl-C and 141 a closed output pipe.
"""

from __future__ import annotations

import re
import sys

from .._errors import ConfigError, Error, quote
from ._arguments import KEY_AS_ARGUMENT, Failure, Parser, UsageError, Verbs, discreet
from ._output import discard_output, open_closed_files, print_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Sequence

DONE, FAILED, USAGE, INTERRUPTED, BROKEN_PIPE = 0, 1, 2, 130, 141

# Errors about the arguments.  A key that does not match is not one of them.
_USAGE_CODES = ("config.argument", "config.file", "config.unsupported")

# PEM that may be secret.  A request may be given as text.
_SECRET_PEM = re.compile("-----BEGIN (?!(NEW )?CERTIFICATE REQUEST-|CERTIFICATE-|X509 CRL-)")

_EXAMPLES = """
  tlsmith connect example.org           connect to a server and verify it
  tlsmith issue localhost 127.0.0.1     issue a certificate from your local CA
  tlsmith serve .                       serve this folder over HTTPS
  tlsmith inspect example.org:443       print the certificates of a server
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command, by default that of sys.argv, and return its exit code."""
    open_closed_files()
    given = sys.argv[1:] if arguments is None else arguments
    if any(map(_SECRET_PEM.search, given)):
        # Before a message or a file gets its name from it.
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
        # From the last flush, for example with a full disk.
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
        epilog=f"examples:{_EXAMPLES}\nexit codes: 0 success; 1 TLS, verification or a "
        "certificate failed; 2 usage error",
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
    """Run the verb, and report its errors as sentences."""
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
        return _fail(
            options,
            UsageError.code,
            f"{quote(error.object)} is not valid text in this locale",
            USAGE,
        )
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
