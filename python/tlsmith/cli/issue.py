"""tlsmith issue: a certificate and its key."""

from __future__ import annotations

from .._authority import CA
from .._certs import Files, Identity
from ._arguments import KEY_TYPES, Parser, UsageError, Verbs, days
from ._authority import add_folder
from ._describe import certificate_json
from ._files import add_password, ask_password, key_or_type, make_folder, password, write_secret
from ._output import print_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from typing import Any

_SAYS = """
The local authority issues it, and is made where there is none.  Into DIR go
  NAME.pem           the certificate
  NAME-chain.pem     with the CAs between it and the root: for servers
  NAME-key.pem       the key, mode 0600
  NAME-combined.pem  key and chain, mode 0600
  ca.pem             the root: for those who shall trust it
and what was there for NAME is replaced.  JSON has the keys files (cert, chain,
key, combined, ca, p12; null where there is none) and certificate, as `inspect`.
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
    parser.add_argument("--out", metavar="DIR", default=".", help="where to write, here by default")
    add_folder(parser)


def run(options: Namespace) -> int:
    """Issue it and write it."""
    if options.csr and (options.key or options.p12):
        raise UsageError("--csr is for a key that is elsewhere: no --key, no --p12")
    if options.password_file and not (options.p12 or options.key):
        raise UsageError("--password-file is for --p12, or for the key of --key")
    # Before anything is written: it may ask.
    secret = ask_password(options.password_file, options.p12) if options.p12 else None
    site = _issue(options)
    make_folder(options.out)
    files = site.write(options.out)
    if secret is not None:
        write_secret(options.p12, site.pkcs12(secret))
    report(options, site, files, options.p12)
    return 0


def _issue(options: Namespace) -> Identity:
    given = issuing(options)
    if options.csr:
        return CA.local(options.ca_dir).sign(options.csr, names=options.names, **given)
    key = key_or_type(options.key or KEY_TYPES[0], password(options.password_file))
    return CA.local(options.ca_dir).issue(*options.names, key=key, **given)


def issuing(options: Namespace) -> dict[str, Any]:
    """What add_issuing() asked, as CA.issue() and CA.sign() take it."""
    return {
        "valid": f"{options.days}d" if options.days else options.valid,
        "usage": ["client"] if options.client else None,
        "crl_url": options.crl_url,
        "outlive_ca": options.outlive_ca,
    }


def report(options: Namespace, site: Identity, files: Files, p12: str | None = None) -> None:
    """What was written."""
    if options.json:
        written = {**files._asdict(), "p12": p12}
        print_json({"files": written, "certificate": certificate_json(site.cert)})
        return
    for path in (files.cert, files.chain, files.key, files.combined, files.ca, p12):
        if path is not None:
            print(path)
