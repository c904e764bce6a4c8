"""Amounts with units: `unit.` for bytes, `duration.` for lengths of time."""

import re
from datetime import timedelta
from decimal import Decimal

from stretto.expression.functions.calls import Refusal
from stretto.expression.functions.instants import UNITS, write_duration
from stretto.expression.functions.registry import function

_BYTES = re.compile(r"(\d{1,20}(?:\.\d{1,20})?) ?([kKMGTPE]i?)?[bB]?", re.ASCII)
_PREFIXES = "KMGTPE"


@function(
    "unit.bytes",
    {"unit.bytes('10MiB')": 10485760, "unit.bytes('1.5 kB')": 1500, "unit.bytes('512')": 512},
)
def _bytes(text: str) -> int:
    """How many bytes a size is: `k M G T P E` by thousands, with an `i` by 1024; rounded down."""
    found = _BYTES.fullmatch(text.strip()) if len(text) <= 60 else None
    if found is None:
        raise Refusal("text", "a size like 10MiB or 1.5 GB", text)
    prefix = found[2] or ""
    step = 1024 if prefix.endswith("i") else 1000
    power = _PREFIXES.index(prefix[0].upper()) + 1 if prefix else 0
    return int(Decimal(found[1]) * step**power)


@function(
    "unit.format_bytes",
    {"unit.format_bytes(10485760)": "10 MiB", "unit.format_bytes(1536)": "1.5 KiB"},
)
def _format_bytes(count: int) -> str:
    """A size for people, in steps of 1024, with one digit after the point at most."""
    if count < 0:
        raise Refusal("count", "0 or more", count)
    amount, power = float(count), 0
    while round(amount, 1) >= 1024 and power < len(_PREFIXES):
        amount, power = amount / 1024, power + 1
    unit = f"{_PREFIXES[power - 1]}iB" if power else "B"
    return f"{amount:.1f}".removesuffix(".0") + f" {unit}"


@function(
    "duration.seconds",
    {"duration.seconds('1h30m')": 5400.0, "duration.seconds('-250ms')": -0.25},
)
def _seconds(length: timedelta) -> float:
    """How many seconds a duration has; `w d h m s ms us` are known, a day has 24 hours."""
    return length.total_seconds()


@function(
    "duration.format",
    {"duration.format(5400)": "1h30m", "duration.format('90061s')": "1d1h1m1s"},
)
def _format_duration(length: timedelta) -> str:
    """A duration written with the largest units that fit."""
    return write_duration(length)


@function("duration.add", {"duration.add('50m', '15m')": "1h5m"})
def _add(first: timedelta, second: timedelta) -> str:
    """The sum of two durations."""
    try:
        return write_duration(first + second)
    except OverflowError:
        raise Refusal("second", "a shorter duration", write_duration(second), "overflow") from None


@function(
    "duration.scale",
    {"duration.scale('10s', 1.5)": "15s"},
)
def _scale(length: timedelta, factor: float) -> str:
    """A duration so many times, to the microsecond."""
    try:
        return write_duration(length * factor)
    except OverflowError:
        raise Refusal("factor", "a smaller factor", factor, "overflow") from None


@function(
    "duration.to",
    {"duration.to('90m', 'h')": 1.5},
)
def _to(length: timedelta, unit: str) -> float:
    """How many units a duration has."""
    if unit not in UNITS:
        raise Refusal("unit", f"one of {', '.join(UNITS)}", unit)
    return length / UNITS[unit]
