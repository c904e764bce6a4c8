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


_decode = msgspec.json.Decoder(BoundFact).decode


def _bound(run: RunProjection, at_us: int, data: bytes) -> Decided | None:
    fact = _decode(data)
    step = run.steps.get(fact.step)
    attempts = [] if step is None else [a for a in step.attempts if a.number == fact.attempt]
    if not attempts:
        return None  # its run was forked or moved here without what came before
    attempt = attempts[0]
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


def _since(run: RunProjection, attempt: Attempt, at_us: int) -> int:
    """µs since an attempt was scheduled."""
    return at_us - run.started_us - attempt.scheduled


BOUND = {"step.bound": _bound}
