"""tlsmith issue: a certificate and its key."""

from __future__ import annotations

import os

from .._authority import CA
from .._certs import Identity, file_stem
from .._tuples import Files
from ._arguments import KEY_TYPES, Parser, UsageError, Verbs, days
from ._authority import add_folder, certificate_file, folder_files
from ._describe import certificate_json
from ._earlier import is_root, refuse_to_replace_others
from ._files import (
    add_password,
    add_place,
    are_same,
    ask_password,
    key_or_type,
    make_folder,
    password,
    place,
    refuse_to_replace_inputs,
    write,
)
from ._output import print_json
from ._warnings import certificate_warnings, warn

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterable
    from typing import Any

_SAYS = """
The local authority issues it, and is made where there is none.  Into DIR go
  NAME.pem           the certificate
  NAME-chain.pem     with the CAs between it and the root: for servers
  NAME-key.pem       the key, mode 0600
  NAME-combined.pem  key and chain, mode 0600
  ca.pem             the root: for those who shall trust it
all or none.  NAME is the first name, or that of --out FILE.pem.  Earlier files for
the same first name from the same authority are replaced.  Any other file needs
--force, except that a ca.pem which is not the root stays as it is.

Warnings go to the standard error: of a wildcard directly below a top-level domain,
and of a validity that some browsers refuse.  JSON has the keys files (cert, chain,
key, combined, ca, p12; null where there is none), certificate, as `inspect`, and
warnings.
"""

_EXAMPLES = """
  tlsmith issue localhost 127.0.0.1 ::1
  tlsmith issue www.example.test --key ed25519 --days 90 --out certs
  tlsmith issue alice@example.org --client --p12 alice.p12
  tlsmith issue localhost --valid=-2d..-1d      expired, for a test
  tlsmith issue example.test --csr request.pem  for a request, with this name
"""


def add(verbs: Verbs) -> None:
    """The arguments."""
    parser = verbs.add(
        "issue", run, "issue a certificate and its key", says=_SAYS, examples=_EXAMPLES
    )
    parser.add_argument(
        "names", metavar="NAME", nargs="+", help="a host, an address, an e-mail address, a URI"
    )
    parser.add_argument("--key", metavar="TYPE|FILE", help="a type to make, or a key")
    parser.add_argument("--csr", metavar="FILE", help="for this request, whose key is elsewhere")
    parser.add_argument("--p12", metavar="FILE", help="all of it in this PKCS#12 file as well")
    add_issuing(parser)
    add_password(parser, "the PKCS#12 file, and of the key of --key")


def add_issuing(parser: Parser) -> None:
    """What `issue` and `sign` have in common."""
    parser.add_argument("--client", action="store_true", help="it is for a client")
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--days", type=days, help="how long it is valid, by default 397")
    length.add_argument("--valid", metavar="SPAN", help="90d, 12h, or from when until when")
    parser.add_argument("--outlive-ca", action="store_true", help="be valid longer than the CA")
    parser.add_argument("--crl-url", metavar="URL", help="where its CRL will be")
    add_place(parser)
    parser.add_argument("--force", action="store_true", help="replace whatever is there")
    add_folder(parser)


def run(options: Namespace) -> int:
    """Issue it and write it."""
    if options.csr and (options.key or options.p12):
        raise UsageError("--csr is for a key that is elsewhere: no --key, no --p12")
    if options.password_file and not (options.p12 or options.key):
        raise UsageError("--password-file is for --p12, or for the key of --key")
    # Before anything is issued: it may ask.
    secret = ask_password(options.password_file, options.p12) if options.p12 else None
    ca = CA.local(options.ca_dir)
    site = _issue(options, ca)
    where = place(options.out, file_stem(site.cert.names[0]))
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
    """What add_issuing() asked, as CA.issue() and CA.sign() take it."""
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
    """Write all files, and say what was written.

    where     the folder, and what the names of the files in it begin with
    inputs    the files that the command read
    p12       the path of a PKCS#12 file, and its password
    warnings  those to print beside the ones about the certificate itself
    """
    files = site._paths(*where)
    if files.cert == files.ca:
        raise UsageError(f"'{files.ca}' is the root's, and not replaced: choose another --out")
    warnings = [*warnings, *certificate_warnings(site.cert)]
    # Files that are as they should be, or that somebody else needs.
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
            f"'{files.ca}' is not the root of this authority, and stays: the root is '{root}'"
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
