"""What answers a ClientHello: from what a program chose to what the extension takes."""

from __future__ import annotations

from ._certs import Identity
from ._checks import whole, wrong
from ._errors import config_error
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
    """The Server that answers, None for that of the connection, and the same with the
    settings of the connection for the extension."""
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
    """The number of an alert that refuses a client."""
    if not 0 < whole(name, alert) < 256:
        raise config_error(
            f"{name} is {alert}: 1 to 255 are alerts that refuse a client, such as 40, "
            "handshake_failure (RFC 8446, section 6)"
        )
    return alert
