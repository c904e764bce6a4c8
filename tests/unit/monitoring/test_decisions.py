"""How decisions came out: counted from events, kept, told."""

from typing import Any

import msgspec

from services.monitoring.core.decided import Decided
from services.monitoring.core.projection import RunProjection
from services.monitoring.counted import DAYS, HOUR_US, HOURS, MAX_OUTCOMES, OTHERS
from services.monitoring.decisions import MAX_DECISIONS, Decisions, report
from stretto.contracts.decisions import DecisionCounts, DecisionStatsRequest

BEGIN_US = 1_900_000_000_000_000 // HOUR_US * HOUR_US


def run_of(workflow: str = "order", version: int = 1) -> RunProjection:
    return RunProjection(bytes(16), "default", workflow, version, None)


def decided(outcome: str, took_us: int = 2_000, step: str = "way") -> Decided:
    return Decided(step, "switch", (outcome,), took_us)


def told(decisions: Decisions, **asked: Any) -> list[DecisionCounts]:
    return report(decisions.changed(), DecisionStatsRequest(**asked)).decisions


def apply(run: RunProjection, seq: int, type_: str, at_us: int, **data: Any) -> Any:
    return run.apply(seq, type_, at_us, msgspec.json.encode(data))


def test_a_switch_and_a_table_are_seen_among_the_events() -> None:
    run = run_of()
    apply(run, 1, "step.activated", 1_000, step="way[3].go")
    apply(run, 2, "step.activated", 1_000, step="fee")

    switch = apply(run, 3, "step.chosen", 3_500, step="way[3].go", branch=1)
    table = apply(run, 4, "step.completed", 6_000, step="fee", output=5, rules=[2, 4])

    assert switch == Decided("way[].go", "switch", ("case 1",), 2_500)
    assert table == Decided("fee", "table", ("rules[2]", "rules[4]"), 5_000)
    assert run.counts == {"completed": 2}


def test_what_fitted_nothing_is_an_outcome_too() -> None:
    run = run_of()

    assert apply(run, 1, "step.chosen", 10, step="a", branch=-1).outcomes == ("none",)
    assert apply(run, 2, "step.completed", 10, step="b", rules=[]).outcomes == ("none",)
    assert apply(run, 3, "step.completed", 10, step="c", output=1) is None


def test_outcomes_have_counts_shares_and_latencies() -> None:
    decisions = Decisions()
    for outcome, took_us in (
        ("case 0", 1_000),
        ("case 0", 1_000),
        ("case 0", 1_000),
        ("none", 90_000),
    ):
        decisions.count(run_of(), decided(outcome, took_us), BEGIN_US)

    [way] = told(decisions)

    assert (way.workflow, way.version, way.step, way.kind, way.count) == (
        "order",
        1,
        "way",
        "switch",
        4,
    )
    assert way.outcomes == {"case 0": 3, "none": 1}
    assert way.shares == {"case 0": 0.75, "none": 0.25}
    assert 0.9 < way.p50_ms < 1.1
    assert 80 < way.p99_ms < 100
    assert [p.outcomes for p in way.hours] == [{"case 0": 3, "none": 1}]
    assert way.hours[0].at.startswith("2030-03-17T17:00:00")


def test_versions_and_steps_are_told_apart_and_can_be_asked_for() -> None:
    decisions = Decisions()
    decisions.count(run_of(version=1), decided("case 0"), BEGIN_US)
    for _ in range(2):
        decisions.count(run_of(version=2), decided("case 1"), BEGIN_US)
    decisions.count(run_of("other"), decided("case 2", step="a/b"), BEGIN_US)
    kept = decisions.changed()

    def asked(**request: Any) -> list[tuple[str, int, str]]:
        found = report(kept, DecisionStatsRequest(**request)).decisions
        return [(each.workflow, each.version, each.step) for each in found]

    assert asked()[0] == ("order", 2, "way")
    assert asked(version=1, workflow="order") == [("order", 1, "way")]
    assert asked(step="a/b") == [("other", 1, "a/b")]
    assert asked(namespace="elsewhere") == []


def test_time_is_kept_by_the_hour_and_by_the_day_and_then_forgotten() -> None:
    decisions = Decisions()
    for hour in range(24 * (DAYS + 5)):
        decisions.count(run_of(), decided("case 0"), BEGIN_US + hour * HOUR_US)

    [way] = told(decisions)

    assert (len(way.hours), len(way.days)) == (HOURS, DAYS)
    assert way.outcomes == {"case 0": 24 * (DAYS + 5)}
    assert way.days[5].outcomes == {"case 0": 24}


def test_what_was_kept_goes_on() -> None:
    before, after = Decisions(), Decisions()
    before.count(run_of(), decided("case 0"), BEGIN_US)
    after.restore(before.changed())

    assert not after.waiting
    after.count(run_of(), decided("case 1"), BEGIN_US)

    assert after.waiting
    assert told(after)[0].outcomes == {"case 0": 1, "case 1": 1}
    assert not after.waiting
    after.clear()
    assert told(after) == []


def test_memory_is_bounded() -> None:
    decisions = Decisions()
    for number in range(MAX_OUTCOMES + 10):
        decisions.count(run_of(), decided(f"rules[{number}]"), BEGIN_US)
    for number in range(MAX_DECISIONS + 10):
        decisions.count(run_of(), decided("none", step=f"s{number}"), BEGIN_US)

    found = told(decisions)

    assert len(found) == MAX_DECISIONS
    assert found[0].outcomes[OTHERS] == 10
    assert len(found[0].outcomes) == MAX_OUTCOMES + 1
