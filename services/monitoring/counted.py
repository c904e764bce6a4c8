"""What is counted of the decisions of one step: outcomes by hour and by day, times, routes."""

from collections.abc import Callable
from typing import TypeVar

import msgspec

from services.monitoring.core.decided import Decided, RouteSeen
from services.monitoring.statistics_states import HistogramState, histogram_of, state_of
from stretto.contracts.decisions import Period, RouteCounts
from stretto.runtime.clock import US_PER_S, rfc3339
from stretto.telemetry.metrics import Histogram

MAX_OUTCOMES = 40
"""Outcomes of one step that are counted by name; the rest goes to `OTHERS`."""

OTHERS = "others"

HOUR_US = 3_600 * US_PER_S
DAY_US = 24 * HOUR_US
HOURS = 48
DAYS = 90

Counts = dict[str, int]

T = TypeVar("T")

_MS = 1e-3
_US = 1.0


class Times(msgspec.Struct, array_like=True, gc=False):
    """Times of the decisions of a period, µs."""

    count: int = 0
    sum_us: int = 0
    max_us: int = 0


class RouteKept(msgspec.Struct):
    """What is kept of the choices of a route."""

    rank: HistogramState
    count: int = 0
    fitting: int = 0
    first: int = 0
    explored: int = 0
    moved: int = 0
    stood: Counts = {}


class Kept(msgspec.Struct):
    """What is kept of one step; hours and days by their number since 1970."""

    kind: str
    latency: HistogramState
    total: Counts = {}
    hours: dict[int, Counts] = {}
    days: dict[int, Counts] = {}
    hour_times: dict[int, Times] = {}
    day_times: dict[int, Times] = {}
    route: RouteKept | None = None


class RouteCounted:
    """The choices of a route."""

    def __init__(self, kept: RouteKept | None = None) -> None:
        self._kept = kept or RouteKept(rank=state_of(Histogram(_US)))
        self._rank = histogram_of(self._kept.rank, _US)

    def count(self, seen: RouteSeen) -> None:
        """Count a choice."""
        kept = self._kept
        kept.count += 1
        kept.fitting += seen.fitting
        kept.first += seen.first
        kept.explored += seen.explored
        kept.moved += seen.moved
        for device in seen.stood:
            add(kept.stood, device)
        self._rank.observe(seen.rank_us)

    def kept(self) -> RouteKept:
        """What is to be written."""
        return msgspec.structs.replace(self._kept, rank=state_of(self._rank))

    def told(self) -> RouteCounts:
        """The same for people."""
        kept, of = self._kept, max(1, self._kept.count)
        return RouteCounts(
            fitting=round(kept.fitting / of, 2),
            first=round(kept.first / of, 4),
            explored=round(kept.explored / of, 4),
            moved=round(kept.moved / of, 4),
            stood=dict(sorted(kept.stood.items(), key=lambda each: -each[1])),
            rank_p50_us=round(self._rank.quantile(0.50), 1),
            rank_p99_us=round(self._rank.quantile(0.99), 1),
        )


class Counted:
    """What is known of one step."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.latency = Histogram(_MS)
        self.total: Counts = {}
        self._hours: dict[int, Counts] = {}
        self._days: dict[int, Counts] = {}
        self._hour_times: dict[int, Times] = {}
        self._day_times: dict[int, Times] = {}
        self.route: RouteCounted | None = None

    def count(self, decided: Decided, at_us: int) -> None:
        """Count a decision."""
        took_us = max(0, decided.took_us)
        self.latency.observe(took_us)
        hour, day = at_us // HOUR_US, at_us // DAY_US
        for times, number, most in (
            (self._hour_times, hour, HOURS), (self._day_times, day, DAYS),
        ):  # fmt: skip
            of = _of(times, number, most, Times)
            of.count += 1
            of.sum_us += took_us
            of.max_us = max(of.max_us, took_us)
        hours, days = _of(self._hours, hour, HOURS, dict), _of(self._days, day, DAYS, dict)
        for name in decided.outcomes:
            outcome = add(self.total, name)
            for counts in (hours, days):
                counts[outcome] = counts.get(outcome, 0) + 1
        if decided.route is not None:
            if self.route is None:
                self.route = RouteCounted()
            self.route.count(decided.route)

    def kept(self) -> Kept:
        """What is to be written."""
        return Kept(
            kind=self.kind,
            latency=state_of(self.latency),
            total=self.total,
            hours=self._hours,
            days=self._days,
            hour_times=self._hour_times,
            day_times=self._day_times,
            route=None if self.route is None else self.route.kept(),
        )

    @classmethod
    def of(cls, kept: Kept) -> "Counted":
        """Go on with what was kept."""
        counted = cls(kept.kind)
        counted.latency = histogram_of(kept.latency, _MS)
        counted.total, counted._hours, counted._days = kept.total, kept.hours, kept.days
        counted._hour_times, counted._day_times = kept.hour_times, kept.day_times
        counted.route = None if kept.route is None else RouteCounted(kept.route)
        return counted

    def hours(self) -> list[Period]:
        """The last two days by the hour."""
        return _periods(self._hours, self._hour_times, HOUR_US)

    def days(self) -> list[Period]:
        """The last three months by the day."""
        return _periods(self._days, self._day_times, DAY_US)


def add(counts: Counts, name: str) -> str:
    """Count a name, or `OTHERS` when there are too many; return which."""
    if name not in counts and len(counts) >= MAX_OUTCOMES:
        name = OTHERS
    counts[name] = counts.get(name, 0) + 1
    return name


def _periods(counted: dict[int, Counts], times: dict[int, Times], length_us: int) -> list[Period]:
    periods = []
    for number in sorted(counted):
        took = times.get(number, Times())
        periods.append(
            Period(
                at=rfc3339(number * length_us),
                outcomes=counted[number],
                count=took.count,
                mean_ms=round(took.sum_us / max(1, took.count) * _MS, 3),
                max_ms=round(took.max_us * _MS, 3),
            )
        )
    return periods


def _of(periods: dict[int, T], number: int, most: int, make: Callable[[], T]) -> T:
    """What is counted of a period; the oldest are dropped when there are too many."""
    found = periods.get(number)
    if found is None:
        found = periods[number] = make()
        while len(periods) > most:
            del periods[min(periods)]
    return found
