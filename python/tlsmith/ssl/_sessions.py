"""The sessions of a context: those that it resumes automatically, and SSLSession objects."""

from __future__ import annotations

import os
import time

from .. import _tlsmith

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ._context import SSLContext

_TWO_HOURS = 7200
_MAX_SERVERS = 64


class SSLSession:
    """A session for resumption with the same context and server:
    `wrap_socket(..., session=session)`.

    Each TLS 1.3 ticket in it is used once (RFC 8446, appendix C.4).  Resumed connections
    add the new tickets that the server sends.
    """

    __slots__ = ("_context", "_tickets", "_native", "_server_hostname", "id", "time")
    __hash__ = None  # type: ignore[assignment]

    def __init__(
        self,
        context: SSLContext,
        native: _tlsmith.Context,
        server_hostname: str | None,
        tickets: _tlsmith.Session | None,
    ) -> None:
        self._context = context
        self._native = native
        self._server_hostname = server_hostname
        self._tickets = tickets
        self.id = os.urandom(32)
        self.time = int(time.time())

    def _resumed(self) -> SSLSession:
        """Return the session of a connection that was resumed with this one."""
        copy = SSLSession(self._context, self._native, self._server_hostname, self._tickets)
        copy.id, copy.time = self.id, self.time
        return copy

    @property
    def ticket_lifetime_hint(self) -> int:
        """The ticket lifetime that the server sent, in seconds; 0 without a ticket."""
        return 0 if self._tickets is None else self._tickets.lifetime

    @property
    def has_ticket(self) -> bool:
        return self.ticket_lifetime_hint > 0

    @property
    def timeout(self) -> int:
        """How many seconds after `time` it can be resumed."""
        return self.ticket_lifetime_hint or _TWO_HOURS

    def __eq__(self, other: object) -> bool:
        return self.id == other.id if isinstance(other, SSLSession) else NotImplemented


class Sessions:
    """The client sessions of a context.

    A context resumes its sessions automatically, until an application reads or sets the
    session of a connection.  From then on it resumes only sessions that it is given, as
    with the standard library.
    """

    def __init__(self) -> None:
        self._by_server: dict[tuple[_tlsmith.Context, str | None], _tlsmith.Session] = {}
        self._are_given = False

    def leave_to_application(self) -> None:
        """Resume only sessions that the application gives from now on."""
        self._are_given = True
        self._by_server.clear()

    def of_server(self, native: _tlsmith.Context, server_hostname: str | None) -> _tlsmith.Session:
        """Return the session store of a connection that is given no session."""
        if self._are_given:
            return _tlsmith.Session._empty(native)
        key = native, server_hostname
        tickets = self._by_server.pop(key, None)
        if tickets is None:
            tickets = _tlsmith.Session._empty(native)
            if len(self._by_server) >= _MAX_SERVERS:
                del self._by_server[next(iter(self._by_server))]
        # Most recently used last.
        self._by_server[key] = tickets
        return tickets
