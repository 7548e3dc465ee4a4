"""Certificates: authorities, identities, and reading them from files."""

from __future__ import annotations

import os
from collections import namedtuple

from . import _tlsmith
from ._errors import config_error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from contextlib import AbstractContextManager
    from typing import Any, TypeAlias

    StrPath: TypeAlias = str | os.PathLike[str]
    Source: TypeAlias = StrPath | bytes

_LONGEST_FILE = 16 * 1024 * 1024


def _read(source: Source) -> bytes:
    """PEM or DER: bytes, a str that begins like PEM, or the path of a file."""
    if isinstance(source, bytes):
        return source
    if isinstance(source, str) and source.lstrip().startswith("-----BEGIN"):
        return source.encode()
    if not isinstance(source, (str, os.PathLike)):
        raise TypeError(f"a path, PEM or DER is needed, not {type(source).__name__}")
    try:
        with open(source, "rb") as file:
            content = file.read(_LONGEST_FILE + 1)
    except OSError as error:
        sentence = f"cannot read '{os.fspath(source)}': {error.strerror}"
        raise config_error(sentence, "config.file") from error
    if len(content) > _LONGEST_FILE:
        sentence = f"'{os.fspath(source)}' is longer than 16 MiB: it is not PEM"
        raise config_error(sentence, "config.file")
    return content


def _is_der(content: bytes) -> bool:
    return content[:1] == b"\x30"


def load_certificates(source: Source) -> list[_tlsmith.Certificate]:
    """Every certificate in a PEM file, in PEM text, or the one in DER."""
    content = _read(source)
    if _is_der(content):
        return [_tlsmith.Certificate.from_der(content)]
    return _tlsmith.Certificate.from_pem(content)


def load_certificate(source: Source) -> _tlsmith.Certificate:
    """The first certificate of load_certificates()."""
    return load_certificates(source)[0]


def load_key(source: Source) -> _tlsmith.Key:
    """The private key in a PEM file, in PEM text, or in DER: PKCS#8, PKCS#1 or
    SEC1, not encrypted."""
    content = _read(source)
    if _is_der(content):
        return _tlsmith.Key.from_der(content)
    return _tlsmith.Key.from_pem(content)


class Files(namedtuple("Files", ["cert", "key", "chain", "ca", "combined"])):
    """Paths of what Identity.write() wrote.

    cert      the certificate alone
    key       its private key, mode 0600
    chain     the certificate and the CAs between it and the root
    ca        the root, or None where it is not known
    combined  key and chain in one file, mode 0600
    """

    __slots__ = ()


class Identity:
    """A certificate chain with its private key: what one side shows."""

    __slots__ = ("_native", "_root")

    def __init__(
        self, native: _tlsmith.Identity, root: _tlsmith.Certificate | None = None
    ) -> None:
        self._native = native
        self._root = root

    @classmethod
    def load(
        cls,
        cert: Source,
        key: Source | _tlsmith.Key | None = None,
        *,
        chain: Source | None = None,
    ):
        """Load a chain and its key.  `key` None: `cert` holds it too."""
        certificates = load_certificates(cert)
        if chain is not None:
            certificates += load_certificates(chain)
        if not isinstance(key, _tlsmith.Key):
            key = load_key(cert if key is None else key)
        return cls._wrap(_tlsmith.Identity(certificates, key))

    @classmethod
    def _wrap(cls, native: _tlsmith.Identity, root: _tlsmith.Certificate | None = None):
        self = cls.__new__(cls)
        Identity.__init__(self, native, root)
        return self

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
        """The private key."""
        key = self._native.key
        assert key is not None, "identities of Python always have a key"
        return key

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

    def write(self, directory: StrPath, *, name: str | None = None) -> Files:
        """Write the files of `Files` into a folder, which is made if need be:
        NAME.pem, NAME-key.pem (mode 0600) and so on."""
        if name is None:
            names = self.cert.names
            name = names[0] if names else "identity"
        safe = "".join(c if c.isalnum() or c in "-._@" else "_" for c in name)
        os.makedirs(directory, exist_ok=True)
        path = os.path.join(os.fspath(directory), safe)
        files = Files(
            cert=f"{path}.pem",
            key=f"{path}-key.pem",
            chain=f"{path}-chain.pem",
            ca=None if self._root is None else os.path.join(os.fspath(directory), "ca.pem"),
            combined=f"{path}-combined.pem",
        )
        self._native.save(files.chain, files.key)
        self._native.save(files.combined, files.combined)
        self.cert.save(files.cert)
        if self._root is not None:
            self._root.save(files.ca)
        return files

    def files(self) -> AbstractContextManager[Files]:
        """The files of write() in a temporary folder, for as long as the
        `with` block runs."""
        from contextlib import contextmanager
        from tempfile import TemporaryDirectory

        @contextmanager
        def temporary() -> Iterator[Files]:
            with TemporaryDirectory(prefix="tlsmith-") as directory:
                yield self.write(directory)

        return temporary()

    def configure(self, ctx: Any) -> None:
        """Show this identity from an ssl.SSLContext."""
        with self.files() as files:
            ctx.load_cert_chain(files.chain, files.key)

    def __repr__(self) -> str:
        return f"<tlsmith.{type(self).__name__} {self.cert.subject}>"


