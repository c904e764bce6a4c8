"""Instants: `date.` They are text (RFC 3339 with an offset; a date alone is its midnight in UTC).

There is no `now`: what a decision gives must not depend on when it is worked out. The time of a
run is in its scope.
"""

from calendar import monthrange
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Any, Literal
from zoneinfo import ZoneInfo

from stretto.expression.functions.calendar_text import LETTERS, read_as, write_as
from stretto.expression.functions.calls import Refusal
from stretto.expression.functions.instants import UNITS, read_instant, write_duration, write_instant
from stretto.expression.functions.registry import function

_Unit = Literal["us", "ms", "s", "m", "h", "d", "w"]
_Period = Literal["second", "minute", "hour", "day", "week", "month", "quarter", "year"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MAX_FORM_CHARS = 200
_MAX_ZONES = 64
"""Zones that are kept read; there are some 600 in all."""


@function(
    "date.parse",
    {
        "date.parse('2026-11-22T14:00:00+01:00')": "2026-11-22T13:00:00Z",
        "date.parse('22.11.2026', '%d.%m.%Y')": "2026-11-22T00:00:00Z",
        "date.parse('22/Nov/2026 14:00 +0100', '%d/%b/%Y %H:%M %z')": "2026-11-22T13:00:00Z",
        "date.parse('2026-07-01 12:00', '%Y-%m-%d %H:%M', 'Europe/Berlin')": "2026-07-01T10:00:00Z",
    },
)
def _parse(text: str, form: str = "", zone: str = "UTC") -> datetime:
    """An instant in UTC, from RFC 3339 or by a form of `%Y %m %b %d %H %M %S %f %z`."""
    if not form:
        found = read_instant(text)
        if found is None:
            raise Refusal("text", "an instant (RFC 3339, with its offset)", text)
        return _shifted(found, UTC)
    found = read_as(text, _form(form))
    if found is None:
        raise Refusal("text", f"an instant like `{form}`", text)
    if "%z" not in form:
        found = found.replace(tzinfo=_zone(zone))
    return _shifted(found, UTC)


@function(
    "date.format",
    {
        "date.format('2026-11-22T14:05:00Z', '%d.%m.%Y %H:%M')": "22.11.2026 14:05",
        "date.format('2026-11-22T23:30:00Z', '%A, %B %d', 'Europe/Berlin')": "Monday, November 23",
    },
)
def _format(instant: datetime, form: str, zone: str = "UTC") -> str:
    """An instant as text, by a form of `%` and letters (names are English), in a time zone."""
    text = write_as(_shifted(instant, _zone(zone)), _form(form))
    if text is None:
        raise Refusal("form", f"letters of `{''.join(LETTERS)}` after `%`", form)
    return text


@function(
    "date.add",
    {
        "date.add('2026-11-22T23:30:00Z', '1h30m')": "2026-11-23T01:00:00Z",
        "date.add('2026-11-22T00:00:00Z', '-1d')": "2026-11-21T00:00:00Z",
        "date.add(timestamp('2026-11-22T00:00:00Z'), 0.5)": "2026-11-22T00:00:00.500Z",
    },
)
def _add(instant: datetime, length: timedelta) -> datetime:
    """An instant so much later, or earlier where the duration is negative."""
    try:
        return instant + length
    except OverflowError:
        raise _out_of_range("length", write_duration(length)) from None


@function(
    "date.add_months",
    {
        "date.add_months('2026-01-31T08:00:00Z', 1)": "2026-02-28T08:00:00Z",
        "date.add_months('2024-02-29T00:00:00Z', -12)": "2023-02-28T00:00:00Z",
    },
)
def _add_months(instant: datetime, months: int) -> datetime:
    """The same day and time so many months later; the last day of a month that is too short."""
    year, month = divmod(instant.year * 12 + instant.month - 1 + months, 12)
    if not 1 <= year <= 9999:
        raise _out_of_range("months", months)
    first = instant.replace(year=year, month=month + 1, day=1)
    return first.replace(day=min(instant.day, monthrange(first.year, first.month)[1]))


@function(
    "date.diff",
    {
        "date.diff('2026-11-22T00:00:00Z', '2026-11-23T12:00:00Z', 'd')": 1.5,
        "date.diff('2026-11-22T01:00:00+01:00', '2026-11-22T00:00:00Z')": 0.0,
    },
)
def _diff(start: datetime, end: datetime, unit: _Unit = "s") -> float:
    """How long it is from one instant to another: negative if the second comes first."""
    return (end - start) / UNITS[unit]


@function(
    "date.compare",
    {"date.compare('2026-11-22T01:00:00+01:00', '2026-11-22T00:30:00Z')": -1},
)
def _compare(first: datetime, second: datetime) -> int:
    """-1, 0 or 1: whether the first instant comes before the second, is the same, or after."""
    return (first > second) - (first < second)


@function(
    "date.truncate",
    {
        "date.truncate('2026-11-22T14:35:12Z', 'hour')": "2026-11-22T14:00:00Z",
        "date.truncate('2026-11-22T14:35:12Z', 'week')": "2026-11-16T00:00:00Z",
        "date.truncate('2026-07-01T23:00:00Z', 'day', 'Asia/Tokyo')": "2026-07-02T00:00:00+09:00",
    },
)
def _truncate(instant: datetime, period: _Period, zone: str = "UTC") -> datetime:
    """The start of the period around an instant, as a time zone has it; weeks begin on Monday."""
    there = _shifted(instant, _zone(zone)).replace(microsecond=0)
    if period == "second":
        return there
    there = there.replace(second=0)
    if period == "minute":
        return there
    there = there.replace(minute=0)
    if period == "hour":
        return there
    there = there.replace(hour=0, fold=0)
    match period:
        case "week":
            return there - timedelta(days=there.weekday())  # the year 1 began on a Monday
        case "month":
            return there.replace(day=1)
        case "quarter":
            return there.replace(month=(there.month - 1) // 3 * 3 + 1, day=1)
        case "year":
            return there.replace(month=1, day=1)
    return there


@function(
    "date.weekday",
    {
        "date.weekday('2026-11-22T12:00:00Z')": 7,
        "date.weekday('2026-11-22T23:30:00Z', 'Europe/Berlin')": 1,
    },
)
def _weekday(instant: datetime, zone: str = "UTC") -> int:
    """The day of the week in a time zone, from 1 (Monday) to 7 (Sunday)."""
    return _shifted(instant, _zone(zone)).isoweekday()


@function(
    "date.in_zone",
    {
        "date.in_zone('2026-07-01T10:00:00Z', 'America/New_York')": "2026-07-01T06:00:00-04:00",
        "date.in_zone('2026-07-01T12:00:00+02:00', 'UTC')": "2026-07-01T10:00:00Z",
    },
)
def _in_zone(instant: datetime, zone: str) -> datetime:
    """The same instant with the offset that a time zone has then."""
    return _shifted(instant, _zone(zone))


@function(
    "date.parts",
    {
        "date.parts('2026-11-22T14:35:12.5Z')": {
            "year": 2026,
            "month": 11,
            "day": 22,
            "hour": 14,
            "minute": 35,
            "second": 12,
            "microsecond": 500000,
            "weekday": 7,
            "week": 47,
            "day_of_year": 326,
        }
    },
)
def _parts(instant: datetime, zone: str = "UTC") -> dict[str, Any]:
    """The numbers that an instant is written with in a time zone; the week is that of ISO 8601."""
    there = _shifted(instant, _zone(zone))
    return {
        "year": there.year,
        "month": there.month,
        "day": there.day,
        "hour": there.hour,
        "minute": there.minute,
        "second": there.second,
        "microsecond": there.microsecond,
        "weekday": there.isoweekday(),
        "week": there.isocalendar().week,
        "day_of_year": there.timetuple().tm_yday,
    }


@function("date.from_unix", {"date.from_unix(1.5)": "1970-01-01T00:00:01.500Z"})
def _from_unix(seconds: float) -> datetime:
    """The instant so many seconds after the start of 1970."""
    try:
        return _EPOCH + timedelta(seconds=seconds)
    except OverflowError:
        raise _out_of_range("seconds", seconds) from None


@function("date.to_unix", {"date.to_unix('1970-01-02T00:00:00Z')": 86400.0})
def _to_unix(instant: datetime) -> float:
    """How many seconds after the start of 1970 an instant is."""
    return (instant - _EPOCH).total_seconds()


def _form(form: str) -> str:
    if not 0 < len(form) <= _MAX_FORM_CHARS:
        raise Refusal("form", f"1 to {_MAX_FORM_CHARS} characters", form)
    return form


def _shifted(instant: datetime, zone: tzinfo) -> datetime:
    try:
        return instant.astimezone(zone)
    except OverflowError:
        raise _out_of_range("instant", write_instant(instant)) from None


def _zone(name: str) -> tzinfo:
    if name == "UTC":
        return UTC
    zone = _read_zone(name) if len(name) <= _MAX_FORM_CHARS else None
    if zone is None:
        raise Refusal("zone", "a time zone like Europe/Berlin", name)
    return zone


@lru_cache(maxsize=_MAX_ZONES)
def _read_zone(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError):  # ZoneInfoNotFoundError is a KeyError
        return None


def _out_of_range(parameter: str, value: object) -> Refusal:
    return Refusal(parameter, "an instant of the years 1 to 9999", value, "overflow")
