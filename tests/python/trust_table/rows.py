"""The rows of a table, and the test that runs them."""

import dataclasses

import pytest

from . import judges
from .openssl import CODES

OK = "accepted"


@dataclasses.dataclass(frozen=True)
class Row:
    """One chain, and what each verifier has to say about it.

    name         what the case is; the id of the test
    rfc          the rule, "5280, 4.2.1.9"
    chain        what the peer sends, its own certificate first
    trust        the certificates that are trusted
    tlsmith      OK or the reason of the VerifyError
    openssl      OK or the names of OpenSSL's X509_V_ERR codes, separated by spaces
    differs      why tlsmith and OpenSSL decide differently; empty where they agree
    c, native, ssl
                 the verdict of that binding where it is not the one of `tlsmith`
    host         the name the certificate is checked for; None: no name is checked
    usage        whose certificate it is, "server" or "client"
    crls         the CRLs at hand; None: revocation is not checked
    common_name  has C take the common name for a name, as `ssl` and `tlsmith.ssl` do
    flags        verify_flags for `ssl` and `tlsmith.ssl`
    only_ssl     only `ssl` and `tlsmith.ssl` are asked: nobody else has such flags
    insecure     accept any certificate
    pinned       trust the peer's certificate by its fingerprint, where there is such a thing
    handshake    False where OpenSSL has no handshake for it: its verdict is that of
                 `openssl verify`, and tlsmith's connections are not asked
    by_verify    the verdict of OpenSSL is that of `openssl verify`, which has more options
    verify_options, native_options, c_options
                 more options for `openssl verify`, Trust.verify() and the driver
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
    only_ssl: bool = False
    insecure: bool = False
    pinned: bool = False
    handshake: bool = True
    by_verify: bool = False
    verify_options: tuple = ()
    native_options: dict = dataclasses.field(default_factory=dict)
    c_options: dict = dataclasses.field(default_factory=dict)

    def __post_init__(self):
        unknown = set() if self.openssl == OK else set(self.openssl.split()) - CODES.keys()
        assert not unknown, f"{self.name}: OpenSSL has no code {unknown}"
        accepts = {verdict == OK for verdict in self.expected().values()}
        differ = accepts != {self.openssl == OK}
        assert differ == bool(self.differs), (
            f"{self.name}: a difference from OpenSSL needs a reason, and only a difference does"
        )

    def expected(self):
        """What each binding of tlsmith has to decide."""
        over_ssl = {"ssl": self.ssl or self.tlsmith}
        if self.only_ssl:
            return over_ssl
        return {"c": self.c or self.tlsmith, "native": self.native or self.tlsmith, **over_ssl}


def table(*rows):
    """Parametrizes a test over rows, each an id of its own."""
    names = [row.name for row in rows]
    repeated = {name for name in names if names.count(name) > 1}
    assert not repeated, f"rows that share a name: {repeated}"
    parametrize = pytest.mark.parametrize("row", rows, ids=names)
    # Some rows are about exactly what these warn of.
    quiet = pytest.mark.filterwarnings("ignore::tlsmith.InsecureWarning")
    return lambda test: parametrize(quiet(test))


def check(row, driver, folder):
    """Asks every judge, and fails with all the verdicts where one is unexpected."""
    files = judges.Files(row, folder)
    wanted = row.expected()
    verdicts = []
    if not row.only_ssl:
        verdicts += [
            ("tlsmith_ctx_verify", wanted["c"], judges.c_verify(row, files, driver)),
            ("Trust.verify", wanted["native"], judges.native_verify(row)),
        ]
        if row.handshake:
            verdicts += [
                ("C connection", wanted["c"], judges.c_connection(row, files, driver)),
                ("native connection", wanted["native"], judges.native_connection(row, files)),
            ]
    if row.handshake:
        verdicts.append(("tlsmith.ssl", wanted["ssl"], judges.tlsmith_ssl(row, files)))
    if row.handshake and not row.by_verify:
        verdicts.append(("ssl", row.openssl, judges.standard_ssl(row, files)))
    else:
        verdicts.append(("openssl verify", row.openssl, judges.openssl_verify(row, files)))
    wrong = [name for name, want, verdict in verdicts if not verdict.is_(want)]
    assert not wrong, "\n".join(
        [f"{row.name} (RFC {row.rfc}): wrong in {', '.join(wrong)}"]
        + [f"  {name}: {verdict}, expected {want}" for name, want, verdict in verdicts]
    )
