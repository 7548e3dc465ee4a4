"""Trust and Pin: trust anchors, pins and CRLs."""

from __future__ import annotations

from . import _tlsmith
from ._checks import instance, listed, optional_text, text
from ._context import context, trust_settings
from ._errors import InsecureWarning, config_error, quote
from ._identity import Identity
from ._loading import discreet, load_certificates, load_crls
from ._options import depth, epoch_seconds

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime
    from typing import Any, Literal, Self, TypeAlias

    from ._loading import Source

    Trusted: TypeAlias = "Trust | Identity | _tlsmith.Certificate | Source"


class Pin:
    """The SHA-256 of a certificate or public key: bytes, or hex with or without colons.

    Pin.spki() is for `Client(pins=...)`: in addition to normal verification, one of the
    keys must be in the verified chain.  Pin.cert() is for Trust.pinned().
    """

    __slots__ = ("_kind", "_sha256")

    def __init__(self, kind: Literal["spki", "cert"], sha256: bytes | str) -> None:
        if not isinstance(sha256, (bytes, str)):
            raise TypeError(f"a SHA-256 must be bytes or hex, not {type(sha256).__name__}")
        if kind not in ("spki", "cert"):
            raise config_error(f'kind is {quote(kind)}: use "spki" or "cert"')
        self._kind = kind
        self._sha256 = sha256.hex() if isinstance(sha256, bytes) else sha256
        digits = self._sha256.replace(":", "").replace(" ", "").lower()
        if len(digits) != 64 or set(digits) - set("0123456789abcdef"):
            # The value may be a secret that was passed by mistake.
            given = f"{len(sha256)} {'bytes' if isinstance(sha256, bytes) else 'characters'}"
            raise config_error(f"a SHA-256 has 32 bytes or 64 hex digits, and {given} were given")

    @classmethod
    def spki(cls, sha256: bytes | str) -> Pin:
        """Pin a public key by the SHA-256 of its SubjectPublicKeyInfo, which is
        `Certificate.spki_sha256`."""
        return cls("spki", sha256)

    @classmethod
    def cert(cls, sha256: bytes | str) -> Pin:
        """Pin a certificate by the SHA-256 of its DER, which is `Certificate.sha256`."""
        return cls("cert", sha256)

    def __repr__(self) -> str:
        return f"Pin.{self._kind}({self._sha256!r})"


