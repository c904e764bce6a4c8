"""Instants and durations: microseconds since the Unix epoch, and a clock that comes in by argument.

An *instant* (something happened, something is due) is an int of microseconds since the epoch, UTC.
A *deadline inside a process* is a float of monotonic seconds: it never jumps.
"""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Protocol

US_PER_S = 1_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_US = timedelta(microseconds=1)

JUMP_US = US_PER_S
"""A clock that is kept by NTP is slewed, never set by as much."""

_SECONDS_KEPT = 1024
"""Instants that are written come in clusters (now, and a few usual timeouts from now): this many
distinct seconds are kept as text."""


class Clock(Protocol):
    """What time it is. `SystemClock` in a service, `stretto.testkit.clock.FakeClock` in tests."""

    def now_us(self) -> int:
        """Return this instant."""

    def monotonic(self) -> float:
        """Return seconds that only ever grow, from any origin: for deadlines and durations."""

    async def sleep(self, seconds: float) -> None:
        """Wait; on a fake clock until it was advanced that far."""


class SystemClock:
    """The clock of this machine."""

    def now_us(self) -> int:
        return time.time_ns() // 1_000

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class SteadyClock(SystemClock):
    """The clock of this machine as it was when this was made, which runs on evenly from there.

    For a process whose instants are compared with one another alone: who was heard when, who came
    first, when a key has its next token. Somebody who sets the machine's clock changes nothing for
    it; only what it shows to people is off by as much, until the process is started anew.
    """

    def __init__(self) -> None:
        self._offset_us = time.time_ns() // 1_000 - time.monotonic_ns() // 1_000

    def now_us(self) -> int:
        return time.monotonic_ns() // 1_000 + self._offset_us


class SharedClock(SystemClock):
    """The clock of this machine, put right by somebody who knows better. When it is set, this one
    runs on evenly until it is put right again."""

    def __init__(self) -> None:
        self._ahead_us = 0
        self._origin_us = time.time_ns() // 1_000 - time.monotonic_ns() // 1_000

    def now_us(self) -> int:
        wall_us = time.time_ns() // 1_000
        jump_us = wall_us - time.monotonic_ns() // 1_000 - self._origin_us
        if abs(jump_us) > JUMP_US:
            self._origin_us += jump_us
            self._ahead_us += jump_us
        return wall_us - self._ahead_us

    def put_right(self, ahead_us: int) -> None:
        """Go back by so many microseconds (forward, when negative)."""
        self._ahead_us += ahead_us


def now_us() -> int:
    """Return this instant, for the shell; a core gets it by argument."""
    return time.time_ns() // 1_000


def rfc3339(us: int) -> str:
    """Write an instant as RFC 3339 in UTC, always 27 characters: `2026-11-22T13:02:00.000001Z`.

    Raises:
        ValueError: it is not in the years 1 to 9999.
    """
    seconds, fraction = divmod(us, US_PER_S)
    return f"{_second(seconds)}.{fraction:06d}Z"


def parse_rfc3339(text: str) -> int:
    """Read an RFC 3339 instant with any offset; digits beyond microseconds are cut off.

    Raises:
        ValueError: it is no such text, or it has no offset.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise ValueError(
            f"expected an instant like 2026-11-22T13:02:00Z, but got {str(text)[:40]!r}"
        )
    return instant_of(moment)


def instant_of(moment: datetime) -> int:
    """Return the instant of a datetime that knows its offset, exact to the microsecond."""
    return (moment - _EPOCH) // _US


def datetime_of(us: int) -> datetime:
    """Return the datetime (UTC) of an instant."""
    return _EPOCH + timedelta(microseconds=us)


@lru_cache(maxsize=_SECONDS_KEPT)
def _second(seconds: int) -> str:
    try:
        return (_EPOCH + timedelta(seconds=seconds)).isoformat()[:19]
    except OverflowError as error:
        raise ValueError(
            f"expected an instant in the years 1 to 9999, but got {seconds} s since 1970"
        ) from error
