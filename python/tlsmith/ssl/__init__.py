"""The standard library's `ssl`, on our engine.

import tlsmith.ssl as ssl        # for one program
tlsmith.ssl.install()            # for every library in the process

The classes that connections have are the standard library's own, and so are the
exceptions.  What cannot be honoured raises: nothing is stored and ignored, also of
settings that only later versions of Python have.

Where tlsmith differs from `ssl`, it is stricter.  A connection that is assigned another
`context` before the handshake is verified as strictly as the stricter of both asks.
A security level ("@SECLEVEL=n" in set_ciphers()) also holds for certificates that were
loaded before it.  Levels below 2 allow nothing more than level 2 does.  A write that
follows SSLWantWriteError has to begin with the same bytes: fewer raise BAD_LENGTH, others
BAD_WRITE_RETRY, where the standard library may lose them.  Threads that write to one
socket take turns.

gevent, eventlet and truststore may replace parts of `ssl`, before or after this module is
imported: it builds on the standard library's own classes.  Where `select.select()` is
replaced, as by gevent and eventlet, sockets wait with it, so that other green threads run
meanwhile; connect() on a socket that is wrapped already is the exception.

A context resumes its own sessions, and no other's, by itself: also where the standard
library would need `session=`.  As soon as a program asks one of its connections for
its `session`, or gives one a session, it resumes what it is given and nothing else.
urllib3 and requests make a context for each connection, unless they are given one:
then the second connection is resumed.  What is not on `ssl` (pyOpenSSL, curl) is not
touched.
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
    """ssl.create_default_context() on our engine: a context for clients, or with
    Purpose.CLIENT_AUTH for servers."""
    return _with_ours("create_default_context")(  # type: ignore[no-any-return]
        purpose, cafile=cafile, capath=capath, cadata=cadata
    )


def get_server_certificate(  # type: ignore[no-redef]
    addr: tuple[str, int], **options: Any
) -> str:
    """ssl.get_server_certificate() on our engine: the PEM of a server's
    certificate, which is checked only where there is a `ca_certs`."""
    return _with_ours("get_server_certificate")(addr, **options)  # type: ignore[no-any-return]


def _create_unverified_context(*arguments: Any, **options: Any) -> SSLContext:
    return _with_ours("_create_unverified_context")(*arguments, **options)  # type: ignore[no-any-return]


_create_default_https_context = create_default_context
_create_stdlib_context = _create_unverified_context


if hasattr(_stdlib, "wrap_socket"):

    def wrap_socket(sock: Any, *arguments: Any, **options: Any) -> Any:
        """ssl.wrap_socket() on our engine, for Python 3.11, the last that has it."""
        return _with_ours("wrap_socket")(sock, *arguments, **options)


def _with_ours(name: str) -> Any:
    """A function of the standard library that makes contexts, making ours."""
    return with_context(name, SSLContext, _create_stdlib_context=_create_unverified_context)


def __getattr__(name: str) -> Any:
    return getattr(_stdlib, name)
