"""Time zones: pieces of time in which the clocks of a place run evenly, and cron over them."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from stretto.schedule.cron import DAY_S, Cron

MAX_ZONE_CHARS = 60
LAST_S = 253_370_764_800
"""The year 9999: beyond it dates cannot be written."""

LOOK_BACK_DAYS = 2
"""A range is looked at from so many days before: clocks are never put back by more than one."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_OFFSETS_KEPT = 65_536


def zone_of(name: str) -> ZoneInfo:
    """Find a time zone of the IANA database; raises ValueError that says what was expected."""
    try:
        if 0 < len(name) <= MAX_ZONE_CHARS:
            return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        pass  # told below: there is no such zone
    raise ValueError(f"expected a time zone like Europe/Zurich or UTC, but got {name[:60]!r}")


@lru_cache(maxsize=_OFFSETS_KEPT)
def offset_at(zone: ZoneInfo, at_s: int) -> int:
    """Tell how many seconds the clocks of a zone are ahead of UTC at an instant."""
    offset = (_EPOCH + timedelta(seconds=at_s)).astimezone(zone).utcoffset()
    assert offset is not None
    return int(offset.total_seconds())


def pieces(zone: ZoneInfo, day: int) -> Iterator[tuple[int, int, int]]:
    """Give the pieces of a day of UTC as (start, end, offset) in seconds; mostly one."""
    start, end = day * DAY_S, (day + 1) * DAY_S
    while start < end:
        offset = offset_at(zone, start)
        changed = end
        if offset_at(zone, end - 1) != offset:
            low, high = start, end - 1
            while high - low > 1:
                middle = (low + high) // 2
                if offset_at(zone, middle) == offset:
                    low = middle
                else:
                    high = middle
            changed = high
        yield start, changed, offset
        start = changed


def cron_instants(cron: Cron, zone: ZoneInfo, after_s: int, until_s: int) -> Iterator[int]:
    """Give the instants of a cron expression after `after_s` and up to `until_s`, growing.

    A time of day that the clocks leave out comes at the moment when they go forward; one that they
    show twice comes the first time. An expression for every hour just follows the clocks.
    """
    until_s = min(until_s, LAST_S)
    reached: int | None = None  # how far local time has come; None: not looked at
    last = after_s
    for day in range(after_s // DAY_S - LOOK_BACK_DAYS, until_s // DAY_S + 1):
        if not (cron.on(day - 1) or cron.on(day) or cron.on(day + 1)):
            reached = None
            continue
        for start, end, offset in pieces(zone, day):
            if reached is None:
                reached = start + offset_at(zone, start - 1)
            begin = start + offset
            if not cron.every_hour:
                left_out = begin > reached and next(cron.locals(reached, begin), None) is not None
                if left_out and last < start <= until_s:
                    last = start
                    yield start
                begin = max(begin, reached)
            reached = max(reached, end + offset)
            for local in cron.locals(max(begin, last + 1 + offset), end + offset):
                at = local - offset
                if at > until_s:
                    return
                last = at
                yield at


def instant_of_local(moment: datetime, zone: ZoneInfo) -> datetime:
    """Give the instant of a local time: the first of two, or when the clocks skip it."""
    earlier = moment.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if earlier.astimezone(zone).replace(tzinfo=None) == moment:
        return earlier
    # Left out: with fold=0 the offset from before the change is taken, as cron does not; the
    # moment of the change begins a piece of that day or of the one before it.
    at = int((earlier - _EPOCH).total_seconds())
    for day in (at // DAY_S - 1, at // DAY_S):
        for start, _, offset in pieces(zone, day):
            before = start + offset_at(zone, start - 1)
            local = int((moment.replace(tzinfo=UTC) - _EPOCH).total_seconds())
            if before <= local < start + offset:
                return _EPOCH + timedelta(seconds=start)
    raise AssertionError(f"expected {moment} where {zone} changes its clocks, but it is not there")
