"""The fold of a run: what each event changes."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import pytest

from services.monitoring import views
from services.monitoring.core.decided import Decided
from services.monitoring.core.projection import MAX_STEP_LABELS, NEVER, RunProjection, Step, Took
from services.monitoring.history import LoggedEvent
from services.monitoring.views import Payloads, payloads_of, view
from stretto.contracts import events as ev
from stretto.contracts.codec import json_encode
from stretto.contracts.failures import Failure
from stretto.runtime.clock import US_PER_S

START_US = 1_000_000
FAILURE = Failure(type="Broken", message="m")
LATER = datetime(2030, 1, 1, tzinfo=UTC)


def folded(*events: ev.Event) -> RunProjection:
    """Fold events that are a millisecond apart."""
    run = RunProjection(b"r" * 16, "", "", 0, None)
    for n, event in enumerate(events):
        run.apply(n + 1, event.type, START_US + n * 1000, json_encode(event))
    return run


def started() -> ev.RunStarted:
    return ev.RunStarted(
        namespace="ns",
        workflow="w",
        version=3,
        input=msgspec.Raw(b'{"a":1}'),
        id="key",
        labels={"l": "m"},
    )


def test_a_run_has_what_its_start_says() -> None:
    run = folded(started())
    assert (run.namespace, run.workflow, run.version, run.key) == ("ns", "w", 3, "key")
    assert (run.status, run.started_us, run.closed, run.labels) == (
        "running",
        START_US,
        False,
        {"l": "m"},
    )


def test_who_decided_about_a_step_is_known_until_it_begins_anew() -> None:
    told = [
        started(),
        ev.StepApproved(step="a", by="ann", reason="fine"),
        ev.StepFailed(step="b", failure=FAILURE, by="ben"),
        ev.StepSkipped(step="c", reason="by_request", by="cleo", why="not today"),
    ]
    run = folded(*told)
    seen = {s.step: (s.status, s.by) for s in view(run, Payloads(), START_US).steps}
    assert seen == {"a": ("completed", "ann"), "b": ("failed", "ben"), "c": ("skipped", "cleo")}
    assert run.steps["a"].reason == "fine"

    run = folded(*told, ev.StepWaiting(step="a"))
    assert (run.steps["a"].by, run.steps["a"].reason) == (None, None)


def test_what_a_step_gave_is_shown_also_where_its_parts_say_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told: list[ev.Event] = [
        ev.StepExpanded(step="e", items=[msgspec.Raw(b"1"), msgspec.Raw(b"2")]),
        ev.StepCompleted(step="e[1]", output=msgspec.Raw(b'{"n":2}')),
        ev.StepCompleted(step="e"),
        ev.StepOpened(step="g"),
        ev.StepApproved(step="g.a", by="ann"),
        ev.StepCompleted(step="g", derived=True),
        ev.StepFailed(step="h", failure=FAILURE),
        ev.StepExpanded(step="k", items=[msgspec.Raw(b"1")]),
        ev.StepFailed(step="k", failure=FAILURE, handler=0),
        ev.StepCompleted(step="k", output=msgspec.Raw(b"5")),
    ]
    events = [
        LoggedEvent(n, event.type, "2030-01-01T00:00:00Z", msgspec.Raw(json_encode(event)))
        for n, event in enumerate(told, 1)
    ]

    outputs = payloads_of(events).outputs
    assert bytes(outputs["e"]) == b'[null,{"n":2}]'
    assert bytes(outputs["g"]) == b'{"a":{"approved":true,"by":"ann","reason":null}}'
    assert bytes(outputs["k"]) == b"5"
    monkeypatch.setattr(views, "MAX_GATHERED_BYTES", 20)
    assert set(payloads_of(events).outputs) == {"e[1]", "e", "g.a", "k"}


def test_a_step_goes_through_its_life() -> None:
    run = folded(
        started(),
        ev.StepActivated(step="a"),
        ev.StepScheduled(step="a", attempt=1, task="t", queue="q"),
        ev.StepStarted(step="a", attempt=1, worker="w1"),
        ev.StepFailed(step="a", attempt=1, failure=FAILURE, retry_at=LATER, worker="w1"),
    )
    assert run.counts == {"open": 1}
    step = run.steps["a"]
    assert (step.status, step.began, step.ended, step.task, step.queue) == (
        "retrying",
        1000,
        NEVER,
        "t",
        "q",
    )
    [attempt] = step.attempts
    assert (attempt.status, attempt.accepted, attempt.ended, attempt.worker) == (
        "failed",
        3000,
        4000,
        "w1",
    )
    assert attempt.failure == FAILURE and attempt.retry_at

    more = (
        ev.StepScheduled(step="a", attempt=2, task="t"),
        ev.StepCompleted(step="a", attempt=2, started_at="2030-01-01T00:00:00Z"),
    )
    took: Took | None = None
    for n, event in enumerate(more, 5):
        took = run.apply(n + 1, event.type, START_US + n * 1000, json_encode(event))
    assert took == ("t", 1000)
    assert run.counts == {"completed": 1} and run.last_seq == 7
    assert (step.status, step.ended) == ("completed", 6000)
    assert [a.status for a in step.attempts] == ["failed", "completed"]
    assert step.attempts[1].started_at == "2030-01-01T00:00:00Z"


@pytest.mark.parametrize(
    ("event", "status"),
    [
        (ev.StepActivated(step="a"), "deciding"),
        (ev.StepExpanded(step="a", items=[]), "running"),
        (ev.StepWaiting(step="a", until=LATER), "waiting"),
        (ev.StepChosen(step="a", branch=0), "completed"),
        (ev.StepSkipped(step="a", reason="condition"), "skipped"),
        (ev.StepCancelled(step="a", reason="run_failing"), "cancelled"),
        (ev.StepFailed(step="a", failure=FAILURE), "failed"),
        (ev.StepCompleted(step="a"), "completed"),
        (ev.StepStarted(step="a", attempt=1), "running"),
        (ev.StepSeeking(step="a", key="k", for_s=1.0), "seeking"),
        (ev.StepReused(step="a", from_run="r", from_step="b", kept_at=LATER), "completed"),
    ],
)
def test_every_event_of_a_step_gives_it_a_status(event: ev.Event, status: str) -> None:
    step = folded(started(), event).steps["a"]
    assert step.status == status
    assert (step.ended != NEVER) == (status in {"completed", "failed", "cancelled", "skipped"})


@pytest.mark.parametrize(
    ("event", "status"),
    [
        (ev.RunCompleted(), "completed"),
        (ev.RunFailed(failure=FAILURE), "failed"),
        (ev.RunCancelled(failure=FAILURE), "cancelled"),
        (ev.RunTerminated(failure=FAILURE), "terminated"),
    ],
)
def test_every_end_closes_the_run(event: ev.Event, status: str) -> None:
    run = folded(started(), ev.RunFailing(ending="failed", failure=FAILURE), event)
    assert (run.status, run.closed, run.closed_us) == (status, True, START_US + 2000)
    assert run.failure == FAILURE


def test_what_was_open_when_the_run_was_terminated_has_ended_with_it() -> None:
    run = folded(
        started(),
        ev.StepCompleted(step="a"),
        ev.StepExpanded(step="b", items=[]),
        ev.StepWaiting(step="c", until=LATER),
        ev.RunTerminated(failure=FAILURE),
    )
    assert run.counts == {"completed": 1, "cancelled": 2}
    assert [step.reason for step in run.steps.values()] == [None, "terminated", "terminated"]
    assert all(step.ended != NEVER for step in run.steps.values())


def test_a_cancelled_attempt_ends_with_its_step() -> None:
    run = folded(
        started(),
        ev.StepScheduled(step="a", attempt=1, task="t"),
        ev.StepScheduled(step="a", attempt=2, task="t"),
        ev.StepCancelled(step="a", reason="timeout", attempt=1),
    )
    assert [a.status for a in run.steps["a"].attempts] == ["cancelled", "scheduled"]
    assert run.steps["a"].reason == "timeout"


def test_a_step_that_goes_on_after_its_end_is_open_again() -> None:
    run = folded(
        started(),
        ev.StepFailed(step="a", failure=FAILURE),
        ev.StepScheduled(step="a", attempt=2, task="t"),
    )
    assert run.counts == {"open": 1} and run.steps["a"].ended == NEVER


def test_what_this_build_does_not_know_changes_nothing_but_the_position() -> None:
    run = folded(started())
    assert run.apply(2, "step.teleported", START_US, b'{"step":"a"}') is None
    assert run.apply(3, "compensation.started", START_US, b'{"steps":["a"]}') is None
    assert (run.last_seq, run.steps) == (3, {})


def test_data_that_is_no_event_is_refused() -> None:
    with pytest.raises(msgspec.DecodeError):
        folded(started()).apply(2, "step.completed", START_US, b'{"step":7}')


def test_steps_come_back_from_where_they_were_kept() -> None:
    run = folded(
        started(),
        ev.StepScheduled(step="a", attempt=1, task="t"),
        ev.StepCompleted(step="a", attempt=1),
        ev.StepSkipped(step="b", reason="condition"),
        ev.StepWaiting(step="c", until=LATER),
    )
    kept = json_encode(list(run.steps.values()))
    again = RunProjection(run.run_id, "ns", "w", 3, None)
    again.restore(msgspec.json.decode(kept, type=list[Step]), run.last_seq)
    assert again.steps == run.steps
    assert again.counts == run.counts == {"completed": 1, "skipped": 1, "open": 1}


def undoing(*events: ev.Event) -> RunProjection:
    """A run that fails, and whose steps `a` and `b` are being undone."""
    return folded(
        started(),
        ev.RunFailing(ending="failed", failure=FAILURE),
        ev.CompensationStarted(steps=["b", "a"], after=[[], []]),
        *(ev.StepScheduled(step=f"{s}~compensate", attempt=1, task="t") for s in "ab"),
        *events,
    )


def blocked(step: str) -> ev.StepFailed:
    return ev.StepFailed(step=f"{step}~compensate", attempt=1, failure=FAILURE, blocked=True)


def test_a_run_is_blocked_until_a_person_has_decided_about_all_that_failed() -> None:
    skipped = ev.StepSkipped(step="b~compensate", reason="by_request")
    both = undoing(blocked("a"), blocked("b"))
    one = undoing(blocked("a"), blocked("b"), ev.CompensationRetried(step="a~compensate"))
    none = undoing(blocked("b"), skipped)
    assert (both.status, both.counts) == ("blocked", {"open": 2})
    assert one.status == "blocked"
    assert none.status == "failing"
    assert none.steps["b~compensate"].status == "skipped"


def test_a_run_that_is_rolled_back_is_open_again_and_its_steps_pending() -> None:
    ended = (
        ev.StepScheduled(step="b", attempt=1, task="t"),
        ev.StepCompleted(step="b", attempt=1),
        ev.RunFailed(failure=FAILURE),
    )
    back = ev.RunRollingBack(to="a", steps=["b", "c"])
    going = folded(started(), *ended, back)
    assert (going.status, going.closed_us, going.failure) == ("running", 0, None)
    done = folded(started(), *ended, back, ev.RunRolledBack(steps=["b", "c"], paused=True))
    assert (done.status, done.steps["b"].status, done.counts) == ("paused", "pending", {"open": 1})
    stopped = ev.StepCancelled(step="b", reason="rolled_back")
    again = folded(started(), back, stopped, ev.RunRolledBack(steps=["b"]))
    assert folded(started(), back, stopped).steps["b"].reason == "rolled_back"
    assert again.steps["b"].reason is None
    stuck = folded(started(), back, blocked("b"), ev.CompensationRetried(step="b~compensate"))
    assert stuck.status == "running"


def test_a_step_that_a_rollback_went_back_over_begins_anew() -> None:
    """It takes what it takes after the rollback, and what it reused before is forgotten."""
    told = (
        started(),
        ev.StepExpanded(step="b", items=[msgspec.Raw(b"1")]),
        ev.StepActivated(step="b[0]"),
        ev.StepActivated(step="b[0]~compensate"),
        ev.StepReused(step="c", from_run="r", from_step="c", kept_at=LATER),
    )
    back = folded(*told, ev.RunRolledBack(steps=["b", "c"]))
    assert sorted(back.steps) == ["b", "b[0]~compensate", "c"]
    assert (back.steps["c"].status, back.steps["c"].reused_run) == ("pending", None)
    assert back.counts == {"open": 3}
    again = folded(
        *told,
        ev.RunRolledBack(steps=["b", "c"]),
        ev.StepScheduled(step="c", attempt=2, task="t"),
        ev.StepCompleted(step="c", attempt=2),
    )
    assert again.steps["c"].began > back.steps["c"].began
    at_us = back.started_us + 10 * US_PER_S
    took = {step.step: step.duration_ms for step in view(back, Payloads(), at_us).steps}
    assert took["c"] is None, "it has not begun again"
    assert again.steps["c"].ended > again.steps["c"].began


def test_a_fork_has_the_steps_that_it_took_over() -> None:
    taken = {"a": ev.TakenOver(status="completed"), "b": ev.TakenOver(status="skipped")}
    run = folded(started(), ev.RunForked(from_run="r", from_version=3, at_seq=7, taken=taken))
    assert run.counts == {"completed": 1, "skipped": 1}


def test_a_migrated_run_has_the_new_version() -> None:
    assert folded(started(), ev.RunMigrated(from_version=3, to_version=4)).version == 4


def test_a_run_is_found_by_the_labels_of_its_steps() -> None:
    run = folded(
        started(),
        ev.StepLabelled(step="a", labels={"risk": "high"}),
        ev.StepOpened(step="a"),
        ev.StepLabelled(step="a.b", labels={"risk": "low", "n": "1"}),
        ev.StepOpened(step="a.b"),
        ev.StepLabelled(step="a.b", labels={"risk": "high"}),
    )

    assert list(run.step_labels) == ["risk=high", "risk=low", "n=1"]
    assert run.steps["a"].labels == {"risk": "high"}
    assert (run.steps["a"].began, run.counts) == (1_000, {"open": 2})


def test_only_so_many_labels_of_steps_are_kept_for_a_search() -> None:
    labels = [ev.StepLabelled(step=f"s[{i}]", labels={"n": f"{i}"}) for i in range(300)]

    run = folded(started(), *labels)

    assert len(run.step_labels) == MAX_STEP_LABELS
    assert run.steps["s[299]"].labels == {"n": "299"}


def test_what_a_step_reused_is_told_until_it_is_done() -> None:
    reused = ev.StepReused(step="a", from_run="r", from_step="b", kept_at=LATER)
    seeking = ev.StepSeeking(step="a", key="k", for_s=1.0)
    run = folded(started(), seeking, reused)
    assert (run.steps["a"].reused_run, run.steps["a"].reused_step) == ("r", "b")

    run.apply(4, "step.seeking", START_US + 4000, json_encode(seeking))

    assert (run.steps["a"].reused_run, run.steps["a"].status) == (None, "seeking")


def test_how_steps_that_look_came_out_is_counted() -> None:
    run = folded(started(), ev.StepSeeking(step="a[1]", key="k", for_s=1.0))
    scheduled = json_encode(ev.StepScheduled(step="a[1]", attempt=1, task="t"))
    done = run.apply(3, "step.scheduled", START_US + 3000, scheduled)
    again = run.apply(4, "step.scheduled", START_US + 4000, scheduled)
    seeking = json_encode(ev.StepSeeking(step="b", key="k", for_s=1.0))
    run.apply(5, "step.seeking", START_US + 5000, seeking)
    event = ev.StepReused(step="b", from_run="r", from_step="b", kept_at=LATER)
    reused = run.apply(6, "step.reused", START_US + 6000, json_encode(event))

    assert done == Decided("a[]", "cache", ("done",), 2000)
    assert again is None
    assert reused == Decided("b", "cache", ("reused",), 1000)


def test_a_rollback_that_was_cancelled_on_its_way_leaves_a_run_that_fails() -> None:
    back = ev.RunRollingBack(to="a", steps=["b"])
    cancelled = ev.RunFailing(ending="cancelled", failure=FAILURE)

    run = folded(started(), back, cancelled, ev.RunRolledBack(steps=["b"]))

    assert run.status == "failing"


def test_a_choice_of_a_step_aside_unblocks_nobody() -> None:
    back = ev.RunRollingBack(to="a", steps=["b"])
    aside = ev.StepChosen(step="s", branch=0, then=["t"])

    run = folded(started(), back, ev.StepActivated(step="s"), blocked("b"), aside)

    assert (run.status, run.steps["s"].status) == ("blocked", "completed")
