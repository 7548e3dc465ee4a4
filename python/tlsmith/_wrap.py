"""Starting TLS on connected sockets."""

from __future__ import annotations

from . import _tlsmith
from ._checks import flag, octets, optional_text
from ._errors import state_error
from ._socket import Socket

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket

    from _typeshed import ReadableBuffer


def begin(sock: Socket, early: bytes | None) -> None:
    """Complete the handshake, and send early data before or after it."""
    if early is None:
        return sock.do_handshake()
    taken = sock.send_early(early) if early else 0
    if sock.info.early_data != "accepted":
        taken = 0
    if early[taken:]:
        sock.sendall(early[taken:])


def wrap(
    context: _tlsmith.Context,
    sock: socket.socket,
    is_server: bool,
    server_name: str | None,
    handshake: bool,
    received: ReadableBuffer,
    options: _tlsmith.Options | None,
) -> Socket:
    """Create a Socket from a connected plain socket, which is detached."""
    import socket

    before = octets("received", received)
    flag("handshake", handshake)
    if not isinstance(sock, socket.socket) or hasattr(sock, "do_handshake"):
        raise TypeError(f"sock must be a socket.socket, not {type(sock).__name__}")
    optional_text("server_name", server_name)
    if sock.fileno() < 0:
        raise state_error("the socket is closed")
    timeout = sock.gettimeout()
    # The Socket applies the timeout; its descriptor is blocking.
    sock.setblocking(True)
    wrapped = Socket(context, sock.detach(), is_server, server_name, timeout, None, before, options)
    if handshake:
        try:
            wrapped.do_handshake()
        except BaseException:
            wrapped.close()
            raise
    return wrapped
