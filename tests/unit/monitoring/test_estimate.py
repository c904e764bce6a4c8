"""How far a run is, and how long it will take still: by what past runs took."""

import json
from typing import Any

import pytest

from services.monitoring.core.estimate import (
    MAX_SHOWN,
    MOST,
    MOST_OF_A_RUN,
    Estimate,
    Shown,
    estimate,
)
from services.monitoring.core.past import (
    FORGET_AFTER,
    MAX_STEPS,
    UNKNOWN,
    Past,
    learn,
    parts_of,
    work_of,
)
from services.monitoring.core.projection import RunProjection
from services.monitoring.durations import LEARN_EVERY_US, Durations, key_of, past_of

START_US = 1_700_000_000_000_000
S = 1_000_000


class Made:
    """A run that is made event by event."""

    def __init__(self, workflow: str = "w") -> None:
        self.run = RunProjection(b"r" * 16, "default", workflow, 1, None)
        self.told("run.started", 0, namespace="default", workflow=workflow, version=1)

    def told(self, kind: str, at_s: float, step: str | None = None, **data: Any) -> "Made":
        body = data if step is None else {"step": step, **data}
        at_us = START_US + round(at_s * S)
        self.run.apply(self.run.last_seq + 1, kind, at_us, json.dumps(body).encode())
        return self

    def task(self, step: str, begin_s: float, end_s: float | None = None) -> "Made":
        self.told("step.scheduled", begin_s, step, attempt=1, task="t")
        if end_s is not None:
            self.told("step.completed", end_s, step, attempt=1)
        return self


def sequence() -> RunProjection:
    """Three steps: one second, eight seconds, one second."""
    made = Made().task("a", 0, 1).task("b", 1, 9).task("c", 9, 10)
    return made.told("run.completed", 10).run


def past(*runs: RunProjection) -> Past:
    known = Past()
    for run in runs:
        learn(known, run)
    return known


def nothing_said(_path: str, _attempt: int) -> float | None:
    return None


def at(made: Made, seconds: float, known: Past | None, *names: str) -> Estimate:
    return estimate(made.run, known, names, START_US + round(seconds * S), nothing_said)


def test_steps_count_by_what_they_took() -> None:
    far = at(Made().task("a", 0, 1).task("b", 1), 1, past(sequence()))

    assert far.progress == pytest.approx(0.1)
    assert far.left_us == pytest.approx(9 * S)
    assert [s.weight for s in far.steps] == pytest.approx([0.1, 0.8, 0.1])
    assert [s.status for s in far.steps] == ["completed", "scheduled", "pending"]


def test_an_open_step_advances_with_the_time_and_never_to_its_end() -> None:
    known = past(sequence())
    half = at(Made().task("a", 0, 1).task("b", 1), 5, known)
    late = at(Made().task("a", 0, 1).task("b", 1), 100, known)

    assert half.progress == pytest.approx(0.5)
    assert half.left_us == pytest.approx(5 * S)
    assert late.steps[1].progress == MOST
    assert late.left_us is not None and late.left_us > 1 * S


def test_what_an_attempt_says_of_itself_is_believed() -> None:
    made = Made().task("a", 0, 1).task("b", 1)
    far = estimate(
        made.run, past(sequence()), (), START_US + 5 * S, lambda p, n: 0.25 if p == "b" else None
    )
    assert far.progress == pytest.approx(0.1 + 0.8 * 0.25)
    assert far.left_us == pytest.approx((12 + 1) * S)  # four seconds for a quarter


def test_too_small_a_share_is_not_extrapolated() -> None:
    made = Made().task("a", 0, 1).task("b", 1)
    far = estimate(made.run, past(sequence()), (), START_US + 5 * S, lambda p, n: 0.001)
    assert far.left_us == pytest.approx(8 * 0.999 * S + 1 * S)


def test_parallel_steps_are_not_counted_twice() -> None:
    done = Made().task("a", 0, 10).task("b", 0, 4).told("run.completed", 10).run
    far = at(Made().task("a", 0).task("b", 0), 2, past(done))
    assert far.left_us == pytest.approx(8 * S)


