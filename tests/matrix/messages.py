"""What the two sides say to each other: HTTP/1.1 with as little as it takes, and bytes
that both can compare."""

import functools
import hashlib
from typing import NamedTuple

END_OF_HEAD = b"\r\n\r\n"


@functools.cache
def pattern(size):
    """The first `size` of a row of bytes in which nothing repeats."""
    return hashlib.shake_256(b"tlsmith").digest(size)


class Message(NamedTuple):
    """A request or a response.

    start    its first line
    headers  their values by their names in lower case
    body     what came after them
    """

    start: str
    headers: dict[str, str]
    body: bytes


def request(size, upload=None):
    """A request for `size` bytes, which brings `upload` bytes, by default as many."""
    body = pattern(size if upload is None else upload)
    method = "POST" if body else "GET"
    return _message(f"{method} /{size} HTTP/1.1", body, Host="localhost")


def response(body, **headers):
    headers = {"Content_Type": "application/octet-stream", **headers}
    return _message("HTTP/1.1 200 OK", body, **headers)


def _message(start, body, **headers):
    headers |= {"Connection": "close", "Content-Length": len(body)}
    lines = [start, *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items())]
    return "\r\n".join(lines).encode() + END_OF_HEAD + body


def read_message(receive):
    """The message that `receive(size)` gives in parts, or None where it gives nothing.
    Without a Content-Length a response is as long as the connection."""
    data = bytearray()
    while END_OF_HEAD not in data:
        part = receive(65536)
        if not part:
            assert not data, f"the message ends after {bytes(data)!r}"
            return None
        data += part
    head, _, rest = data.partition(END_OF_HEAD)
    start, *lines = head.decode().split("\r\n")
    headers = {
        name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)
    }
    size = headers.get("content-length")
    if size is None and not start.startswith("HTTP/"):
        size = 0
    parts, missing = [bytes(rest)], None if size is None else int(size) - len(rest)
    while missing is None or missing > 0:
        part = receive(65536)
        if not part:
            assert missing is None, f"{missing} bytes are missing at the end of the body"
            break
        parts.append(part)
        if missing is not None:
            missing -= len(part)
    return Message(start, headers, b"".join(parts))


def parse(data):
    """The message in these bytes, which are all that came."""
    rest = memoryview(data)

    def receive(size):
        nonlocal rest
        part, rest = rest[:size], rest[size:]
        return bytes(part)

    message = read_message(receive)
    assert message is not None, "nothing came"
    return message
