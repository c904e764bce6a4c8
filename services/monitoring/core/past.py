"""What past runs of a workflow took, step by step: learnt from each run that completed.

Means are exponential: the first runs count in full, later ones a tenth each, so that a step that
has become slower is known as such soon.
"""

from collections.abc import Iterable

import msgspec

from services.monitoring.core.projection import NEVER, RunProjection, Step
from stretto.contracts.events import COMPENSATION_SUFFIX

MAX_STEPS = 200
"""Steps of a workflow that are remembered: a larger one is estimated by those."""

FORGET_AFTER = 50
"""A step that so many runs did not have is forgotten: the workflow has changed."""

UNKNOWN = -1.0

_SHARE = 0.1
"""What a new run counts, beside all before it."""


class StepPast(msgspec.Struct, array_like=True):
    """One step: as it is kept; new fields go to the end. Durations are µs.

    `usual`: from its beginning to its end, where it ran. `tail`: from its end to that of the run.
    `often`: the share of runs in which it ran. `items`: how many it has, for a `for_each`.
    `worked`: what of `usual` attempts were out for, the rest it waited for a person, a signal or
    the clock; UNKNOWN where it was learnt before that was kept.
    """

    usual: float = 0.0
    tail: float = 0.0
    often: float = 0.0
    items: float = 0.0
    ran: int = 0
    seen: int = 0
    worked: float = UNKNOWN


class Past(msgspec.Struct, array_like=True):
    """A workflow, as it is kept; new fields go to the end. `total`: the run, in µs."""

    runs: int = 0
    total: float = 0.0
    steps: dict[str, StepPast] = {}


class Part(msgspec.Struct):
    """A step at the top of a workflow, with all that is inside it summed up. µs since the start."""

    name: str
    status: str
    began: int
    ended: int
    items: int = 0
    finished: int = 0
    own: Step | None = None
    inside: list[Step] = []


def parts_of(steps: Iterable[Step]) -> dict[str, Part]:
    """Sum up the steps of a run by those at the top. Compensations are no work of the run."""
    found: dict[str, Part] = {}
    for step in steps:
        if COMPENSATION_SUFFIX in step.path:
            continue
        name = _top(step.path)
        part = found.get(name)
        if part is None:
            part = found[name] = Part(name, step.status, step.began, step.ended)
        if step.path == name:
            part.own, part.status = step, step.status
            part.ended, part.items = step.ended, step.items
            part.began = min(part.began, step.began)
            continue
        part.inside.append(step)
        if step.path == f"{name}[{_index(step.path)}]" and step.ended != NEVER:
            part.finished += 1
    return found


def learn(past: Past, run: RunProjection) -> None:
    """Count a run that completed. O(its steps)."""
    took = run.closed_us - run.started_us
    past.runs += 1
    past.total = _mean(past.total, took, past.runs)
    parts = parts_of(run.steps.values())
    for name, part in parts.items():
        kept = past.steps.get(name)
        if kept is None:
            if len(past.steps) >= MAX_STEPS:
                continue
            kept = past.steps[name] = StepPast()
        kept.seen = past.runs
        ran = part.status not in ("skipped", "cancelled") and part.ended != NEVER
        kept.often = _mean(kept.often, 1.0 if ran else 0.0, past.runs)
        if ran:
            kept.ran += 1
            known = kept.ran if kept.worked != UNKNOWN else 1
            kept.worked = _mean(max(kept.worked, 0.0), work_of(part), known)
            kept.usual = _mean(kept.usual, max(0, part.ended - part.began), kept.ran)
            kept.tail = _mean(kept.tail, max(0, took - part.ended), kept.ran)
            kept.items = _mean(kept.items, part.items, kept.ran)
    for name, kept in list(past.steps.items()):
        if name not in parts:
            kept.often = _mean(kept.often, 0.0, past.runs)
            if past.runs - kept.seen > FORGET_AFTER:
                del past.steps[name]


def work_of(part: Part) -> int:
    """For how long of a step that has ended attempts were out, at most as long as it took, in µs.
    What is tried again counts from its first attempt to its end."""
    took = max(0, part.ended - part.began)
    if part.own is not None and part.own.attempts:
        return took
    out = (a for step in part.inside for a in step.attempts if a.ended != NEVER)
    return min(took, sum(max(0, a.ended - a.scheduled) for a in out))


def _mean(before: float, value: float, count: int) -> float:
    return before + (value - before) * max(_SHARE, 1 / count)


def _top(path: str) -> str:
    for at, char in enumerate(path):
        if char in ".[~":
            return path[:at]
    return path


def _index(path: str) -> str:
    return path.partition("[")[2].partition("]")[0]
