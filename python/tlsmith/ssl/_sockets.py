"""Subclasses of the standard library's SSLSocket and SSLObject."""

from __future__ import annotations

import ssl
import time

from . import _original
from ._green_threads import is_green, wait
from ._names import CHANNEL_BINDING_TYPES
from ._object import check_context

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from _typeshed import ReadableBuffer

    from .._tuples import Info


class _Info:
    """Information that the standard library does not have."""

    _sslobj: Any

    @property
    def info(self) -> Info | None:
        """The negotiated parameters, as tlsmith.Info; None before the handshake."""
        return None if self._sslobj is None else self._sslobj.info

    def group(self) -> str | None:
        """Return the IANA name of the key exchange group, or None."""
        info = self.info
        return None if info is None else info.group


class SSLSocket(_Info, _original.SSLSocket):
    """ssl.SSLSocket.  recv() and send() make one call where the standard library's make four."""

    suppress_ragged_eofs: bool
    _context: Any

    @property
    def context(self) -> Any:
        """The context.  Assigning another one before the handshake, or on a server in the
        SNI callback, switches certificates, trust anchors and CRLs."""
        return self._context

    @context.setter
    def context(self, context: Any) -> None:  # pyright: ignore
        # The connection first, since it may reject the context.  An unconnected socket has none.
        if self._sslobj is not None:
            self._sslobj.context = context
        else:
            check_context(context)
        self._context = context

    def accept(self) -> Any:
        if is_green():
            limit = self.gettimeout()
            if limit != 0:
                deadline = None if limit is None else time.monotonic() + limit
                wait(self, True, deadline, "accept")
        return super().accept()

    def recv(self, buflen: int = 1024, flags: int = 0) -> bytes:
        core = self._sslobj
        if core is None or flags or buflen is None:
            return super().recv(buflen, flags)
        try:
            return core.read(buflen)  # type: ignore[no-any-return]
        except ssl.SSLEOFError:
            if self.suppress_ragged_eofs:
                return b""
            raise

    def send(self, data: ReadableBuffer, flags: int = 0) -> int:
        core = self._sslobj
        if core is None or flags:
            return super().send(data, flags)
        return core.write(data)  # type: ignore[no-any-return]

    def sendall(self, data: ReadableBuffer, flags: int = 0) -> None:
        core = self._sslobj
        if core is None or flags or type(data) is not bytes:
            return super().sendall(data, flags)
        sent = core.write(data)
        while sent < len(data):
            sent += core.write(memoryview(data)[sent:])

    def get_channel_binding(self, cb_type: str = "tls-unique") -> bytes | None:
        """Return the channel binding; "tls-exporter" (RFC 9266) and "tls-server-end-point"
        (RFC 5929) are supported."""
        return _channel_binding(self, super().get_channel_binding, cb_type)


class SSLObject(_Info, _original.SSLObject):
    """ssl.SSLObject."""

    def get_channel_binding(self, cb_type: str = "tls-unique") -> bytes | None:
        """Return the channel binding, as SSLSocket does."""
        return _channel_binding(self, super().get_channel_binding, cb_type)


def _channel_binding(this: _Info, others: Any, cb_type: str) -> bytes | None:
    if cb_type in CHANNEL_BINDING_TYPES and this._sslobj is not None:
        return this._sslobj.get_channel_binding(cb_type)  # type: ignore[no-any-return]
    return others(cb_type)  # type: ignore[no-any-return]
