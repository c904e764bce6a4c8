"""Latencies and rates, in memory; told to Postgres every few seconds: any instance answers.

Latencies are histograms of log buckets (`stretto.telemetry.metrics`): within 10 % of the true
value, whatever its size. Rates are counted by the second in which something happened, by the clock
of the log.
"""

import msgspec

from services.monitoring.core.decided import Decided
from services.monitoring.core.projection import RunProjection, TaskTook, Took
from services.monitoring.decisions import Decisions
from services.monitoring.durations import Durations
from services.monitoring.statistics_states import HistogramState, histogram_of, merge, state_of
from stretto.contracts.answers import Latency
from stretto.runtime.clock import US_PER_S
from stretto.telemetry.metrics import Histogram

MAX_NAMES = 500
"""Workflows and tasks with a histogram of their own; what comes after goes to `OTHER`."""

OTHER = "*"

WINDOW_S = 60
"""Rates are those of the last minute."""

MAX_SKEW_S = 10
"""Seconds kept beyond the window: instances of the workflow service have clocks of their own."""

_US_PER_MS = 1_000
_MS = 1e-3


class StatisticsState(msgspec.Struct, kw_only=True):
    """All of it, as it is kept; histograms by `<namespace>/<name>`."""

    runs: dict[str, HistogramState] = {}
    tasks: dict[str, HistogramState] = {}
    steps_per_s: dict[str, float] = {}
    runs_per_s: dict[str, float] = {}
    at_us: int = 0


class Statistics:
    """Observes what the projections saw."""

    def __init__(self) -> None:
        self._runs: dict[str, Histogram] = {}
        self._tasks: dict[str, Histogram] = {}
        self._steps_by_second: dict[str, dict[int, int]] = {}
        self._runs_by_second: dict[str, dict[int, int]] = {}
        self.durations = Durations()
        self.decisions = Decisions()

    @property
    def recent(self) -> bool:
        """Whether something was counted within the window: the rates go on changing."""
        return bool(self._steps_by_second or self._runs_by_second) or self.decisions.waiting

    def took(self, run: RunProjection, took: Took, at_us: int) -> None:
        """Count what an event of a run has ended: a task, or a decision."""
        if isinstance(took, Decided):
            self.decisions.count(run, took, at_us)
        else:
            self.task_completed(run.namespace, took, at_us)

    def task_completed(self, namespace: str, took: TaskTook, at_us: int) -> None:
        """Count a task that completed."""
        task, us = took
        key = f"{namespace}/{task}"
        histogram = self._tasks.get(key)
        if histogram is None:
            histogram = _add(self._tasks, key, namespace)
        histogram.observe(us)
        _tick(self._steps_by_second, namespace, at_us)

    def run_closed(self, run: RunProjection) -> None:
        """Count a run that ended; the latency is that of completed ones."""
        if run.status == "completed":
            key = run.namespace + "/" + run.workflow
            histogram = self._runs.get(key)
            if histogram is None:
                histogram = _add(self._runs, key, run.namespace)
            histogram.observe(run.closed_us - run.started_us)
            self.durations.learn(run)
        _tick(self._runs_by_second, run.namespace, run.closed_us)

    def reset(self) -> None:
        """Forget everything: a rebuild counts it again."""
        for part in (self._runs, self._tasks, self._steps_by_second, self._runs_by_second):
            part.clear()
        self.durations.clear()
        self.decisions.clear()

    def state(self, now_us: int) -> StatisticsState:
        """What is kept, with the rates of the last minute; drops seconds that are over."""
        return StatisticsState(
            runs={k: state_of(h) for k, h in self._runs.items()},
            tasks={k: state_of(h) for k, h in self._tasks.items()},
            steps_per_s=_rates(self._steps_by_second, now_us),
            runs_per_s=_rates(self._runs_by_second, now_us),
            at_us=now_us,
        )

    def restore(self, state: StatisticsState) -> None:
        """Go on with what was kept."""
        self._runs = {k: histogram_of(s) for k, s in state.runs.items()}
        self._tasks = {k: histogram_of(s) for k, s in state.tasks.items()}


def latencies(
    kept: dict[str, HistogramState], namespace: str | None, name: str | None
) -> dict[str, Latency]:
    """Quantiles by name; those of a namespace are merged with equal names of others if None."""
    merged: dict[str, Histogram] = {}
    for key, state in kept.items():
        space, _, label = key.partition("/")
        if (namespace is None or space == namespace) and (name is None or label == name):
            merge(merged.setdefault(label, Histogram(_MS)), state)
    return {label: _latency(h) for label, h in sorted(merged.items()) if h.count}


def _latency(histogram: Histogram) -> Latency:
    return Latency(
        count=histogram.count,
        p50_ms=round(histogram.quantile(0.50), 3),
        p95_ms=round(histogram.quantile(0.95), 3),
        p99_ms=round(histogram.quantile(0.99), 3),
        mean_ms=round(histogram.sum / histogram.count / _US_PER_MS, 3),
    )


def _add(kept: dict[str, Histogram], key: str, namespace: str) -> Histogram:
    if len(kept) >= MAX_NAMES:
        return kept.setdefault(f"{namespace}/{OTHER}", Histogram())
    return kept.setdefault(key, Histogram())


def _tick(kept: dict[str, dict[int, int]], namespace: str, at_us: int) -> None:
    seconds = kept.get(namespace)
    if seconds is None:
        seconds = kept[namespace] = {}
    second = at_us // US_PER_S
    seconds[second] = seconds.get(second, 0) + 1


def _rates(kept: dict[str, dict[int, int]], now_us: int) -> dict[str, float]:
    """Events a second in the last whole minute, by namespace."""
    now = now_us // US_PER_S
    rates: dict[str, float] = {}
    for namespace, seconds in list(kept.items()):
        for second in [s for s in seconds if s < now - WINDOW_S - MAX_SKEW_S]:
            del seconds[second]
        if not seconds:
            del kept[namespace]
        total = sum(n for s, n in seconds.items() if now - WINDOW_S <= s < now)
        rates[namespace] = round(total / WINDOW_S, 2)
    return rates
