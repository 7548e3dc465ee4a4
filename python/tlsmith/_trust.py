"""Who is believed: roots, and the CRLs that take certificates back."""

from __future__ import annotations

from . import _tlsmith
from ._certs import Identity
from ._errors import InsecureWarning, config_error
from ._options import moment
from ._sources import load_certificates, load_crls

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from typing import Literal, TypeAlias

    from ._sources import Source

    Version: TypeAlias = Literal["1.2", "1.3"]
    Trusted: TypeAlias = "Trust | Identity | _tlsmith.Certificate | Source"


class Trust:
    """Who is believed: a set of root certificates, and the CRLs to check with."""

    __slots__ = ("_context", "_crls", "_insecure", "_roots", "_system")

    def __init__(
        self,
        roots: Sequence[_tlsmith.Certificate] = (),
        *,
        system: bool = False,
        _insecure: bool = False,
        _crls: Sequence[_tlsmith.CRL] = (),
    ) -> None:
        self._roots = tuple(roots)
        self._system = system
        self._insecure = _insecure
        self._crls = tuple(_crls)
        self._context: _tlsmith.Context | None = None

    @classmethod
    def system(cls) -> Trust:
        """What the operating system trusts."""
        return cls(system=True)

    @classmethod
    def roots(cls, *sources: Trusted) -> Trust:
        """These certificates: files, PEM or DER, Certificates, CAs."""
        if not sources:
            raise config_error("Trust.roots() needs at least one root: nothing would be trusted")
        trust = cls()
        for source in sources:
            trust |= cls._of(source)
        return trust

    @classmethod
    def _of(cls, source: Trusted) -> Trust:
        if isinstance(source, Trust):
            return source
        if isinstance(source, Identity):
            return cls([source.chain[-1]])
        if isinstance(source, _tlsmith.Certificate):
            return cls([source])
        if source == "system":
            return cls.system()
        return cls(load_certificates(source))

    def __or__(self, other: Trusted) -> Trust:
        other = Trust._of(other)
        return Trust(
            self._roots + other._roots,
            system=self._system or other._system,
            _insecure=self._insecure or other._insecure,
            _crls=self._crls + other._crls,
        )

    def with_crls(self, *crls: _tlsmith.CRL | Source) -> Trust:
        """The same, checking revocation with these CRLs too: CRLs, files, PEM or
        DER.

        Every certificate below the root then needs a CRL that is not too old and
        does not list it: "revoked" and "unknown_revocation" are the reasons of
        the VerifyErrors.
        """
        if not crls:
            raise config_error("Trust.with_crls() needs at least one CRL: nothing would be checked")
        if self._insecure:
            raise config_error("INSECURE accepts every certificate, whatever a CRL says")
        more: list[_tlsmith.CRL] = []
        for crl in crls:
            more += [crl] if isinstance(crl, _tlsmith.CRL) else load_crls(crl)
        return Trust(self._roots, system=self._system, _crls=[*self._crls, *more])

    def verify(
        self,
        chain: Sequence[_tlsmith.Certificate] | Identity,
        *,
        hostname: str | None = None,
        at: datetime | int | None = None,
        usage: Literal["server", "client"] = "server",
    ) -> tuple[_tlsmith.Certificate, ...]:
        """Check a chain as a connection would, without one: its path to a root,
        validity, usage, constraints, CRLs, and the name where there is one.

        chain     certificates, the one in question first, or an Identity
        hostname  a DNS name, in either spelling where it is not ASCII, or an
                  address; None: any name will do
        at        when: an aware datetime, or seconds of the Unix epoch; None: now
        usage     whose certificate it is to be: a server's or a client's

        Returns the path that is accepted, up to the root.  Raises VerifyError,
        whose `reason` says what is wrong.
        """
        if self._insecure:
            warn("no certificate is checked", 3)
        if self._context is None:
            self._context = context(self)
        certificates = list(chain.chain if isinstance(chain, Identity) else chain)
        return self._context.verify(certificates, hostname, usage, moment("at", at))

    def __len__(self) -> int:
        """How many roots were given; the system's do not count."""
        return len(self._roots)

    def __repr__(self) -> str:
        if self._insecure:
            return "tlsmith.INSECURE"
        system = ", system" if self._system else ""
        crls = f", {len(self._crls)} CRLs" if self._crls else ""
        return f"<tlsmith.Trust {len(self)} roots{system}{crls}>"


INSECURE = Trust(_insecure=True)
"""Trust for everybody: `Client(trust=INSECURE)` accepts any certificate."""


def context(
    trust: Trust | None,
    *,
    identities: Sequence[Identity] = (),
    alpn: Sequence[str] = (),
    min_version: Version = "1.2",
    max_version: Version = "1.3",
    client_auth: str = "none",
    check_hostname: bool = True,
) -> _tlsmith.Context:
    """A context of the extension; `trust` None: nobody has to be believed."""
    if trust is not None and not (trust._roots or trust._system or trust._insecure):
        raise config_error("the trust has no root: nothing would be trusted")
    return _tlsmith.Context(
        {
            "roots": [] if trust is None else list(trust._roots),
            "system": trust is not None and trust._system,
            "crls": [] if trust is None else list(trust._crls),
            "identities": [identity._native for identity in identities],
            "alpn": list(alpn),
            "min_version": min_version,
            "max_version": max_version,
            "client_auth": client_auth,
            "verify": trust is None or not trust._insecure,
            "check_hostname": check_hostname,
        }
    )


def warn(what: str, level: int) -> None:
    """Warn whoever called, so many calls up from here."""
    import warnings

    sentence = f"{what}: anybody can be the peer"
    warnings.warn(sentence, InsecureWarning, stacklevel=level)
