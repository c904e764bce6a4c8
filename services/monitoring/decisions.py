"""How decisions come out: counts, shares and latencies by workflow, version and step, over time.

In memory, told to Postgres with the statistics, a row a step. Outcomes are counted by the hour for
two days, by the day for three months.
"""

from collections.abc import Iterator, Mapping

import msgspec

from services.monitoring.core.decided import Decided
from services.monitoring.core.projection import RunProjection
from services.monitoring.statistics_states import HistogramState, histogram_of, state_of
from stretto.contracts.codec import json_encode
from stretto.contracts.decisions import DecisionCounts, DecisionStats, DecisionStatsRequest, Period
from stretto.runtime.clock import US_PER_S, rfc3339
from stretto.telemetry.metrics import Histogram

DECISIONS = "decisions/"
"""Beginning of the keys under which they are kept, one a step of a version."""

MAX_DECISIONS = 1_000
"""Steps of versions that are counted; what comes after them is not."""

MAX_OUTCOMES = 40
"""Outcomes of one step that are counted by name; the rest goes to `OTHERS`."""

OTHERS = "others"

HOUR_US = 3_600 * US_PER_S
DAY_US = 24 * HOUR_US
HOURS = 48
DAYS = 90

Counts = dict[str, int]
Key = tuple[str, str, int, str]
"""Namespace, workflow, version, step."""

_MS = 1e-3


class _Kept(msgspec.Struct):
    """What is kept of one step; hours and days by their number since 1970."""

    kind: str
    latency: HistogramState
    total: Counts = {}
    hours: dict[int, Counts] = {}
    days: dict[int, Counts] = {}


class _Counted:
    """What is known of one step."""

    __slots__ = ("days", "hours", "kind", "latency", "total")

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.latency = Histogram(_MS)
        self.total: Counts = {}
        self.hours: dict[int, Counts] = {}
        self.days: dict[int, Counts] = {}

    def count(self, decided: Decided, at_us: int) -> None:
        self.latency.observe(decided.took_us)
        hour, day = at_us // HOUR_US, at_us // DAY_US
        for name in decided.outcomes:
            known = name in self.total or len(self.total) < MAX_OUTCOMES
            outcome = name if known else OTHERS
            for counts in (
                self.total,
                _of(self.hours, hour, HOURS),
                _of(self.days, day, DAYS),
            ):
                counts[outcome] = counts.get(outcome, 0) + 1

    def kept(self) -> _Kept:
        return _Kept(self.kind, state_of(self.latency), self.total, self.hours, self.days)


class Decisions:
    """Counts the decisions of all runs."""

    def __init__(self) -> None:
        self._counted: dict[Key, _Counted] = {}
        self._changed: set[Key] = set()

    def count(self, run: RunProjection, decided: Decided, at_us: int) -> None:
        """Count a decision of a run."""
        key = (run.namespace, run.workflow, run.version, decided.step)
        counted = self._counted.get(key)
        if counted is None:
            if len(self._counted) >= MAX_DECISIONS:
                return
            counted = self._counted[key] = _Counted(decided.kind)
        counted.count(decided, at_us)
        self._changed.add(key)

    @property
    def waiting(self) -> bool:
        """Whether something was counted that is not written."""
        return bool(self._changed)

    def changed(self) -> dict[str, bytes]:
        """What is to be written since the last call, by key."""
        found = {_key_text(key): json_encode(self._counted[key].kept()) for key in self._changed}
        self._changed.clear()
        return found

    def restore(self, kept: Mapping[str, bytes]) -> None:
        """Go on with what was kept."""
        for text, value in kept.items():
            state = _decode(value)
            counted = self._counted[_key(text)] = _Counted(state.kind)
            counted.latency = histogram_of(state.latency, _MS)
            counted.total, counted.hours, counted.days = state.total, state.hours, state.days

    def clear(self) -> None:
        """Forget everything: a rebuild counts it again."""
        self._counted.clear()
        self._changed.clear()


_decode = msgspec.json.Decoder(_Kept).decode


def report(kept: Mapping[str, bytes], request: DecisionStatsRequest) -> DecisionStats:
    """Tell what is kept, of what is asked for, the busiest first."""
    found = []
    for text, value in kept.items():
        namespace, workflow, version, step = _key(text)
        wanted = (
            (request.namespace in (None, namespace))
            and request.workflow in (None, workflow)
            and request.version in (None, version)
            and request.step in (None, step)
        )
        if wanted:
            state = _decode(value)
            found.append(_told(namespace, workflow, version, step, state))
    found.sort(key=lambda each: -each.count)
    return DecisionStats(decisions=found)


def _told(namespace: str, workflow: str, version: int, step: str, state: _Kept) -> DecisionCounts:
    latency = histogram_of(state.latency, _MS)
    outcomes = dict(sorted(state.total.items(), key=lambda each: -each[1]))
    total = sum(outcomes.values())
    return DecisionCounts(
        namespace=namespace,
        workflow=workflow,
        version=version,
        step=step,
        kind=state.kind,
        count=latency.count,
        outcomes=outcomes,
        shares={name: round(n / total, 4) for name, n in outcomes.items()} if total else {},
        p50_ms=round(latency.quantile(0.50), 3),
        p95_ms=round(latency.quantile(0.95), 3),
        p99_ms=round(latency.quantile(0.99), 3),
        hours=list(_periods(state.hours, HOUR_US)),
        days=list(_periods(state.days, DAY_US)),
    )


def _periods(counted: Mapping[int, Counts], length_us: int) -> Iterator[Period]:
    for number in sorted(counted):
        yield Period(at=rfc3339(number * length_us), outcomes=counted[number])


def _of(periods: dict[int, Counts], number: int, most: int) -> Counts:
    """The counts of a period; the oldest are dropped when there are too many."""
    counts = periods.get(number)
    if counts is None:
        counts = periods[number] = {}
        while len(periods) > most:
            del periods[min(periods)]
    return counts


def _key_text(key: Key) -> str:
    namespace, workflow, version, step = key
    return f"{DECISIONS}{namespace}/{workflow}/{version}/{step}"


def _key(text: str) -> Key:
    namespace, workflow, version, step = text.removeprefix(DECISIONS).split("/", 3)
    return namespace, workflow, int(version), step
