"""The standard library's `ssl`, with tlsmith in place of OpenSSL.

import tlsmith.ssl as ssl        # for one program
tlsmith.ssl.install()            # for every library in the process

Connections and exceptions have the standard library's own classes.  Unsupported settings
raise: none is stored and ignored, including settings of later Python versions.

Where tlsmith differs from `ssl`, it is stricter.  If a connection is assigned another
`context` before the handshake, the stricter settings of both contexts apply.  A security
level ("@SECLEVEL=n" in set_ciphers()) also applies to certificates that were loaded before
it.  Levels below 2 allow no more than level 2.  A write after SSLWantWriteError must begin
with the same bytes: fewer raise BAD_LENGTH, others BAD_WRITE_RETRY, where the standard
library may lose them.  Concurrent writes to one socket are serialized.

gevent, eventlet and truststore may replace parts of `ssl`, before or after this module is
imported: it derives from the standard library's own classes.  If `select.select()` is
replaced, as by gevent and eventlet, sockets wait with it, so that other green threads can
run.  The exception is connect() on an already wrapped socket.

A context resumes its own sessions automatically, also where the standard library would
need `session=`.  Once a program reads or sets the `session` of one of its connections, it
resumes only sessions that it is given.  urllib3 and requests create a context for each
connection unless they are given one, which gives them resumption.  Libraries that do not
use `ssl` (pyOpenSSL, curl) are not affected.
"""

from __future__ import annotations

import ssl as _stdlib
from ssl import *  # noqa: F403  # pyright: ignore

from ._context import SSLContext
from ._install import install, uninstall
from ._names import ABILITIES as _ABILITIES
from ._original import with_context
from ._sessions import SSLSession  # type: ignore[assignment]
from ._sockets import SSLObject, SSLSocket

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = [  # pyright: ignore
    *(name for name in dir(_stdlib) if not name.startswith("_")),
    "SSLContext",
    "SSLObject",
    "SSLSession",
    "SSLSocket",
    "create_default_context",
    "get_server_certificate",
    "install",
    "uninstall",
]


globals().update({name: _ABILITIES[name] for name in _ABILITIES if hasattr(_stdlib, name)})


def create_default_context(  # type: ignore[no-redef]
    purpose: Any = _stdlib.Purpose.SERVER_AUTH,
    *,
    cafile: Any = None,
    capath: Any = None,
    cadata: Any = None,
) -> SSLContext:
    """Create a context for clients, or with Purpose.CLIENT_AUTH for servers, as
    ssl.create_default_context() does."""
    return _with_ours("create_default_context")(  # type: ignore[no-any-return]
        purpose, cafile=cafile, capath=capath, cadata=cadata
    )


def get_server_certificate(  # type: ignore[no-redef]
    addr: tuple[str, int], **options: Any
) -> str:
    """Fetch the certificate of a server as PEM, as ssl.get_server_certificate() does.  It is
    verified only with `ca_certs`."""
    return _with_ours("get_server_certificate")(addr, **options)  # type: ignore[no-any-return]


def _create_unverified_context(*arguments: Any, **options: Any) -> SSLContext:
    return _with_ours("_create_unverified_context")(*arguments, **options)  # type: ignore[no-any-return]


_create_default_https_context = create_default_context
_create_stdlib_context = _create_unverified_context


if hasattr(_stdlib, "wrap_socket"):

    def wrap_socket(sock: Any, *arguments: Any, **options: Any) -> Any:
        """Wrap a socket, as ssl.wrap_socket() does, which Python 3.12 removed."""
        return _with_ours("wrap_socket")(sock, *arguments, **options)


def _with_ours(name: str) -> Any:
    """Return a function of the standard library that creates tlsmith contexts."""
    return with_context(name, SSLContext, _create_stdlib_context=_create_unverified_context)


def __getattr__(name: str) -> Any:
    return getattr(_stdlib, name)
