"""How a length of time is written: `200ms`, `30s`, `5m`, `1h30m`, `1d`."""

import re

PATTERN = r"(\d+(\.\d+)?d)?(\d+(\.\d+)?h)?(\d+(\.\d+)?m)?(\d+(\.\d+)?s)?(\d+(\.\d+)?ms)?"
"""Units in falling order, each at most once; not empty."""

_PARTS = re.compile(PATTERN, re.ASCII)
_UNIT_SECONDS = (86_400.0, 3_600.0, 60.0, 1.0, 0.001)

MAX_CHARS = 60
"""No length of time needs more; longer texts are not looked at."""


def parse_duration(text: str) -> float:
    """Read a length of time in seconds (whole microseconds).

    Raises:
        ValueError: the text is none; says what was expected.
    """
    match = _PARTS.fullmatch(text) if 0 < len(text) <= MAX_CHARS else None
    if match is None:
        shown = text if len(text) <= MAX_CHARS else text[:MAX_CHARS] + "…"
        raise ValueError(f"expected a duration like 200ms, 30s, 5m or 1h30m, but got {shown!r}")
    parts = zip(match.groups()[::2], _UNIT_SECONDS, strict=True)
    return round(sum(float(part.rstrip("dhms")) * unit for part, unit in parts if part), 6)
