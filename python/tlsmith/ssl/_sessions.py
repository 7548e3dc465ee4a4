"""The sessions of a context: those that it resumes by itself, and those that an
application has in hand."""

from __future__ import annotations

import os
import time

from .. import _tlsmith

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ._context import SSLContext

_TWO_HOURS = 7200
_MOST = 64


class SSLSession:
    """A session that was established, to resume another connection of the same
    context to the same server with: `wrap_socket(..., session=session)`.

    In TLS 1.3 each ticket of it is used once (RFC 8446, appendix C.4), and what is
    resumed with it adds the new ones that the server sends."""

    __slots__ = ("_context", "_kept", "_native", "_server_hostname", "id", "time")
    __hash__ = None  # type: ignore[assignment]

    def __init__(
        self,
        context: SSLContext,
        native: _tlsmith.Context,
        server_hostname: str | None,
        kept: _tlsmith.Session | None,
    ) -> None:
        self._context = context
        self._native = native
        self._server_hostname = server_hostname
        self._kept = kept
        self.id = os.urandom(32)
        self.time = int(time.time())

    def _resumed(self) -> SSLSession:
        """The same session, as a connection has it that was resumed with it."""
        copy = SSLSession(self._context, self._native, self._server_hostname, self._kept)
        copy.id, copy.time = self.id, self.time
        return copy

    @property
    def ticket_lifetime_hint(self) -> int:
        """For how many seconds the server says that its tickets are good; 0 where
        there is none."""
        return 0 if self._kept is None else self._kept.lifetime

    @property
    def has_ticket(self) -> bool:
        return self.ticket_lifetime_hint > 0

    @property
    def timeout(self) -> int:
        """For how many seconds it can be resumed, from `time`."""
        return self.ticket_lifetime_hint or _TWO_HOURS

    def __eq__(self, other: object) -> bool:
        return self.id == other.id if isinstance(other, SSLSession) else NotImplemented


class Sessions:
    """What the clients of a context resume.

    A context resumes the sessions of each server by itself, until an application
    asks a connection for its session, or gives one a session: from then on the
    application says which connection is resumed, as with the standard library.
    """

    def __init__(self) -> None:
        self._by_server: dict[tuple[_tlsmith.Context, str | None], _tlsmith.Session] = {}
        self._are_given = False

    def leave_to_application(self) -> None:
        """Have no connection resumed from now on but with a session that is given."""
        self._are_given = True
        self._by_server.clear()

    def of_server(self, native: _tlsmith.Context, server_hostname: str | None) -> _tlsmith.Session:
        """Where a connection that is given no session puts its own."""
        if self._are_given:
            return _tlsmith.Session._empty(native)
        key = native, server_hostname
        kept = self._by_server.pop(key, None)
        if kept is None:
            kept = _tlsmith.Session._empty(native)
            if len(self._by_server) >= _MOST:
                del self._by_server[next(iter(self._by_server))]
        # The one that was used last comes last.
        self._by_server[key] = kept
        return kept