class Trust:
    """Trust anchors and CRLs.

    A pickle includes the certificates and CRLs.  The system's roots are those of the system
    where it is unpickled.
    """

    __slots__ = (
        "_allow_unknown",
        "_bundled",
        "_context",
        "_crls",
        "_insecure",
        "_leaf_only",
        "_pinned",
        "_roots",
        "_system",
    )

    def __init__(
        self,
        roots: Iterable[_tlsmith.Certificate] = (),
        *,
        system: bool = False,
        _bundled: bool = False,
        _insecure: bool = False,
        _pinned: Iterable[str] = (),
        _crls: Iterable[_tlsmith.CRL] = (),
        _leaf_only: bool = False,
        _allow_unknown: bool = False,
    ) -> None:
        self._roots = tuple(_certificates("roots", roots))
        self._system = system
        self._bundled = _bundled
        self._insecure = _insecure
        self._pinned = tuple(_pinned)
        self._crls = tuple(_crls)
        self._leaf_only = _leaf_only
        self._allow_unknown = _allow_unknown
        self._context: _tlsmith.Context | None = None

    @classmethod
    def system(cls) -> Trust:
        """Trust the roots of the operating system."""
        return cls(system=True)

    @classmethod
    def bundled(cls) -> Trust:
        """Trust Mozilla's roots, compiled into this library, for systems without roots."""
        return cls(_bundled=True)

    @classmethod
    @discreet
    def roots(cls, *sources: Trusted) -> Trust:
        """Trust these certificates: paths, PEM or DER, Certificates, CAs.

        Every certificate in a file is trusted: a CA as a trust anchor, any other only as
        the peer's own certificate.
        """
        if not sources:
            raise config_error("Trust.roots() needs at least one root certificate")
        trust = cls()
        for source in sources:
            trust |= cls._of(source)
        return trust

    @classmethod
    def pinned(cls, *pins: Pin | _tlsmith.Certificate) -> Trust:
        """Trust these certificates within their validity period, regardless of issuer
        and name: for self-signed peers.

        Files are not accepted, since they may contain whole chains.  The keys may be of every
        type that INSECURE allows.
        """
        if not pins:
            raise config_error("Trust.pinned() needs at least one certificate")
        hashes = []
        for pin in pins:
            if isinstance(pin, _tlsmith.Certificate):
                pin = Pin.cert(pin.sha256)
            if not isinstance(pin, Pin):
                raise TypeError(
                    f"each argument must be a Pin or a Certificate, not {type(pin).__name__}"
                )
            if pin._kind != "cert":
                raise config_error(
                    f"{pin} pins a key, not a certificate: use Client(pins=[...]) for it"
                )
            hashes.append(pin._sha256)
        return cls(_pinned=hashes)

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
            _bundled=self._bundled or other._bundled,
            _insecure=self._insecure or other._insecure,
            _pinned=self._pinned + other._pinned,
            _crls=self._crls + other._crls,
            # The stricter rule of those with CRLs applies.
            _leaf_only=all(t._leaf_only for t in (self, other) if t._crls),
            _allow_unknown=all(t._allow_unknown for t in (self, other) if t._crls),
        )

    @discreet
    def with_crls(
        self,
        *crls: _tlsmith.CRL | Source,
        check: Literal["leaf", "chain"] = "chain",
        unknown: Literal["fail", "allow"] = "fail",
    ) -> Trust:
        """Return a Trust that also checks revocation with these CRLs: CRL objects, paths, PEM
        or DER.

        check    "chain": every certificate below the root; "leaf": the end-entity
                 certificate
        unknown  "fail": each needs a current CRL that does not list it; "allow": a
                 certificate passes if no CRL of its issuer's name covers it

        Every current CRL of an issuer revokes the certificates on it, whatever
        its issuingDistributionPoint covers (RFC 5280, section 6.3.3).

        "revoked" and "unknown_revocation" are the reasons of the VerifyErrors.
        """
        if not crls:
            raise config_error("Trust.with_crls() needs at least one CRL")
        if self._insecure:
            raise config_error(
                "INSECURE accepts every certificate, so CRLs have no effect: use another Trust"
            )
        if check not in ("leaf", "chain"):
            raise config_error(f'check is {quote(check)}: use "leaf" or "chain"')
        if unknown not in ("fail", "allow"):
            raise config_error(f'unknown is {quote(unknown)}: use "fail" or "allow"')
        more: list[_tlsmith.CRL] = []
        for crl in crls:
            more += [crl] if isinstance(crl, _tlsmith.CRL) else load_crls(crl)
        return Trust(
            self._roots,
            system=self._system,
            _bundled=self._bundled,
            _pinned=self._pinned,
            _crls=[*self._crls, *more],
            _leaf_only=check == "leaf" and (self._leaf_only or not self._crls),
            _allow_unknown=unknown == "allow" and (self._allow_unknown or not self._crls),
        )

    def verify(
        self,
        chain: Sequence[_tlsmith.Certificate] | Identity,
        *,
        hostname: str | None = None,
        at: datetime | int | None = None,
        usage: str = "server",
        max_depth: int | None = None,
    ) -> tuple[_tlsmith.Certificate, ...]:
        """Verify a chain as a connection does: path, validity, key usage, constraints, CRLs
        and name (RFC 5280, section 6).

        chain      certificates, the end-entity certificate first, or an Identity
        hostname   a DNS name (Unicode or ASCII), an IP address or an e-mail address; None
                   accepts any name
        at         the time: an aware datetime, or seconds of the Unix epoch; None: now
        usage      the required extended key usage: "server", "client", "any" of these two,
                   "code", "email", "timestamp", "ocsp", a name of RFC 5280 such as
                   "codeSigning", or a dotted object identifier
        max_depth  how many CAs may be between the certificate and the root; None: 6, the
                   limit of path building

        Returns the verified chain, up to the root.  Raises VerifyError, whose `reason`
        says why verification failed.
        """
        if self._insecure:
            warn("certificates are not verified", 3)
        verifier = self._context
        if verifier is None or max_depth is not None:
            verifier = context({**trust_settings(self), "max_depth": depth(max_depth)})
        if max_depth is None:
            self._context = verifier
        certificates = list(chain.chain) if isinstance(chain, Identity) else chain
        return verifier.verify(
            _certificates("chain", certificates),
            optional_text("hostname", hostname),
            text("usage", usage),
            epoch_seconds("at", at),
        )

    def __reduce__(self) -> tuple[Callable[..., Trust], tuple[Any, ...]]:
        # Without the context, which the other process creates.
        flags = self._leaf_only, self._allow_unknown
        roots = self._roots, self._system, self._bundled
        return _rebuild, (*roots, self._insecure, self._pinned, self._crls, *flags)

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, _memo: object) -> Self:
        return self

    def __len__(self) -> int:
        """The number of roots, without those of the system and the bundled ones."""
        return len(self._roots)

    def __repr__(self) -> str:
        if self._insecure:
            return "tlsmith.INSECURE"
        system = ", system" if self._system else ""
        bundled = ", bundled" if self._bundled else ""
        pinned = f", {len(self._pinned)} pinned" if self._pinned else ""
        crls = f", {len(self._crls)} CRLs" if self._crls else ""
        return f"<tlsmith.Trust {len(self)} roots{system}{bundled}{pinned}{crls}>"


def _certificates(name: str, given: Iterable[_tlsmith.Certificate]) -> list[_tlsmith.Certificate]:
    return [instance(f"each of {name}", one, _tlsmith.Certificate) for one in listed(name, given)]


def _rebuild(
    roots: tuple[_tlsmith.Certificate, ...],
    system: bool,
    bundled: bool,
    insecure: bool,
    pinned: tuple[str, ...],
    crls: tuple[_tlsmith.CRL, ...],
    leaf_only: bool,
    allow_unknown: bool,
) -> Trust:
    """Unpickle a Trust."""
    return Trust(
        roots,
        system=system,
        _bundled=bundled,
        _insecure=insecure,
        _pinned=pinned,
        _crls=crls,
        _leaf_only=leaf_only,
        _allow_unknown=allow_unknown,
    )


INSECURE = Trust(_insecure=True)
"""A Trust without verification: `Client(trust=INSECURE)` accepts any certificate.

The peer still proves possession of the private key, so the key must be of a supported
kind: besides those of verified peers, RSA with 512 to 16384 bits, RSASSA-PSS in TLS
1.3, explicit curve parameters of P-256, P-384 or P-521, and secp256k1 in TLS 1.2 client
certificates.  Others raise VerifyError, reason "unsupported_key".
"""


def warn(what: str, level: int) -> None:
    """Emit an InsecureWarning for the caller that many frames up."""
    import warnings

    sentence = f"{what}: an attacker may be the peer"
    warnings.warn(sentence, InsecureWarning, stacklevel=level)
