"""Authorities: issuing, signing, revoking."""

from __future__ import annotations

import os

from . import _tlsmith
from ._certs import Identity
from ._checks import optional_text, strings, text, whole
from ._errors import config_error
from ._options import moment, now, options, validity
from ._requests import CSR
from ._sources import discreet

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from typing import Any, Self

    from ._install import Store
    from ._options import Usage, When
    from ._sources import Password, Source, StrPath


class CA(Identity):
    """A certificate authority.

    name          the common name, by default "tlsmith CA" and a random part, so
                  that two authorities are never mistaken for each other
    key           a type of key to generate, or a Key
    valid         how long: "3650d", a timedelta, or from when until when,
                  "-1d..30d"; until when, "2030-01-31", an aware datetime
    path_len      how many CAs may stand below it; None: any number
    permit        names that it may issue for: "example.com", "10.0.0.0/8"
    exclude       names that it may not issue for
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
        asked = options(
            key,
            valid,
            common_name=name or f"tlsmith CA {os.urandom(4).hex()}",
            organization=organization,
            path_len=path_len,
            permit=permit,
            exclude=exclude,
        )
        native = _tlsmith.gen_ca(asked)
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
        """Load an authority that was written before."""
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
        """Load an authority from a PKCS#12 file, as Identity.load_pkcs12() does."""
        loaded = super().load_pkcs12(source, password, name=name, insecure_no_mac=insecure_no_mac)
        return loaded._checked()

    @classmethod
    def local(cls, directory: StrPath | None = None) -> CA:
        """The authority of this user, which is made the first time: "ca.pem" and
        "ca-key.pem" (mode 0600) in a folder, by default $TLSMITH_CA, or else
        "tlsmith" in the user's data folder, such as ~/.local/share/tlsmith.

        Several processes that ask at the same time get the same one.  Its `cert_file`
        and `key_file` are the paths, for programs that have to trust it.  Raises
        ConfigError where the folder cannot be used, or the key is gone.
        """
        from ._local import load_or_create

        return load_or_create(cls, directory)

    @property
    def cert_file(self) -> str | None:
        """The path of its certificate where local() gave it, or else None."""
        return None if self._folder is None else os.path.join(self._folder, "ca.pem")

    @property
    def key_file(self) -> str | None:
        """The path of its key, likewise."""
        return None if self._folder is None else os.path.join(self._folder, "ca-key.pem")

    def _checked(self) -> Self:
        if not self.cert.is_ca:
            raise config_error(f"the certificate of '{self.cert.subject}' is not a CA's")
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
        """Issue a certificate for host names, addresses, e-mail addresses, URIs.

        key         a type of key to generate, or a Key
        valid       a duration, "397d" or a timedelta; a period, "-2d..-1d"; or the end,
                    "2030-01-31" or an aware datetime; by default 397 days, at most to
                    the end of the CA
        usage       some of "server", "client", "email", "code", "ocsp"; by default
                    servers, and clients for e-mail addresses
        crl_url     the URL of the CRL that covers it
        ocsp_url    the URL of its OCSP responder
        must_staple have clients refuse it without a stapled OCSP response
        serial      its serial number, below 2**159; by default a random one
        extensions  others, by object identifier: DER, or (critical, DER), in place
                    of one of the same kind; names, constraints and key identifiers
                    are not among them
        outlive_ca  let it outlive the CA's certificate; after that it is rejected
                    unless the CA is renewed

        Raises CertError where the authority may not issue it.
        """
        wanted = strings("names", names)
        asked = options(
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
        native = _tlsmith.issue(self._native, wanted, asked)
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
        """Issue a CA below this one.  What it issues carries it in the chain.

        path_len  how many CAs may stand below it; None means 0: CAs below an
                  intermediate must be allowed explicitly
        """
        optional_text("name", name)
        asked = options(
            key,
            valid,
            common_name=name or f"tlsmith intermediate CA {os.urandom(4).hex()}",
            path_len=path_len,
            permit=permit,
            exclude=exclude,
            ca=True,
            outlive_ca=outlive_ca,
        )
        native = _tlsmith.issue(self._native, [], asked)
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
        """Issue what a request asks for: a certificate for its key, its subject
        and its alternative names, each byte for byte.

        csr                a CSR, or where to load one from
        names              these stand in place of its alternative names
        copy_extensions    repeat each extension that it asks for, byte for byte,
                           and add only those that it does not
        allow_other_names  sign alternative names of kinds that cannot be checked
                           (otherName, x400Address, ediPartyName): CSR.other_names
                           has them
        ca                 allow it to be a CA; a CA is what comes back then

        The others are those of issue().  If the request was not made here, the identity
        has no key: `key`, and what needs it, raises Error, code "state"; and without
        `names`, write() needs a `name`, since no request chooses file names.

        A request is untrusted input.  Raises CertError for names that issue()
        does not take, for control characters in the subject, for a request to be a
        CA without `ca`, and where the authority may not issue it.  Copied
        extensions never grant name constraints, OCSPSigning,
        anyExtendedKeyUsage or, without `ca`, keyCertSign and cRLSign: CertError.
        Raises ConfigError if an extension that is copied is also an argument.
        """
        if not isinstance(csr, CSR):
            csr = CSR.load(csr)
        asked = options(
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
        native = _tlsmith.sign(self._native, csr._native, others, asked)
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
        """Revoke a certificate of this authority, or one by its serial number:
        crl() lists it from now on.

        reason  "key_compromise", "ca_compromise", "affiliation_changed",
                "superseded", "cessation_of_operation", "certificate_hold",
                "privilege_withdrawn", "aa_compromise" or "unspecified"
        at      since when: an aware datetime, or seconds of the Unix epoch; by
                default now

        Revoked again, it has the later reason and time.  Returns the CA.
        """
        serial = self._serial(cert)
        time = moment("at", at)
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
                    f"the certificate of '{cert.subject}' is of '{cert.issuer}', which alone "
                    f"can revoke it, and not of '{self.cert.subject}'"
                )
            return cert.serial
        if not isinstance(cert, int):
            kind = type(cert).__name__
            raise TypeError(f"a Certificate, an Identity or a serial number is needed, not {kind}")
        if not 0 <= cert < 1 << 160:
            raise config_error(f"{cert} is not a serial number: 0 to 2**160 - 1 are")
        return cert

    def crl(self, *, valid: When = "7d", number: int | None = None) -> _tlsmith.CRL:
        """The list of what this authority has revoked, signed by it.

        valid   how long it is good for from now, "7d", or from when until when;
                its thisUpdate is an hour ago unless it is given here
        number  has to grow from one CRL to the next, below 2**64; by default
                the time in microseconds

        Raises CertError where the authority may not sign CRLs.
        """
        if number is not None and not 0 <= whole("number", number) < 1 << 64:
            raise config_error(f"number is {number}: 0 to 2**64 - 1 can number a CRL")
        this_update, lifetime = validity(valid)
        revoked = list(self._revoked.copy().values())
        return _tlsmith.gen_crl(self._native, revoked, this_update, lifetime, number)

    def trust(self, ctx: Any) -> None:
        """Have an ssl.SSLContext, one of tlsmith.ssl, or an OpenSSL.SSL.Context of
        pyOpenSSL trust this authority."""
        from ._foreign import trust

        trust(ctx, self._root or self.cert)

    def install(
        self,
        stores: Sequence[Store] = ("system", "nss"),
        *,
        prefix: StrPath = "/",
        profiles: Sequence[StrPath] | None = None,
    ) -> list[str]:
        """Have the programs of this computer trust this authority.

        stores    "system": the store of Linux, which needs root; "nss": those of
                  the Firefox and Chromium of this user, which accept ECDSA and RSA
                  keys alone; "java": the keystore of $JAVA_HOME, or of the keytool
                  that is found
        prefix    the root of the file system to change, such as of an image being
                  built; Debian's store is updated at once, others when their tool runs
                  in it
        profiles  the folders with the stores of NSS, by default all of this user's

        Returns the stores that it changed, such as "system" and
        "nss:/home/alice/.pki/nssdb": those that had it already are not among them.
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
        """Take this authority out of the stores again: as install() has it."""
        from ._install import uninstall

        return uninstall(self._root or self.cert, stores, prefix=prefix, profiles=profiles)
