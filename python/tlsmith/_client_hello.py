"""Converts the answer to a ClientHello, a Server, Identity or Selection, for the
extension."""

from __future__ import annotations

from ._checks import whole, wrong
from ._errors import config_error
from ._identity import Identity
from ._settings import own

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias

    from . import _tlsmith
    from ._server import Server
    from ._tuples import Selection

    Selectable: TypeAlias = Server | Identity | Selection
    Answer: TypeAlias = tuple[_tlsmith.Context | None, _tlsmith.Options | None]


def selection(name: str, chosen: Selectable) -> tuple[Server | None, Answer]:
    """Return the selected Server, None for that of the connection, and the selection as
    the extension takes it."""
    from ._server import Server
    from ._tuples import Selection

    if isinstance(chosen, Server):
        return chosen, (chosen._context, None)
    if isinstance(chosen, Identity):
        return None, (None, own(None, chosen))
    if not isinstance(chosen, Selection):
        raise wrong(name, "a Server, an Identity, a Selection", chosen)
    server = chosen.server
    if server is not None and not isinstance(server, Server):
        raise wrong("server", "a Server or None", server)
    context = None if server is None else server._context
    return server, (context, own(chosen.alpn, chosen.identity))


def alert_number(name: str, alert: int) -> int:
    """Check the number of an alert that rejects a client."""
    if not 0 < whole(name, alert) < 256:
        raise config_error(
            f"{name} is {alert}: use an alert from 1 to 255, such as 40, handshake_failure "
            "(RFC 8446, section 6)"
        )
    return alert
