"""Routes among the events: which device got an attempt, who else could have had it, or nobody."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from services.monitoring.core.decided import NONE, Decided, RouteSeen, step_of

if TYPE_CHECKING:
    from services.monitoring.core.projection import Attempt, RunProjection

NO_DEVICE = "NoDevice"
"""The type of the failure of an attempt that no device fits."""

_ROUTE = "route"
_NOT_SEEN = RouteSeen()


class StoodFact(msgspec.Struct, frozen=True, gc=False):
    """A device that fitted."""

    device: str = ""


class RankedFact(msgspec.Struct, frozen=True):
    """The answer of the decision service, as far as it is counted."""

    candidates: list[StoodFact] = []
    fitting: int = 0
    explored: bool = False
    took_us: int = 0


class BoundFact(msgspec.Struct, frozen=True):
    """Of `step.bound`."""

    step: str = ""
    attempt: int = 0
    device: str = ""
    ranked: RankedFact | None = None


class DivertedFact(msgspec.Struct, frozen=True, gc=False):
    """Of `step.diverted`."""

    step: str = ""
    attempt: int = 0
    queue: str = ""


_decode_diverted = msgspec.json.Decoder(DivertedFact).decode
_decode = msgspec.json.Decoder(BoundFact).decode


def _bound(run: RunProjection, at_us: int, data: bytes) -> Decided | None:
    fact = _decode(data)
    attempt = _attempt_of(run, fact.step, fact.attempt)
    if attempt is None:
        return None
    moved = attempt.worker is not None and attempt.worker != fact.device
    attempt.worker = fact.device
    ranked = fact.ranked or RankedFact()
    stood = tuple(each.device for each in ranked.candidates)
    seen = RouteSeen(
        stood=stood,
        fitting=ranked.fitting,
        first=stood[:1] == (fact.device,),
        explored=ranked.explored,
        moved=moved,
        rank_us=ranked.took_us,
    )
    outcome = f"device {fact.device}"
    return Decided(step_of(fact.step), _ROUTE, (outcome,), _since(run, attempt, at_us), seen)


def refused(run: RunProjection, path: str, attempt: Attempt, at_us: int) -> Decided:
    """The decision of a route that no device fits."""
    return Decided(step_of(path), _ROUTE, (NONE,), _since(run, attempt, at_us), _NOT_SEEN)


def _attempt_of(run: RunProjection, path: str, number: int) -> Attempt | None:
    """An attempt; None: its run was forked or moved here without what came before."""
    step = run.steps.get(path)
    attempts = [] if step is None else [a for a in step.attempts if a.number == number]
    return attempts[0] if attempts else None


def _since(run: RunProjection, attempt: Attempt, at_us: int) -> int:
    """µs since an attempt was scheduled."""
    return at_us - run.started_us - attempt.scheduled


def _diverted(run: RunProjection, at_us: int, data: bytes) -> Decided | None:
    fact = _decode_diverted(data)
    attempt = _attempt_of(run, fact.step, fact.attempt)
    if attempt is None:
        return None
    outcome = f"queue {fact.queue}"
    return Decided(step_of(fact.step), _ROUTE, (outcome,), _since(run, attempt, at_us), _NOT_SEEN)


BOUND = {"step.bound": _bound, "step.diverted": _diverted}
