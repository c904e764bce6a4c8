"""Instants and durations as text: read and written."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

__all__ = ["UNITS", "read_duration", "read_instant", "write_duration", "write_instant"]

_INSTANT = re.compile(
    r"\d{4}-\d\d-\d\d(?:[Tt]\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:[Zz]|[+-]\d\d:\d\d))?", re.ASCII
)
_DURATION = re.compile(r"(-?)((?:\d{1,15}(?:\.\d{1,9})?(?:ms|us|w|d|h|m|s))+)", re.ASCII)
_PART = re.compile(r"([\d.]+)(ms|us|w|d|h|m|s)", re.ASCII)

UNITS = {
    "us": timedelta(microseconds=1),
    "ms": timedelta(milliseconds=1),
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
}
"""Units of a duration. A day has 24 hours here."""


def read_instant(value: Any) -> datetime | None:
    """Read RFC 3339; a date alone is its midnight in UTC. None where it is neither.

    Finer than a microsecond is cut off.
    """
    if not isinstance(value, str) or _INSTANT.fullmatch(value) is None:
        return None
    try:
        found = datetime.fromisoformat(value.upper())
    except ValueError:
        return None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def write_instant(instant: datetime) -> str:
    """Write RFC 3339 with the instant's own offset, `Z` for none."""
    whole = not instant.microsecond
    precise = (
        "seconds" if whole else "microseconds" if instant.microsecond % 1000 else "milliseconds"
    )
    text = instant.isoformat(timespec=precise)
    return text.removesuffix("+00:00") + "Z" if text.endswith("+00:00") else text


def read_duration(value: Any) -> timedelta | None:
    """Read `1h30m`, `-2d`, `3.5s` or a number of seconds. None where it is none or too long."""
    try:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return timedelta(seconds=value)
        found = _DURATION.fullmatch(value) if isinstance(value, str) else None
        if found is None:
            return None
        total = sum(
            (UNITS[unit] * _number(amount) for amount, unit in _PART.findall(found[2])), timedelta()
        )
    except (OverflowError, ValueError):
        return None
    return -total if found[1] else total


def write_duration(length: timedelta) -> str:
    """Write a duration with the largest units that fit: `1d2h`, `1.5s`, `0s`."""
    rest, text = abs(length), ""
    for unit in ("d", "h", "m"):
        count, rest = divmod(rest, UNITS[unit])
        text += f"{count}{unit}" if count else ""
    micros = rest // UNITS["us"]
    if micros or not text:
        seconds, fraction = divmod(micros, 1_000_000)
        text += f"{seconds}.{fraction:06d}".rstrip("0").rstrip(".") + "s"
    return f"-{text}" if length < timedelta() else text


def _number(text: str) -> int | float:
    return float(text) if "." in text else int(text)
