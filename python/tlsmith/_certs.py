"""Identities: certificates with their private keys."""

from __future__ import annotations

import os

from . import _tlsmith
from ._checks import flag, optional_text, text
from ._errors import Error, config_error, make_folder, state_error
from ._sources import (
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

    from ._sources import Password, Source, StrPath
    from ._tuples import Files


class Identity:
    """A certificate chain to present, with its private key.

    CA.sign() may return one without the key, which the requester holds: what needs it
    raises Error, code "state".
    """

    __slots__ = ("_is_named_by_request", "_native", "_root")

    def __init__(self, native: _tlsmith.Identity, root: _tlsmith.Certificate | None = None) -> None:
        self._set(native, root)

    def _set(self, native: _tlsmith.Identity, root: _tlsmith.Certificate | None) -> None:
        self._native = native
        self._root = root
        # Whether a stranger chose its names, which are not to choose files.
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
        """Load a chain and its key.  `key` None: `cert` holds it too, which may
        then be PKCS#12.  A chain may be a PKCS#7 bundle.

        The password is for a key that is encrypted, or for PKCS#12: what load_key()
        takes.
        """
        # The file whose key may be another certificate's; of a Key there is none.
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
        ConfigError for a wrong password, where there are several keys and no `name`,
        and CertError for a file without a MAC (RFC 7292, section 4) unless
        `insecure_no_mac` allows it: anyone who can write to it can replace unencrypted
        parts.  A file that needs more than 4 million password-hashing rounds in total
        is refused.
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
        """The certificate and those that lead to the root, without it."""
        return tuple(self._native.chain)

    @property
    def key(self) -> _tlsmith.Key:
        """The private key.  Raises Error, code "state", where it is not known."""
        key = self._native.key
        if key is None:
            raise self._no_key()
        return key

    def _no_key(self) -> Error:
        return state_error(
            f"the private key of '{self.cert.subject}' is not here: "
            "only who made the request has it"
        )

    @property
    def cert_pem(self) -> bytes:
        """The certificate alone."""
        return self.cert.pem

    @property
    def chain_pem(self) -> bytes:
        """The whole chain."""
        return self._native.chain_pem

    @property
    def key_pem(self) -> bytes:
        """The private key as PKCS#8."""
        return self.key.pem

    @property
    def pem(self) -> bytes:
        """The key and the chain."""
        return self.key_pem + self.chain_pem

    def pkcs12(self, password: Password, name: str | None = None, *, legacy: bool = False) -> bytes:
        """The chain and its key as PKCS#12, encrypted with AES-256.

        `name` is what programs show for it, by default the common name, or else
        the first name.  `legacy` uses 3DES and SHA-1, for programs that read nothing
        newer, such as Windows before 2019 and Java before 8u301.  Its password is much
        cheaper to brute-force.
        """
        optional_text("name", name)
        return self._native.pkcs12(name, password, flag("legacy", legacy))

    def _name(self, fallback: str) -> str:
        names = self.cert.names
        return names[0] if names else fallback

    def write(self, directory: StrPath, *, name: str | None = None) -> Files:
        """Write the files of `Files` into a directory, which is created if need
        be: NAME.pem, NAME-key.pem (mode 0600) and so on.

        NAME is the first name of the certificate unless `name` gives it.  No request
        chooses a file: where CA.sign() took the names from a request that was not made
        here, `name` has to be given.  Without `name`, no certificate's file can take
        the place of another's key or of "ca.pem": the host "www-key" gets the files of
        NAME "www-key_".

        Files that exist are replaced, all or none: if one cannot be written, the
        old ones stay.  Symbolic links are followed, except those of other users in
        directories like /tmp.

        Raises ConfigError where a file cannot be written, where `name` is needed, and
        where it would give two documents the same file.
        """
        if name is not None:
            stem = sanitize(text("name", name))
        elif self._is_named_by_request:
            raise config_error(
                f"the files of '{self.cert.subject}' would be named by the request: choose "
                "their name, with write(directory, name=...), or its names, with "
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
        """What to write: path, content, and whether it is the owner's alone."""
        documents = [(files.chain, self.chain_pem, False), (files.cert, self.cert_pem, False)]
        if files.key is not None and files.combined is not None:
            documents += [(files.key, self.key_pem, True), (files.combined, self.pem, True)]
        if self._root is not None and files.ca is not None:
            root = files.ca, self._root.pem, False
            # A root that is called "ca" is in that file already.
            documents += [root] if root not in documents else []
        return documents

    def files(self) -> AbstractContextManager[Files]:
        """The files of write() in a temporary folder, for as long as the
        `with` block runs.  Where write() needs a `name`, it is "certificate"."""
        from contextlib import contextmanager
        from tempfile import TemporaryDirectory

        @contextmanager
        def temporary() -> Iterator[Files]:
            name = "certificate" if self._is_named_by_request else None
            with TemporaryDirectory(prefix="tlsmith-") as directory:
                yield self.write(directory, name=name)

        return temporary()

    def configure(self, ctx: Any) -> None:
        """Show this identity from an ssl.SSLContext, one of tlsmith.ssl, or an
        OpenSSL.SSL.Context of pyOpenSSL."""
        if self._native.key is None:
            raise self._no_key()
        from ._foreign import show

        show(ctx, self)

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            f"{type(self).__name__} has a private key and cannot be pickled: "
            "pickle its certificates, or give the other side files"
        )

    def __repr__(self) -> str:
        return f"<tlsmith.{type(self).__name__} {self.cert.subject}>"


# What the names of files end with that are not certificates, or not only that.
_ROLES = ("-key", "-chain", "-combined", "-csr")


def file_stem(name: str) -> str:
    """What the files for a name begin with.

    Whatever the name, NAME.pem is neither "ca.pem" nor the key, chain or request
    of another name: such a stem gets a "_" at its end.
    """
    stem = sanitize(name)
    folded = stem.casefold()
    return f"{stem}_" if folded == "ca" or folded.endswith(_ROLES) else stem


def sanitize(name: str) -> str:
    """A name as part of a file name: without separators and wildcards, and never
    hidden."""
    clean = "".join(c if c.isalnum() or c in "-._@" else "_" for c in name)
    return f"_{clean[1:]}" if clean[:1] in ("", ".") else clean
