"""The protobuf wire format, as much of it as a syntax tree uses.

Fields are pairs of a number and a value: an integer (varint) or bytes (length-delimited, or the
eight or four bytes of a fixed-width number). Source: protobuf.dev, "Encoding".
"""

from collections.abc import Iterator

__all__ = ["decode", "integer", "length_delimited", "signed", "varint"]

_BYTES, _FIXED32 = 2, 5


def decode(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Yield the fields of a message in order. The input is the library's own output: trusted."""
    at = 0
    while at < len(data):
        key, at = _read_varint(data, at)
        match key & 7:
            case 0:
                value, at = _read_varint(data, at)
                yield key >> 3, value
                continue
            case 2:
                size, at = _read_varint(data, at)
            case 1:
                size = 8
            case kind:
                assert kind == _FIXED32, kind
                size = 4
        yield key >> 3, data[at : at + size]
        at += size


def integer(value: int | bytes) -> int:
    """Assert that a field holds an integer."""
    assert isinstance(value, int)
    return value


def signed(value: int) -> int:
    """Read a 64-bit varint as two's complement."""
    return value - (1 << 64) if value >> 63 else value


def varint(value: int) -> bytes:
    """Encode a number from 0 up: seven bits a byte, lowest first."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def length_delimited(number: int, body: bytes) -> bytes:
    """Encode a field that holds bytes."""
    return varint(number << 3 | _BYTES) + varint(len(body)) + body


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, at
