"""Decisions among the events: which case of a switch, which rules of a table, which device of a
route, and how long it took from the question to the answer."""

import re
from typing import NamedTuple

NONE = "none"
"""No case fitted, or no rule."""

_INDEX = re.compile(r"\[\d+\]")


class RouteSeen(NamedTuple):
    """What else is known of the decision of a route: the devices that are told as candidates, how
    many fitted in all, whether the best of them got the attempt, whether it was put in front to
    learn about it, whether another device had the attempt before, and µs of the ranking."""

    stood: tuple[str, ...] = ()
    fitting: int = 0
    first: bool = False
    explored: bool = False
    moved: bool = False
    rank_us: int = 0


class Decided(NamedTuple):
    """A decision: of which step of the definition (items and rounds are one step, `scan[]`), of
    which kind, what counted (`case 0`, `rules[3]`, `device dock-7`, `queue manual`,
    `none`), and µs from question to answer (of a route: from when the attempt was scheduled to when
    a device got it)."""

    step: str
    kind: str
    outcomes: tuple[str, ...]
    took_us: int
    route: RouteSeen | None = None


def chosen(path: str, branch: int, took_us: int) -> Decided:
    """The decision of a switch."""
    outcome = NONE if branch < 0 else f"case {branch}"
    return Decided(step_of(path), "switch", (outcome,), took_us)


def looked_up(path: str, rules: list[int], took_us: int) -> Decided:
    """The decision of a table."""
    outcomes = tuple(f"rules[{rule}]" for rule in rules) or (NONE,)
    return Decided(step_of(path), "table", outcomes, took_us)


def step_of(path: str) -> str:
    """The step of the definition that a path belongs to."""
    return _INDEX.sub("[]", path) if "[" in path else path
