"""How decisions come out: counts, shares and latencies by workflow, version and step, over time.

In memory, told to Postgres with the statistics, a row a step. Outcomes and times are counted by the
hour for two days, by the day for three months.
"""

from collections.abc import Mapping

import msgspec

from services.monitoring.core.decided import Decided
from services.monitoring.core.projection import RunProjection
from services.monitoring.counted import Counted, Kept
from stretto.contracts.codec import json_encode
from stretto.contracts.decisions import DecisionCounts, DecisionStats, DecisionStatsRequest

DECISIONS = "decisions/"
"""Beginning of the keys under which they are kept, one a step of a version."""

MAX_DECISIONS = 1_000
"""Steps of versions that are counted; what comes after them is not."""

Key = tuple[str, str, int, str]
"""Namespace, workflow, version, step."""


class Decisions:
    """Counts the decisions of all runs."""

    def __init__(self) -> None:
        self._counted: dict[Key, Counted] = {}
        self._changed: set[Key] = set()

    def count(self, run: RunProjection, decided: Decided, at_us: int) -> None:
        """Count a decision of a run."""
        key = (run.namespace, run.workflow, run.version, decided.step)
        counted = self._counted.get(key)
        if counted is None:
            if len(self._counted) >= MAX_DECISIONS:
                return
            counted = self._counted[key] = Counted(decided.kind)
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
            self._counted[_key(text)] = Counted.of(_decode(value))

    def clear(self) -> None:
        """Forget everything: a rebuild counts it again."""
        self._counted.clear()
        self._changed.clear()


_decode = msgspec.json.Decoder(Kept).decode


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
            counted = Counted.of(_decode(value))
            found.append(_told(namespace, workflow, version, step, counted))
    found.sort(key=lambda each: -each.count)
    return DecisionStats(decisions=found)


def _told(
    namespace: str, workflow: str, version: int, step: str, counted: Counted
) -> DecisionCounts:
    outcomes = dict(sorted(counted.total.items(), key=lambda each: -each[1]))
    total = sum(outcomes.values())
    latency = counted.latency
    return DecisionCounts(
        namespace=namespace,
        workflow=workflow,
        version=version,
        step=step,
        kind=counted.kind,
        count=latency.count,
        outcomes=outcomes,
        shares={name: round(n / total, 4) for name, n in outcomes.items()} if total else {},
        p50_ms=round(latency.quantile(0.50), 3),
        p95_ms=round(latency.quantile(0.95), 3),
        p99_ms=round(latency.quantile(0.99), 3),
        hours=counted.hours(),
        days=counted.days(),
        route=None if counted.route is None else counted.route.told(),
    )


def _key_text(key: Key) -> str:
    namespace, workflow, version, step = key
    return f"{DECISIONS}{namespace}/{workflow}/{version}/{step}"


def _key(text: str) -> Key:
    namespace, workflow, version, step = text.removeprefix(DECISIONS).split("/", 3)
    return namespace, workflow, int(version), step
