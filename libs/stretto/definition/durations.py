"""A length of time in a definition: `200ms`, `30s`, `1h30m`, `1d`, or a number of seconds."""

import re

from stretto.contracts.bounds import MAX_DURATION_S, MIN_DURATION_S
from stretto.contracts.durations import PATTERN, parse_duration
from stretto.definition.mistakes import Report
from stretto.definition.nodes import Node, Path, Scalar, describe
from stretto.definition.shapes import Schema, constant_hint


class Duration:
    """A length of time in seconds, from `least` to MAX_DURATION_S."""

    def __init__(self, least_s: float = MIN_DURATION_S) -> None:
        self.least_s = least_s

    def read(self, node: Node, path: Path, report: Report) -> float | None:
        seconds = self._seconds(node)
        if seconds is None:
            report.mistake(
                node,
                path,
                "bad_value",
                "expected a duration like 200ms, 30s, 5m or 1h30m, or a number of seconds, "
                f"but got {describe(node)}",
                constant_hint(node) or _unit_hint(node),
            )
            return None
        if not self.least_s <= seconds <= MAX_DURATION_S:
            report.mistake(
                node,
                path,
                "out_of_range",
                f"expected a duration from {self.least_s:g} seconds to ten years, "
                f"but got {seconds:.15g} seconds",
            )
            return None
        return seconds

    def schema(self) -> Schema:
        return {
            "anyOf": [
                {"type": "string", "pattern": f"^(?=.){PATTERN}$"},
                {"type": "number", "minimum": self.least_s, "maximum": MAX_DURATION_S},
            ],
            "examples": ["200ms", "30s", "5m", "1h30m", "1d"],
        }

    def _seconds(self, node: Node) -> float | None:
        value = node.value if isinstance(node, Scalar) else None
        if isinstance(value, bool):
            return None
        if isinstance(value, int | float):
            return float(value)
        if not isinstance(value, str):
            return None
        try:
            return parse_duration(value)
        except ValueError:
            return None


_WORD = re.compile(
    r"(\d+(?:\.\d+)?) *(ms|msecs?|milliseconds?|s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?"
    r"|d|days?)",
    re.IGNORECASE,
)


def _unit_hint(node: Node) -> str:
    """Suggest the short form of "5 minutes"."""
    if not isinstance(node, Scalar) or not isinstance(node.value, str):
        return ""
    match = _WORD.fullmatch(node.value.strip())
    if match is None:
        return ""
    unit = match[2].lower()
    return f"write {match[1]}{'ms' if unit.startswith(('ms', 'mil')) else unit[0]}"
