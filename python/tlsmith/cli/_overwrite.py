"""Which existing files `issue` and `sign` may overwrite without --force.

Only their own earlier output: certificates that the same CA issued for the same first
name, and the keys of these certificates.  Any other file, above all a private key, may be
the only copy.
"""

from __future__ import annotations

import os

from .._errors import Error
from .._identity import Identity
from .._loading import load_certificate, load_key, read
from ._arguments import Failure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection

    from .._tlsmith import Certificate


def refuse_to_replace_others(
    site: Identity,
    issuer: Certificate,
    stem: str,
    outputs: Collection[str],
    p12: tuple[str, str] | None = None,
) -> None:
    """Raise Failure unless every existing file may be replaced.

    stem     the path without the endings of the files
    outputs  the paths that will be written
    p12      the path of a PKCS#12 file, and its password
    """
    earlier = _EarlierOutput(site, issuer)
    cert, chain, key = f"{stem}.pem", f"{stem}-chain.pem", f"{stem}-key.pem"
    for path in (cert, chain):
        if os.path.lexists(path) and not earlier.is_certificate(_certificate(path)):
            raise _refusal(path, f"is not a certificate of this CA for '{earlier.name}'")
    before = _certificate(cert) or _certificate(chain)
    if key in outputs:
        _check_key(site, before, stem, key)
    else:
        _check_key_still_matches(site, before, key)
    combined = f"{stem}-combined.pem"
    if combined in outputs and os.path.lexists(combined) and not earlier.is_identity(combined):
        raise _refusal(combined, f"is not an identity of this CA for '{earlier.name}'")
    if p12 is not None and os.path.lexists(p12[0]) and not earlier.is_identity(*p12):
        raise _refusal(p12[0], f"is not a PKCS#12 file for '{earlier.name}' with this password")


def is_root(path: str, site: Identity) -> bool:
    """Return whether a file has the root of the CA, and nothing else."""
    try:
        return site._root is not None and os.path.isfile(path) and read(path) == site._root.pem
    except Error:
        return False


class _EarlierOutput:
    """Recognizes earlier output: the same first name and the same CA."""

    def __init__(self, site: Identity, issuer: Certificate) -> None:
        self.name = _first_name(site.cert)
        self._issuer = issuer

    def is_certificate(self, cert: Certificate | None) -> bool:
        if cert is None or _first_name(cert) != self.name:
            return False
        try:
            return cert.issued_by(self._issuer)
        except Error:
            return False

    def is_identity(self, path: str, password: str | None = None) -> bool:
        try:
            return os.path.isfile(path) and self.is_certificate(
                Identity.load(path, password=password).cert
            )
        except Error:
            return False


def _check_key(site: Identity, before: Certificate | None, stem: str, path: str) -> None:
    """Refuse to replace a key unless it belongs to the replaced certificate.

    Even then it is kept if a signing request for it may be pending.
    """
    if not os.path.lexists(path):
        return
    key = _public_key(path)
    if key is not None and key == site.cert.spki_sha256:
        return
    request = f"{stem}-csr.pem"
    if before is None or key != before.spki_sha256:
        raise _refusal(path, f"is not the key of '{stem}.pem'")
    if os.path.lexists(request):
        raise _refusal(path, f"may be the key of '{request}'")


def _check_key_still_matches(site: Identity, before: Certificate | None, path: str) -> None:
    """Refuse to replace a certificate whose key would be left without one."""
    if before is None or before.spki_sha256 == site.cert.spki_sha256:
        return
    if _public_key(path) == before.spki_sha256:
        raise Failure(
            f"'{path}' is the key of the existing certificate, and not of the new one: "
            "choose another --out, or replace the certificate with --force",
            "exists",
        )


def _refusal(path: str, why: str) -> Failure:
    return Failure(f"'{path}' exists already, and {why}: use --force to replace it", "exists")


def _first_name(cert: Certificate) -> str:
    return cert.names[0] if cert.names else cert.subject


def _certificate(path: str) -> Certificate | None:
    """Load the first certificate of a file; None if it has none."""
    try:
        return load_certificate(path) if os.path.isfile(path) else None
    except Error:
        return None


def _public_key(path: str) -> bytes | None:
    """Return the fingerprint of the public key of a key file; None if it cannot be read,
    for example because it is encrypted."""
    try:
        return load_key(path).spki_sha256 if os.path.isfile(path) else None
    except Error:
        return None
