"""SessionStore: keeping the sessions of servers elsewhere, such as in Redis."""

from __future__ import annotations

import logging
from typing import Protocol

from ._checks import octets

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    from _typeshed import ReadableBuffer

    Functions: TypeAlias = tuple[
        Callable[[bytes, bytes, int], bool], Callable[[bytes], bytes | None]
    ]


class SessionStore(Protocol):
    """What Server(session_store=) takes: any object with these two methods.

    Ids and values are opaque bytes.  Values are encrypted and authenticated with the
    server's ticket keys, together with their ids: the store is trusted only to delete each
    value it returns.  A value that was altered or moved to another id resumes nothing.

    Both are called during handshakes, on the thread of the handshake, and on several threads
    at once.  They block the handshake, and with tlsmith.aio or asyncio the event loop: give
    the store a short time limit.  They must not use the connection of the handshake.

    If they raise an Exception, the session is not stored, or not found: the client makes a
    full handshake.  The logger "tlsmith" gets a warning with the traceback.  Other exceptions,
    such as KeyboardInterrupt, have the same effect, and also propagate from the call on the
    connection.
    """

    def put(self, id: bytes, value: bytes, lifetime: int, /) -> object:
        """Store a value of at most 65,536 bytes, which may be deleted after `lifetime` seconds.
        A second call with the same id replaces the value.

        Return False if it is not stored; any other value, including None, means that it is.
        """

    def take(self, id: bytes, /) -> ReadableBuffer | None:
        """Remove a value and return it; None if there is none.

        Must be atomic: of several calls for one id, on any thread, process or machine, at
        most one may return the value (Redis: GETDEL; a dict: pop).  Protection from replayed
        early data depends on it (RFC 8446, section 8.1).
        """


_logger = logging.getLogger("tlsmith")


def functions(store: SessionStore) -> Functions:
    """Return the functions that the extension calls.  They catch every Exception."""
    for name in ("put", "take"):
        if not callable(getattr(store, name, None)):
            kind = type(store).__name__
            raise TypeError(
                f"session_store must have put() and take(), and a {kind} has no {name}()"
            )

    def put(id: bytes, value: bytes, lifetime: int) -> bool:
        try:
            return store.put(id, value, lifetime) is not False
        except Exception as error:
            _failed("put", error)
            return False

    def take(id: bytes) -> bytes | None:
        try:
            value = store.take(id)
            return (
                None
                if value is None
                else octets("the value that take() of the session store returned", value)
            )
        except Exception as error:
            _failed("take", error)
            return None

    return put, take


def _failed(method: str, error: Exception) -> None:
    _logger.warning("%s() of the session store failed", method, exc_info=error)
