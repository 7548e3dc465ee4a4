"""CA: issuing, signing and revoking certificates."""

from __future__ import annotations

import os

from . import _tlsmith
from ._checks import optional_text, strings, text, whole
from ._csr import CSR
from ._errors import config_error
from ._identity import Identity
from ._loading import discreet
from ._options import epoch_seconds, now, options, validity

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from typing import Any, Self

    from ._install import Store
    from ._loading import Password, Source, StrPath
    from ._options import Usage, When


class CA(Identity):
    """A certificate authority.

    name          the common name; default "tlsmith CA" and a random part, so that no
                  two CAs have the same subject
    key           the type of a key to generate, or a Key
    valid         a duration, "3650d" or a timedelta; a period, "-1d..30d"; or the end,
                  "2030-01-31" or an aware datetime
    path_len      how many intermediate CAs may be below it (pathLenConstraint); None:
                  any number
    permit        permitted name constraints: "example.com", "10.0.0.0/8"
    exclude       excluded name constraints
    organization  the O of the subject

    Revocations are kept only in this object, not in saved files: to restore them, call
    revoke() for each entry of the latest CRL.
    """

    __slots__ = ("_folder", "_revoked")

    def __init__(
        self,
        name: str | None = None,
        *,
        key: str | _tlsmith.Key = "ecdsa-p256",
        valid: When = "3650d",
        path_len: int | None = None,
        permit: Sequence[str] = (),
        exclude: Sequence[str] = (),
        organization: str | None = None,
    ) -> None:
        optional_text("name", name)
        certificate_options = options(
            key,
            valid,
            common_name=name or f"tlsmith CA {os.urandom(4).hex()}",
            organization=organization,
            path_len=path_len,
            permit=permit,
            exclude=exclude,
        )
        native = _tlsmith.gen_ca(certificate_options)
        super().__init__(native, native.chain[0])

    def _set(self, native: _tlsmith.Identity, root: _tlsmith.Certificate | None) -> None:
        super()._set(native, root)
        # By serial number: a certificate is on a CRL once.
        self._revoked: dict[int, _tlsmith.Revoked] = {}
        self._folder: str | None = None

    @classmethod
    @discreet
    def load(
        cls,
        cert: Source,
        key: Source | _tlsmith.Key | None = None,
        *,
        chain: Source | None = None,
        password: Password | None = None,
    ) -> Self:
        """Load a CA from its certificate and key."""
        return super().load(cert, key, chain=chain, password=password)._checked()

    @classmethod
    @discreet
    def load_pkcs12(
        cls,
        source: Source,
        password: Password,
        *,
        name: str | None = None,
        insecure_no_mac: bool = False,
    ) -> Self:
        """Load a CA from a PKCS#12 file, as Identity.load_pkcs12() does."""
        loaded = super().load_pkcs12(source, password, name=name, insecure_no_mac=insecure_no_mac)
        return loaded._checked()

    @classmethod
    def local(cls, directory: StrPath | None = None) -> CA:
        """Return the CA of this user, creating it on first use: "ca.pem" and "ca-key.pem"
        (mode 0600) in a directory, by default $TLSMITH_CA, or else "tlsmith" in the user's
        data directory, such as ~/.local/share/tlsmith.

        Concurrent processes get the same CA.  `cert_file` and `key_file` are its paths,
        for programs that need to trust it.  Raises ConfigError if the directory cannot be
        used, or if the key is missing.
        """
        from ._local_ca import load_or_create

        return load_or_create(cls, directory)

    @property
    def cert_file(self) -> str | None:
        """The path of its certificate if it comes from local(), else None."""
        return None if self._folder is None else os.path.join(self._folder, "ca.pem")

    @property
    def key_file(self) -> str | None:
        """The path of its private key if it comes from local(), else None."""
        return None if self._folder is None else os.path.join(self._folder, "ca-key.pem")

    def _checked(self) -> Self:
        if not self.cert.is_ca:
            raise config_error(
                f"the certificate of '{self.cert.subject}' is not a CA certificate: its "
                "basicConstraints need cA TRUE (RFC 5280, section 4.2.1.9)"
            )
        top = self.chain[-1]
        self._root = top if top.subject == top.issuer else None
        return self

    def issue(
        self,
        *names: str,
        key: str | _tlsmith.Key = "ecdsa-p256",
        valid: When | None = None,
        usage: Sequence[Usage] | None = None,
        common_name: str | None = None,
        organization: str | None = None,
        crl_url: str | None = None,
        ocsp_url: str | None = None,
        must_staple: bool = False,
        serial: int | None = None,
        extensions: Mapping[str, bytes | tuple[bool, bytes]] | None = None,
        outlive_ca: bool = False,
    ) -> Identity:
        """Issue a certificate for host names, IP addresses, e-mail addresses or URIs.

        key         the type of a key to generate, or a Key
        valid       a duration, "397d" or a timedelta; a period, "-2d..-1d"; or the end,
                    "2030-01-31" or an aware datetime; by default 397 days, at most to
                    the end of the CA
        usage       a list of "server", "client", "email", "code", "ocsp"; default
                    server, or client for e-mail addresses
        crl_url     the URL of the CRL that covers it
        ocsp_url    the URL of its OCSP responder
        must_staple require servers to staple an OCSP response (RFC 7633); clients that
                    check this reject it otherwise, and those of this library leave it
                    to the verify callback
        serial      its serial number, below 2**159; by default a random one
        extensions  more extensions by object identifier: DER, or (critical, DER).  They
                    replace extensions of the same type, except names, constraints and
                    key identifiers, which cannot be given
        outlive_ca  let it outlive the CA's certificate; after that it is rejected
                    unless the CA is renewed

        Raises CertError if the CA may not issue it.
        """
        wanted = strings("names", names)
        certificate_options = options(
            key,
            valid,
            common_name=common_name,
            organization=organization,
            usage=usage,
            crl_url=crl_url,
            ocsp_url=ocsp_url,
            must_staple=must_staple,
            serial=serial,
            extensions=extensions,
            outlive_ca=outlive_ca,
            names=wanted,
        )
        native = _tlsmith.issue(self._native, wanted, certificate_options)
        return Identity._wrap(native, self._root)

    def issue_client(
        self,
        *names: str,
        key: str | _tlsmith.Key = "ecdsa-p256",
        valid: When | None = None,
        common_name: str | None = None,
        organization: str | None = None,
        crl_url: str | None = None,
        ocsp_url: str | None = None,
        must_staple: bool = False,
        serial: int | None = None,
        extensions: Mapping[str, bytes | tuple[bool, bytes]] | None = None,
        outlive_ca: bool = False,
    ) -> Identity:
        """Issue a certificate for a client: issue(..., usage=["client"]), which describes
        the arguments."""
        return self.issue(
            *names,
            key=key,
            valid=valid,
            usage=["client"],
            common_name=common_name,
            organization=organization,
            crl_url=crl_url,
            ocsp_url=ocsp_url,
            must_staple=must_staple,
            serial=serial,
            extensions=extensions,
            outlive_ca=outlive_ca,
        )

    def intermediate(
        self,
        name: str | None = None,
        *,
        key: str | _tlsmith.Key = "ecdsa-p256",
        valid: When | None = None,
        path_len: int | None = None,
        permit: Sequence[str] = (),
        exclude: Sequence[str] = (),
        outlive_ca: bool = False,
    ) -> CA:
        """Issue an intermediate CA.  The chains of its certificates include it.

        path_len  how many CAs may be below it; None means 0: CAs below an
                  intermediate must be allowed explicitly
        """
        optional_text("name", name)
        certificate_options = options(
            key,
            valid,
            common_name=name or f"tlsmith intermediate CA {os.urandom(4).hex()}",
            path_len=path_len,
            permit=permit,
            exclude=exclude,
            ca=True,
            outlive_ca=outlive_ca,
        )
        native = _tlsmith.issue(self._native, [], certificate_options)
        return CA._wrap(native, self._root)

    def sign(
        self,
        csr: CSR | Source,
        *,
        names: Sequence[str] | None = None,
        valid: When | None = None,
        usage: Sequence[Usage] | None = None,
        copy_extensions: bool = False,
        allow_other_names: bool = False,
        ca: bool = False,
        crl_url: str | None = None,
        ocsp_url: str | None = None,
        must_staple: bool = False,
        serial: int | None = None,
        extensions: Mapping[str, bytes | tuple[bool, bytes]] | None = None,
        outlive_ca: bool = False,
    ) -> Identity:
        """Sign a request: issue a certificate for its key, subject and subject alternative
        names, each copied byte for byte.

        csr                a CSR, or a path, PEM or DER to load one from
        names              names to certify instead of those of the request
        copy_extensions    copy each requested extension, byte for byte, and add
                           default extensions only of other types
        allow_other_names  sign alternative names whose types cannot be checked
                           (otherName, x400Address, ediPartyName), which are in
                           CSR.other_names
        ca                 allow a CA certificate; returns a CA then

        The other arguments are those of issue().  If the request was created elsewhere,
        the identity has no key: methods that need it raise Error, code "state".  Without
        `names`, write() then requires a `name`, since no request chooses file names.

        A request is untrusted input.  Raises CertError for names that issue() rejects,
        for control characters in the subject, for a requested CA certificate without
        `ca`, and if the CA may not issue it.  Also raises CertError if a copied extension
        would grant name constraints, OCSPSigning, anyExtendedKeyUsage or, without `ca`,
        keyCertSign or cRLSign.  Raises ConfigError if a copied extension is also an
        argument.
        """
        if not isinstance(csr, CSR):
            csr = CSR.load(csr)
        certificate_options = options(
            valid=valid,
            usage=usage,
            crl_url=crl_url,
            ocsp_url=ocsp_url,
            must_staple=must_staple,
            serial=serial,
            extensions=extensions,
            ca=ca,
            outlive_ca=outlive_ca,
            copy_extensions=copy_extensions,
            allow_other_names=allow_other_names,
        )
        others = None if names is None else strings("names", names)
        native = _tlsmith.sign(self._native, csr._native, others, certificate_options)
        signed = (CA if ca else Identity)._wrap(native, self._root)
        signed._is_named_by_request = names is None and csr.key is None
        return signed

    def revoke(
        self,
        cert: _tlsmith.Certificate | Identity | int,
        *,
        reason: str = "unspecified",
        at: datetime | int | None = None,
    ) -> Self:
        """Revoke a certificate that this CA issued, or a serial number: later crl() calls
        list it.

        reason  "key_compromise", "ca_compromise", "affiliation_changed",
                "superseded", "cessation_of_operation", "certificate_hold",
                "privilege_withdrawn", "aa_compromise" or "unspecified"
        at      the revocation date: an aware datetime, or seconds of the Unix epoch;
                default now

        A second call for the same certificate replaces reason and time.  Returns the CA.
        """
        serial = self._serial(cert)
        time = epoch_seconds("at", at)
        if time is None:
            time = now()
        self._revoked[serial] = _tlsmith.Revoked(serial, time, text("reason", reason))
        return self

    def _serial(self, cert: _tlsmith.Certificate | Identity | int) -> int:
        if isinstance(cert, Identity):
            cert = cert.cert
        if isinstance(cert, _tlsmith.Certificate):
            if cert.issuer != self.cert.subject:
                raise config_error(
                    f"'{self.cert.subject}' cannot revoke the certificate of '{cert.subject}', "
                    f"which '{cert.issuer}' issued: call revoke() of that CA"
                )
            return cert.serial
        if not isinstance(cert, int):
            kind = type(cert).__name__
            raise TypeError(f"a Certificate, an Identity or a serial number is needed, not {kind}")
        if not 0 <= cert < 1 << 160:
            raise config_error(f"{cert} is not a serial number: use 0 to 2**160 - 1")
        return cert

    def crl(self, *, valid: When = "7d", number: int | None = None) -> _tlsmith.CRL:
        """Sign a CRL with all certificates that this CA has revoked.

        valid   the time until nextUpdate, "7d", or a period.  thisUpdate is an hour ago
                unless a period says otherwise
        number  the CRL number, below 2**64, which must grow with each CRL; default the
                time in microseconds

        Raises CertError if the CA may not sign CRLs.
        """
        if number is not None and not 0 <= whole("number", number) < 1 << 64:
            raise config_error(f"number is {number}: a CRL number is 0 to 2**64 - 1")
        this_update, lifetime = validity(valid)
        revoked = list(self._revoked.copy().values())
        return _tlsmith.gen_crl(self._native, revoked, this_update, lifetime, number)

    def trust(self, ctx: Any) -> None:
        """Add this CA to the trust anchors of an ssl.SSLContext, of one of tlsmith.ssl, or
        of an OpenSSL.SSL.Context of pyOpenSSL."""
        from ._interop import add_root

        add_root(ctx, self._root or self.cert)

    def install(
        self,
        stores: Sequence[Store] = ("system", "nss"),
        *,
        prefix: StrPath = "/",
        profiles: Sequence[StrPath] | None = None,
    ) -> list[str]:
        """Add this CA to the trust stores of this computer.

        stores    "system": the trust store of Linux, which needs root; "nss": those of
                  this user's Firefox and Chromium, which accept ECDSA and RSA keys only;
                  "java": the keystore of $JAVA_HOME, or of the keytool in $PATH
        prefix    the root of the file system to change, such as of an image being
                  built; Debian's store is updated at once, others when their tool runs
                  in it
        profiles  the directories with NSS databases; default all of this user

        Returns the stores that it changed, such as "system" and
        "nss:/home/alice/.pki/nssdb".  Stores that had the CA already are not among them.
        Raises ConfigError, with what to run, if a tool or permission is missing; for a
        tool, before any change.
        """
        from ._install import install

        return install(self._root or self.cert, stores, prefix=prefix, profiles=profiles)

    def uninstall(
        self,
        stores: Sequence[Store] = ("system", "nss"),
        *,
        prefix: StrPath = "/",
        profiles: Sequence[StrPath] | None = None,
    ) -> list[str]:
        """Remove this CA from the trust stores.  The arguments are those of install()."""
        from ._install import uninstall

        return uninstall(self._root or self.cert, stores, prefix=prefix, profiles=profiles)
