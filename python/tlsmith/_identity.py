"""Identity: a certificate chain with its private key."""

from __future__ import annotations

import os

from . import _tlsmith
from ._checks import flag, optional_text, text
from ._errors import Error, config_error, make_folder, state_error
from ._loading import (
    discreet,
    is_pkcs7,
    is_pkcs12,
    load_certificates,
    load_key,
    naming,
    parse_key,
    read,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager
    from typing import Any, NoReturn, Self

    from ._loading import Password, Source, StrPath
    from ._tuples import Files


class Identity:
    """A certificate chain to present, with its private key.

    CA.sign() may return one without the key, which the requester holds.  Methods that need
    the key then raise Error, code "state".
    """

    __slots__ = ("_is_named_by_request", "_native", "_root")

    def __init__(self, native: _tlsmith.Identity, root: _tlsmith.Certificate | None = None) -> None:
        self._set(native, root)

    def _set(self, native: _tlsmith.Identity, root: _tlsmith.Certificate | None) -> None:
        self._native = native
        self._root = root
        # Whether the names come from a request of somebody else: they must not choose files.
        self._is_named_by_request = False

    @classmethod
    def _wrap(cls, native: _tlsmith.Identity, root: _tlsmith.Certificate | None = None) -> Self:
        self = cls.__new__(cls)
        self._set(native, root)
        return self

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
        """Load a certificate chain and its private key.  If `key` is None, `cert` contains
        it too and may be PKCS#12.  A chain may be a PKCS#7 bundle.

        The password is for an encrypted key or for PKCS#12, as in load_key().
        """
        # The file to name if the key does not match the certificate.
        source = b"" if isinstance(key, _tlsmith.Key) else cert if key is None else key
        with naming(cert):
            # Read once: it may be a pipe.
            content = read(cert)
            if key is None and chain is None and is_pkcs12(content):
                return cls.load_pkcs12(content, "" if password is None else password)
            certificates = load_certificates(content)
            if key is None:
                key = parse_key(content, password)
        if chain is not None:
            certificates += load_certificates(chain)
        if not isinstance(key, _tlsmith.Key):
            key = load_key(key, password)
        make = _tlsmith.Identity.from_bundle if is_pkcs7(content) else _tlsmith.Identity
        with naming(source):
            return cls._wrap(make(certificates, key))

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
        """Load a chain and its key from a PKCS#12 file, or from its bytes.

        `name` is the friendly name of the key, for a file with several.  Raises
        ConfigError for a wrong password, or for several keys without a `name`.  Raises
        CertError for a file without a MAC (RFC 7292, section 4) unless `insecure_no_mac`
        allows it: anyone who can write to it can replace unencrypted parts.  A file that
        needs more than 4 million password-hashing rounds in total is rejected.
        """
        flag("insecure_no_mac", insecure_no_mac)
        with naming(source):
            content = read(source)
            return cls._wrap(
                _tlsmith.Identity.from_pkcs12(content, password, name, insecure_no_mac)
            )

    @property
    def cert(self) -> _tlsmith.Certificate:
        """The certificate."""
        return self._native.chain[0]

    @property
    def chain(self) -> tuple[_tlsmith.Certificate, ...]:
        """The certificate and its intermediate CAs, without the root."""
        return tuple(self._native.chain)

    @property
    def key(self) -> _tlsmith.Key:
        """The private key.  Raises Error, code "state", if it is not available."""
        key = self._native.key
        if key is None:
            raise self._no_key()
        return key

    def _no_key(self) -> Error:
        return state_error(
            f"the private key of '{self.cert.subject}' is not available: it stayed with the "
            "creator of the signing request"
        )

    @property
    def cert_pem(self) -> bytes:
        """The certificate as PEM, without its chain."""
        return self.cert.pem

    @property
    def chain_pem(self) -> bytes:
        """The whole chain as PEM."""
        return self._native.chain_pem

    @property
    def key_pem(self) -> bytes:
        """The private key as PKCS#8 in PEM."""
        return self.key.pem

    @property
    def pem(self) -> bytes:
        """The private key and the chain as PEM."""
        return self.key_pem + self.chain_pem

    def pkcs12(self, password: Password, name: str | None = None, *, legacy: bool = False) -> bytes:
        """Return the chain and its key as PKCS#12, encrypted with AES-256.

        `name` is the friendly name; default the common name, or else the first name.
        `legacy` uses 3DES and SHA-1, for programs that cannot read AES, such as Windows
        before 2019 and Java before 8u301.  Its password is much cheaper to brute-force.
        """
        optional_text("name", name)
        return self._native.pkcs12(name, password, flag("legacy", legacy))

    def _name(self, fallback: str) -> str:
        names = self.cert.names
        return names[0] if names else fallback

    def write(self, directory: StrPath, *, name: str | None = None) -> Files:
        """Write the files of `Files` to a directory, which is created if necessary:
        NAME.pem, NAME-key.pem (mode 0600) and so on.

        NAME is `name`, or else the first name of the certificate.  A signing request
        never chooses file names: `name` is required if CA.sign() took the names from a
        request that was created elsewhere.  Without `name`, no certificate overwrites
        another's key or "ca.pem": for the host "www-key", NAME is "www-key_".

        Existing files are replaced, all or none: if one cannot be written, the old
        files are kept.  Symbolic links are followed, except those of other users in
        directories like /tmp.

        Raises ConfigError if a file cannot be written, if `name` is required, or if two
        documents would get the same file.
        """
        if name is not None:
            stem = sanitize(text("name", name))
        elif self._is_named_by_request:
            raise config_error(
                f"the signing request would choose the file names for '{self.cert.subject}': "
                "choose them with write(directory, name=...), or choose its names with "
                "CA.sign(csr, names=[...])"
            )
        else:
            stem = file_stem(self._name("identity"))
        files = self._paths(os.fspath(directory), stem)
        documents = self._documents(files)
        make_folder(directory)
        _tlsmith.save_files(documents)
        return files

    def _paths(self, directory: str, stem: str) -> Files:
        path = os.path.join(directory, stem)
        has_key = self._native.key is not None
        from ._tuples import Files

        return Files(
            cert=f"{path}.pem",
            key=f"{path}-key.pem" if has_key else None,
            chain=f"{path}-chain.pem",
            ca=None if self._root is None else os.path.join(directory, "ca.pem"),
            combined=f"{path}-combined.pem" if has_key else None,
        )

    def _documents(self, files: Files) -> list[tuple[str, bytes, bool]]:
        """Return path, content, and whether only the owner may read it, of each file."""
        documents = [(files.chain, self.chain_pem, False), (files.cert, self.cert_pem, False)]
        if files.key is not None and files.combined is not None:
            documents += [(files.key, self.key_pem, True), (files.combined, self.pem, True)]
        if self._root is not None and files.ca is not None:
            root = files.ca, self._root.pem, False
            # The certificate of a root named "ca" has the same path and content.
            documents += [root] if root not in documents else []
        return documents

    def files(self) -> AbstractContextManager[Files]:
        """Write the files of write() to a temporary folder for the duration of a `with`
        block.  If write() requires a `name`, it is "certificate"."""
        from contextlib import contextmanager
        from tempfile import TemporaryDirectory

        @contextmanager
        def temporary() -> Iterator[Files]:
            name = "certificate" if self._is_named_by_request else None
            with TemporaryDirectory(prefix="tlsmith-") as directory:
                yield self.write(directory, name=name)

        return temporary()

    def configure(self, ctx: Any) -> None:
        """Load this identity into an ssl.SSLContext, into one of tlsmith.ssl, or into an
        OpenSSL.SSL.Context of pyOpenSSL."""
        if self._native.key is None:
            raise self._no_key()
        from ._interop import use_identity

        use_identity(ctx, self)

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            f"{type(self).__name__} has a private key and cannot be pickled: "
            "pickle its certificates, or load it from files in the other process"
        )

    def __repr__(self) -> str:
        return f"<tlsmith.{type(self).__name__} {self.cert.subject}>"


# The endings of the other files of a certificate.
_ROLES = ("-key", "-chain", "-combined", "-csr")


def file_stem(name: str) -> str:
    """Return the stem of the file names for a name.

    NAME.pem is never "ca.pem", or the key, chain or request of another name: such a
    stem gets a "_" at its end.
    """
    stem = sanitize(name)
    folded = stem.casefold()
    return f"{stem}_" if folded == "ca" or folded.endswith(_ROLES) else stem


def sanitize(name: str) -> str:
    """Make a file name of a name: without separators and wildcards, and not hidden."""
    clean = "".join(c if c.isalnum() or c in "-._@" else "_" for c in name)
    return f"_{clean[1:]}" if clean[:1] in ("", ".") else clean
