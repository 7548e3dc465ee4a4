"""A small DER encoder (X.690) for certificates, including malformed ones."""

import base64


def pem(label, content):
    """Encode PEM (RFC 7468)."""
    text = base64.encodebytes(content).decode().replace("\n", "")
    lines = [text[at : at + 64] for at in range(0, len(text), 64)]
    return "\n".join([f"-----BEGIN {label}-----", *lines, f"-----END {label}-----", ""])


def tlv(tag, *contents):
    """Encode a tag, a length and the contents."""
    body = b"".join(contents)
    length = len(body)
    if length < 128:
        return bytes([tag, length]) + body
    size = (length.bit_length() + 7) // 8
    return bytes([tag, 0x80 | size]) + length.to_bytes(size, "big") + body


def sequence(*items):
    return tlv(0x30, *items)


def set_of(*items):
    return tlv(0x31, *sorted(items))


def explicit(number, *contents):
    return tlv(0xA0 | number, *contents)


def implicit(number, value):
    """Encode a primitive context-specific value."""
    return tlv(0x80 | number, value)


def integer(value):
    return tlv(0x02, value.to_bytes(value.bit_length() // 8 + 1, "big", signed=value < 0))


def boolean(value):
    return tlv(0x01, b"\xff" if value else b"\x00")


def octet_string(value):
    return tlv(0x04, value)


def bit_string(value, unused=0):
    return tlv(0x03, bytes([unused]), value)


def utf8(text):
    return tlv(0x0C, text.encode())


def printable(text):
    return tlv(0x13, text.encode("ascii"))


def ia5(text):
    return tlv(0x16, text.encode("ascii"))


def oid(dotted):
    first, second, *rest = (int(arc) for arc in dotted.split("."))
    body = b""
    for arc in (first * 40 + second, *rest):
        septets = [arc & 0x7F]
        while arc := arc >> 7:
            septets.append(0x80 | arc & 0x7F)
        body += bytes(reversed(septets))
    return tlv(0x06, body)


def time(moment):
    """Encode a UTCTime through 2049, then a GeneralizedTime (RFC 5280, section 4.1.2.5)."""
    if 1950 <= moment.year < 2050:
        return tlv(0x17, moment.strftime("%y%m%d%H%M%SZ").encode())
    return tlv(0x18, moment.strftime("%Y%m%d%H%M%SZ").encode())


NULL = tlv(0x05)
