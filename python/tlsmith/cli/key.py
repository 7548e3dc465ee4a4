"""tlsmith key: private keys."""

from __future__ import annotations

from .. import _tlsmith
from ._arguments import KEY_TYPES, Verbs
from ._describe import key_json
from ._files import (
    add_password,
    password,
    refuse_to_replace,
    refuse_to_replace_inputs,
    write,
)
from ._output import print_json, write_bytes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace

_DETAILS = """
Writes PKCS#8 in PEM to standard output, or to a file with mode 0600.  --json prints
the keys key_type, and pem or file.
"""

_EXAMPLES = """
  tlsmith key --out server-key.pem
  tlsmith key ed448 --out server-key.pem --password-file password
  tlsmith key rsa-3072 | openssl pkey -noout -text
"""


def add(verbs: Verbs) -> None:
    """Add the parser of the verb."""
    parser = verbs.add("key", run, "generate a private key", details=_DETAILS, examples=_EXAMPLES)
    parser.add_argument(
        "type",
        metavar="TYPE",
        nargs="?",
        default=KEY_TYPES[0],
        choices=KEY_TYPES,
        help=f"one of {', '.join(KEY_TYPES)}; default {KEY_TYPES[0]}",
    )
    parser.add_argument("--out", metavar="FILE", help="the file to write; default standard output")
    parser.add_argument("--force", action="store_true", help="replace an existing file")
    add_password(parser, "the key, which is then encrypted")


def run(options: Namespace) -> int:
    """Generate the key and write it."""
    secret = password(options.password_file)
    if options.out:
        refuse_to_replace_inputs([options.out], [options.password_file])
    if options.out and not options.force:
        refuse_to_replace(options.out)
    key = _tlsmith.Key.generate(options.type)
    pem = key.pem if secret is None else key.encrypted_pem(secret)
    if options.out:
        write([(options.out, pem, True)])
        if options.json:
            print_json({**key_json(key), "file": options.out})
        return 0
    if options.json:
        print_json({**key_json(key), "pem": pem.decode()})
    else:
        write_bytes(pem)
    return 0
