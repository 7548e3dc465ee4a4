"""STARTTLS: the plaintext dialogue before the TLS handshake.

The server must send nothing between its agreement and the handshake.  An attacker could
have injected it, and it would be read as if it had been protected by TLS.
"""

from __future__ import annotations

from ._arguments import Failure

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

PORTS = {"smtp": 587, "imap": 143, "ftp": 21, "postgres": 5432, "mysql": 3306}
"""The protocols, and the ports where they start without TLS."""

_MAX_LINE = 8192
_MAX_LINES = 200


class _Dialogue:
    """A plaintext dialogue over a socket."""

    def __init__(self, sock: socket.socket, protocol: str) -> None:
        self._sock = sock
        self._protocol = protocol
        self._buffer = b""

    def send(self, content: bytes) -> None:
        self._sock.sendall(content)

    def _more(self) -> None:
        part = self._sock.recv(4096)
        if not part:
            raise self.failure("the server closed the connection before TLS began")
        self._buffer += part

    def exactly(self, count: int) -> bytes:
        while len(self._buffer) < count:
            self._more()
        taken, self._buffer = self._buffer[:count], self._buffer[count:]
        return taken

    def line(self) -> str:
        while b"\n" not in self._buffer:
            if len(self._buffer) > _MAX_LINE:
                raise self.failure(f"the server sent a line of more than {_MAX_LINE} bytes")
            self._more()
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line.decode(errors="replace").rstrip("\r")

    def lines_until(self, last: Callable[[str], bool]) -> list[str]:
        lines: list[str] = []
        while not lines or not last(lines[-1]):
            if len(lines) == _MAX_LINES:
                raise self.failure(f"the server answered more than {_MAX_LINES} lines")
            lines.append(self.line())
        return lines

    def reply(self, expected: str) -> list[str]:
        """Read a reply of SMTP or FTP, whose lines but the last have "-" after the code."""
        lines = self.lines_until(lambda line: line[:3].isdecimal() and line[3:4] != "-")
        if not lines[-1].startswith(expected):
            raise self.failure(f"the server answered '{lines[-1]}'")
        return lines

    def finish(self) -> None:
        if self._buffer:
            raise self.failure(
                "the server sent more plaintext after it agreed to TLS, perhaps injected: "
                "the connection is not secure"
            )

    def failure(self, sentence: str) -> Failure:
        return Failure(f"STARTTLS over {self._protocol}: {sentence}", "starttls")


def start(protocol: str, sock: socket.socket) -> None:
    """Run the dialogue of a protocol, up to the start of the handshake."""
    dialogue = _Dialogue(sock, protocol)
    _DIALOGUES[protocol](dialogue)
    dialogue.finish()


def _smtp(dialogue: _Dialogue) -> None:
    """RFC 3207."""
    import socket

    dialogue.reply("220")
    dialogue.send(f"EHLO {socket.gethostname()}\r\n".encode())
    offered = {line[4:].strip().upper() for line in dialogue.reply("250")}
    if "STARTTLS" not in offered:
        raise dialogue.failure("the server does not support it")
    dialogue.send(b"STARTTLS\r\n")
    dialogue.reply("220")


def _imap(dialogue: _Dialogue) -> None:
    """RFC 9051, section 6.2.1."""
    greeting = dialogue.line()
    if not greeting.startswith("* OK"):
        raise dialogue.failure(f"the server's greeting is '{greeting}', and not OK")
    dialogue.send(b"tls STARTTLS\r\n")
    answer = dialogue.lines_until(lambda line: line.startswith("tls "))[-1]
    if not answer.startswith("tls OK"):
        raise dialogue.failure(f"the server answered '{answer}'")


def _ftp(dialogue: _Dialogue) -> None:
    """RFC 4217."""
    dialogue.reply("220")
    dialogue.send(b"AUTH TLS\r\n")
    dialogue.reply("234")


def _postgres(dialogue: _Dialogue) -> None:
    """SSLRequest: its length and its code."""
    import struct

    dialogue.send(struct.pack("!II", 8, 80_877_103))
    answer = dialogue.exactly(1)
    if answer == b"N":
        raise dialogue.failure("the server does not support it")
    if answer != b"S":
        raise dialogue.failure(f"the server answered {answer!r}")


_MYSQL_SSL, _MYSQL_PROTOCOL_41, _MYSQL_SECURE = 0x0800, 0x0200, 0x8000
_MYSQL_MAX_PACKET = 4096
_MYSQL_UTF8MB4 = 45


def _mysql(dialogue: _Dialogue) -> None:
    """The server's greeting of protocol 10, and the SSLRequest that answers it."""
    import struct

    header = dialogue.exactly(4)
    length = int.from_bytes(header[:3], "little")
    if not 0 < length <= _MYSQL_MAX_PACKET:
        raise dialogue.failure(
            f"the server's greeting has {length} bytes; at most {_MYSQL_MAX_PACKET} are accepted"
        )
    greeting = dialogue.exactly(length)
    if greeting[0] == 0xFF:
        text = greeting[3:].decode(errors="replace")
        raise dialogue.failure(f"the server refused the connection: '{text}'")
    # The server version ends with a zero byte.  The thread id, 8 bytes of salt and a zero
    # byte precede the capabilities.
    _, zero, rest = greeting[1:].partition(b"\0")
    if greeting[0] != 10 or not zero or len(rest) < 15:
        raise dialogue.failure("the server does not support MySQL protocol 10")
    if not int.from_bytes(rest[13:15], "little") & _MYSQL_SSL:
        raise dialogue.failure("the server does not support it")
    flags = _MYSQL_SSL | _MYSQL_PROTOCOL_41 | _MYSQL_SECURE
    request = struct.pack("<IIB23x", flags, 1 << 24, _MYSQL_UTF8MB4)
    sequence = (header[3] + 1) % 256
    dialogue.send(len(request).to_bytes(3, "little") + bytes([sequence]) + request)


_DIALOGUES: dict[str, Callable[[_Dialogue], None]] = {
    "smtp": _smtp,
    "imap": _imap,
    "ftp": _ftp,
    "postgres": _postgres,
    "mysql": _mysql,
}
