"""Certificates that must be rejected, one of each kind, for tests of clients and servers.

for name, site, reason in tlsmith.testing.bad():
    with pytest.raises(tlsmith.VerifyError) as refused:
        connect_my_client_to(site)
    assert refused.value.reason == reason

For tests only: each case has its own CA, and some signatures are weak on purpose.
"""

from __future__ import annotations

from typing import NamedTuple

from . import _tlsmith
from ._ca import CA
from ._errors import config_error, quote
from ._identity import Identity
from ._options import options
from ._trust import Trust

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any, TypeAlias

    _Made: TypeAlias = tuple[Identity, str]

__all__ = ["KINDS", "Bad", "bad"]


class _Case(NamedTuple):
    name: str
    identity: Identity
    reason: str


class Bad(_Case):
    """A certificate, and why it must be rejected.  A tuple of three: name, identity,
    reason.

    name      the kind, one of KINDS
    identity  the certificate that the server presents, with its key
    reason    the expected `VerifyError.reason`: "expired", "revoked", ...
    hostname  the name that the client verifies
    ca        the client's trust anchor; everything but the one fault is valid
    crls      the client's CRLs; without them "revoked" is accepted
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
    """Generate bad certificates of every kind, or of the given kinds, one at a time.

    hostname  the name that the client verifies
    key       the type of the keys, except those that must be weak

    expired                   expired yesterday
    not-yet-valid             is valid from tomorrow
    wrong-host                is for another host
    self-signed               is self-signed
    unknown-ca                was issued by a CA that the client does not trust
    missing-intermediate      is sent without its intermediate CA
    revoked                   is on the CRL
    wrong-eku                 is for client authentication only
    ca-as-leaf                is a CA certificate
    pathlen-exceeded          has more CAs above it than pathLenConstraint allows
    name-constraint-violated  has a name that its CA's name constraints exclude
    cn-only                   has the host as its common name alone
    no-san                    has no name at all
    weak-rsa-1024             was signed with RSA of 1024 bits
    sha1                      was signed with SHA-1
    key-mismatch              is presented with another key: a handshake detects it,
                              Trust.verify() cannot
    """
    for name in names or KINDS:
        if name not in _MAKERS:
            known = ", ".join(KINDS)
            raise config_error(f"{quote(name)} is not a kind of bad certificate: {known} are")
        maker = _Maker(hostname, key)
        identity, reason = _MAKERS[name](maker)
        case = Bad(name, identity, reason)
        case.hostname, case.ca, case.crls = hostname, maker.ca, maker.crls
        yield case


_OTHER_HOST = "other.example"


class _Maker:
    """A valid CA, and methods that create faulty certificates."""

    def __init__(self, hostname: str, key: str) -> None:
        self.hostname = hostname
        self.key = key
        # It was valid already while the expired certificate was.
        self.ca = CA(key=key, valid="-30d..3650d")
        self.crls: tuple[_tlsmith.CRL, ...] = ()

    def issue(self, ca: CA | None = None, **arguments: Any) -> Identity:
        """Issue a certificate that follows the rules."""
        return (ca or self.ca).issue(self.hostname, key=self.key, **arguments)

    def against_rules(self, issuer: Identity, *names: str, **arguments: Any) -> Identity:
        """Issue a certificate that violates the constraints of its CA, or has no name."""
        certificate_options = options(self.key, **arguments)
        native = _tlsmith.issue_unchecked(issuer._native, list(names), certificate_options)
        return Identity._wrap(native, self.ca.cert)

    def weak(self, weakness: str) -> Identity:
        """Issue a certificate below a CA with a weak key or signature algorithm."""
        return self.issue(self.ca.intermediate(key=_tlsmith.weak_key(weakness)))


def _expired(make: _Maker) -> _Made:
    return make.issue(valid="-2d..-1d"), "expired"


def _not_yet_valid(make: _Maker) -> _Made:
    return make.issue(valid="1d..2d"), "not_yet_valid"


def _wrong_host(make: _Maker) -> _Made:
    return make.ca.issue(_OTHER_HOST, key=make.key), "name_mismatch"


def _self_signed(make: _Maker) -> _Made:
    native = _tlsmith.self_signed([make.hostname], options(make.key))
    return Identity._wrap(native), "unknown_issuer"


def _unknown_ca(make: _Maker) -> _Made:
    return make.issue(CA(key=make.key)), "unknown_issuer"


def _missing_intermediate(make: _Maker) -> _Made:
    whole = make.issue(make.ca.intermediate(key=make.key))
    leaf_alone = _tlsmith.Identity([whole.cert], whole.key)
    return Identity._wrap(leaf_alone, make.ca.cert), "unknown_issuer"


def _revoked(make: _Maker) -> _Made:
    site = make.issue()
    make.crls = (make.ca.revoke(site, reason="key_compromise").crl(),)
    return site, "revoked"


def _wrong_eku(make: _Maker) -> _Made:
    return make.issue(usage=["client"]), "wrong_usage"


def _ca_as_leaf(make: _Maker) -> _Made:
    return make.against_rules(make.ca, make.hostname, ca=True), "not_an_end_entity"


def _pathlen_exceeded(make: _Maker) -> _Made:
    last = make.ca.intermediate(key=make.key, path_len=0)
    beyond = make.against_rules(last, common_name="one CA too many", ca=True)
    return make.against_rules(beyond, make.hostname), "path_too_long"


def _name_constraint_violated(make: _Maker) -> _Made:
    limited = make.ca.intermediate(key=make.key, permit=[_OTHER_HOST])
    return make.against_rules(limited, make.hostname), "constraint"


def _cn_only(make: _Maker) -> _Made:
    return make.against_rules(make.ca, common_name=make.hostname), "name_mismatch"


def _no_san(make: _Maker) -> _Made:
    return make.against_rules(make.ca, common_name="a site without a name"), "name_mismatch"


def _weak_rsa_1024(make: _Maker) -> _Made:
    return make.weak("rsa-1024"), "weak_key"


def _sha1(make: _Maker) -> _Made:
    return make.weak("sha1"), "bad_signature"


def _key_mismatch(make: _Maker) -> _Made:
    site, other = make.issue(), _tlsmith.Key.generate(make.key)
    native = _tlsmith.mismatched(list(site.chain), other)
    return Identity._wrap(native, make.ca.cert), "bad_signature"


_MAKERS: dict[str, Callable[[_Maker], _Made]] = {
    "expired": _expired,
    "not-yet-valid": _not_yet_valid,
    "wrong-host": _wrong_host,
    "self-signed": _self_signed,
    "unknown-ca": _unknown_ca,
    "missing-intermediate": _missing_intermediate,
    "revoked": _revoked,
    "wrong-eku": _wrong_eku,
    "ca-as-leaf": _ca_as_leaf,
    "pathlen-exceeded": _pathlen_exceeded,
    "name-constraint-violated": _name_constraint_violated,
    "cn-only": _cn_only,
    "no-san": _no_san,
    "weak-rsa-1024": _weak_rsa_1024,
    "sha1": _sha1,
    "key-mismatch": _key_mismatch,
}

KINDS = tuple(_MAKERS)
"""The names of all kinds, in the order of bad()."""
