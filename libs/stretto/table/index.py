"""Which rules a value leaves standing: for each column a sorted index of bit masks.

The values that the conditions of a column name cut the numbers (and the texts) into classes: each
named value, and the gaps between them. All values of a class fit the same rules, so a class has a
mask with a bit a rule; looking a value up is a bisection, or a look into a map where conditions
ask for equality only. The rules that fit a row are the AND of a mask per column.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import Any, NamedTuple

from stretto.table.cells import Cell
from stretto.table.values import (
    EVERYTHING,
    NUMBER_KIND,
    OTHER,
    TEXT_KIND,
    Cut,
    ValueSet,
    contains,
    cuts_of,
)


class Column:
    """The index of one column; `bits[i]` is the bit of the rule that `cells[i]` belongs to.

    Attributes:
        indifferent: rules that ask nothing of this column, or ask by an expression.
        expressions: rules that ask by an expression: they stand whatever the value is, at first.
    """

    __slots__ = ("_bools", "_null", "_numbers", "_other", "_texts", "expressions", "indifferent")

    def __init__(self, cells: Sequence[Cell], bits: Sequence[int]) -> None:
        sets = [EVERYTHING if cell.admits is None else cell.admits for cell in cells]
        self.expressions = _mask(
            bit for cell, bit in zip(cells, bits, strict=True) if cell.admits is None
        )
        self.indifferent = _mask(
            bit for values, bit in zip(sets, bits, strict=True) if values == EVERYTHING
        )
        self._null = _standing(sets, bits, None)
        self._bools = (_standing(sets, bits, False), _standing(sets, bits, True))
        self._other = _standing(sets, bits, OTHER)
        self._numbers = _Ordered(NUMBER_KIND, sets, bits)
        self._texts = _Ordered(TEXT_KIND, sets, bits)

    def standing(self, value: Any) -> int:
        """The rules whose condition the value fits."""
        kind = type(value)
        if kind is str:
            return self._texts.standing(value)
        if kind is int or kind is float:
            return self._numbers.standing(value)
        if kind is bool:
            return self._bools[value]
        return self._null if value is None else self._other

    @property
    def shape(self) -> ColumnShape:
        """What the index looks like, for people."""
        return ColumnShape(
            numbers=len(self._numbers.points),
            texts=len(self._texts.points),
            by_equality=self._numbers.by_equality and self._texts.by_equality,
            widest=max(self.masks()).bit_count() if self.masks() else 0,
            masks=self.masks(),
        )

    def masks(self) -> tuple[int, ...]:
        """The different masks of the column."""
        found = {self._null, *self._bools, self._other}
        found.update(self._numbers.masks, self._texts.masks)
        return tuple(sorted(found, key=int.bit_count, reverse=True))


class ColumnShape(NamedTuple):
    """How many numbers and texts a column names; whether it is a map; what its classes leave."""

    numbers: int
    texts: int
    by_equality: bool
    widest: int
    masks: tuple[int, ...]


class _Ordered:
    """The classes of the numbers, or of the texts, of a column, and their masks.

    Class `2i` is the gap before `points[i]`, class `2i + 1` the point itself.
    """

    __slots__ = ("_default", "_exact", "by_equality", "masks", "points")
    _exact: dict[Any, int]

    def __init__(self, kind: int, sets: Sequence[ValueSet], bits: Sequence[int]) -> None:
        named = {cut[1] for values in sets for cut in cuts_of(values) if _names(cut, kind)}
        self.points: list[Any] = sorted(named)
        places = {point: number for number, point in enumerate(self.points)}
        changes = [0] * (2 * len(self.points) + 2)
        for values, bit in zip(sets, bits, strict=True):
            for low, high in values:
                if low[0] <= kind <= high[0]:
                    changes[_class_after(low, kind, places)] ^= bit
                    changes[_class_after(high, kind, places)] ^= bit
        self.masks: list[int] = []
        mask = 0
        for change in changes[:-1]:
            mask ^= change
            self.masks.append(mask)
        gaps = set(self.masks[::2])
        self.by_equality = len(gaps) == 1
        self._default = self.masks[0]
        self._exact = dict(zip(self.points, self.masks[1::2], strict=True))

    def standing(self, value: Any) -> int:
        exact = self._exact.get(value)
        if exact is not None:
            return exact
        if self.by_equality:
            return self._default
        return self.masks[2 * bisect_left(self.points, value)]


def _names(cut: Cut, kind: int) -> bool:
    return cut[0] == kind and cut[1] not in (float("-inf"), float("inf"))


def _class_after(cut: Cut, kind: int, places: dict[Any, int]) -> int:
    """The class that begins at a cut; one past the last for what lies behind all of them."""
    if cut[0] < kind or (cut[0] == kind and cut[1] == float("-inf")):
        return 0
    if cut[0] > kind or cut[1] == float("inf"):
        return 2 * len(places) + 1
    return 2 * places[cut[1]] + 1 + cut[2]


def _standing(sets: Sequence[ValueSet], bits: Sequence[int], value: Any) -> int:
    return _mask(bit for values, bit in zip(sets, bits, strict=True) if contains(values, value))


def _mask(bits: Any) -> int:
    mask = 0
    for bit in bits:
        mask |= bit
    return mask


def numbers_in(mask: int) -> list[int]:
    """The numbers of the bits that are set, the lowest first."""
    found = []
    while mask:
        low = mask & -mask
        found.append(low.bit_length() - 1)
        mask ^= low
    return found
