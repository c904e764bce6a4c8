"""One run: its way, and how its time is spread."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from stretto.profiling.advice import advise
from stretto.profiling.report import PARTS, Part, Piece, RunProfile, StepTimes, Times
from stretto.profiling.stretch import Happened, Story, Stretch
from stretto.profiling.way import Bit, critical, needs_of, plain

MS = 1000.0
NEAR_DIGITS = 3
"""A microsecond is what the log holds."""


class Tally:
    """Durations of runs of a workflow, gathered by step, task and worker. Seconds."""

    def __init__(self) -> None:
        self.steps: dict[str, list[float]] = {}
        self.parts: dict[str, dict[Part, list[float]]] = {}
        self.tasks: dict[str, list[float]] = {}
        self.workers: dict[str, list[float]] = {}
        self.named: dict[str, str] = {}
        self.attempts: dict[str, int] = {}
        self.critical: dict[str, float] = {}
        self.way: dict[tuple[str, Part], float] = {}
        self.work = 0.0

    def add(self, story: Story, way: Iterable[Bit]) -> None:
        """Take a run."""
        for stretch in story.stretches:
            self._stretch(stretch, story.ended)
        for bit in way:
            step = plain(bit.stretch.path) if bit.stretch else ""
            took = bit.end - bit.begin
            self.critical[step] = self.critical.get(step, 0.0) + took
            self.way[step, bit.part] = self.way.get((step, bit.part), 0.0) + took

    def _stretch(self, stretch: Stretch, ended: float) -> None:
        step = plain(stretch.path)
        end = ended if stretch.end is None else stretch.end
        self.steps.setdefault(step, []).append(end - stretch.begin)
        self.attempts[step] = self.attempts.get(step, 0) + stretch.attempts
        if stretch.task is not None:
            self.named[step] = stretch.task
        for part, took in parts_of(stretch).items():
            self.parts.setdefault(step, {}).setdefault(part, []).append(took)
        ran = [stay.end - stay.begin for stay in stretch.stays if stay.part == "run"]
        self.work += sum(ran)
        if stretch.task is not None:
            self.tasks.setdefault(stretch.task, []).extend(ran)
        if stretch.worker is not None:
            self.workers.setdefault(stretch.worker, []).extend(ran)

    def step_times(self, runs: int = 1) -> list[StepTimes]:
        """By step, those first that take most of the critical path."""
        found = [
            StepTimes(
                step=step,
                took=times(took),
                parts={part: times(some) for part, some in self.parts.get(step, {}).items()},
                critical_ms=ms(self.critical.get(step, 0.0) / runs),
                task=self.named.get(step),
                attempts=self.attempts.get(step, 0),
            )
            for step, took in self.steps.items()
        ]
        return sorted(found, key=lambda each: (-each.critical_ms, -each.took.total_ms, each.step))

    def way_parts(self, runs: int = 1) -> dict[str, float]:
        """The time of the critical path by part."""
        totals = {
            part: ms(sum(took for (_, of), took in self.way.items() if of == part) / runs)
            for part in PARTS
        }
        return {part: took for part, took in totals.items() if took > 0}


def profile_run(run_id: str, events: Sequence[Happened], graph: Mapping[str, Any]) -> RunProfile:
    """Profile a run, open or closed.

    Args:
        events: all of the run's, in order.
        graph: the compiled workflow, as JSON; of a run that was migrated the version that holds.

    Raises:
        ValueError: there are no events.
    """
    if not events:
        raise ValueError("expected the events of a run, but there are none")
    story = Story(events)
    way = critical(story, needs_of(graph))
    tally = Tally()
    tally.add(story, way)
    took = story.ended - story.started
    return RunProfile(
        run_id=run_id,
        workflow=story.workflow,
        version=story.version,
        status=story.status,
        started_at=datetime.fromtimestamp(story.started, UTC).isoformat(),
        took_ms=ms(took),
        work_ms=ms(tally.work),
        parallelism=round(tally.work / took, 2) if took > 0 else 0.0,
        critical_path=pieces(way, story.started),
        parts=tally.way_parts(),
        steps=tally.step_times(),
        tasks=by_name(tally.tasks),
        workers=by_name(tally.workers),
        advice=advise(tally.way, took, story.stretches),
    )


def pieces(way: Iterable[Bit], started: float) -> list[Piece]:
    """The way with bits of one step that follow one another put together."""
    grouped: list[tuple[Stretch | None, list[Bit]]] = []
    for bit in way:
        if not grouped or grouped[-1][0] is not bit.stretch:
            grouped.append((bit.stretch, []))
        grouped[-1][1].append(bit)
    found: list[Piece] = []
    for stretch, bits in grouped:
        parts: dict[str, float] = {}
        for bit in bits:
            parts[bit.part] = parts.get(bit.part, 0.0) + bit.end - bit.begin
        found.append(
            Piece(
                step=stretch.path if stretch else "",
                at_ms=ms(bits[0].begin - started),
                took_ms=ms(bits[-1].end - bits[0].begin),
                parts={part: ms(took) for part, took in parts.items()},
                task=stretch.task if stretch else None,
                worker=stretch.worker if stretch else None,
                queue=stretch.queue if stretch else None,
                attempts=stretch.attempts if stretch else 0,
            )
        )
    return found


def parts_of(stretch: Stretch) -> dict[Part, float]:
    """The time of a passage by part; that of the steps inside is theirs."""
    parts: dict[Part, float] = {}
    for stay in stretch.stays:
        if stay.part is not None:
            parts[stay.part] = parts.get(stay.part, 0.0) + stay.end - stay.begin
    return parts


def by_name(found: Mapping[str, Sequence[float]]) -> dict[str, Times]:
    """Distributions, those with the largest total first."""
    told = {name: times(some) for name, some in found.items() if some}
    return dict(sorted(told.items(), key=lambda each: (-each[1].total_ms, each[0])))


def times(seconds: Sequence[float]) -> Times:
    """A distribution of at least one duration in seconds."""
    ordered = sorted(seconds)
    total = sum(ordered)
    return Times(
        count=len(ordered),
        total_ms=ms(total),
        mean_ms=ms(total / len(ordered)),
        p50_ms=ms(_quantile(ordered, 0.5)),
        p95_ms=ms(_quantile(ordered, 0.95)),
        max_ms=ms(ordered[-1]),
    )


def _quantile(ordered: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` of all are not above."""
    return ordered[max(0, -int(-share * len(ordered) // 1) - 1)]


def ms(seconds: float) -> float:
    return round(seconds * MS, NEAR_DIGITS)