def test_items_count_one_by_one_and_a_longer_list_takes_longer() -> None:
    done = Made().told("step.expanded", 0, "each", items=[1, 2])
    done.task("each[0]", 0, 1).task("each[1]", 1, 2).told("step.completed", 2, "each")
    known = past(done.told("run.completed", 2).run)
    made = Made().told("step.expanded", 0, "each", items=[1, 2, 3, 4])
    made.task("each[0]", 0, 1).task("each[1]", 1)

    far = at(made, 1, known)

    assert far.progress == pytest.approx(0.25)
    assert far.left_us == pytest.approx(3 * S)
    assert (far.steps[0].finished, far.steps[0].total) == (1, 4)


def test_a_run_without_a_past_counts_its_steps_and_knows_no_time() -> None:
    far = at(Made().task("a", 0, 1).task("b", 1), 2, None, "a", "b", "c", "d")
    assert far.progress == pytest.approx(0.25)
    assert far.left_us is None
    assert [s.step for s in far.steps] == ["a", "b", "c", "d"]


def test_a_run_that_has_not_begun_takes_what_runs_take() -> None:
    assert at(Made(), 0, past(sequence())).left_us == pytest.approx(10 * S)


@pytest.mark.parametrize("kind", ["run.paused", "run.failing", "run.failed"])
def test_a_run_that_does_not_go_on_has_no_time_left(kind: str) -> None:
    made = Made().task("a", 0, 1).told(kind, 2)
    far = at(made, 3, past(sequence()))
    assert far.left_us is None
    assert far.progress == pytest.approx(0.1)


def test_a_run_that_completed_is_done() -> None:
    made = Made()
    made.run = sequence()
    far = at(made, 99, past(sequence()))
    assert (far.progress, far.left_us) == (1.0, 0.0)


def test_a_step_that_is_often_skipped_weighs_less() -> None:
    skipped = Made().task("a", 0, 1).told("step.skipped", 1, "b", reason="condition")
    skipped.told("run.completed", 1)
    known = past(sequence(), skipped.run)
    far = at(Made().task("a", 0), 0, known)
    assert [round(s.weight, 2) for s in far.steps] == [0.18, 0.73, 0.09]


def test_the_steps_inside_are_summed_up_and_compensations_left_out() -> None:
    made = Made().told("step.opened", 0, "group").task("group.x", 0, 1).task("a~compensate", 0, 1)
    assert list(parts_of(made.run.steps.values())) == ["group"]


def test_a_step_of_a_workflow_that_changed_is_forgotten() -> None:
    known = past(sequence())
    for _ in range(FORGET_AFTER + 1):
        learn(known, Made().task("a", 0, 1).told("run.completed", 1).run)
    assert list(known.steps) == ["a"]


def test_only_so_many_steps_are_remembered() -> None:
    made = Made()
    for number in range(MAX_STEPS + 5):
        made.task(f"s{number}", 0, 1)
    assert len(past(made.told("run.completed", 1).run).steps) == MAX_STEPS


def test_a_busy_workflow_is_learnt_from_now_and_then() -> None:
    durations = Durations()
    for _ in range(3):
        durations.learn(sequence())
    later = sequence()
    later.closed_us += LEARN_EVERY_US
    durations.learn(later)
    known = durations.get("default", "w")
    assert known is not None and known.runs == 2


def test_what_was_learnt_is_kept_and_comes_back() -> None:
    durations = Durations()
    durations.learn(sequence())
    kept = durations.changed()
    assert list(kept) == [key_of("default", "w")]
    assert durations.changed() == {}

    again = Durations()
    again.restore(kept)
    assert again.get("default", "w") == durations.get("default", "w") == past_of(kept.popitem()[1])
    again.clear()
    assert again.get("default", "w") is None
    assert past_of(None) is None


def test_the_projection_knows_pauses_approvals_and_rewinds() -> None:
    made = Made().told("step.waiting", 0, "ask").told("run.paused", 1)
    assert made.run.status == "paused"
    made.told("run.resumed", 2).told("step.approved", 3, "ask", by="ada")
    made.told("step.waiting", 3, "sig").told("step.signalled", 4, "sig", asked=True)
    assert made.run.steps["sig"].status == "deciding"
    made.told("step.signalled", 4, "sig")
    assert (made.run.status, made.run.steps["ask"].status) == ("running", "completed")
    assert made.run.steps["sig"].status == "completed"
    made.told("run.failed", 5).told("run.rewound", 6, steps=["ask"])
    assert (made.run.status, made.run.closed_us, made.run.failure) == ("running", 0, None)


