"""What a scorer is given, what it gives, and how one is found."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
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


def load_scorer_or_exit(name: str) -> Scorer | None:
    """Make a scorer as `load_scorer` does, or say what is wrong on stderr and exit with 2."""
    try:
        return load_scorer(name)
    except ScorerError as error:
        sys.stderr.write(f"STRETTO_DECISION_SCORER: {error}\n")
        raise SystemExit(_EXIT_USAGE) from None
