"""install() and uninstall(): tlsmith's SSLContext as ssl.SSLContext in a whole process."""

from __future__ import annotations

import ssl
import sys
import warnings
from types import ModuleType

from .._errors import config_error
from ._context import _ORIGINAL, SSLContext
from ._names import ABILITIES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_OPENSSL_ABILITIES = {name: getattr(ssl, name) for name in ABILITIES if hasattr(ssl, name)}

# Modules that imported the class by name.
_IMPORTERS = (
    "urllib3.util.ssl_",
    "urllib3.util",
    "urllib3.connection",
    "pip._vendor.urllib3.util.ssl_",
)


def install() -> None:
    """Replace ssl.SSLContext by tlsmith's for all libraries in this process, including
    those (requests, aiohttp) that created their default context when they were imported.
    Existing contexts of a program continue to work and to use OpenSSL: call this before
    the first connection.  From Python 3.12 on, urllib.request.urlopen() keeps such a
    context too, until install_opener(None).

    Raises ConfigError if another library, such as gevent, eventlet or truststore, has
    replaced ssl.SSLContext, since one of the two would have no effect.  Contexts of
    tlsmith.ssl can be used beside theirs.  Replacing it later by a class that does not
    derive from tlsmith's emits a RuntimeWarning.
    """
    current = ssl.SSLContext
    if current is not _ORIGINAL and current is not SSLContext:
        name = f"{current.__module__}.{current.__qualname__}"
        raise config_error(
            f"tlsmith.ssl cannot be installed: ssl.SSLContext is {name}, set by "
            f"{current.__module__.partition('.')[0]}. Leave out one of the two, "
            "or give libraries a context of tlsmith.ssl, such as Client().ssl_context()"
        )
    _replace(_ORIGINAL, SSLContext, ABILITIES)
    setattr(ssl, "__class__", _Watched)


def uninstall() -> None:
    """Undo install().  A class that another library has set since is kept."""
    setattr(ssl, "__class__", ModuleType)
    if ssl.SSLContext is SSLContext:
        _replace(SSLContext, _ORIGINAL, _OPENSSL_ABILITIES)


class _Watched(ModuleType):
    """The module `ssl` after install(): replacing ssl.SSLContext emits a warning."""

    def __setattr__(self, name: str, value: Any) -> None:
        is_ours = isinstance(value, type) and issubclass(value, SSLContext)
        if name == "SSLContext" and not is_ours:
            # A replacement may not be a class, for example in tests of other libraries.
            module = getattr(value, "__module__", type(value).__module__)
            called = getattr(value, "__qualname__", type(value).__qualname__)
            warnings.warn(
                f"{module}.{called} replaces ssl.SSLContext after tlsmith.ssl.install(): new "
                f"contexts are not tlsmith's. Import {str(module).partition('.')[0]} after "
                "install(), or leave out one of the two",
                RuntimeWarning,
                stacklevel=2,
            )
        super().__setattr__(name, value)


def _replace(old: type, new: type, abilities: dict[str, Any]) -> None:
    setattr(ssl, "SSLContext", new)
    for name in _OPENSSL_ABILITIES:
        setattr(ssl, name, abilities[name])
    for name in _IMPORTERS:
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


# Modules with contexts that were created when they were imported.
_RENEW = {"requests.adapters": _renew_requests, "aiohttp.connector": _renew_aiohttp}
