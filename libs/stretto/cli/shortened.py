"""The steps of a run for a person: of many items that ended alike the first ones are shown, and how
many there are. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from stretto.contracts.answers import StepView

MAX_ALIKE = 10
"""Items of a step in one status that are shown one by one; one more is shown, too."""

_INDEX = re.compile(r"\[\d+\]", re.ASCII)


class Shown(NamedTuple):
    """A line: a `step`, or that there are `more` steps `like` those above, in the same status."""

    step: StepView | None
    like: str = ""
    status: str = ""
    more: int = 0


def shortened(steps: Iterable[StepView]) -> list[Shown]:
    """Leave out items where there are many of one step in one status: a line after the last of
    those that are shown says how many."""
    steps = list(steps)
    kinds = [(_INDEX.sub("[…]", step.step), step.status) for step in steps]
    count = Counter(kinds)
    seen: Counter[tuple[str, str]] = Counter()
    shown: list[Shown] = []
    for step, kind in zip(steps, kinds, strict=True):
        seen[kind] += 1
        left = count[kind] - MAX_ALIKE
        if left <= 1 or seen[kind] <= MAX_ALIKE:
            shown.append(Shown(step))
        if left > 1 and seen[kind] == MAX_ALIKE:
            shown.append(Shown(None, *kind, more=left))
    return shown
