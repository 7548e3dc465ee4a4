"""STARTTLS: the words in the clear after which TLS begins.

Nothing may come in the clear after the server agreed: what was read too much
would count as if it had come under TLS, and who is in the middle could have said
it.
"""

from __future__ import annotations

from ._arguments import Failure

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

PORTS = {"smtp": 587, "imap": 143, "ftp": 21, "postgres": 5432, "mysql": 3306}
"""The protocols, and the ports where they begin in the clear."""

_LONGEST_LINE = 8192
_MOST_LINES = 200


class _Talk:
    """A dialogue in the clear over a socket."""

    def __init__(self, sock: socket.socket, protocol: str) -> None:
        self._sock = sock
        self._protocol = protocol
        self._ahead = b""

    def send(self, content: bytes) -> None:
        self._sock.sendall(content)

    def _more(self) -> None:
        part = self._sock.recv(4096)
        if not part:
            raise self.failure("the server closed the connection before TLS began")
        self._ahead += part

    def exactly(self, count: int) -> bytes:
        while len(self._ahead) < count:
            self._more()
        taken, self._ahead = self._ahead[:count], self._ahead[count:]
        return taken

    def line(self) -> str:
        while b"\n" not in self._ahead:
            if len(self._ahead) > _LONGEST_LINE:
                raise self.failure(f"the server sent a line of more than {_LONGEST_LINE} bytes")
            self._more()
        line, _, self._ahead = self._ahead.partition(b"\n")
        return line.decode(errors="replace").rstrip("\r")

    def lines_until(self, last: Callable[[str], bool]) -> list[str]:
        lines: list[str] = []
        while not lines or not last(lines[-1]):
            if len(lines) == _MOST_LINES:
                raise self.failure(f"the server answered more than {_MOST_LINES} lines")
            lines.append(self.line())
        return lines

    def reply(self, expected: str) -> list[str]:
        """A reply of SMTP or FTP, in which all lines but the last go on after
        the code: its lines."""
        lines = self.lines_until(lambda line: line[:3].isdecimal() and line[3:4] != "-")
        if not lines[-1].startswith(expected):
            raise self.failure(f"the server answered '{lines[-1]}'")
        return lines

    def finish(self) -> None:
        if self._ahead:
            raise self.failure("the server went on in the clear after it agreed to TLS")

    def failure(self, sentence: str) -> Failure:
        return Failure(f"STARTTLS over {self._protocol}: {sentence}", "starttls")


def start(protocol: str, sock: socket.socket) -> None:
    """Speak a protocol until the next byte is one of TLS."""
    talk = _Talk(sock, protocol)
    _DIALOGUES[protocol](talk)
    talk.finish()


def _smtp(talk: _Talk) -> None:
    """RFC 3207."""
    import socket

    talk.reply("220")
    talk.send(f"EHLO {socket.gethostname()}\r\n".encode())
    offered = {line[4:].strip().upper() for line in talk.reply("250")}
    if "STARTTLS" not in offered:
        raise talk.failure("the server does not offer it")
    talk.send(b"STARTTLS\r\n")
    talk.reply("220")


def _imap(talk: _Talk) -> None:
    """RFC 9051, section 6.2.1."""
    greeting = talk.line()
    if not greeting.startswith("* OK"):
        raise talk.failure(f"the server greeted with '{greeting}'")
    talk.send(b"tls STARTTLS\r\n")
    answer = talk.lines_until(lambda line: line.startswith("tls "))[-1]
    if not answer.startswith("tls OK"):
        raise talk.failure(f"the server answered '{answer}'")


def _ftp(talk: _Talk) -> None:
    """RFC 4217."""
    talk.reply("220")
    talk.send(b"AUTH TLS\r\n")
    talk.reply("234")


def _postgres(talk: _Talk) -> None:
    """SSLRequest: its length, and the number that stands for it."""
    import struct

    talk.send(struct.pack("!II", 8, 80_877_103))
    answer = talk.exactly(1)
    if answer == b"N":
        raise talk.failure("the server does not offer it")
    if answer != b"S":
        raise talk.failure(f"the server answered {answer!r}")


_MYSQL_SSL, _MYSQL_PROTOCOL_41, _MYSQL_SECURE = 0x0800, 0x0200, 0x8000
_MYSQL_LONGEST = 4096
_MYSQL_UTF8MB4 = 45


def _mysql(talk: _Talk) -> None:
    """The handshake of protocol 10, and the SSLRequest that answers it."""
    import struct

    header = talk.exactly(4)
    length = int.from_bytes(header[:3], "little")
    if not 0 < length <= _MYSQL_LONGEST:
        raise talk.failure(f"the server greeted with a packet of {length} bytes")
    greeting = talk.exactly(length)
    if greeting[0] == 0xFF:
        text = greeting[3:].decode(errors="replace")
        raise talk.failure(f"the server refuses us: '{text}'")
    # The version ends with a zero; a thread, 8 bytes, and a zero come before
    # the capabilities.
    _, zero, rest = greeting[1:].partition(b"\0")
    if greeting[0] != 10 or not zero or len(rest) < 15:
        raise talk.failure("the server does not speak protocol 10 of MySQL")
    if not int.from_bytes(rest[13:15], "little") & _MYSQL_SSL:
        raise talk.failure("the server does not offer it")
    flags = _MYSQL_SSL | _MYSQL_PROTOCOL_41 | _MYSQL_SECURE
    request = struct.pack("<IIB23x", flags, 1 << 24, _MYSQL_UTF8MB4)
    sequence = (header[3] + 1) % 256
    talk.send(len(request).to_bytes(3, "little") + bytes([sequence]) + request)


_DIALOGUES: dict[str, Callable[[_Talk], None]] = {
    "smtp": _smtp,
    "imap": _imap,
    "ftp": _ftp,
    "postgres": _postgres,
    "mysql": _mysql,
}