def released(waited_s: float) -> RunProjection:
    """A second of work, a person who takes his time, a second of work."""
    made = Made().task("build", 0, 1).told("step.waiting", 1, "sign")
    made.told("step.approved", 1 + waited_s, "sign").task("ship", 1 + waited_s, 2 + waited_s)
    return made.told("run.completed", 2 + waited_s).run


def test_a_wait_counts_no_more_than_a_usual_step_however_long_it_is() -> None:
    known = past(released(3600))
    made = Made().task("build", 0, 1).told("step.waiting", 1, "sign")

    far = at(made, 1, known)

    assert far.progress == pytest.approx(1 / 3, abs=1e-3)
    assert far.left_us == pytest.approx(3601 * S)
    assert at(made, 100_000, known).progress == pytest.approx((1 + MOST) / 3, abs=1e-3)


def test_a_short_wait_counts_as_what_it_is() -> None:
    far = at(Made().task("build", 0, 1).told("step.waiting", 1, "sign"), 1, past(released(0.5)))
    assert far.progress == pytest.approx(1 / 2.5)


def test_what_was_learnt_before_work_was_told_from_waiting_counts_as_it_is_known() -> None:
    known = past(released(2))
    for step in known.steps.values():
        step.worked = UNKNOWN
    made = Made().task("build", 0, 1).told("step.waiting", 1, "sign")

    assert at(made, 1, known).progress == pytest.approx(1 / 4)
    learn(known, released(2))
    assert known.steps["build"].worked == 1 * S
    assert known.steps["sign"].worked == 0


def test_work_inside_a_step_is_told_from_its_waits() -> None:
    made = Made().told("step.opened", 0, "block").task("block.a", 0, 1)
    made.told("step.waiting", 1, "block.ask").told("step.approved", 99, "block.ask")
    made.told("step.completed", 99, "block").told("run.completed", 99)

    assert work_of(parts_of(made.run.steps.values())["block"]) == 1 * S


def test_an_open_run_is_never_shown_as_done() -> None:
    far = at(Made().task("a", 0, 1), 1, None, "a")
    assert far.progress == MOST_OF_A_RUN


def test_a_run_does_not_go_backwards_unless_steps_run_again() -> None:
    shown = Shown()
    made = Made().task("a", 0, 1).task("b", 1, 2)
    half = at(made, 2, None, "a", "b", "c", "d")
    less = at(made, 2, None, "a", "b", "c", "d", "e")
    again = at(Made().task("a", 0, 1), 2, None, "a", "b", "c", "d")

    assert shown.at_least(b"r", half) == pytest.approx(0.5)
    assert shown.at_least(b"r", less) == pytest.approx(0.5)
    assert shown.at_least(b"other", less) == pytest.approx(0.4)
    assert shown.at_least(b"r", again) == pytest.approx(0.25)


def test_only_so_many_runs_are_remembered() -> None:
    shown = Shown()
    half, none = at(Made().task("a", 0, 1), 1, None, "a", "b"), at(Made(), 1, None, "a", "b")
    shown.at_least(b"first", half)
    for number in range(MAX_SHOWN):
        shown.at_least(number.to_bytes(16), none)
    assert shown.at_least(b"first", none) == 0.0


def test_a_step_of_a_run_that_no_run_before_had_weighs_as_much_as_others() -> None:
    known = past(sequence())
    made = Made().task("a", 0, 1).task("new", 1)

    steps = {step.step: step.weight for step in at(made, 2, known).steps}

    assert steps["new"] == pytest.approx(sum(steps.values()) - steps["a"] - steps["b"] - steps["c"])
    assert steps["a"] < steps["new"] < steps["b"]


def test_of_very_many_workflows_the_first_are_learnt_from(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.monitoring.durations.MAX_WORKFLOWS", 1)
    durations = Durations()

    for workflow in ("first", "second"):
        made = Made(workflow).task("a", 0, 1)
        durations.learn(made.told("run.completed", 1).run)

    assert durations.get("default", "first") is not None
    assert durations.get("default", "second") is None


def test_what_a_rollback_went_back_over_is_not_done_however_long_the_run_is_paused() -> None:
    made = Made().task("a", 0, 1).task("b", 1, 9)
    made.told("run.rolled_back", 9, steps=["b"], paused=True)

    far = at(made, 1000, past(sequence()))

    assert far.progress == pytest.approx(0.1)
    assert [step.left_ms for step in far.steps] == [None, None, None]
