"""A cron expression: five fields, or six with seconds first; `@daily` and its like.

::

    second?  minute  hour  day of the month  month  day of the week

Fields hold `*`, numbers, names (`mon`, `jan`), ranges (`mon-fri`), steps (`*/15`, `8-18/2`), lists
with commas. The day of the month may be `L` (the last one); the day of the week `fri#2` (the second
Friday of the month) and `friL` (the last). As ever in cron, when both kinds of day are restricted
(neither begins with `*`) a date that fits one of them fits.
"""

from bisect import bisect_left
from calendar import monthrange
from collections.abc import Iterator
from datetime import date

import msgspec

from stretto.schedule.cron_fields import (
    DAY,
    HOUR,
    MINUTE,
    MONTH,
    SECOND,
    WEEKDAY,
    CronError,
    Word,
    number,
    parse_field,
)

NICKNAMES = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}

MAX_CRON_CHARS = 200
"""No expression that a person writes is longer."""

DAY_S = 86_400
_EPOCH_ORDINAL = date(1970, 1, 1).toordinal()


class Cron(msgspec.Struct, frozen=True, kw_only=True):
    """What an expression says of local time. Weekdays count from Sunday, 0."""

    seconds: tuple[int, ...]
    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    last_day: bool
    nth_weekdays: frozenset[tuple[int, int]]
    last_weekdays: frozenset[int]
    any_day: bool
    any_weekday: bool
    every_hour: bool
    """The hour field begins with `*`: it follows the time that passes, not the time of day."""

    def on(self, day: int) -> bool:
        """Tell whether it fires on a date, given as days since 1970-01-01."""
        at = date.fromordinal(day + _EPOCH_ORDINAL)
        if at.month not in self.months:
            return False
        if self.any_day or self.any_weekday:
            return self._fits_day(at) and self._fits_weekday(at)
        return self._fits_day(at) or self._fits_weekday(at)

    def _fits_day(self, at: date) -> bool:
        if at.day in self.days:
            return True
        return self.last_day and at.day == monthrange(at.year, at.month)[1]

    def _fits_weekday(self, at: date) -> bool:
        weekday = at.isoweekday() % 7
        if weekday in self.weekdays or (weekday, (at.day + 6) // 7) in self.nth_weekdays:
            return True
        return weekday in self.last_weekdays and at.day + 7 > monthrange(at.year, at.month)[1]

    def times(self, start: int, end: int) -> Iterator[int]:
        """Give the times of a day from `start` up to `end` (exclusive), in seconds."""
        for hour in self.hours[bisect_left(self.hours, start // 3_600) :]:
            hour_s = hour * 3_600
            if hour_s >= end:
                return
            least = max(0, start - hour_s) // 60
            for minute in self.minutes[bisect_left(self.minutes, least) :]:
                minute_s = hour_s + minute * 60
                if minute_s >= end:
                    return
                for second in self.seconds:
                    at = minute_s + second
                    if start <= at < end:
                        yield at

    def locals(self, start: int, end: int) -> Iterator[int]:
        """Give the local times from `start` up to `end` (exclusive), in seconds since 1970 as a
        calendar without zones counts them."""
        for day in range(start // DAY_S, -(-end // DAY_S)):
            if self.on(day):
                base = day * DAY_S
                for at in self.times(max(0, start - base), min(DAY_S, end - base)):
                    yield base + at


def parse_cron(text: str) -> Cron:
    """Read a cron expression.

    Raises:
        CronError: it is none; with the place of the mistake.
    """
    if len(text) > MAX_CRON_CHARS:
        raise CronError(
            0, f"expected a cron expression of at most {MAX_CRON_CHARS} characters, "
            f"but got {len(text)}"
        )  # fmt: skip
    stripped = text.strip()
    if stripped.startswith("@"):
        return parse_cron(_nickname(stripped, len(text) - len(text.lstrip())))
    words = _words(text)
    if len(words) == 5:
        words.insert(0, Word("0", 0))
    if len(words) != 6:
        raise CronError(
            0, f"expected 5 fields, or 6 with seconds first, but got {len(words)}",
            "minute hour day-of-month month day-of-week, like 30 8 * * mon-fri",
        )  # fmt: skip
    second, minute, hour, day, month, weekday = words
    days, last_day = _days(day)
    weekdays, nth, last = _weekdays(weekday)
    return Cron(
        seconds=tuple(sorted(parse_field(second, SECOND))),
        minutes=tuple(sorted(parse_field(minute, MINUTE))),
        hours=tuple(sorted(parse_field(hour, HOUR))),
        days=days,
        months=parse_field(month, MONTH),
        weekdays=weekdays,
        last_day=last_day,
        nth_weekdays=nth,
        last_weekdays=last,
        any_day=day.text[0] in "*?",
        any_weekday=weekday.text[0] in "*?",
        every_hour=hour.text[0] in "*?",
    )


def _nickname(text: str, offset: int) -> str:
    meant = NICKNAMES.get(text.lower())
    if meant is None:
        hint = "write every: with a duration" if text.lower().startswith("@every") else ""
        known = ", ".join(NICKNAMES)
        raise CronError(offset, f"expected one of {known}, but got {text[:20]!r}", hint)
    return meant


def _words(text: str) -> list[Word]:
    words, at = [], 0
    for part in text.split():
        at = text.index(part, at)
        words.append(Word(part, at))
        at += len(part)
    return words


def _days(word: Word) -> tuple[frozenset[int], bool]:
    items = word.cut(",")
    plain = [item for item in items if item.text.upper() != "L"]
    values: set[int] = set()
    for item in plain:
        values |= parse_field(item, DAY)
    return frozenset(values), len(plain) < len(items)


def _weekdays(
    word: Word,
) -> tuple[frozenset[int], frozenset[tuple[int, int]], frozenset[int]]:
    values: set[int] = set()
    nth: set[tuple[int, int]] = set()
    last: set[int] = set()
    for item in word.cut(","):
        if "#" in item.text:
            day, *which = item.cut("#")
            if len(which) != 1 or which[0].text not in ("1", "2", "3", "4", "5"):
                raise CronError(
                    item.offset,
                    "expected which one of the month, 1 to 5, after '#', "
                    f"but got {item.text[:20]!r}",
                )
            nth.add((number(day, WEEKDAY) % 7, int(which[0].text)))
        elif len(item.text) > 1 and item.text[-1] in "lL":
            last.add(number(Word(item.text[:-1], item.offset), WEEKDAY) % 7)
        else:
            values |= parse_field(item, WEEKDAY)
    return frozenset(values), frozenset(nth), frozenset(last)
