"""tlsmith csr: certificate signing requests."""

from __future__ import annotations

import os

from .._csr import CSR
from .._identity import file_stem
from ._arguments import KEY_TYPES, Verbs
from ._files import (
    add_password,
    key_or_type,
    make_folder,
    password,
    refuse_to_replace,
    refuse_to_replace_inputs,
    write,
)
from ._output import print_json
from ._warnings import name_warnings, warn

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace

_DETAILS = """
Writes NAME-csr.pem and, for a new key, NAME-key.pem with mode 0600: both or neither.
--json prints the keys subject, names, key_type, csr (path), key (path or null) and
warnings, for example about a wildcard directly below a top-level domain.
"""

_EXAMPLES = """
  tlsmith csr www.example.org example.org
  tlsmith csr localhost --key ed448 --out server
  tlsmith csr example.org --key example.org-key.pem
"""


def add(verbs: Verbs) -> None:
    """Add the parser of the verb."""
    parser = verbs.add(
        "csr", run, "create a certificate signing request", details=_DETAILS, examples=_EXAMPLES
    )
    parser.add_argument(
        "names", metavar="NAME", nargs="+", help="a host name, IP address, e-mail address or URI"
    )
    parser.add_argument(
        "--key",
        metavar="TYPE|FILE",
        default=KEY_TYPES[0],
        help=f"the type of a new key, or the file of a key; default {KEY_TYPES[0]}",
    )
    parser.add_argument(
        "--common-name", metavar="CN", help="the common name; default: the first host name"
    )
    parser.add_argument("--organization", metavar="O", help="the organization; default none")
    parser.add_argument("--client", action="store_true", help="request a client certificate")
    parser.add_argument("--request-ca", action="store_true", help="request a CA certificate")
    parser.add_argument(
        "--out", metavar="DIR", default=".", help="the folder to write to; default: the current one"
    )
    parser.add_argument("--force", action="store_true", help="replace existing files")
    add_password(parser, "the key")


def run(options: Namespace) -> int:
    """Create the request and write it."""
    stem = os.path.join(options.out, file_stem(options.names[0]))
    secret = password(options.password_file)
    key = key_or_type(options.key, secret)
    csr_file, key_file = f"{stem}-csr.pem", f"{stem}-key.pem" if isinstance(key, str) else None
    outputs = [csr_file] if key_file is None else [csr_file, key_file]
    refuse_to_replace_inputs(outputs, [options.key, options.password_file])
    if not options.force:
        refuse_to_replace(*outputs)
    csr = CSR(
        *options.names,
        key=key,
        common_name=options.common_name,
        organization=options.organization,
        usage=["client"] if options.client else None,
        ca=options.request_ca,
    )
    documents = [(csr_file, csr.pem, False)]
    if key_file is not None and csr.key is not None:
        pem = csr.key.pem if secret is None else csr.key.encrypted_pem(secret)
        documents.append((key_file, pem, True))
    make_folder(options.out)
    write(documents)
    warnings = name_warnings(csr.names)
    warn(options.verb, warnings)
    if options.json:
        report = {"subject": csr.subject, "names": list(csr.names), "key_type": csr.key_type}
        print_json({**report, "csr": csr_file, "key": key_file, "warnings": warnings})
    else:
        print("\n".join(path for path in (csr_file, key_file) if path))
    return 0
