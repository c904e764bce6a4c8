"""Many runs of a workflow: what they have in common."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from stretto.profiling.advice import advise
from stretto.profiling.profiling import Tally, by_name, ms, times
from stretto.profiling.report import Profile
from stretto.profiling.stretch import Happened, Story, Stretch
from stretto.profiling.way import critical, needs_of

MAX_SLOWEST = 5


class RunToProfile(NamedTuple):
    """A run with its events, and the graph of its version."""

    run_id: str
    events: Sequence[Happened]
    graph: Mapping[str, Any]


def profile_many(
    workflow: str, runs: Iterable[RunToProfile], *, more: bool = False
) -> Profile | None:
    """Profile runs together, keeping none of them; None when there are none.

    Args:
        more: what the answer says of whether there are others.
    """
    tally = Tally()
    took: list[tuple[float, str]] = []
    stretches: list[Stretch] = []
    for run in runs:
        story = Story(run.events)
        tally.add(story, critical(story, needs_of(run.graph)))
        took.append((story.ended - story.started, run.run_id))
        stretches += [s for s in story.stretches if s.failures]
    if not took:
        return None
    count, total = len(took), sum(each for each, _ in took)
    return Profile(
        workflow=workflow,
        runs=count,
        took=times([each for each, _ in took]),
        work_ms=ms(tally.work / count),
        parallelism=round(tally.work / total, 2) if total > 0 else 0.0,
        parts=tally.way_parts(count),
        steps=tally.step_times(count),
        tasks=by_name(tally.tasks),
        workers=by_name(tally.workers),
        advice=advise(tally.way, total, stretches, runs=count),
        slowest=[run_id for _, run_id in sorted(took, reverse=True)[:MAX_SLOWEST]],
        more=more,
    )
