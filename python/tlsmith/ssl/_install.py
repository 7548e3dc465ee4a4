"""Our SSLContext in place of the standard library's, for a whole process."""

from __future__ import annotations

import ssl
import sys

from ._context import _ORIGINAL, SSLContext
from ._names import ABILITIES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any

_OPENSSLS_ABILITIES = {name: getattr(ssl, name) for name in ABILITIES if hasattr(ssl, name)}

# Where libraries keep the class for themselves.
_KEPT = ("urllib3.util.ssl_", "urllib3.util", "urllib3.connection", "pip._vendor.urllib3.util.ssl_")


def install() -> None:
    """Have every library that makes an ssl.SSLContext from now on make one of
    ours, also those (requests, aiohttp) that made their default one when they
    were imported.  Contexts that a program has already stay what they are, and
    work on: call it before the first connection.  From Python 3.12 on, this is
    true of urllib.request.urlopen() too, until install_opener(None)."""
    _replace(_ORIGINAL, SSLContext, ABILITIES)


def uninstall() -> None:
    """Take install() back."""
    _replace(SSLContext, _ORIGINAL, _OPENSSLS_ABILITIES)


def _replace(old: type, new: type, abilities: dict[str, Any]) -> None:
    setattr(ssl, "SSLContext", new)
    for name in _OPENSSLS_ABILITIES:
        setattr(ssl, name, abilities[name])
    for name in _KEPT:
        module = sys.modules.get(name)
        if module is not None and getattr(module, "SSLContext", None) is old:
            setattr(module, "SSLContext", new)
    for name, renew in _RENEW.items():
        module = sys.modules.get(name)
        if module is not None:
            renew(module)


def _renew_requests(adapters: ModuleType) -> None:
    if hasattr(adapters, "_preloaded_ssl_context"):
        setattr(adapters, "_preloaded_ssl_context", None)


def _renew_aiohttp(connector: ModuleType) -> None:
    make = getattr(connector, "_make_ssl_context", None)
    for name, verified in (("_SSL_CONTEXT_VERIFIED", True), ("_SSL_CONTEXT_UNVERIFIED", False)):
        if make is not None and hasattr(connector, name):
            setattr(connector, name, make(verified))


# Where libraries keep contexts that they made when they were imported.
_RENEW = {"requests.adapters": _renew_requests, "aiohttp.connector": _renew_aiohttp}
