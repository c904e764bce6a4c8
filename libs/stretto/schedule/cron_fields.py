"""The fields of a cron expression: numbers, names, ranges, steps; each mistake with its place."""

import re
from typing import NamedTuple

MONTHS = (
    *("jan", "feb", "mar", "apr", "may", "jun"),
    *("jul", "aug", "sep", "oct", "nov", "dec"),
)
WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")

_NUMBER = re.compile(r"[0-9]{1,4}", re.ASCII)


class CronError(ValueError):
    """What is wrong with an expression; `offset`: the character at which it is."""

    def __init__(self, offset: int, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.offset = offset
        self.message = message
        self.hint = hint


class FieldKind(NamedTuple):
    """A field: its name for people, its numbers, its names for numbers."""

    name: str
    least: int
    most: int
    names: tuple[str, ...] = ()
    first: int = 0
    """The number of the first name."""


SECOND = FieldKind("second", 0, 59)
MINUTE = FieldKind("minute", 0, 59)
HOUR = FieldKind("hour", 0, 23)
DAY = FieldKind("day of the month", 1, 31)
MONTH = FieldKind("month", 1, 12, MONTHS, 1)
WEEKDAY = FieldKind("day of the week", 0, 7, WEEKDAYS)


class Word(NamedTuple):
    """A part of the expression, and where it begins."""

    text: str
    offset: int

    def cut(self, separator: str) -> list["Word"]:
        """The parts between separators, each with its place."""
        parts, at = [], self.offset
        for text in self.text.split(separator):
            parts.append(Word(text, at))
            at += len(text) + len(separator)
        return parts


def parse_field(word: Word, kind: FieldKind) -> frozenset[int]:
    """Read a list of numbers, ranges and steps.

    Raises CronError that says what was expected at which place.
    """
    values: set[int] = set()
    for item in word.cut(","):
        values |= _item(item, kind)
    return frozenset(values)


def number(word: Word, kind: FieldKind) -> int:
    """Read a number, or the name of one; raises CronError."""
    text = word.text.lower()
    if text in kind.names:
        return kind.names.index(text) + kind.first
    if _NUMBER.fullmatch(text) is None or not kind.least <= int(text) <= kind.most:
        names = f" or {kind.names[0]} to {kind.names[-1]}" if kind.names else ""
        raise CronError(
            word.offset,
            f"expected the {kind.name} to be {kind.least} to {kind.most}{names}, "
            f"but got {word.text[:20]!r}",
        )
    return int(text)


def _item(word: Word, kind: FieldKind) -> set[int]:
    first, *steps = word.cut("/")
    if len(steps) > 1:
        raise CronError(steps[1].offset, f"expected one step of the {kind.name}, but got two")
    if first.text in ("*", "?"):
        low, high = kind.least, 6 if kind is WEEKDAY else kind.most
    elif "-" in first.text:
        low, high = _range(first, kind)
    else:
        low = number(first, kind)
        high = (6 if kind is WEEKDAY else kind.most) if steps else low
    step = _step(steps[0], kind) if steps else 1
    if kind is WEEKDAY:
        return {value % 7 for value in range(low, high + 1, step)}
    return set(range(low, high + 1, step))


def _range(word: Word, kind: FieldKind) -> tuple[int, int]:
    ends = word.cut("-")
    if len(ends) != 2:
        raise CronError(
            word.offset, f"expected a range like 1-5 of the {kind.name}, but got {word.text[:20]!r}"
        )
    low, high = number(ends[0], kind), number(ends[1], kind)
    if kind is WEEKDAY and high < low:
        high += 7  # over the end of the week: fri-mon
    if high < low:
        raise CronError(
            word.offset,
            f"expected a range of the {kind.name} to go upwards, but got {word.text[:20]!r}",
            f"write {ends[0].text}-{kind.most},{kind.least}-{ends[1].text}",
        )
    return low, high


def _step(word: Word, kind: FieldKind) -> int:
    if _NUMBER.fullmatch(word.text) is None or not 1 <= int(word.text) <= kind.most:
        raise CronError(
            word.offset,
            f"expected a step of the {kind.name} from 1 to {kind.most}, but got {word.text[:20]!r}",
        )
    return int(word.text)
