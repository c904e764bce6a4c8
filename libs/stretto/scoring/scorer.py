"""What a scorer is given, what it gives, and how one is found."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from functools import lru_cache
from importlib.metadata import entry_points
from typing import Any, NamedTuple, Protocol, runtime_checkable

GROUP = "stretto.scorers"

_EXIT_USAGE = 2


class Situation(NamedTuple):
    """A device that could run an attempt, as it is now.

    `time_ms`: the smoothed time of the task there; `cost_ms`: what the policy of our own expects;
    None where nothing is known.
    """

    task: str
    device: str
    load: float
    """The share of its slots that is taken; above 1 where attempts wait for it."""
    slots: int
    time_ms: float | None
    cost_ms: float | None
    attributes: Mapping[str, Any]
    labels: Mapping[str, str]


@runtime_checkable
class Scorer(Protocol):
    """Says what devices are expected to cost."""

    def score(self, situations: Sequence[Situation]) -> Sequence[float]:
        """Give a number for each situation: milliseconds, or anything else of which less is better
        and 1,000 is much. Called for every attempt, in the event loop: below a millisecond."""


class ScorerError(ValueError):
    """A scorer that cannot be had; says the reason."""


@lru_cache(maxsize=1)
def scorer_names() -> tuple[str, ...]:
    """The scorers that are installed here, in the order of the alphabet; looked for once."""
    return tuple(sorted({entry.name for entry in entry_points(group=GROUP)}))


def load_scorers(names: str) -> dict[str, Scorer]:
    """Make scorers by their names, with commas between them.

    Raises:
        ScorerError: there is none of a name, or it cannot be made.
    """
    made = {}
    for name in filter(None, (part.strip() for part in names.split(","))):
        scorer = load_scorer(name)
        assert scorer is not None
        made[name] = scorer
    return made


def load_scorer(name: str) -> Scorer | None:
    """Make the scorer of an installed package; None for an empty name.

    Raises:
        ScorerError: there is none of that name, or it cannot be made.
    """
    if not name.strip():
        return None
    found = {entry.name: entry for entry in entry_points(group=GROUP)}
    entry = found.get(name.strip())
    if entry is None:
        there = ", ".join(sorted(found)) or "none"
        raise ScorerError(
            f"expected `{name}` among the scorers that are installed, but there are: {there}"
        )
    try:
        made = entry.load()()
    except Exception as error:
        raise ScorerError(
            f"expected `{name}` ({entry.value}) to make a scorer, "
            f"but {type(error).__name__}: {error}"
        ) from error
    if not isinstance(made, Scorer):
        raise ScorerError(
            f"expected `{name}` ({entry.value}) to make something that has `score`, "
            f"but got a {type(made).__name__}"
        )
    return made


class Scorers(NamedTuple):
    """What a decision service has: the scorer of all that do not name one, and those by name."""

    default: Scorer | None = None
    named: Mapping[str, Scorer] = {}


def load_scorers_or_exit(default: str, names: str) -> Scorers:
    """Make the scorers of the configuration, or say what is wrong on stderr and exit with 2."""
    variable = "STRETTO_DECISION_SCORERS"
    try:
        named = load_scorers(names)
        variable = "STRETTO_DECISION_SCORER"
        name = default.strip()
        scorer = named[name] if name in named else load_scorer(name)
    except ScorerError as error:
        sys.stderr.write(f"{variable}: {error}\n")
        raise SystemExit(_EXIT_USAGE) from None
    if scorer is not None:
        named = {**named, name: scorer}
    return Scorers(scorer, named)
