"""What is wrong with a table: gaps, overlaps, rules that never count. With an example of each.

Every condition that is not an expression is a set, so these are questions about boxes in a space of
as many dimensions as there are inputs. Per column the values fall into classes that no condition
tells apart; a class has the mask of the rules that it leaves. A gap is a choice of classes whose
masks have nothing in common: a search column by column that visits every (column, mask) once.

Rules with expressions: they may fit or not, so they close no gap, overlap with nothing for certain
and outdo no later rule. How many there are is said.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any, Literal, NamedTuple

from stretto.table.cells import Cell
from stretto.table.domains import Domain, guessed
from stretto.table.index import Column, numbers_in
from stretto.table.limits import MAX_CHECK_NODES, MAX_EXAMPLES
from stretto.table.values import (
    EVERYTHING,
    OTHER,
    Interval,
    ValueSet,
    common,
    cuts_of,
    example,
    is_empty,
)

MAX_PAIR_WORK = 6_000_000
"""Rules × classes × columns that are looked at for overlaps: about a second."""

Row = dict[str, Any]
"""Example values by input; an input that no rule asks about is left out."""


class Gap(NamedTuple):
    """Values that no rule fits. `maybe`: rules with expressions might."""

    row: Row
    maybe: bool


class Overlap(NamedTuple):
    """Two rules, and values that both fit."""

    first: int
    second: int
    row: Row


class Dead(NamedTuple):
    """A rule that never counts: no value fits a condition (`impossible`, of an input), or rules
    that come before it take all of its values (`taken`)."""

    rule: int
    why: Literal["impossible", "taken"]
    input: str = ""


class Findings(NamedTuple):
    """What was found. `overlap_count` counts also those that are not shown; `by_expression`: how
    many rules might overlap with others, for they have expressions; `gave_up`: what was not looked
    at to the end."""

    gaps: list[Gap]
    overlaps: list[Overlap]
    overlap_count: int
    dead: list[Dead]
    by_expression: int
    gave_up: list[str]


class Dimension(NamedTuple):
    """A column to be checked."""

    name: str
    domain: Domain


def check_table(
    dimensions: Sequence[Dimension],
    rows: Sequence[Sequence[Cell]],
    *,
    ranks: Sequence[int],
    one_counts: bool,
) -> Findings:
    """Check a table.

    Args:
        rows: the conditions, by rule and column.
        ranks: the rules in the order in which they come.
        one_counts: the first of them that fits is the only one that counts.
    """
    return _Check(dimensions, rows, ranks, one_counts=one_counts).run()


class _Class(NamedTuple):
    """Values of a column that no condition tells apart: which rules they leave, and one of
    them."""

    mask: int
    value: Any


class _GiveUp(Exception):
    """There is more to look at than is worth it."""


class _Check:
    def __init__(
        self,
        dimensions: Sequence[Dimension],
        rows: Sequence[Sequence[Cell]],
        ranks: Sequence[int],
        *,
        one_counts: bool,
    ) -> None:
        self.dimensions = dimensions
        self.rows = rows
        self.ranks = ranks
        self.one_counts = one_counts
        self.nodes = 0
        self.sets: list[ValueSet] = []
        self.classes: list[list[_Class]] = []
        self.certain = sum(
            1 << n for n, row in enumerate(rows) if all(cell.admits is not None for cell in row)
        )
        self.everyone = (1 << len(rows)) - 1
        bits = [1 << number for number in range(len(rows))]
        for number, dimension in enumerate(dimensions):
            cells = [row[number] for row in rows]
            values = dimension.domain.values if dimension.domain.known else guessed(cells)
            self.sets.append(values)
            self.classes.append(_classes(values, cells, bits, whole=dimension.domain.whole))
        self.free = self._free()

    def run(self) -> Findings:
        gave_up: list[str] = []
        impossible = list(self._impossible())
        gone = sum(1 << dead.rule for dead in impossible)
        gaps: list[Gap] = []
        try:
            self._gaps(0, self.certain, [], gaps, set())
        except _GiveUp:
            gave_up.append("gaps")
        meets = self._meetings()
        overlaps: list[Overlap] = []
        count = 0
        taken: list[Dead] = []
        if meets is None:
            gave_up.append("overlaps")
        else:
            overlaps, count = self._overlaps(meets)
            if self.one_counts:
                try:
                    taken = list(self._taken(meets, gone))
                except _GiveUp:
                    gave_up.append("rules that never count")
        by_expression = self._unsure(meets)
        dead = sorted([*impossible, *taken])
        return Findings(gaps, overlaps, count, dead, by_expression, gave_up)

    def _free(self) -> list[int]:
        """By column: the rules that ask nothing in it and all columns after it."""
        free = [self.everyone]
        for classes in reversed(self.classes):
            mask = free[-1]
            for each in classes:
                mask &= each.mask
            free.append(mask)
        return free[::-1]

    def _impossible(self) -> Iterator[Dead]:
        for number, row in enumerate(self.rows):
            for cell, values, dimension in zip(row, self.sets, self.dimensions, strict=True):
                if cell.admits is None or cell.is_any:
                    continue
                if is_empty(common(cell.admits, values), whole=dimension.domain.whole):
                    yield Dead(number, "impossible", dimension.name)
                    break

    def _visit(self) -> None:
        self.nodes += 1
        if self.nodes > MAX_CHECK_NODES:
            raise _GiveUp

    def _gaps(
        self, column: int, mask: int, chosen: list[Any], gaps: list[Gap], seen: set[tuple[int, int]]
    ) -> None:
        if len(gaps) >= MAX_EXAMPLES or mask & self.free[column] or (column, mask) in seen:
            return
        self._visit()
        seen.add((column, mask))
        if not mask:
            rest = [classes[0].value for classes in self.classes[column:]]
            gaps.append(self._gap([*chosen, *rest]))
            return
        tried = set()
        for each in self.classes[column]:
            left = mask & each.mask
            if left not in tried:
                tried.add(left)
                self._gaps(column + 1, left, [*chosen, each.value], gaps, seen)

    def _gap(self, values: list[Any]) -> Gap:
        mask = self.everyone & ~self.certain
        for classes, value in zip(self.classes, values, strict=True):
            mask &= next(each.mask for each in classes if each.value is value)
        return Gap(self._row(values), bool(mask))

    def _row(self, values: Sequence[Any]) -> Row:
        return {
            dimension.name: value
            for dimension, value in zip(self.dimensions, values, strict=True)
            if value is not OTHER
        }

    def _meetings(self) -> list[int] | None:
        """By rule: the rules that fit some row that it fits, as far as sets tell."""
        work = len(self.rows) * sum(map(len, self.classes))
        if work > MAX_PAIR_WORK:
            return None
        meets = [self.everyone] * len(self.rows)
        for classes in self.classes:
            in_column = [0] * len(self.rows)
            by_mask = {each.mask for each in classes}
            for mask in by_mask:
                for number in numbers_in(mask):
                    in_column[number] |= mask
            meets = [a & b for a, b in zip(meets, in_column, strict=True)]
        return meets

    def _unsure(self, meets: list[int] | None) -> int:
        """How many rules have expressions and might overlap with another rule."""
        asking = numbers_in(self.everyone & ~self.certain)
        return sum(1 for n in asking if meets is None or meets[n] & ~(1 << n))

    def _overlaps(self, meets: list[int]) -> tuple[list[Overlap], int]:
        found: list[Overlap] = []
        count = 0
        for number in numbers_in(self.certain):
            later = meets[number] & self.certain & ~((2 << number) - 1)
            count += later.bit_count()
            for other in numbers_in(later):
                if len(found) >= MAX_EXAMPLES:
                    break
                found.append(Overlap(number, other, self._row(self._both(number, other))))
        return found, count

    def _both(self, one: int, other: int) -> list[Any]:
        """Values that two rules fit."""
        values = []
        for number, dimension in enumerate(self.dimensions):
            a, b = self.rows[one][number].admits, self.rows[other][number].admits
            if a == b == EVERYTHING or not self.sets[number]:
                values.append(OTHER)
                continue
            shared = common(common(a or (), b or ()), self.sets[number])
            values.append(example(shared, whole=dimension.domain.whole))
        return values

    def _taken(self, meets: list[int], gone: int) -> Iterator[Dead]:
        before = 0
        for rule in self.ranks:
            rivals = before & meets[rule]
            if rivals and not gone >> rule & 1 and self._covered(0, rivals, 1 << rule, set()):
                yield Dead(rule, "taken")
            before |= (1 << rule) & self.certain

    def _covered(self, column: int, mask: int, rule: int, seen: set[tuple[int, int]]) -> bool:
        """Whether every row that fits `rule` fits one of the rules in `mask`."""
        if mask & self.free[column] or (column, mask) in seen:
            return True
        self._visit()
        if not mask:
            return False
        seen.add((column, mask))
        lefts = {mask & each.mask for each in self.classes[column] if each.mask & rule}
        return all(self._covered(column + 1, left, rule, seen) for left in lefts)


def _classes(
    values: ValueSet, cells: Sequence[Cell], bits: Sequence[int], *, whole: bool
) -> list[_Class]:
    """Cut a domain at all values that the conditions name; one class for what they leave alike."""
    index = Column(cells, bits)
    sets = [cell.admits for cell in cells if cell.admits is not None]
    cuts = sorted({cut for each in (values, *sets) for cut in cuts_of(each)})
    found: dict[int, Any] = {}
    for low, high in itertools.pairwise(cuts):
        piece = common((Interval(low, high),), values)
        if not piece:
            continue
        try:
            value = example(piece, whole=whole)
        except LookupError:
            continue
        mask = index.standing(value)
        if mask not in found or _simpler(value, found[mask]):
            found[mask] = value
    if not found:
        return [_Class(index.standing(OTHER), OTHER)]
    return [_Class(mask, value) for mask, value in found.items()]


def _simpler(value: Any, than: Any) -> bool:
    """Prefer examples that people like to read."""
    if isinstance(value, str) and isinstance(than, str):
        return bool(value) and value.isprintable() and (not than or len(value) < len(than))
    return False
