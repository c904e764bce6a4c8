"""Instants: microseconds since the epoch inside the core, datetimes in events."""

from datetime import UTC, datetime, timedelta

import msgspec

from stretto.contracts.durations import parse_duration

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LONG_PAST = _EPOCH + timedelta(microseconds=1)


class _Wait(msgspec.Struct, frozen=True):
    """What a `wait` step says: an instant, or how long from now (seconds, or `1h30m`)."""

    until: datetime | None = None
    for_s: float | str | None = msgspec.field(default=None, name="for")


_decode_wait = msgspec.json.Decoder(_Wait).decode


def micros(at: datetime | None) -> int:
    """Microseconds since the epoch of an instant; 0 for none."""
    if at is None:
        return 0
    span = at - _EPOCH
    return (span.days * 86_400 + span.seconds) * 1_000_000 + span.microseconds


def instant(now_us: int, after_s: float = 0.0) -> datetime:
    """The instant `after_s` seconds after `now_us`; raises OverflowError past the year 9999."""
    return _EPOCH + timedelta(microseconds=now_us + round(after_s * 1_000_000))


def wait_until(value: bytes, now_us: int) -> datetime:
    """Read `{"until": RFC 3339}` or `{"for": seconds or a duration}`.

    Raises ValueError (msgspec's errors are) and OverflowError for anything else.
    """
    wait = _decode_wait(value)
    if wait.until is None:
        if wait.for_s is None:
            raise ValueError("expected `until` or `for`, but there is neither")
        length = wait.for_s
        return instant(now_us, parse_duration(length) if isinstance(length, str) else length)
    until = wait.until if wait.until.tzinfo is not None else wait.until.replace(tzinfo=UTC)
    # In a run, 0 stands for no instant at all; past the year 9999 of UTC nobody could write it.
    return max(until, _LONG_PAST).astimezone(UTC)
