"""Certificates that have to be refused, one of each kind, for tests of clients
and servers.

for name, site, reason in tlsmith.testing.bad():
    with pytest.raises(tlsmith.VerifyError) as refused:
        my_client_meets(site)
    assert refused.value.reason == reason

Nothing here is for anything else: the authorities are made up for each case, and
some of the signatures are weak on purpose.
"""

from __future__ import annotations

from typing import NamedTuple

from . import _tlsmith
from ._authority import CA
from ._certs import Identity
from ._errors import config_error
from ._options import options
from ._trust import Trust

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

__all__ = ["KINDS", "Bad", "bad"]


class _Case(NamedTuple):
    name: str
    identity: Identity
    reason: str


class Bad(_Case):
    """A certificate, and why it has to be refused.  A tuple of three: name,
    identity, reason.

    name      of the kind, one of KINDS
    identity  what the server shows, with its key
    reason    `VerifyError.reason` of who refuses it: "expired", "revoked", ...
    hostname  the name that the client asks for
    ca        the root that the client trusts: it is in the right, and so is all
              else about the certificate
    crls      the CRLs that the client has; without them "revoked" is accepted
    """

    hostname: str
    ca: CA
    crls: tuple[_tlsmith.CRL, ...]

    @property
    def trust(self) -> Trust:
        """`ca` and `crls`, for Client(trust=...) and Trust.verify()."""
        trust = Trust.roots(self.ca.cert)
        return trust.with_crls(*self.crls) if self.crls else trust


def bad(*names: str, hostname: str = "localhost", key: str = "ecdsa-p256") -> Iterator[Bad]:
    """Every kind of bad certificate, or those of these names, each made when it
    is its turn.

    hostname  the name that the client asks for
    key       the type of the keys, but for those that have to be weak

    expired             ended yesterday
    not-yet-valid       begins tomorrow
    wrong-host          is for another host
    self-signed         was issued by itself
    unknown-ca          was issued by an authority that nobody trusts
    missing-intermediate  comes without the CA between it and the root
    revoked             is on the CRL
    wrong-eku           is for clients alone
    ca-as-leaf          is a CA's own
    pathlen-exceeded    has more CAs above it than one of them allows
    name-constraint-violated  has a name that the CA above it may not issue for
    cn-only             has the host as its common name alone
    no-san              has no name at all
    weak-rsa-1024       was signed with RSA of 1024 bits
    sha1                was signed with SHA-1
    key-mismatch        is shown with the key of another: only a connection can
                        tell, and Trust.verify() accepts it
    """
    for name in names or KINDS:
        if name not in _MAKERS:
            known = ", ".join(KINDS)
            raise config_error(f"{name!r} is not a kind of bad certificate: {known} are")
        case = _MAKERS[name](_Maker(hostname, key))
        made = Bad(name, case[0], case[1])
        made.hostname, made.ca = hostname, case[2]
        made.crls = case[3:]
        yield made


_OTHER_HOST = "other.example"


class _Maker:
    """An authority in the right, and how to make what is wrong."""

    def __init__(self, hostname: str, key: str) -> None:
        self.hostname = hostname
        self.key = key
        self.ca = CA(key=key)

    def issue(self, ca: CA | None = None, *names: str, **asked: Any) -> Identity:
        """By the rules."""
        return (ca or self.ca).issue(*(names or (self.hostname,)), key=self.key, **asked)

    def against_rules(self, ca: CA, *names: str, **asked: Any) -> Identity:
        """Against those that `ca` sets, or without a name."""
        asked.setdefault("key", self.key)
        native = _tlsmith.issue_unchecked(ca._native, list(names), options(**asked))
        return (CA if asked.get("ca") else Identity)._wrap(native, ca._root)

    def weak(self, weakness: str) -> Identity:
        """Below a CA that signs in a weak way."""
        ca = self.ca.intermediate(key=_tlsmith.weak_key(weakness))
        return self.issue(ca)


def _expired(make):
    return make.issue(valid="-2d..-1d"), "expired", make.ca
