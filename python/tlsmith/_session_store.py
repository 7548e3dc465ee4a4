"""Where servers keep their sessions outside of them, such as in a Redis server."""

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

    Ids and values are bytes without a meaning.  Values are encrypted and authenticated with
    the server's ticket keys, for their ids: the store is trusted only to delete each
    value it returns.  A value that was altered or moved to another id resumes nothing.

    Both are called in the middle of handshakes, on whatever thread makes one, and on several
    threads at once.  They block that handshake, and with tlsmith.aio or asyncio the event
    loop: give the store a short time limit.  They cannot use the connection whose handshake
    it is.

    An Exception that they raise goes to the logger "tlsmith", as a warning with its traceback,
    and counts as nothing kept, or nothing found: the client makes a full handshake.  Anything
    else, such as the KeyboardInterrupt or SystemExit of a signal handler, counts as that too,
    and the call on the connection raises it.
    """

    def put(self, id: bytes, value: bytes, lifetime: int, /) -> object:
        """Keep a value of at most 65,536 bytes, which may be forgotten after `lifetime`
        seconds.  The same id may come again, with a value that takes the place of the first.

        Return False where it is not kept; everything else, None too, says that it is.
        """

    def take(self, id: bytes, /) -> ReadableBuffer | None:
        """Remove a value and return it; None where there is none.

        Of several calls for one id, on any thread, process or machine, at most one may
        return the value (Redis: GETDEL; a dict: pop): early data is accepted with it
        (RFC 8446, section 8.1).
        """


_logger = logging.getLogger("tlsmith")


def functions(store: SessionStore) -> Functions:
    """What the extension calls.  They raise only what is no Exception."""
    for name in ("put", "take"):
        if not callable(getattr(store, name, None)):
            kind = type(store).__name__
            raise TypeError(f"session_store has put() and take(), and a {kind} has no {name}()")

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
                None if value is None else octets("what take() of a session store returns", value)
            )
        except Exception as error:
            _failed("take", error)
            return None

    return put, take


def _failed(method: str, error: Exception) -> None:
    _logger.warning("%s() of the session store failed", method, exc_info=error)
