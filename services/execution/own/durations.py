"""Durations as people write them: `200ms`, `1.5s`, `1h30m`, or a number of seconds."""

import re

_UNITS_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3_600.0, "d": 86_400.0}
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_WHOLE = re.compile(rf"(?:{_PART.pattern})+")


def seconds_of(text: str | float) -> float:
    """Return a duration in seconds.

    Raises:
        ValueError: it is no duration, or negative.
    """
    if isinstance(text, int | float):
        if not 0 <= text < float("inf"):
            raise ValueError(f"expected a duration of 0 or more seconds, but got {text}")
        return float(text)
    if not _WHOLE.fullmatch(text):
        raise ValueError(f"expected a duration like 200ms, 30s or 1h30m, but got {text[:40]!r}")
    return sum(float(number) * _UNITS_S[unit] for number, unit in _PART.findall(text))
