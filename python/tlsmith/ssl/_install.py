"""Our SSLContext in place of the standard library's, for a whole process."""

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

_OPENSSLS_ABILITIES = {name: getattr(ssl, name) for name in ABILITIES if hasattr(ssl, name)}

# Where libraries keep the class for themselves.
_KEPT = ("urllib3.util.ssl_", "urllib3.util", "urllib3.connection", "pip._vendor.urllib3.util.ssl_")


def install() -> None:
    """Have every library that makes an ssl.SSLContext from now on make one of
    ours, also those (requests, aiohttp) that made their default one when they
    were imported.  Contexts that a program has already stay what they are, and
    work on: call it before the first connection.  From Python 3.12 on, this is
    true of urllib.request.urlopen() too, until install_opener(None).

    Raises ConfigError where another library, such as gevent, eventlet or truststore,
    has replaced ssl.SSLContext: one of them would be without effect.  The contexts of
    tlsmith.ssl work beside theirs.  Replacing it afterwards by a class that does not
    derive from ours emits a RuntimeWarning."""
    current = ssl.SSLContext
    if current is not _ORIGINAL and current is not SSLContext:
        name = f"{current.__module__}.{current.__qualname__}"
        raise config_error(
            f"tlsmith.ssl cannot be installed: ssl.SSLContext is {name}, which "
            f"{current.__module__.partition('.')[0]} has put there. Leave out one of the two, "
            "or give libraries a context of tlsmith.ssl, such as Client().ssl_context()"
        )
    _replace(_ORIGINAL, SSLContext, ABILITIES)
    setattr(ssl, "__class__", _Watched)


def uninstall() -> None:
    """Take install() back.  What another library has put in the place of ours stays."""
    setattr(ssl, "__class__", ModuleType)
    if ssl.SSLContext is SSLContext:
        _replace(SSLContext, _ORIGINAL, _OPENSSLS_ABILITIES)


class _Watched(ModuleType):
    """The module `ssl` while ours is installed: whoever undoes that is not silent."""

    def __setattr__(self, name: str, value: Any) -> None:
        is_ours = isinstance(value, type) and issubclass(value, SSLContext)
        if name == "SSLContext" and not is_ours:
            # Not every stand-in is a class, in the tests of others for example.
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
