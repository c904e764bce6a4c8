"""Latencies, rates, pace; lists that are asked for; services that are seen."""

from __future__ import annotations

import pytest

from services.monitoring import services_seen, statistics
from services.monitoring.core.projection import RunProjection
from services.monitoring.intake import MAX_PAUSE_S, MIN_PAUSE_S, SHARE, Every, Pace
from services.monitoring.rebuild import since
from services.monitoring.services_seen import ServicesSeen
from services.monitoring.statistics import OTHER, Statistics, latencies
from stretto.contracts.codec import json_encode
from stretto.contracts.frames import ServiceStats
from stretto.contracts.ids import parse_run_id
from stretto.testkit.clock import FakeClock

S = 1_000_000


def closed(workflow: str, status: str, us: int, at_us: int = 100 * S) -> RunProjection:
    run = RunProjection(b"r" * 16, "ns", workflow, 1, None)
    run.status, run.started_us, run.closed_us = status, at_us - us, at_us
    return run


def test_latencies_are_those_of_what_completed() -> None:
    seen = Statistics()
    for us in (1000, 1000, 1000, 100_000):
        seen.run_closed(closed("w", "completed", us))
        seen.task_completed("ns", ("t", us * 2), 100 * S)
    seen.run_closed(closed("w", "failed", 5_000_000))
    seen.task_completed("other", ("t", 1000), 100 * S)
    state = seen.state(101 * S)
    run = latencies(state.runs, "ns", None)["w"]
    assert run.count == 4
    assert run.p50_ms == pytest.approx(1, rel=0.1) and run.p99_ms == pytest.approx(100, rel=0.1)
    assert run.mean_ms == pytest.approx(25.75)
    assert latencies(state.tasks, "ns", None)["t"].count == 4
    assert latencies(state.tasks, None, "t")["t"].count == 5
    assert latencies(state.tasks, "ns", "u") == {}


def test_rates_are_those_of_the_last_minute() -> None:
    seen = Statistics()
    for second in range(100):
        seen.task_completed("ns", ("t", 1), second * S)
        seen.run_closed(closed("w", "failed", 1, second * S))
    state = seen.state(100 * S)
    assert state.steps_per_s == {"ns": 1.0} and state.runs_per_s == {"ns": 1.0}
    assert seen.recent
    assert seen.state(1_000 * S).steps_per_s == {"ns": 0.0}
    assert not seen.recent
    assert seen.state(1_001 * S).steps_per_s == {}


def test_what_was_kept_goes_on() -> None:
    seen = Statistics()
    seen.run_closed(closed("w", "completed", 1000))
    seen.task_completed("ns", ("t", 1000), S)
    again = Statistics()
    again.restore(seen.state(S))
    again.run_closed(closed("w", "completed", 1000))
    assert latencies(again.state(S).runs, "ns", None)["w"].count == 2
    again.reset()
    assert latencies(again.state(S).runs, "ns", None) == {}


def test_names_beyond_the_limit_share_one_histogram(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statistics, "MAX_NAMES", 2)
    seen = Statistics()
    for n in range(5):
        seen.task_completed("ns", (f"t{n}", 1), S)
    found = latencies(seen.state(S).tasks, "ns", None)
    assert {name: latency.count for name, latency in found.items()} == {OTHER: 3, "t0": 1, "t1": 1}


async def test_commits_take_a_bounded_share_of_the_time() -> None:
    clock = FakeClock()
    pace = Pace(clock)
    assert pace.left_s == 0
    for took, pause in ((0.0, MIN_PAUSE_S), (0.02, 0.02 / SHARE), (10.0, MAX_PAUSE_S)):
        pace.took(took)
        assert pace.left_s == pytest.approx(pause)
        await clock.advance(pause)
        assert pace.left_s == pytest.approx(0, abs=1e-6)


async def test_what_is_due_is_due_once() -> None:
    clock = FakeClock()
    every = Every(clock, 5)
    assert not every.due()
    await clock.advance(5)
    assert every.due() and not every.due()


def test_reading_again_from_an_instant_begins_with_ids_of_that_time() -> None:
    state = since(1_700_000_600_000_000)
    assert state.after is not None and not state.reset
    assert int.from_bytes(parse_run_id(state.after)[:6], "big") == 1_700_000_000_000
    assert since(0).after == "00000000-0000-0000-0000-000000000000"


def test_instances_that_are_too_many_or_silent_are_not_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(services_seen, "MAX_INSTANCES", 1)
    clock = FakeClock()
    seen = ServicesSeen(clock)

    def say(instance: str, at_us: int) -> None:
        stats = ServiceStats(service="workflow", instance=instance, at_us=at_us)
        seen.heard(b"", b"", b"", json_encode(stats))

    say("old", clock.now_us() - 31 * S)
    say("new", clock.now_us())
    say("more", clock.now_us())
    seen.heard(b"", b"", b"", b"?")
    assert [s["instance"] for s in seen.report()] == ["new"]