class CA(Identity):
    """A certificate authority.

    name          the common name, by default "tlsmith CA" and a random part, so
                  that two authorities are never mistaken for each other
    key           a type of key to generate, or a Key
    valid         how long: "3650d", or from when until when, "-1d..30d"
    path_len      how many CAs may stand below it; None: any number
    permit        names that it may issue for: "example.com", "10.0.0.0/8"
    exclude       names that it may not issue for
    organization  the O of the subject
    """

    __slots__ = ()

    def __init__(
        self,
        name: str | None = None,
        *,
        key: str | _tlsmith.Key = "ecdsa-p256",
        valid: str = "3650d",
        path_len: int | None = None,
        permit: Sequence[str] = (),
        exclude: Sequence[str] = (),
        organization: str | None = None,
    ) -> None:
        options = _options(
            key,
            valid,
            common_name=name or f"tlsmith CA {os.urandom(4).hex()}",
            organization=organization,
            path_len=path_len,
            permit=permit,
            exclude=exclude,
        )
        native = _tlsmith.gen_ca(options)
        super().__init__(native, native.chain[0])

    @classmethod
    def load(
        cls,
        cert: Source,
        key: Source | _tlsmith.Key | None = None,
        *,
        chain: Source | None = None,
    ) -> CA:
        """Load an authority that was written before."""
        self: CA = super().load(cert, key, chain=chain)
        if not self.cert.is_ca:
            raise config_error(f"the certificate of '{self.cert.subject}' is not a CA's")
        top = self.chain[-1]
        self._root = top if top.subject == top.issuer else None
        return self

    def issue(
        self,
        *names: str,
        key: str | _tlsmith.Key = "ecdsa-p256",
        valid: str | None = None,
        usage: Sequence[str] | None = None,
        common_name: str | None = None,
        organization: str | None = None,
        crl_url: str | None = None,
    ) -> Identity:
        """Issue a certificate for host names, addresses, e-mail addresses, URIs.

        valid  how long, "397d", or from when until when, "-2d..-1d"; by default
               397 days, and not beyond the end of the CA
        usage  "server", "client" or both; by default servers, and clients for
               e-mail addresses
        """
        options = _options(
            key,
            valid,
            common_name=common_name,
            organization=organization,
            usage=usage,
            crl_url=crl_url,
            names=names,
        )
        return Identity(_tlsmith.issue(self._native, list(names), options), self._root)

    def issue_client(self, *names: str, **options: Any) -> Identity:
        """Issue a certificate for a client: issue(..., usage=["client"])."""
        return self.issue(*names, usage=["client"], **options)

    def intermediate(
        self,
        name: str | None = None,
        *,
        key: str | _tlsmith.Key = "ecdsa-p256",
        valid: str | None = None,
        path_len: int | None = 0,
        permit: Sequence[str] = (),
        exclude: Sequence[str] = (),
    ) -> CA:
        """Issue a CA below this one.  What it issues carries it in the chain."""
        options = _options(
            key,
            valid,
            common_name=name or f"tlsmith intermediate CA {os.urandom(4).hex()}",
            path_len=path_len,
            permit=permit,
            exclude=exclude,
            ca=True,
        )
        native = _tlsmith.issue(self._native, [], options)
        return CA._wrap(native, self._root)

    def trust(self, ctx: Any) -> None:
        """Have an ssl.SSLContext trust this authority."""
        ctx.load_verify_locations(cadata=(self._root or self.cert).pem.decode())


def _options(
    key: str | _tlsmith.Key,
    valid: str | None,
    *,
    common_name: str | None = None,
    organization: str | None = None,
    usage: Sequence[str] | None = None,
    path_len: int | None = None,
    permit: Sequence[str] = (),
    exclude: Sequence[str] = (),
    crl_url: str | None = None,
    ca: bool = False,
    names: Sequence[str] = (),
) -> dict[str, Any]:
    """The options of certificates, as the extension takes them."""
    not_before, lifetime = _validity(valid)
    subject = None
    if organization is not None:
        name = common_name or (names[0] if names else "tlsmith CA")
        subject, common_name = f"CN={_escape(name)},O={_escape(organization)}", None
    if isinstance(usage, str):
        raise TypeError(f"usage is a sequence: [{usage!r}]")
    for kind in usage or ():
        if kind not in ("server", "client"):
            raise config_error(f"usage has {kind!r}: \"server\" and \"client\" are known")
    return {
        "common_name": common_name,
        "subject": subject,
        "not_before": not_before,
        "lifetime": lifetime,
        "server": None if usage is None else "server" in usage,
        "client": None if usage is None else "client" in usage,
        "key_type": key if isinstance(key, str) else None,
        "key": None if isinstance(key, str) else key,
        "path_len": path_len,
        "ca": ca,
        "permit": list(permit),
        "exclude": list(exclude),
        "crl_url": crl_url,
    }


def _escape(value: str) -> str:
    """What means something in RFC 4514, section 2.4, is escaped."""
    special = '"+,;<>\\=#'
    return "".join(f"\\{c}" if c in special else c for c in value)


_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def _validity(valid: str | None) -> tuple[int | None, int | None]:
    """The start, in seconds of the Unix epoch, and the length in seconds."""
    if valid is None:
        return None, None
    if not isinstance(valid, str):
        raise TypeError(f'valid is a str such as "30d" or "-2d..-1d", not {valid!r}')
    start, dots, end = valid.partition("..")
    if not dots:
        lifetime = _span(valid, valid)
        if lifetime <= 0:
            raise config_error(f"valid is {valid!r}: it has to be longer than nothing")
        return None, lifetime
    import time

    first, last = _span(start, valid), _span(end, valid)
    if last <= first:
        raise config_error(f"valid is {valid!r}: it ends before it begins")
    return int(time.time()) + first, last - first


def _span(text: str, whole: str) -> int:
    """Seconds: "90d", "-12h", "0"."""
    try:
        if text[-1:] in _UNITS:
            return int(text[:-1]) * _UNITS[text[-1]]
        if text == "0":
            return 0
        raise ValueError
    except ValueError:
        raise config_error(
            f'valid is {whole!r}: write "90d", or "-2d..-1d"; s, m, h and d are the units'
        ) from None
