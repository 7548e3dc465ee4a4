"""Sockets without TLS: addresses, connecting and listening."""

from __future__ import annotations

import os

from ._checks import flag, optional_text, whole
from ._errors import config_error, io_error, shown, shown_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from typing import Any, TypeAlias

    from ._sources import StrPath

    Address: TypeAlias = tuple[str | None, int] | tuple[str, int, int, int] | StrPath


def check_address(address: Address) -> None:
    """Raises where it is neither (host, port), with or without the flow and the scope of
    IPv6, nor the path of a Unix socket."""
    if isinstance(address, tuple) and 2 <= len(address) <= 4:
        check_port(address[1])
    elif not isinstance(address, (str, bytes, os.PathLike)):
        raise TypeError(
            f"an address is (host, port), or the path of a Unix socket: {shown(address)}"
        )
    elif not os.fspath(address):
        raise config_error("the path of the Unix socket is empty")


def host_and_port(address: tuple[Any, ...]) -> tuple[str | None, int]:
    """The host, with its zone where it is an IPv6 address that has one (RFC 4007, section
    11): "fe80::1%2" for ("fe80::1", 443, 0, 2), as getaddrinfo() gives it."""
    host, port = address[:2]
    optional_text("the host of an address", host)
    flow, scope = (*address[2:], 0, 0)[:2]
    if not isinstance(flow, int) or not isinstance(scope, int):
        raise TypeError(f"the flow and the scope of an address are ints: {shown(address)}")
    if flow:
        raise config_error(f"the address {shown(address)} has a flow label, which cannot be chosen")
    if not scope:
        return host, port
    if not isinstance(host, str) or ":" not in host:
        raise config_error(
            f"the address {shown(address)} has a scope, which only IPv6 addresses have: "
            "look the name up first, with socket.getaddrinfo()"
        )
    return (host if "%" in host else f"{host}%{scope}"), port


def check_port(port: int) -> None:
    """Raises where it is none."""
    if not isinstance(port, int) or isinstance(port, bool):
        raise TypeError(f"a port is an int, not {type(port).__name__}: {shown(port)}")
    if not 0 <= port <= 65_535:
        raise config_error(f"the port is {port}: 0 to 65535 are ports")


MOST_WAITING = 2**31 - 1
"""A backlog that every system cuts down to the most that it allows."""


_FOR_EVER = 3e9
"""Seconds that nobody waits."""


def handshake_limit(seconds: float | None) -> float | None:
    """Seconds that a handshake may take, or None for no limit; raises for what is neither."""
    if seconds is None:
        return None
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)):
        kind = type(seconds).__name__
        raise TypeError(f"handshake_timeout is a number of seconds or None, not {kind}")
    if not 0 < seconds < float("inf"):
        raise config_error(
            f"handshake_timeout is {seconds}: it is a number of seconds above 0, or None "
            "for no limit"
        )
    return min(float(seconds), _FOR_EVER)


def dial_unix(path: StrPath, timeout: float | None) -> int:
    """A descriptor that is connected to the Unix socket at a path."""
    import socket

    path = os.fspath(path)
    where = shown_path(path) or "a text that looks like a key"
    try:
        with socket.socket(socket.AF_UNIX) as plain:
            plain.settimeout(timeout)
            plain.settimeout(None)
            # Where too many wait already, only a socket that blocks waits too.
            _limit_sending(plain, timeout)
            plain.connect(path)
            _limit_sending(plain, None)
            return plain.detach()
    except BlockingIOError:
        raise io_error(
            f"cannot connect to {where}",
            TimeoutError(f"nobody accepted the connection within {timeout} seconds"),
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
    """A listening socket that blocks."""
    import socket

    check_address(address)
    backlog = MOST_WAITING if backlog is None else whole("backlog", backlog)
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
        raise io_error(f"cannot find an address of {shown(host)}", error) from error
    except UnicodeError:
        raise config_error(f"{shown(host)} is not a host name or an address") from None
    family, _, _, _, where = found[0]
    return _create(where, family, backlog, reuse_port, False)


def _bind_unix(path: str, backlog: int, reuse_port: bool) -> socket.socket:
    import socket

    if reuse_port:
        raise config_error("reuse_port is for TCP: nobody shares the path of a Unix socket")
    try:
        plain = socket.socket(socket.AF_UNIX)
        try:
            plain.bind(path)
            plain.listen(backlog)
        except BaseException:
            plain.close()
            raise
    except OSError as error:
        where = shown_path(path) or "a text that looks like a key"
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
        raise io_error(f"cannot listen on {shown(where[0])}, port {where[1]}", error) from error
    plain.settimeout(None)
    return plain
