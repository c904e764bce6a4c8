"""Sets of JSON values, as intervals of one order: null < booleans < numbers < texts < the rest.

A *cut* is a place between values: `(kind, value, 0)` lies right before the value, `(kind, value,
1)` right after it. A set is a sorted tuple of disjoint intervals, each from cut to cut. Lists and
maps are one value of their own, `OTHER`: conditions do not look into them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

Cut = tuple[int, Any, int]

NULL_KIND, BOOL_KIND, NUMBER_KIND, TEXT_KIND, OTHER_KIND, END_KIND = range(6)


class _Other:
    """Stands for every list and map."""


OTHER = _Other()


class Interval(NamedTuple):
    """The values after cut `low` and before cut `high`."""

    low: Cut
    high: Cut


ValueSet = tuple[Interval, ...]

NOTHING: ValueSet = ()
EVERYTHING: ValueSet = (Interval((NULL_KIND, 0, 0), (END_KIND, 0, 0)),)
NUMBERS: ValueSet = (Interval((NUMBER_KIND, -math.inf, 0), (NUMBER_KIND, math.inf, 1)),)
TEXTS: ValueSet = (Interval((TEXT_KIND, "", 0), (OTHER_KIND, 0, 0)),)
BOOLS: ValueSet = (Interval((BOOL_KIND, 0, 0), (BOOL_KIND, 1, 1)),)

OF_TYPE: dict[str, ValueSet] = {
    "null": (Interval((NULL_KIND, 0, 0), (NULL_KIND, 0, 1)),),
    "boolean": BOOLS,
    "number": NUMBERS,
    "integer": NUMBERS,
    "string": TEXTS,
    "array": (Interval((OTHER_KIND, 0, 0), (END_KIND, 0, 0)),),
    "object": (Interval((OTHER_KIND, 0, 0), (END_KIND, 0, 0)),),
}
"""The values of a JSON type."""


def key_of(value: Any) -> tuple[int, Any]:
    """Where a JSON value stands in the order."""
    match value:
        case None:
            return NULL_KIND, 0
        case bool():
            return BOOL_KIND, int(value)
        case int() | float():
            return NUMBER_KIND, value
        case str():
            return TEXT_KIND, value
    return OTHER_KIND, 0


def just(value: Any) -> ValueSet:
    """The set of one value."""
    kind, place = key_of(value)
    return (Interval((kind, place, 0), (kind, place, 1)),)


def between(
    low: Any = None, high: Any = None, *, low_open: bool = False, high_open: bool = False
) -> ValueSet:
    """Numbers or texts from `low` to `high`; a bound left out is no bound. Empty where they are
    the wrong way round."""
    kind = key_of(low if low is not None else high)[0]
    whole = OF_TYPE["number" if kind == NUMBER_KIND else "string"][0]
    first = whole.low if low is None else (kind, low, int(low_open))
    last = whole.high if high is None else (kind, high, int(not high_open))
    return (Interval(first, last),) if first < last else NOTHING


def united(sets: Iterable[ValueSet]) -> ValueSet:
    """What is in one of the sets."""
    found: list[Interval] = []
    for interval in sorted(interval for each in sets for interval in each):
        if found and interval.low <= found[-1].high:
            if interval.high > found[-1].high:
                found[-1] = Interval(found[-1].low, interval.high)
        else:
            found.append(interval)
    return tuple(found)


def complement(of: ValueSet) -> ValueSet:
    """What is not in the set."""
    found: list[Interval] = []
    low = EVERYTHING[0].low
    for interval in of:
        if low < interval.low:
            found.append(Interval(low, interval.low))
        low = interval.high
    if low < EVERYTHING[0].high:
        found.append(Interval(low, EVERYTHING[0].high))
    return tuple(found)


def common(a: ValueSet, b: ValueSet) -> ValueSet:
    """What is in both sets."""
    found: list[Interval] = []
    i = j = 0
    while i < len(a) and j < len(b):
        low, high = max(a[i].low, b[j].low), min(a[i].high, b[j].high)
        if low < high:
            found.append(Interval(low, high))
        if a[i].high < b[j].high:
            i += 1
        else:
            j += 1
    return tuple(found)


def contains(of: ValueSet, value: Any) -> bool:
    """Whether a JSON value is in the set."""
    kind, place = key_of(value)
    before, after = (kind, place, 0), (kind, place, 1)
    return any(interval.low <= before and after <= interval.high for interval in of)


def cuts_of(of: ValueSet) -> Iterator[Cut]:
    """The cuts at which the set begins and ends."""
    for interval in of:
        yield interval.low
        yield interval.high


def example(of: ValueSet, *, whole: bool = False) -> Any:
    """A value of the set, simple to read; `whole`: numbers have to be integers.

    Raises:
        LookupError: there is none.
    """
    for interval in of:
        for value in _candidates(interval, whole=whole):
            if contains((interval,), value):
                return value
    raise LookupError("expected a value, but the set is empty")


def is_empty(of: ValueSet, *, whole: bool = False) -> bool:
    """Whether nothing is in the set."""
    if not of:
        return True
    if not whole:
        return False
    try:
        example(of, whole=True)
    except LookupError:
        return True
    return False


_WORDS = ("x", "a", "")


def _candidates(interval: Interval, *, whole: bool) -> Iterator[Any]:
    """Values that may be in an interval, the simplest first; one of them is, if any value is."""
    low, high = interval
    for kind in range(low[0], min(high[0], OTHER_KIND) + 1):
        if kind == NULL_KIND:
            yield None
        elif kind == BOOL_KIND:
            yield from (True, False)
        elif kind == NUMBER_KIND:
            start = low[1] if low[0] == kind else -math.inf
            end = high[1] if high[0] == kind else math.inf
            yield from _numbers(start, end, whole=whole)
        elif kind == TEXT_KIND:
            start = low[1] if low[0] == kind else ""
            yield from (start, *_WORDS, start + "a", start + "\0")
        else:
            yield OTHER


def _numbers(low: float, high: float, *, whole: bool) -> Iterator[float]:
    if math.isinf(low) and math.isinf(high):
        yield 0
    elif math.isinf(low):
        yield from (math.floor(high), math.floor(high) - 1)
    elif math.isinf(high):
        yield from (math.ceil(low), math.floor(low) + 1)
    else:
        # A value inside first: the bounds of a gap belong to its neighbours. Halved before they
        # are added: the distance of two numbers may be more than a number can hold.
        middle = low / 2 + high / 2
        yield from (math.floor(middle), math.ceil(middle), math.ceil(low), math.floor(low) + 1)
        if not whole:
            yield from (low, round(middle, 2), middle, high)
