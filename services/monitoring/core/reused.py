"""Reuse among the events: a step looks for what an equal one gave, and takes it or is done."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from services.monitoring.core.decided import Decided, step_of

if TYPE_CHECKING:
    from services.monitoring.core.projection import RunProjection, Step

SEEKING = "seeking"
"""The status of a step that looks."""

_CACHE = "cache"
REUSED = "reused"
DONE = "done"


class ReusedFact(msgspec.Struct, frozen=True, gc=False):
    """Of `step.reused`."""

    step: str = ""
    from_run: str = ""
    from_step: str = ""


_decode = msgspec.json.Decoder(ReusedFact).decode


def _seeking(run: RunProjection, at_us: int, data: bytes) -> None:
    fact = _decode(data)
    at = at_us - run.started_us
    step = run.step(fact.step, at)
    step.reused_run = step.reused_step = None
    run.move(step, SEEKING, at)


def _reused(run: RunProjection, at_us: int, data: bytes) -> Decided:
    fact = _decode(data)
    at = at_us - run.started_us
    step = run.step(fact.step, at)
    step.reused_run, step.reused_step = fact.from_run, fact.from_step
    run.move(step, "completed", at)
    return Decided(step_of(fact.step), _CACHE, (REUSED,), at - step.began)


def done(step: Step, at: int) -> Decided | None:
    """The decision of a step that goes out at `at`: it found nothing; None: it did not look."""
    if step.status != SEEKING:
        return None
    return Decided(step_of(step.path), _CACHE, (DONE,), at - step.began)


REUSE = {"step.seeking": _seeking, "step.reused": _reused}
