"""Routes among the events: who got the attempts, who could have, how long it took."""

from typing import Any

import msgspec
import pytest

from services.monitoring.core.decided import Decided
from services.monitoring.core.projection import RunProjection
from services.monitoring.counted import HOUR_US
from services.monitoring.decisions import Decisions, report
from stretto.contracts.decisions import DecisionCounts, DecisionStatsRequest

BEGIN_US = 1_900_000_000_000_000 // HOUR_US * HOUR_US


class Told:
    """A run whose events are told, and what is counted of them."""

    def __init__(self) -> None:
        self.run = RunProjection(bytes(16), "default", "scan", 1, None)
        self.decisions = Decisions()
        self.seq = 0
        self.at("run.started", 0, namespace="default", workflow="scan", version=1)

    def at(self, type_: str, ms: int, **data: Any) -> Decided | None:
        """Tell an event, `ms` after the begin; give the decision that it is."""
        self.seq += 1
        at_us = BEGIN_US + ms * 1_000
        took = self.run.apply(self.seq, type_, at_us, msgspec.json.encode(data))
        if isinstance(took, Decided):
            self.decisions.count(self.run, took, at_us)
            return took
        return None

    def attempt(self, step: str, ms: int, attempt: int = 1) -> None:
        self.at("step.scheduled", ms, step=step, attempt=attempt, task="scan.read")

    def bound(
        self, step: str, ms: int, device: str, stood: list[str], attempt: int = 1, **ranked: Any
    ) -> Decided | None:
        candidates = [{"device": name, "score": 1.0} for name in stood]
        told = {"candidates": candidates, "fitting": len(stood), "took_us": 90, **ranked}
        return self.at("step.bound", ms, step=step, attempt=attempt, device=device, ranked=told)

    def counts(self) -> DecisionCounts:
        [found] = report(self.decisions.changed(), DecisionStatsRequest()).decisions
        return found


@pytest.fixture
def told() -> Told:
    return Told()


def test_a_route_is_counted_by_device_with_the_time_until_one_had_the_attempt(told: Told) -> None:
    for item, (device, waited_ms) in enumerate((("a", 2), ("a", 4), ("b", 90))):
        told.attempt(f"read[{item}]", 10)
        told.bound(f"read[{item}]", 10 + waited_ms, device, ["a", "b"])

    found = told.counts()

    assert (found.step, found.kind, found.count) == ("read[]", "route", 3)
    assert found.outcomes == {"device a": 2, "device b": 1}
    assert found.shares == {"device a": 0.6667, "device b": 0.3333}
    assert 3 < found.p50_ms < 5
    [hour] = found.hours
    assert (hour.count, hour.mean_ms, hour.max_ms) == (3, 32.0, 90.0)
    assert found.route is not None
    assert (found.route.fitting, found.route.first) == (2.0, 0.6667)
    assert found.route.stood == {"a": 3, "b": 3}
    assert found.route.rank_p99_us == pytest.approx(90, rel=0.1)


def test_what_was_explored_and_what_was_moved_are_told(told: Told) -> None:
    told.attempt("read", 0)
    told.bound("read", 1, "a", ["a", "b"], explored=True)
    told.bound("read", 9_000, "b", ["b"])

    route = told.counts().route

    assert route is not None
    assert (route.explored, route.moved) == (0.5, 0.5)
    assert told.run.steps["read"].attempts[0].worker == "b"


def test_an_attempt_that_no_device_fits_is_an_outcome_too(told: Told) -> None:
    told.attempt("read", 0)
    failure = {"type": "NoDevice", "message": "no scanner", "retryable": True}
    lost = told.at("step.failed", 50, step="read", attempt=1, failure=failure, retry_at="x")
    told.attempt("read", 100, attempt=2)
    told.bound("read", 101, "a", ["a"], attempt=2)
    other = {"type": "ValueError", "message": "", "retryable": False}
    assert told.at("step.failed", 200, step="read", attempt=2, failure=other) is None

    assert lost is not None
    assert lost.outcomes == ("none",)
    assert told.counts().outcomes == {"none": 1, "device a": 1}


def test_an_attempt_that_goes_to_a_queue_is_an_outcome_too(told: Told) -> None:
    told.attempt("read", 0)
    found = told.at("step.diverted", 40, step="read", attempt=1, queue="manual")
    assert found is not None
    assert (found.outcomes, found.took_us) == (("queue manual",), 40_000)
    assert told.at("step.diverted", 50, step="read", attempt=2, queue="manual") is None
    assert told.counts().outcomes == {"queue manual": 1}


def test_a_binding_of_an_attempt_that_is_not_known_counts_for_nothing(told: Told) -> None:
    assert told.bound("read", 1, "a", ["a"]) is None
    told.attempt("read", 2)
    assert told.bound("read", 3, "a", ["a"], attempt=7) is None
    assert not told.decisions.waiting


def test_what_was_kept_goes_on(told: Told) -> None:
    told.attempt("read", 0)
    told.bound("read", 5, "a", ["a", "b"])
    after = Told()
    after.decisions.restore(told.decisions.changed())
    after.attempt("read", 0)
    after.bound("read", 7, "b", ["b"])

    found = after.counts()

    assert found.outcomes == {"device a": 1, "device b": 1}
    assert found.route is not None
    assert found.route.stood == {"b": 2, "a": 1}
    assert (found.hours[0].count, found.hours[0].max_ms) == (2, 7.0)


def test_what_an_older_service_kept_is_read() -> None:
    old = b'{"kind":"switch","latency":{"count":1,"sum":5,"buckets":{"5":1}},"total":{"none":1}}'
    [found] = report({"decisions/default/scan/1/way": old}, DecisionStatsRequest()).decisions
    assert (found.count, found.outcomes, found.route) == (1, {"none": 1}, None)
