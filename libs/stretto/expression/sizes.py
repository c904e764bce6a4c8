"""How large values are or may become: what the estimate of a cost is made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from stretto.expression.values import levels_below

__all__ = [
    "NUMBER_CHARS",
    "SMALL",
    "Size",
    "both_of",
    "greater_of",
    "held_of",
    "inside_of",
    "measure",
    "sum_of",
    "weight",
]

_encode = msgspec.json.Encoder().encode

NUMBER_CHARS = 32
"""A number, time or bool written out; `%f` with the greatest precision is longer, and costs it."""


@dataclass(frozen=True, slots=True)
class Size:
    """How large a value may be.

    Attributes:
        length: items of a list or map.
        longest: the greatest length of a list or map inside.
        total: about the characters of the value as JSON, so never less than the characters of a
            text, and at least one for each value inside.
        largest: the greatest total of an item.
        number: how large an integer may be, None where that is not known.
    """

    length: int = 1
    longest: int = 1
    total: int = 1
    largest: int = 1
    number: int | None = None


SMALL = Size()


def weight(value: Any) -> int:
    """About how many characters a JSON value has."""
    return len(value) if isinstance(value, str) else len(_encode(value))


def measure(value: Any) -> Size:
    """Measure a JSON value within the limits of `admit`. O(n) over all it holds."""
    if isinstance(value, str):
        return Size(total=len(value) + 2)
    if isinstance(value, int) and not isinstance(value, bool):
        return Size(total=NUMBER_CHARS, number=abs(value))
    if not isinstance(value, list | dict):
        return Size(total=NUMBER_CHARS)
    items = value.values() if isinstance(value, dict) else value
    largest = max((len(_encode(item)) for item in items), default=0)
    if isinstance(value, dict):
        largest = max(largest, max(map(len, value), default=0) + 2)
    longest = max((len(inner) for level in levels_below(value) for inner in level), default=0)
    return Size(len(value), longest, len(_encode(value)), largest)


def inside_of(held: Size) -> Size:
    """A part of a value."""
    largest = max(1, held.largest)
    return Size(held.longest, held.longest, largest, largest, held.number)


def held_of(parts: list[Size]) -> Size:
    """A list or map of some values."""
    return Size(
        len(parts),
        max((max(part.length, part.longest) for part in parts), default=0),
        sum(part.total for part in parts) + len(parts) + 1,
        max((part.total for part in parts), default=0),
    )


def both_of(one: Size, other: Size) -> Size:
    return Size(
        max(one.length, other.length),
        max(one.longest, other.longest),
        one.total + other.total,
        max(one.largest, other.largest),
    )


def greater_of(one: Size, other: Size) -> Size:
    known = one.number is not None and other.number is not None
    return Size(
        max(one.length, other.length),
        max(one.longest, other.longest),
        max(one.total, other.total),
        max(one.largest, other.largest),
        max(one.number or 0, other.number or 0) if known else None,
    )


def sum_of(one: Size, other: Size, operator: str) -> Size:
    number = None
    if one.number is not None and other.number is not None:
        both = one.number, other.number
        number = both[0] * both[1] if operator == "_*_" else sum(both)
    return Size(
        one.length + other.length,
        max(one.longest, other.longest),
        one.total + other.total,
        max(one.largest, other.largest),
        number,
    )
