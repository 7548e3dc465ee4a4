"""tlsmith inspect: describe and verify certificates, requests, CRLs and keys."""

from __future__ import annotations

import argparse
import os
import sys
from datetime import UTC, datetime

from .._csr import CSR
from .._errors import CertError, VerifyError
from .._identity import Identity
from .._inspect import inspect
from .._tlsmith import CRL, Certificate, Key
from ._arguments import UsageError, Verbs, endpoint, seconds
from ._describe import certificate_json, crl_json, csr_json, key_json, status
from ._files import add_password, add_trust, load_trust, password
from ._output import Page, print_json, printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Sequence

_DETAILS = """
Reads certificates, requests, CRLs, keys and PKCS#12 files in PEM or DER, from a
file, from standard input (-), or the chain that a server sends.  Nothing secret is
printed about keys.  Expired and not yet valid documents are listed first.

--verify builds a chain from the first certificate to a trust anchor and verifies it
as a client does.  The exit code is 1 if that fails.  Every option of the group
"verification" implies --verify.

--json prints the keys documents and verification.  Each of documents has a type:
certificate, csr, crl or key.  Certificates and CRLs have a status: valid, expired or
not_yet_valid.  verification is null without --verify; else it has verified, error
(null, or code and message) and path (subjects, up to the trust anchor).
"""

_EXAMPLES = """
  tlsmith inspect server.pem
  tlsmith inspect example.org:443 --verify
  tlsmith inspect server-chain.pem --verify --ca ca.pem --host localhost --at 2027-01-01
  tlsmith inspect bundle.p12 --password-file password
  curl -s http://example.org/ca.crl | tlsmith inspect -
"""


def add(verbs: Verbs) -> None:
    """Add the parser of the verb."""
    parser = verbs.add(
        "inspect",
        run,
        "describe and verify certificates, requests, CRLs and keys",
        details=_DETAILS,
        examples=_EXAMPLES,
    )
    parser.add_argument(
        "source", metavar="FILE|HOST:PORT|-", help="a file, a server, or - for standard input"
    )
    add_password(parser, "a PKCS#12 file, or a key")
    parser.add_argument(
        "--timeout",
        metavar="S",
        type=seconds,
        default=30.0,
        help="limit for a server; default 30 seconds",
    )
    check = parser.add_argument_group("verification")
    check.add_argument("--verify", action="store_true", help="verify the certificates")
    check.add_argument("--host", metavar="NAME", help="the name to verify; default HOST")
    check.add_argument(
        "--at",
        metavar="DATE",
        type=_time,
        help="the time of verification, such as 2027-01-31; default now",
    )
    add_trust(check)
    check.add_argument("--client", action="store_true", help="verify a client certificate")


def run(options: Namespace) -> int:
    """Describe the documents, and verify them if requested."""
    about = (options.host, options.at, options.ca, options.crl, options.client)
    options.verify = options.verify or any(about)
    source = _source(options.source)
    if isinstance(source, tuple) and options.host is None:
        options.host = source[0]
    documents = _documents(source, options)
    result = _verify(options, documents) if options.verify else None
    if options.json:
        described = [_describe(document) for document in documents]
        print_json({"documents": described, "verification": result})
    else:
        _report_times(documents)
        print("\n".join(_text(document) for document in documents), end="")
        if result is not None:
            _report(result)
    return 0 if result is None or result["verified"] else 1


def _time(text: str) -> datetime:
    """Parse a date, or a date and a time, in UTC unless it names another zone."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"'{text}' is not a date: write one such as 2027-01-31"
        ) from None
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def _documents(
    source: str | bytes | tuple[str, int], options: Namespace
) -> Sequence[Certificate | CSR | CRL | Key]:
    secret = password(options.password_file)
    try:
        found = inspect(source, password=secret, timeout=options.timeout)
    except CertError as error:
        # The error names a file already.
        if options.source == "-":
            error.strerror = f"standard input: {error}"
            error.args = (error.errno, error.strerror)
        raise
    if isinstance(found, Identity):
        return [*found.chain, found.key]
    return found if isinstance(found, list) else [found]


def _source(text: str) -> str | bytes | tuple[str, int]:
    if text == "-":
        return sys.stdin.buffer.read()
    if os.path.exists(text):
        return text
    try:
        return endpoint(text)
    except argparse.ArgumentTypeError:
        raise UsageError(f"'{text}' is neither a file that exists nor HOST:PORT") from None


def _describe(document: Certificate | CSR | CRL | Key) -> dict[str, object]:
    if isinstance(document, Certificate):
        return certificate_json(document)
    if isinstance(document, CRL):
        return crl_json(document)
    return csr_json(document) if isinstance(document, CSR) else key_json(document)


def _report_times(documents: Sequence[Certificate | CSR | CRL | Key]) -> None:
    """Report what is not valid now, before everything else."""
    page = Page(sys.stdout)
    last: datetime | None
    for document in documents:
        if isinstance(document, Certificate):
            what, first, last = document.subject, document.not_before, document.not_after
        elif isinstance(document, CRL):
            what = f"the CRL of {document.issuer}"
            first, last = document.this_update, document.next_update
        else:
            continue
        state = status(first, last)
        if state == "expired" and last is not None:
            page.bad("expired", f"{what} expired on {last:%Y-%m-%d %H:%M:%S} UTC")
        elif state == "not_yet_valid":
            page.bad("not valid yet", f"{what} is valid from {first:%Y-%m-%d %H:%M:%S} UTC")
    page.flush()


_KINDS = {CSR: "a certificate request", CRL: "a CRL", Key: "a private key"}


def _text(document: Certificate | CSR | CRL | Key) -> str:
    if isinstance(document, Key):
        return f"Private key: {document.type}\n"
    text = document.text()
    return "".join(f"{printable(line)}\n" for line in text.splitlines())


def _verify(
    options: Namespace, documents: Sequence[Certificate | CSR | CRL | Key]
) -> dict[str, object]:
    chain = [document for document in documents if isinstance(document, Certificate)]
    if not chain:
        kind = _KINDS[type(documents[0])]
        raise UsageError(
            f"'{options.source}' is {kind}, and only certificates can be verified: leave out "
            "--verify and its options"
        )
    trust = load_trust(options)
    try:
        path = trust.verify(
            chain,
            hostname=options.host,
            at=options.at,
            usage="client" if options.client else "server",
        )
    except VerifyError as error:
        failure = {"code": error.code, "message": str(error)}
        return {"verified": False, "error": failure, "path": []}
    return {"verified": True, "error": None, "path": [cert.subject for cert in path]}


def _report(result: dict[str, object]) -> None:
    sys.stdout.flush()
    page = Page(sys.stdout)
    path, error = result["path"], result["error"]
    if isinstance(error, dict):
        page.bad("not verified", error["message"])
    elif isinstance(path, list):
        page.good("verified", " - ".join(path))
