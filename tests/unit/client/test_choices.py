"""Choices of routes, read from the events of a run."""

from datetime import UTC, datetime, timedelta
from typing import Any

from stretto.client.choices import Choice, choices_of
from stretto.client.feed import RunEvent

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
RANKED = {
    "candidates": [
        {"device": "d1", "score": 1.0},
        {"device": "d2", "score": 0.5, "features": [0.25, 4.0, None, 80.0]},
    ],
    "strategy": "learned", "present": 9, "knowing": 3, "fitting": 2, "explored": True,
}  # fmt: skip


def story(*events: tuple[str, str | None, dict[str, Any]]) -> list[Choice]:
    """The choices of events that are 10 ms apart."""
    head = ("run.started", None, {"workflow": "w", "version": 2})
    told = [
        RunEvent(
            seq=n, type=kind, at=BEGIN + timedelta(milliseconds=10 * n), step=step,
            data={"step": step, **data},
        )
        for n, (kind, step, data) in enumerate([head, *events])
    ]  # fmt: skip
    return list(choices_of("r", told))


SCHEDULED = ("step.scheduled", "a", {"task": "t", "attempt": 1})


def bound(device: str, ranked: object = RANKED) -> tuple[str, str, dict[str, Any]]:
    return "step.bound", "a", {"attempt": 1, "device": device, "ranked": ranked}


def test_a_choice_has_what_was_known_and_what_came_of_it() -> None:
    [choice] = story(SCHEDULED, bound("d2"), ("step.completed", "a", {}))
    assert (choice.run_id, choice.workflow, choice.version) == ("r", "w", 2)
    assert (choice.step, choice.attempt, choice.task) == ("a", 1, "t")
    assert (choice.strategy, choice.device, choice.place, choice.score) == (
        "learned", "d2", 1, 0.5,
    )  # fmt: skip
    assert (choice.load, choice.slots, choice.time_ms, choice.cost_ms) == (0.25, 4.0, None, 80.0)
    assert (choice.explored, choice.present, choice.knowing, choice.fitting) == (True, 9, 3, 2)
    assert (choice.waited_ms, choice.took_ms, choice.outcome) == (10.0, 10.0, "completed")
    assert choice.cost == 10.0


def test_a_failure_has_its_type_and_a_device_that_was_left_is_told() -> None:
    failed = {"failure": {"type": "Boom", "message": "", "retryable": True}}
    first, second = story(SCHEDULED, bound("d1"), bound("d2"), ("step.failed", "a", failed))
    assert (first.device, first.outcome, first.failure) == ("d1", "moved", None)
    assert (second.device, second.outcome, second.failure) == ("d2", "failed", "Boom")
    assert (first.cost, second.cost) == (None, 2_010.0)


def test_what_is_not_told_is_not_known() -> None:
    migrated = ("run.migrated", None, {"to_version": 3})
    [choice] = story(migrated, SCHEDULED, bound("d9", None), ("step.completed", "b", {}))
    assert (choice.version, choice.outcome, choice.took_ms) == (3, "open", None)
    assert (choice.place, choice.score, choice.load) == (-1, None, None)
