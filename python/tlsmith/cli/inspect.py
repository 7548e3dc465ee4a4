"""tlsmith inspect: what something is, and whether it is good."""

from __future__ import annotations

import argparse
import os
import sys
from datetime import UTC, datetime

from .._certs import Identity
from .._errors import CertError, VerifyError
from .._inspect import inspect
from .._requests import CSR
from .._tlsmith import CRL, Certificate, Key
from .._trust import Trust
from ._arguments import UsageError, Verbs, endpoint, seconds
from ._describe import certificate_json, crl_json, csr_json, key_json, status
from ._files import add_password, password
from ._output import Page, print_json, printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Sequence

_SAYS = """
Certificates, requests, CRLs, keys, and PKCS#12 files; PEM or DER; a file, the
standard input (-), or what a server shows.  Of keys nothing secret is told.

What has expired, or is not valid yet, is said first.

--verify checks the certificates as a client does, from the first one to a root
that is trusted, and gives exit code 1 where they are not good.  So does each
option that is about it, such as --ca.

JSON has the keys documents, a list whose entries have the key type: certificate,
csr, crl or key, and verification: null without --verify, or verified, error
(null, or code and message) and path (subjects, up to the root).  Certificates and
CRLs have the key status: valid, expired or not_yet_valid.
"""

_EXAMPLES = """
  tlsmith inspect server.pem
  tlsmith inspect example.org:443 --verify
  tlsmith inspect server-chain.pem --verify --ca ca.pem --host localhost --at 2027-01-01
  tlsmith inspect bundle.p12 --password-file password
  curl -s http://example.org/ca.crl | tlsmith inspect -
"""


def add(verbs: Verbs) -> None:
    """The arguments."""
    parser = verbs.add(
        "inspect",
        run,
        "say what something is, and whether it is good",
        says=_SAYS,
        examples=_EXAMPLES,
    )
    parser.add_argument("source", metavar="FILE|HOST:PORT|-", help="what to look at")
    add_password(parser, "a PKCS#12 file, or a key")
    parser.add_argument("--timeout", metavar="S", type=seconds, default=30.0, help="seconds, 30")
    check = parser.add_argument_group("verification")
    check.add_argument("--verify", action="store_true", help="check the certificates")
    check.add_argument("--host", metavar="NAME", help="whose they have to be; by default HOST")
    check.add_argument("--at", metavar="DATE", type=_moment, help="when, such as 2027-01-31")
    check.add_argument("--ca", metavar="FILE", help="only these roots, not those of the system")
    check.add_argument("--crl", metavar="FILE", action="append", help="check revocation with it")
    check.add_argument("--client", action="store_true", help="as certificates of a client")


def run(options: Namespace) -> int:
    """Look at it, tell, and check it where that was asked."""
    about = (options.host, options.at, options.ca, options.crl, options.client)
    options.verify = options.verify or any(about)
    source = _source(options.source)
    if isinstance(source, tuple) and options.host is None:
        options.host = source[0]
    documents = _documents(source, options)
    verdict = _verify(options, documents) if options.verify else None
    if options.json:
        described = [_describe(document) for document in documents]
        print_json({"documents": described, "verification": verdict})
    else:
        _tell_times(documents)
        print("\n".join(_text(document) for document in documents), end="")
        if verdict is not None:
            _tell(verdict)
    return 0 if verdict is None or verdict["verified"] else 1


def _moment(text: str) -> datetime:
    """A date, or a date and a time; in UTC where it does not say."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{text}' is not a date such as 2027-01-31") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _documents(
    source: str | bytes | tuple[str, int], options: Namespace
) -> Sequence[Certificate | CSR | CRL | Key]:
    secret = password(options.password_file)
    try:
        found = inspect(source, password=secret, timeout=options.timeout)
    except CertError as error:
        # A file is named already.
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
        raise UsageError(f"'{text}' is neither a file nor HOST:PORT") from None


def _describe(document: Certificate | CSR | CRL | Key) -> dict[str, object]:
    if isinstance(document, Certificate):
        return certificate_json(document)
    if isinstance(document, CRL):
        return crl_json(document)
    return csr_json(document) if isinstance(document, CSR) else key_json(document)


def _tell_times(documents: Sequence[Certificate | CSR | CRL | Key]) -> None:
    """What is not valid now, before everything else."""
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
            page.bad("expired", f"{what} ended on {last:%Y-%m-%d %H:%M:%S} UTC")
        elif state == "not_yet_valid":
            page.bad("not valid yet", f"{what} begins on {first:%Y-%m-%d %H:%M:%S} UTC")
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
            f"'{options.source}' is {kind}, and --verify, --ca and --crl are for certificates"
        )
    trust = Trust.roots(options.ca) if options.ca else Trust.system()
    if options.crl:
        trust = trust.with_crls(*options.crl)
    try:
        path = trust.verify(
            chain,
            hostname=options.host,
            at=options.at,
            usage="client" if options.client else "server",
        )
    except VerifyError as error:
        said = {"code": error.code, "message": str(error)}
        return {"verified": False, "error": said, "path": []}
    return {"verified": True, "error": None, "path": [cert.subject for cert in path]}


def _tell(verdict: dict[str, object]) -> None:
    sys.stdout.flush()
    page = Page(sys.stdout)
    path, error = verdict["path"], verdict["error"]
    if isinstance(error, dict):
        page.bad("not verified", error["message"])
    elif isinstance(path, list):
        page.good("verified", " - ".join(path))
