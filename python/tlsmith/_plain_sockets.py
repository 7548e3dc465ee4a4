"""Plain sockets below TLS: addresses, connecting and listening."""

from __future__ import annotations

import os

from ._checks import flag, optional_text, whole
from ._errors import config_error, io_error, quote, quote_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from typing import Any, TypeAlias

    from ._loading import StrPath

    Address: TypeAlias = tuple[str | None, int] | tuple[str, int, int, int] | StrPath


def check_address(address: Address) -> None:
    """Check that it is (host, port), with or without the flow label and scope of IPv6, or
    the path of a Unix socket."""
    if isinstance(address, tuple) and 2 <= len(address) <= 4:
        check_port(address[1])
    elif not isinstance(address, (str, bytes, os.PathLike)):
        raise TypeError(
            f"an address must be (host, port), or the path of a Unix socket, not {quote(address)}"
        )
    elif not os.fspath(address):
        raise config_error("the path of the Unix socket is empty: give a path, or (host, port)")


def host_and_port(address: tuple[Any, ...]) -> tuple[str | None, int]:
    """Return host and port.  The host of a scoped IPv6 address includes its zone (RFC 4007,
    section 11): "fe80::1%2" for ("fe80::1", 443, 0, 2), as getaddrinfo() returns it."""
    host, port = address[:2]
    optional_text("the host of an address", host)
    flow, scope = (*address[2:], 0, 0)[:2]
    if not isinstance(flow, int) or not isinstance(scope, int):
        raise TypeError(f"the flow label and scope of an address must be ints: {quote(address)}")
    if flow:
        raise config_error(
            f"the address {quote(address)} has a flow label, which is not supported: use 0"
        )
    if not scope:
        return host, port
    if not isinstance(host, str) or ":" not in host:
        raise config_error(
            f"the address {quote(address)} has a scope, which only IPv6 addresses have: "
            "resolve the name first, with socket.getaddrinfo()"
        )
    return (host if "%" in host else f"{host}%{scope}"), port


def check_port(port: int) -> None:
    """Check a port."""
    if not isinstance(port, int) or isinstance(port, bool):
        raise TypeError(f"a port must be an int, not {type(port).__name__}: {quote(port)}")
    if not 0 <= port <= 65_535:
        raise config_error(f"the port is {port}: use 0 to 65535")


MAX_BACKLOG = 2**31 - 1
"""A backlog that every system reduces to its own maximum."""


_MAX_TIMEOUT = 3e9
"""Seconds: about 95 years, which the extension can represent."""


def handshake_limit(seconds: float | None) -> float | None:
    """Check the time limit of a handshake, in seconds; None for no limit."""
    if seconds is None:
        return None
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)):
        kind = type(seconds).__name__
        raise TypeError(f"handshake_timeout must be a number of seconds or None, not {kind}")
    if not 0 < seconds < float("inf"):
        raise config_error(
            f"handshake_timeout is {seconds}: use a number of seconds above 0, or None for no limit"
        )
    return min(float(seconds), _MAX_TIMEOUT)


def dial_unix(path: StrPath, timeout: float | None) -> int:
    """Connect to the Unix socket at a path, and return the descriptor."""
    import socket

    path = os.fspath(path)
    where = quote_path(path) or "a path that looks like a key"
    try:
        with socket.socket(socket.AF_UNIX) as plain:
            plain.settimeout(timeout)
            plain.settimeout(None)
            # If the backlog is full, only a blocking socket waits.
            _limit_sending(plain, timeout)
            plain.connect(path)
            _limit_sending(plain, None)
            return plain.detach()
    except BlockingIOError:
        raise io_error(
            f"cannot connect to {where}",
            TimeoutError(f"the server did not accept the connection within {timeout} seconds"),
        ) from None
    except OSError as error:
        raise io_error(f"cannot connect to {where}", error) from error


def _limit_sending(plain: socket.socket, seconds: float | None) -> None:
    import socket
    import struct

    microseconds = 0 if seconds is None else max(1, int(seconds * 1_000_000))
    limit = struct.pack("@ll", *divmod(microseconds, 1_000_000))
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)


def bind(address: Address, backlog: int | None, reuse_port: bool) -> socket.socket:
    """Create a listening socket, which is blocking."""
    import socket

    check_address(address)
    backlog = MAX_BACKLOG if backlog is None else whole("backlog", backlog)
    flag("reuse_port", reuse_port)
    if not isinstance(address, tuple):
        return _bind_unix(os.fspath(address), backlog, reuse_port)
    host, port = host_and_port(address)
    if not host:
        both = socket.has_dualstack_ipv6()
        family = socket.AF_INET6 if both else socket.AF_INET
        return _create(("", port), family, backlog, reuse_port, both)
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise io_error(f"cannot resolve {quote(host)}", error) from error
    except UnicodeError:
        raise config_error(f"{quote(host)} is not a valid host name or IP address") from None
    family, _, _, _, where = found[0]
    return _create(where, family, backlog, reuse_port, False)


def _bind_unix(path: str, backlog: int, reuse_port: bool) -> socket.socket:
    import socket

    if reuse_port:
        raise config_error("reuse_port needs a TCP port: a Unix socket cannot be shared")
    try:
        plain = socket.socket(socket.AF_UNIX)
        try:
            plain.bind(path)
            plain.listen(backlog)
        except BaseException:
            plain.close()
            raise
    except OSError as error:
        where = quote_path(path) or "a path that looks like a key"
        raise io_error(f"cannot listen on {where}", error) from error
    plain.settimeout(None)
    return plain


def _create(
    where: Any, family: int, backlog: int, reuse_port: bool, dualstack: bool
) -> socket.socket:
    import socket

    try:
        plain = socket.create_server(
            where,
            family=family,
            backlog=backlog,
            reuse_port=reuse_port,
            dualstack_ipv6=dualstack,
        )
    except OSError as error:
        raise io_error(f"cannot listen on {quote(where[0])}, port {where[1]}", error) from error
    plain.settimeout(None)
    return plain
