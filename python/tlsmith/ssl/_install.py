"""Our SSLContext in place of the standard library's, for a whole process."""

from __future__ import annotations

import ssl
import sys

from ._context import SSLContext

_ORIGINAL = ssl.SSLContext

# Where libraries keep the class for themselves.
_KEPT = ("urllib3.util.ssl_", "urllib3.util", "urllib3.connection", "pip._vendor.urllib3.util.ssl_")


def install() -> None:
    """Have every library that makes an ssl.SSLContext from now on make one of
    ours.  Contexts that exist already stay what they are."""
    _replace(_ORIGINAL, SSLContext)


def uninstall() -> None:
    """Take install() back."""
    _replace(SSLContext, _ORIGINAL)


def _replace(old: type, new: type) -> None:
    setattr(ssl, "SSLContext", new)
    for name in _KEPT:
        module = sys.modules.get(name)
        if module is not None and getattr(module, "SSLContext", None) is old:
            setattr(module, "SSLContext", new)
    # One that requests made in advance.
    adapters = sys.modules.get("requests.adapters")
    if adapters is not None and hasattr(adapters, "_preloaded_ssl_context"):
        setattr(adapters, "_preloaded_ssl_context", None)
