"""The rows of a table, and the check that runs every verifier on a row."""

import dataclasses
import re

import pytest

from . import verifiers
from .openssl import CODES

OK = verifiers.OK


@dataclasses.dataclass(frozen=True)
class Row:
    """A certificate chain and the result that each verifier must return.

    name         the id of the test
    rfc          the RFC and section of the rule, "5280, 4.2.1.9"
    chain        the certificates that the peer presents, its own first
    trust        the certificates that are trusted
    tlsmith      OK or the reason of the VerifyError
    openssl      OK or an X509_V_ERR code by its name, or several separated by spaces, since
                 versions of OpenSSL differ
    differs      why tlsmith's result differs from OpenSSL's; empty if it does not
    c, native, ssl
                 the result of one binding, if it is not that of `tlsmith`
    host         the host name or address to verify; None: none
    usage        "server" or "client": whose certificate the chain is for
    crls         the CRLs to check revocation with; None: revocation is not checked
    common_name  call tlsmith_ctx_allow_common_name(); `ssl` and `tlsmith.ssl` always do so
    flags        verify_flags for `ssl` and `tlsmith.ssl`
    bindings     the bindings of tlsmith that have what the row needs
    purpose      verify for this purpose instead of `usage`: a name, or an OID
    client_name  the name of a client to verify: an e-mail address or a DNS name
    max_depth    the number of intermediates to allow
    insecure     verify nothing
    pinned       "sha256" or "file": pin the peer's certificate by its fingerprint, or in C by
                 a file and in Python by a Certificate; OpenSSL has `trust` instead
    handshake    False if OpenSSL cannot use the certificate in a handshake: then only
                 `openssl verify` and the verify calls of C and Python run
    by_verify    take OpenSSL's result from `openssl verify` instead of `ssl`
    verify_options
                 more options for `openssl verify`
    tls12        the peer has no TLS 1.3
    connection   the result of a handshake, if it is not that of a verify call
    says         a text that each sentence of tlsmith about the refusal contains
    connection_says
                 the same for handshakes, if their sentences differ
    """

    name: str
    rfc: str
    chain: list
    trust: list
    tlsmith: str
    openssl: str
    differs: str = ""
    _: dataclasses.KW_ONLY
    c: str | None = None
    native: str | None = None
    ssl: str | None = None
    host: str | None = "localhost"
    usage: str = "server"
    crls: list | None = None
    common_name: bool = False
    flags: int = 0
    bindings: tuple = ("c", "native", "ssl")
    purpose: str | None = None
    client_name: str | None = None
    max_depth: int | None = None
    insecure: bool = False
    pinned: str | None = None
    handshake: bool = True
    by_verify: bool = False
    verify_options: tuple = ()
    tls12: bool = False
    connection: str | None = None
    says: str = ""
    connection_says: str | None = None

    def __post_init__(self):
        unknown = set() if self.openssl == OK else set(self.openssl.split()) - CODES.keys()
        assert not unknown, f"{self.name}: OpenSSL has no code {unknown}"
        accepted = {result == OK for result in self.expected().values()}
        if self.connection is not None:
            accepted.add(self.connection == OK)
        is_different = accepted != {self.openssl == OK}
        assert is_different == bool(self.differs), (
            f"{self.name}: `differs` must say why, if and only if OpenSSL's result differs"
        )

    def expected(self):
        """Return the result that each binding of tlsmith must return."""
        return {binding: getattr(self, binding) or self.tlsmith for binding in self.bindings}


def table(*rows):
    """Parametrize a test over rows."""
    names = [row.name for row in rows]
    repeated = {name for name in names if names.count(name) > 1}
    assert not repeated, f"rows with the same name: {repeated}"
    parametrize = pytest.mark.parametrize("row", rows, ids=names)
    quiet = pytest.mark.filterwarnings("ignore::tlsmith.InsecureWarning")
    return lambda test: parametrize(quiet(test))


def check(row, driver, folder):
    """Run every verifier on a row and assert each result."""
    files = verifiers.Files(row, folder)
    wanted = row.expected()
    calls, connections = [], []
    if "c" in wanted:
        result = verifiers.c_verify(row, files, driver)
        calls.append(("tlsmith_ctx_verify", wanted["c"], result))
        if row.handshake:
            result = verifiers.c_connection(row, files, driver)
            connections.append(("C connection", wanted["c"], result))
    if "native" in wanted:
        calls.append(("Trust.verify", wanted["native"], verifiers.native_verify(row)))
        if row.handshake:
            result = verifiers.native_connection(row, files)
            connections.append(("Python connection", wanted["native"], result))
    if "ssl" in wanted and row.handshake:
        connections.append(("tlsmith.ssl", wanted["ssl"], verifiers.tlsmith_ssl(row, files)))
    connections = [(name, row.connection or want, result) for name, want, result in connections]
    if row.handshake and not row.by_verify:
        openssl = ("ssl", row.openssl, verifiers.standard_ssl(row, files))
    else:
        openssl = ("openssl verify", row.openssl, verifiers.openssl_verify(row, files))
    results = [*calls, *connections, openssl]
    wrong = [name for name, want, result in results if not result.is_(want)]
    wrong += disagreements(row, {name: (want, result) for name, want, result in results})
    connection_says = row.says if row.connection_says is None else row.connection_says
    for outcomes, says in (calls, row.says), (connections, connection_says):
        wrong += [
            f"the sentence of {name}, which should contain {says!r}"
            for name, want, result in outcomes
            if want != OK and says not in result.sentence
        ]
    assert not wrong, "\n".join(
        [f"{row.name} (RFC {row.rfc}): wrong in {', '.join(wrong)}"]
        + [f"  {name}: {result}, expected {want}" for name, want, result in results]
    )


ALIKE = [
    ("tlsmith_ctx_verify", "Trust.verify"),
    ("C connection", "Python connection"),
    ("C connection", "tlsmith.ssl"),
]
"""The verifiers that do the same in two bindings."""


def disagreements(row, results):
    """Return the verifiers whose sentence differs from that of another binding, where both
    have the same expected result.

    A status of C covers several reasons, such as "not_a_ca" and "path_too_long", and the
    sentence tells them apart: where it is the same, so is the reason.
    """
    found = []
    for one, other in ALIKE:
        if one not in results or other not in results:
            continue
        if row.common_name and other != "tlsmith.ssl":
            # Native Python is not told to take the common name, and advises to.
            continue
        (want, ours), (also, theirs) = results[one], results[other]
        if want == also and _of_one(ours.sentence) != _of_one(theirs.sentence):
            found.append(f"{one} (other than {other})")
    return found


def _of_one(sentence):
    """Return the sentence about a certificate without its place among those of a file."""
    return re.sub(r"^certificate \d+: ", "", sentence)
