"""User payloads: JSON bytes that are carried, never decoded on the way, within limits.

`NULL` stands for a payload that is not there: `null` and left out are the same.
"""

import re
from collections.abc import Callable
from typing import TypeVar

import msgspec

T = TypeVar("T")

NULL = msgspec.Raw(b"null")

MAX_DEPTH = 64
"""JSON nested deeper is refused at every entry: an expression over it could crash the process, and
nobody reads it."""

MAX_PAYLOAD_BYTES = 1024 * 1024
"""An input, output or signal larger than this is refused: a reference to the object store stands
for it (`PayloadRef`)."""

INLINE_BYTES = 256 * 1024
"""Client and worker send what is larger by reference: a message that holds many records stays
small, and so does the log."""

MAX_STORED_BYTES = 64 * 1024 * 1024
"""The largest payload that a reference may stand for: the services hold it in memory a few
times."""

MAX_DETAILS_BYTES = 16 * 1024
"""What a sign of life says to go on from: it is in each failed attempt's event, and kept in memory
for each attempt that is out. More is a payload of the worker's own, and this its name."""

REFERENCE_MARK = b'"$payload"'
"""In every JSON text that holds a reference, and in hardly any other."""

_LONG_BYTES = 64 * 1024
_STRINGS = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
"""Of a long text only the brackets outside of strings are looked at one by one."""

MAX_WRITTEN_BYTES = 4 * MAX_PAYLOAD_BYTES
"""The log writes numbers out: `1e130000` takes eight digits here and 130,000 there, and a text of a
gigabyte cannot be read from it any more. What is read from it has to fit into a message again."""

_DIGITS = bytes.maketrans(b"E123456789", b"e000000000")
_EXPONENT = re.compile(rb"[0-9][eE][+-]?([0-9]{2,})")
_LONGEST_EXPONENT = 7
"""Digits of an exponent that are read; more are too large whatever they say."""

_EXPONENTIAL = re.compile(
    rb'"(?:[^"\\]|\\.)*"|-?[0-9]+(?:\.[0-9]+)?[eE]\+?[0-9]{1,3}(?![0-9])', re.DOTALL
)

_TOKENS = re.compile(rb'"(?:[^"\\]|\\.)*"|[\[\]{}]', re.DOTALL)
_CUT_DEPTH = 2 * MAX_DEPTH
"""More than a payload may have, in the few levels of its message; far from what a decoder fails at
(about 1,000)."""


def depth_of(data: bytes | memoryview) -> int:
    """Tell how deep a JSON text nests, without recursion. O(n) over its brackets only."""
    depth = deepest = 0
    inside = escaped = False
    for byte in bytes(data):
        if inside:
            if escaped:
                escaped = False
            elif byte == 0x5C:
                escaped = True
            elif byte == 0x22:
                inside = False
        elif byte == 0x22:
            inside = True
        elif byte in b"[{":
            depth += 1
            deepest = max(deepest, depth)
        elif byte in b"]}":
            depth -= 1
    return deepest


def read_deep(decode: Callable[[bytes], T], data: bytes) -> T:
    """Decode a message whose payloads may nest as deep as they like: its ids are needed to refuse
    them. Raises what `decode` raises, but for RecursionError."""
    try:
        return decode(data)
    except RecursionError:
        return decode(cut_deep(data))


def cut_deep(data: bytes) -> bytes:
    """Put `null` in the place of what a JSON text nests deeper than any decoder follows: what is
    left reads, and is still deeper than a payload may be. O(n), without recursion."""
    kept: list[bytes] = []
    depth = begin = 0
    for token in _TOKENS.finditer(data):
        mark = token.group()
        if mark in (b"[", b"{"):
            depth += 1
            if depth == _CUT_DEPTH + 1:
                kept += data[begin : token.start()], b"null"
        elif mark in (b"]", b"}"):
            if depth == _CUT_DEPTH + 1:
                begin = token.end()
            depth -= 1
    return b"".join(kept) + (data[begin:] if depth <= _CUT_DEPTH else b"")


def exponent_digits(raw: bytes) -> int:
    """Tell how many digits the large exponents of a JSON text's numbers stand for."""
    flat = raw.translate(_DIGITS)
    if b"0e00" not in flat and b"0e+00" not in flat and b"0e-00" not in flat:
        return 0
    found = _EXPONENT.findall(_STRINGS.sub(b"", raw))
    return sum(int(each[: _LONGEST_EXPONENT + 1]) for each in found)


def with_fractions(raw: bytes) -> bytes:
    """Write `1e22` as `10000000000000000000000.0`: the log would write it without the fraction, and
    what was a floating point number would be an integer when the run is folded.

    Other numbers, and those that no double holds, stay as they are.
    """
    flat = raw.translate(_DIGITS)
    if b"0e0" not in flat and b"0e+0" not in flat:
        return raw
    return _EXPONENTIAL.sub(_with_fraction, raw)


def _with_fraction(found: re.Match[bytes]) -> bytes:
    text = found[0]
    if text[:1] == b'"':
        return text
    number = float(text)
    return b"%d.0" % int(number) if number.is_integer() else text


def payload_problem(
    data: bytes | memoryview, limit: int = MAX_PAYLOAD_BYTES, max_depth: int = MAX_DEPTH
) -> str | None:
    """Say what is wrong with a user payload (size, numbers, depth), or None. Cheap for small flat
    ones."""
    size = len(data)
    if size > limit:
        return f"expected at most {limit} bytes, but got {size}"
    raw = bytes(data)
    most = max(limit, MAX_WRITTEN_BYTES)
    if (written := size + exponent_digits(raw)) > most:
        return f"expected at most {most} bytes with all numbers written out, but got {written}"
    if raw.count(b"[") + raw.count(b"{") <= max_depth:
        return None
    if size > _LONG_BYTES:
        raw = _STRINGS.sub(b"", raw).translate(None, _NO_BRACKETS)
    if (found := depth_of(raw)) > max_depth:
        return f"expected JSON nested at most {max_depth} deep, but got {found}"
    return None


class PayloadRef(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A value in an input, output or signal that stands for one in the object store."""

    hash: str = msgspec.field(name="$payload")
    """SHA-256 of the value's JSON bytes, in hex: the name of the object."""
    bytes: int
    """How long they are."""
