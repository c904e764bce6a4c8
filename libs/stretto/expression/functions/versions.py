"""Semantic versions and ranges of them (semver.org, 2.0.0; ranges as npm writes them)."""

import re
from dataclasses import dataclass
from itertools import zip_longest

__all__ = ["Version", "read_version", "satisfies"]

_MAX_CHARS = 256
"""A longer text is no version: what follows looks at each character."""

_VERSION = re.compile(
    r"v?(\d{1,15})\.(\d{1,15})\.(\d{1,15})(?:-([0-9A-Za-z.-]+))?(?:\+([0-9A-Za-z.-]+))?", re.ASCII
)
_PARTIAL = re.compile(
    r"v?(\d{1,15}|[xX*])(?:\.(\d{1,15}|[xX*])(?:\.(\d{1,15}|[xX*])"
    r"(?:-([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?)?)?",
    re.ASCII,
)
_OPERATOR = re.compile(r"(\^|~|>=|<=|>|<|=)?\s*(\S+)")
_AFTER_OPERATOR = re.compile(r"(\^|~|>=|<=|>|<|=) +")

_Numbers = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Version:
    """A version. What comes after `+` does not count."""

    numbers: _Numbers
    pre: tuple[str, ...] = ()
    build: str = ""

    def order(self, other: "Version") -> int:
        """-1, 0 or 1: before, the same, after (semver.org, 11)."""
        if self.numbers != other.numbers:
            return -1 if self.numbers < other.numbers else 1
        if not self.pre or not other.pre:
            return bool(other.pre) - bool(self.pre)
        for one, two in zip_longest(self.pre, other.pre):
            if one is None or two is None:
                return -1 if one is None else 1
            if one != two:
                return -1 if _rank(one) < _rank(two) else 1
        return 0


_Bound = tuple[str, Version]
"""`>=`, `<` …, and of what."""


def read_version(text: str) -> Version | None:
    """Read a version; a `v` may stand before it. None where it is none."""
    found = _VERSION.fullmatch(text) if len(text) <= _MAX_CHARS else None
    if found is None:
        return None
    major, minor, patch, pre, build = found.groups()
    return Version((int(major), int(minor), int(patch)), _parts(pre), build or "")


def satisfies(version: Version, wanted: str) -> bool | None:
    """Whether a version is in a range; None where that is no range.

    A version before its release is only in a range that names one of the same numbers.
    """
    if len(wanted) > _MAX_CHARS:
        return None
    fits = False
    for choice in wanted.split("||"):
        bounds = _bounds(choice.strip())
        if bounds is None:
            return None
        fits = fits or _fits(version, bounds)
    return fits


def _fits(version: Version, bounds: list[_Bound]) -> bool:
    if not all(_holds(version.order(bound), operator) for operator, bound in bounds):
        return False
    return not version.pre or any(
        bound.pre and bound.numbers == version.numbers for _, bound in bounds
    )


def _holds(order: int, operator: str) -> bool:
    match operator:
        case ">=":
            return order >= 0
        case "<=":
            return order <= 0
        case ">":
            return order > 0
        case "<":
            return order < 0
    return order == 0


def _bounds(choice: str) -> list[_Bound] | None:
    low, dash, high = choice.partition(" - ")
    if dash:
        choice = f">={low.strip()} <={high.strip()}"
    bounds: list[_Bound] = []
    for word in _AFTER_OPERATOR.sub(r"\1", choice.replace(",", " ")).split() or ["*"]:
        found = _OPERATOR.fullmatch(word)
        partial = _PARTIAL.fullmatch(found[2]) if found is not None else None
        if found is None or partial is None:
            return None
        numbers = [int(part) for part in partial.groups()[:3] if part and part.isdigit()]
        bounds += _bounds_of(found[1] or "=", numbers, _parts(partial[4]))
    return bounds


def _bounds_of(operator: str, given: list[int], pre: tuple[str, ...]) -> list[_Bound]:
    """The bounds that an operator over so many given numbers stands for."""
    low = Version(_numbers(given), pre)
    match operator:
        case "^":
            first = next((n for n, number in enumerate(given) if number), len(given) - 1)
            return _between(low, given, max(0, first) + 1)
        case "~":
            return _between(low, given, min(2, len(given)))
        case "=":
            return [("=", low)] if len(given) == 3 else _between(low, given, len(given))
        case ">" if len(given) < 3:
            return [(">=", _next(given))] if given else [("<", Version((0, 0, 0)))]
        case "<=" if len(given) < 3:
            return [("<", _next(given))] if given else []
    return [(operator, low)]


def _between(low: Version, given: list[int], kept: int) -> list[_Bound]:
    """From a version to before the next one, of which so many numbers count."""
    return [(">=", low), ("<", _next(given[:kept]))] if given else []


def _next(given: list[int]) -> Version:
    return Version(_numbers([*given[:-1], given[-1] + 1]), ("0",))


def _numbers(given: list[int]) -> _Numbers:
    major, minor, patch = (*given, 0, 0, 0)[:3]
    return major, minor, patch


def _parts(pre: str | None) -> tuple[str, ...]:
    return tuple(pre.split(".")) if pre else ()


def _rank(part: str) -> tuple[bool, int, str]:
    return (False, int(part), "") if part.isdigit() else (True, 0, part)
