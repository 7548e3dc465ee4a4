"""TLS connections and certificates, safe by default.

    with tlsmith.connect("example.org") as sock:
        sock.sendall(b"GET / HTTP/1.0\\r\\nHost: example.org\\r\\n\\r\\n")
        print(sock.recv())

    ca = tlsmith.CA()
    ca.issue("localhost", "127.0.0.1").write("certs")
"""

from ._certs import CA, Files, Identity, load_certificate, load_certificates, load_key
from ._config import INSECURE, Client, Info, Server, Trust, connect, listen
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
from ._tlsmith import Certificate, Key, Listener, Socket, __version__

__all__ = [
    "CA",
    "INSECURE",
    "AlertError",
    "CertError",
    "Certificate",
    "Client",
    "ConfigError",
    "Error",
    "Files",
    "HandshakeError",
    "Identity",
    "Info",
    "InsecureWarning",
    "Key",
    "Listener",
    "Server",
    "Socket",
    "TimedOut",
    "TruncatedError",
    "Trust",
    "VerifyError",
    "WantRead",
    "WantWrite",
    "__version__",
    "connect",
    "listen",
    "load_certificate",
    "load_certificates",
    "load_key",
]
