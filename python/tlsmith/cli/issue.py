"""tlsmith issue: certificates of the local CA."""

from __future__ import annotations

import os

from .._ca import CA
from .._identity import Identity, file_stem
from .._tuples import Files
from ._arguments import KEY_TYPES, Parser, UsageError, Verbs, days
from ._ca_folder import add_folder, certificate_file, folder_files
from ._describe import certificate_json
from ._files import (
    add_out,
    add_password,
    are_same,
    ask_password,
    key_or_type,
    make_folder,
    output_location,
    password,
    refuse_to_replace_inputs,
    write,
)
from ._output import print_json
from ._overwrite import is_root, refuse_to_replace_others
from ._warnings import certificate_warnings, warn

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterable
    from typing import Any

_DETAILS = """
The local CA issues it, and is created if there is none.  These files are written,
all or none:
  NAME.pem           the certificate
  NAME-chain.pem     the certificate and the intermediate CAs, for servers
  NAME-key.pem       the private key, mode 0600
  NAME-combined.pem  key and chain, mode 0600
  ca.pem             the root certificate, for programs that need to trust it
NAME is the first name, or comes from --out FILE.pem.  Earlier files that the same
CA issued for the same first name are replaced.  Replacing any other file needs
--force; without it, an existing ca.pem with another root is kept and the other
files are written.

Warnings go to standard error: about a wildcard directly below a top-level domain,
and about a validity that some browsers reject.  --json prints the keys files (cert,
chain, key, combined, ca, p12; paths or null), certificate, as in `inspect`, and
warnings.
"""

_EXAMPLES = """
  tlsmith issue localhost 127.0.0.1 ::1
  tlsmith issue www.example.test --key ed25519 --days 90 --out certs
  tlsmith issue alice@example.org --client --p12 alice.p12
  tlsmith issue localhost --valid=-2d..-1d      already expired, for a test
  tlsmith issue example.test --csr request.pem  for the key of a request
"""


def add(verbs: Verbs) -> None:
    """Add the parser of the verb."""
    parser = verbs.add(
        "issue", run, "issue a certificate and its key", details=_DETAILS, examples=_EXAMPLES
    )
    parser.add_argument(
        "names", metavar="NAME", nargs="+", help="a host name, IP address, e-mail address or URI"
    )
    parser.add_argument(
        "--key",
        metavar="TYPE|FILE",
        help=f"the type of a new key, or the file of a key; default {KEY_TYPES[0]}",
    )
    parser.add_argument(
        "--csr", metavar="FILE", help="certify the public key of this request, with the given names"
    )
    parser.add_argument(
        "--p12", metavar="FILE", help="also write key and chain to this PKCS#12 file"
    )
    add_issuing(parser)
    add_password(parser, "the PKCS#12 file, and of the file of --key")


def add_issuing(parser: Parser) -> None:
    """Add the arguments that `issue` and `sign` share."""
    parser.add_argument("--client", action="store_true", help="issue a client certificate")
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--days", type=days, help="the validity in days; default 397")
    length.add_argument(
        "--valid", metavar="SPAN", help="the validity: a length such as 90d or 12h, or START..END"
    )
    parser.add_argument(
        "--outlive-ca", action="store_true", help="allow a validity that ends after the CA's"
    )
    parser.add_argument("--crl-url", metavar="URL", help="the CRL distribution point to include")
    add_out(parser)
    parser.add_argument("--force", action="store_true", help="replace any existing file")
    add_folder(parser)


def run(options: Namespace) -> int:
    """Issue the certificate and write its files."""
    if options.csr and (options.key or options.p12):
        raise UsageError(
            "--csr excludes --key and --p12, since the private key of the request is not here"
        )
    if options.password_file and not (options.p12 or options.key):
        raise UsageError("--password-file needs --p12 or --key, whose password it has")
    # Before anything is issued, since it may ask on the terminal.
    secret = ask_password(options.password_file, options.p12) if options.p12 else None
    ca = CA.local(options.ca_dir)
    site = _issue(options, ca)
    where = output_location(options.out, file_stem(site.cert.names[0]))
    p12 = None if secret is None else (options.p12, secret)
    inputs = (options.csr, options.key, options.password_file)
    save_and_report(options, ca, site, where, inputs=inputs, p12=p12)
    return 0


def _issue(options: Namespace, ca: CA) -> Identity:
    given = issuing(options)
    if options.csr:
        return ca.sign(options.csr, names=options.names, **given)
    key = key_or_type(options.key or KEY_TYPES[0], password(options.password_file))
    return ca.issue(*options.names, key=key, **given)


def issuing(options: Namespace) -> dict[str, Any]:
    """Return the arguments of add_issuing() as those of CA.issue() and CA.sign()."""
    return {
        "valid": f"{options.days}d" if options.days else options.valid,
        "usage": ["client"] if options.client else None,
        "crl_url": options.crl_url,
        "outlive_ca": options.outlive_ca,
    }


def save_and_report(
    options: Namespace,
    ca: CA,
    site: Identity,
    where: tuple[str, str],
    *,
    inputs: Iterable[str | None],
    p12: tuple[str, str] | None = None,
    warnings: Iterable[str] = (),
) -> None:
    """Write all files, and report them.

    where     the folder, and the stem of the file names
    inputs    the files that the command has read, which are never replaced
    p12       the path of a PKCS#12 file, and its password
    warnings  further ones to print before those about the certificate
    """
    files = site._paths(*where)
    if files.cert == files.ca:
        raise UsageError(f"'{files.ca}' is the name of the root's file: choose another --out")
    warnings = [*warnings, *certificate_warnings(site.cert)]
    # Files that have the right content already, or that must not be lost.
    kept = []
    if files.key is not None and any(path and are_same(files.key, path) for path in inputs):
        kept.append(files.key)
    root = certificate_file(options.ca_dir)
    reported = files
    if files.ca is not None and is_root(files.ca, site):
        kept.append(files.ca)
    elif files.ca is not None and os.path.lexists(files.ca) and not options.force:
        kept.append(files.ca)
        reported = files._replace(ca=root)
        warnings.append(
            f"'{files.ca}' is not the root of this CA, and is kept: the root is '{root}'"
        )
    documents = [document for document in site._documents(files) if document[0] not in kept]
    if p12 is not None:
        documents.append((p12[0], site.pkcs12(p12[1]), True))
    outputs = [path for path, _, _ in documents]
    refuse_to_replace_inputs(outputs, (*inputs, *folder_files(options.ca_dir)))
    if not options.force:
        refuse_to_replace_others(site, ca.cert, os.path.join(*where), outputs, p12)
    make_folder(where[0])
    write(documents)
    warn(options.verb, warnings)
    _report(options, site, reported, None if p12 is None else p12[0], warnings)


def _report(
    options: Namespace, site: Identity, files: Files, p12: str | None, warnings: list[str]
) -> None:
    if options.json:
        written = {**files._asdict(), "p12": p12}
        certificate = certificate_json(site.cert)
        print_json({"files": written, "certificate": certificate, "warnings": warnings})
        return
    for path in (files.cert, files.chain, files.key, files.combined, files.ca, p12):
        if path is not None:
            print(path)
