"""TLS connections and certificates, safe by default.

with tlsmith.connect("example.org") as sock:
    sock.sendall(b"GET / HTTP/1.0\\r\\nHost: example.org\\r\\n\\r\\n")
    print(sock.recv())

ca = tlsmith.CA()
ca.issue("localhost", "127.0.0.1").write("certs")
"""

try:
    from ._tlsmith import (
        CRL,
        Certificate,
        Key,
        Session,
        __version__,
        build_info,
        cipher_names,
        digest,
        group_names,
        random_bytes,
        scheme_names,
    )
except ImportError as error:
    if "subinterpreters" not in str(error):
        raise
    raise ImportError(
        "tlsmith cannot be imported in a sub-interpreter: import it in the main interpreter "
        "of the process.  With mod_wsgi, set 'WSGIApplicationGroup %{GLOBAL}'; elsewhere, "
        "use processes or threads instead of sub-interpreters",
        name=error.name,
        path=error.path,
    ) from error

from ._ca import CA
from ._client import Client
from ._connect import connect, listen
from ._csr import CSR
from ._errors import (
    AlertError,
    CertError,
    ConfigError,
    Error,
    HandshakeError,
    InsecureWarning,
    TimedOut,
    TruncatedError,
    VerifyError,
    WantRead,
    WantWrite,
)
from ._identity import Identity
from ._listener import Listener
from ._loading import load_certificate, load_certificates, load_key
from ._server import Server
from ._socket import Connection, Socket
from ._trust import INSECURE, Pin, Trust

TYPE_CHECKING = False
if TYPE_CHECKING:
    from . import aio as aio
    from . import ssl as ssl
    from . import testing as testing
    from ._inspect import inspect
    from ._session_store import SessionStore
    from ._tuples import ClientHello, Files, Info, Selection

__all__ = [
    "CA",
    "CRL",
    "CSR",
    "INSECURE",
    "AlertError",
    "CertError",
    "Certificate",
    "Client",
    "ClientHello",
    "ConfigError",
    "Connection",
    "Error",
    "Files",
    "HandshakeError",
    "Identity",
    "Info",
    "InsecureWarning",
    "Key",
    "Listener",
    "Pin",
    "Selection",
    "Server",
    "Session",
    "SessionStore",
    "Socket",
    "TimedOut",
    "TruncatedError",
    "Trust",
    "VerifyError",
    "WantRead",
    "WantWrite",
    "__version__",
    "build_info",
    "cipher_names",
    "connect",
    "digest",
    "group_names",
    "inspect",
    "listen",
    "load_certificate",
    "load_certificates",
    "load_key",
    "random_bytes",
    "scheme_names",
]


_PARTS = {
    "ClientHello": "_tuples",
    "Files": "_tuples",
    "Info": "_tuples",
    "Selection": "_tuples",
    "SessionStore": "_session_store",
    "inspect": "_inspect",
}
_MODULES = ("aio", "ssl", "testing")


def __getattr__(name: str) -> object:
    """Import a name on first use."""
    if name in _MODULES:
        return _load(name)
    if name in _PARTS:
        found: object = getattr(_load(_PARTS[name]), name)
        globals()[name] = found
        return found
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def _load(name: str) -> object:
    import sys

    # `from . import` would ask __getattr__ again.
    __import__(f"{__name__}.{name}")
    return sys.modules[f"{__name__}.{name}"]


def __dir__() -> list[str]:
    return sorted({*globals(), *_PARTS, *_MODULES})
