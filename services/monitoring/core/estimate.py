"""How far a run is, and how long it will take still.

The share that is done is that of its steps, each weighted by what it took in the past; one that
waits for a person, a signal or the clock is no more than a usual step, however long it waits: else
a run would stand at 1 % until somebody looks at it, and at 99 % from then on.

The time left is that of the open step whose own rest and whose usual tail (from its end to the end
of the run) are longest together: so what runs in parallel is not counted twice, and no graph is
needed.
"""

from collections import OrderedDict
from collections.abc import Callable, Sequence

from services.monitoring.core.past import UNKNOWN, Part, Past, StepPast, parts_of
from services.monitoring.core.projection import ENDED, NEVER, RunProjection, Step
from services.monitoring.core.turns import PENDING
from stretto.contracts.answers import StepProgress

MOST = 0.95
"""What an open step is shown as at most, when only its usual duration tells how far it is."""

MOST_OF_A_RUN = 0.99
"""What a run that is open is shown as at most."""

LEAST_SHARE = 0.02
"""A step that says less than this of itself is not extrapolated: the error would be too large."""

LEAST_WEIGHT_US = 1_000.0
_US_PER_MS = 1_000

MAX_SHOWN = 2_000
"""Runs of which it is remembered as what they were shown."""

Said = Callable[[str, int], float | None]
"""What an attempt last said of itself: of a step's path and attempt, the share that is done."""


class Estimate:
    """What is known of one run at one instant. `left_us` None: unknown."""

    def __init__(self, progress: float, left_us: float | None, steps: list[StepProgress]) -> None:
        self.progress = progress
        self.left_us = left_us
        self.steps = steps


class Shown:
    """What runs were shown as: none goes backwards, because a list is longer than usual or another
    run was learnt from, unless steps of it run again."""

    def __init__(self) -> None:
        self._runs: OrderedDict[bytes, tuple[float, int]] = OrderedDict()

    def at_least(self, run_id: bytes, now: Estimate) -> float:
        """The share to show: as it is now, but no less than it was shown before."""
        ended = sum(step.progress == 1.0 for step in now.steps)
        before, ended_before = self._runs.pop(run_id, (0.0, 0))
        shown = max(before, now.progress) if ended >= ended_before else now.progress
        self._runs[run_id] = (shown, ended)
        if len(self._runs) > MAX_SHOWN:
            self._runs.popitem(last=False)
        return shown


def estimate(
    run: RunProjection, past: Past | None, names: Sequence[str], now_us: int, said: Said
) -> Estimate:
    """Work out how far a run is.

    Args:
        past: what earlier runs of the workflow took; None: there is none.
        names: the steps of the definition, for a workflow that has no past.
        now_us: µs since the epoch.
        said: what attempts say of themselves.
    """
    at = (run.closed_us or now_us) - run.started_us
    parts = parts_of(run.steps.values())
    known = {} if past is None else past.steps
    weights = _weights(parts, known, names)
    whole = sum(weights.values()) or 1.0
    steps: list[StepProgress] = []
    left_us: float | None = None
    for name, weight in weights.items():
        part = parts.get(name)
        rest: float | None = None
        share = 0.0
        if part is not None:
            share, rest = _part(part, known.get(name), at, said)
            tail = _tail(part, known.get(name), rest, at)
            if tail is not None:
                left_us = tail if left_us is None else max(left_us, tail)
        steps.append(_view(name, part, known.get(name), (share, weight / whole, rest)))
    progress = sum(s.progress * s.weight for s in steps)
    if run.status == "completed":
        return Estimate(1.0, 0.0, steps)
    if not run.closed:
        progress = min(progress, MOST_OF_A_RUN)
    if run.closed or run.status in ("failing", "blocked", "paused", "queued") or past is None:
        return Estimate(min(progress, 1.0), None, steps)
    if left_us is None and not parts:
        left_us = max(0.0, past.total - at)
    return Estimate(min(progress, 1.0), left_us, steps)


def _weights(
    parts: dict[str, Part], known: dict[str, StepPast], names: Sequence[str]
) -> dict[str, float]:
    """The expected work of every step, in µs; equal where there is no past."""
    if not known:
        return dict.fromkeys([*names, *parts], 1.0)
    working = [past.worked for past in known.values() if past.worked > 0]
    typical = sum(working) / len(working) if working else None
    work = {name: _work(past, typical) for name, past in known.items()}
    usual = sum(work.values()) / len(work)
    found: dict[str, float] = {}
    for name in [*parts, *(n for n in known if n not in parts)]:
        past, part = known.get(name), parts.get(name)
        if past is None:
            found[name] = max(usual, LEAST_WEIGHT_US)
        elif part is None:
            found[name] = max(work[name] * past.often, LEAST_WEIGHT_US)
        else:
            found[name] = max(work[name] * _scale(part, past), LEAST_WEIGHT_US)
    return found


def _work(past: StepPast, typical: float | None) -> float:
    """What a step counts, in µs: what it took, but a wait no more than a usual step."""
    if typical is None or past.worked == UNKNOWN:
        return past.usual
    return min(past.usual, max(past.worked, typical))


def _scale(part: Part, past: StepPast) -> float:
    """How many times as many items as usual a `for_each` has."""
    return part.items / past.items if part.items and past.items else 1.0


def _part(part: Part, past: StepPast | None, at: int, said: Said) -> tuple[float, float | None]:
    """The share of a step that is done, and how long it will take still in µs (None: unknown)."""
    if part.status in ENDED:
        return 1.0, 0.0
    if part.status == PENDING:  # the run went back over it: the time since then is not its own
        return 0.0, None
    elapsed = max(0, at - part.began)
    share = _told(part, said)
    if share is not None:
        rest = elapsed * (1 - share) / share if share >= LEAST_SHARE else None
        if rest is None and past is not None:
            rest = past.usual * _scale(part, past) * (1 - share)
        return share, rest
    if past is None or not past.usual:
        return 0.0, None
    usual = past.usual * _scale(part, past)
    return min(MOST, elapsed / usual), max(usual - elapsed, usual * (1 - MOST))


def _told(part: Part, said: Said) -> float | None:
    """What is known of a step by itself: its items that have ended, or what its attempt says."""
    if part.items:
        going = [s for s in part.inside if s.status not in ENDED and s.attempts]
        share = sum(_of_attempt(step, said) or 0.0 for step in going)
        return min(1.0, (part.finished + share) / part.items)
    return None if part.own is None else _of_attempt(part.own, said)


def _of_attempt(step: Step, said: Said) -> float | None:
    return said(step.path, step.attempts[-1].number) if step.attempts else None


def _tail(part: Part, past: StepPast | None, rest: float | None, at: int) -> float | None:
    """From now to the end of the run, if this step is what the run waits for."""
    if past is None:
        return None
    if part.ended != NEVER and part.status in ENDED:
        return max(0.0, past.tail - (at - part.ended)) if part.status == "completed" else None
    return None if rest is None else rest + past.tail


def _view(
    name: str,
    part: Part | None,
    past: StepPast | None,
    figures: tuple[float, float, float | None],
) -> StepProgress:
    share, weight, rest = figures
    is_open = part is not None and part.status not in ENDED
    return StepProgress(
        step=name,
        status="pending" if part is None else part.status,
        progress=round(share, 4),
        weight=round(weight, 4),
        left_ms=round(rest / _US_PER_MS) if is_open and rest is not None else None,
        usual_ms=round(past.usual / _US_PER_MS, 1) if past is not None and past.ran else None,
        finished=part.finished if part is not None and part.items else None,
        total=part.items or None if part is not None else None,
    )
