"""The part of SSLContext that holds certificates: the trust store and the identities."""

from __future__ import annotations

import _ssl
import os
import ssl

from .._errors import Error
from .._identity import Identity
from ._bundles import Bundle, parse_der_list, read_bundle, read_folder
from ._files import PasswordCallback, password_of
from ._security_level import bits_of, check_chain

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from .. import _tlsmith

_RAW: Any = _ssl._SSLContext


class Store:
    """A base class of SSLContext."""

    _bundles: dict[int, Bundle]
    _is_lazy: bool
    _identities: dict[str, Identity]
    _used: dict[_tlsmith.Certificate, None]

    if TYPE_CHECKING:
        security_level: Any

        def _changed(self) -> None: ...

    def _clear_store(self) -> None:
        self._bundles, self._is_lazy = {}, False
        self._identities = {}
        self._used = {}

    def load_cert_chain(
        self,
        certfile: Any,
        keyfile: Any = None,
        password: Any = None,
    ) -> None:
        cert, key = os.fsdecode(certfile), None if keyfile is None else os.fsdecode(keyfile)
        secret = password_of(password)
        try:
            identity = Identity.load(cert, key, password=secret)
        except Error as error:
            # Programs know OpenSSL's errors: let it fail in its own way.
            if isinstance(secret, PasswordCallback) and secret.answer is not None:
                password = secret.answer
            _RAW.load_cert_chain(self, certfile, keyfile, password)
            raise ssl.SSLError(1, str(error)) from error
        check_chain(identity.chain, bits_of(self.security_level))
        # One for each key algorithm, as in OpenSSL: RSA, ECDSA, ...
        kind = identity.cert.key_type.partition("-")[0]
        self._identities[kind] = identity
        self._changed()

    def load_verify_locations(
        self, cafile: Any = None, capath: Any = None, cadata: Any = None
    ) -> None:
        try:
            found = []
            if cafile is not None:
                found.append(read_bundle(os.fsdecode(cafile)))
            if cadata is not None:
                found.append(parse_der_list(cadata))
            if capath is not None:
                found += map(read_folder, _folders(os.fsdecode(capath)))
            if not found:
                raise TypeError("cafile, capath and cadata cannot be all omitted")
        except (Error, ValueError) as error:
            _RAW.load_verify_locations(self, cafile, capath, cadata)
            raise ssl.SSLError(1, str(error)) from error
        for bundle in found:
            self._add(bundle)

    def _add(self, bundle: Bundle) -> None:
        if id(bundle) not in self._bundles:
            # Parsed bundles are shared objects: a known one changes nothing.
            self._bundles[id(bundle)] = bundle
            self._is_lazy |= bundle.lazy
            self._changed()

    def set_default_verify_paths(self) -> None:
        """Load the system's roots, or those of SSL_CERT_FILE and SSL_CERT_DIR."""
        paths = ssl.get_default_verify_paths()
        chosen = os.environ.get(paths.openssl_capath_env)
        folders = [] if paths.cafile else [paths.openssl_capath]
        if chosen is not None:
            folders = _folders(chosen)
        try:
            if paths.cafile:
                self._add(read_bundle(paths.cafile))
            for folder in filter(os.path.isdir, folders):
                self._add(read_folder(folder))
        except Error:
            # As in OpenSSL, missing files are no error.
            pass

    def _certificates(self) -> Iterable[_tlsmith.Certificate]:
        """Return all trusted certificates, each once."""
        return dict.fromkeys(
            one for bundle in self._bundles.values() for one in bundle.certificates
        )

    def cert_store_stats(self) -> dict[str, int]:
        eager = [bundle for bundle in self._bundles.values() if not bundle.lazy]
        known = set().union(*(bundle.certificates for bundle in eager))
        crls = sum(len(bundle.crls) for bundle in eager)
        cas = sum(map(_is_authority, known))
        return {"x509": len(known), "crl": crls, "x509_ca": cas}

    def get_ca_certs(self, binary_form: bool = False) -> Any:
        eager = [bundle for bundle in self._bundles.values() if not bundle.lazy]
        known = dict.fromkeys(one for bundle in eager for one in bundle.certificates)
        known.update(self._used)
        cas = [one for one in known if _is_authority(one)]
        return [one.der if binary_form else one.as_dict() for one in cas]


def _folders(path: str) -> list[str]:
    """Split a list of folders, as X509_LOOKUP_hash_dir(3) does.  An existing folder whose
    name contains the separator is not split."""
    if os.pathsep not in path or os.path.isdir(path):
        return [path]
    return [one for one in path.split(os.pathsep) if one]


def _is_authority(certificate: _tlsmith.Certificate) -> bool:
    """Return whether OpenSSL counts it as a CA certificate; of version 1, self-signed ones."""
    is_root = certificate.subject == certificate.issuer
    return certificate.is_ca or (certificate.version == 1 and is_root)
