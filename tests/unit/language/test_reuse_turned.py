"""What a run undoes or goes back to is not reused: it is dropped, or done anew."""

import pytest

from services.testing import Fails, Held, World
from stretto.contracts import events as ev
from tests.unit.language.test_reuse import HEAD, reused, world_of

UNDONE = HEAD + (
    "on_failure: compensate\nsteps:\n  a: {task: t, cache: 1h, compensate: {task: undo}}\n"
    "  b: {task: b, needs: [a]}\n"
)


def test_a_step_that_reused_is_not_undone() -> None:
    world = world_of(UNDONE, b={}, undo={})
    done = world.start()
    world.tasks["b"] = Fails("No", retryable=False)

    failed = world.start()

    assert done.status == "completed"
    assert failed.status == "failed"
    assert failed.story("reused", "scheduled") == ["reused a", "scheduled b"]
    assert "compensation.started" not in failed.story()
    assert reused(world.start()), "what the first run gave stands"


def test_what_is_undone_is_not_there_any_more_from_when_the_undoing_begins() -> None:
    world = world_of(UNDONE, b=Fails("No", retryable=False), undo=Held())
    undoing = world.start()
    assert undoing.step("a~compensate") == "scheduled"

    assert not reused(world.start())


def test_what_is_undone_beside_it_changes_nothing() -> None:
    text = UNDONE.replace("steps:\n", "steps:\n  z: {task: z, compensate: {task: undo}}\n")
    world = world_of(text, z={}, b=Fails("No", retryable=False), undo={})
    run = world.start()

    assert run.story("completed")[-2:] == ["completed a~compensate", "completed z~compensate"]
    assert not reused(world.start())


def test_what_another_run_has_kept_since_stays() -> None:
    world = World(UNDONE, tasks={"t": Held(), "b": Held(), "undo": {}})
    first, second = world.start(), world.start()
    world.complete(first, "a", {"n": 1})
    world.complete(second, "a", {"n": 2})

    world.fail(first, "b", Fails("No", retryable=False))

    assert first.step("a~compensate") == "completed"
    assert world.start().output_of("a") == {"n": 2}


def test_a_run_that_stops_without_undoing_keeps_what_it_has() -> None:
    text = HEAD + "steps:\n  a: {task: t, cache: 1h}\n  b: {task: b, needs: [a]}\n"
    world = world_of(text, b=Fails("No", retryable=False))
    world.start()

    assert reused(world.start())


@pytest.mark.parametrize("who_did_it", ["another run", "the run itself"])
def test_a_step_that_the_run_goes_back_to_is_done(who_did_it: str) -> None:
    text = HEAD + "steps:\n  a: {task: t, cache: 1h}\n  b: {task: b, needs: [a]}\n"
    world = world_of(text, b=Held())
    world.start()
    run = world.start() if who_did_it == "another run" else next(iter(world.runs.values()))

    world.control(run, "rewind", step="a")

    assert run.output_of("a") == {"call": 2}
    assert run.story("seeking", "scheduled")[-2:] == ["scheduled a", "scheduled b"]
    assert [e.anew for _, e in run.log if isinstance(e, ev.StepSeeking)] == [False, True]
    assert world.start().output_of("a") == {"call": 2}, "and it is what is kept"


def test_items_that_the_run_goes_back_to_are_done() -> None:
    text = HEAD + ("steps:\n  a: {for_each: [1], task: t, cache: 1h}\n  b: {task: b, needs: [a]}\n")
    world = world_of(text, b=Held())
    world.start()
    run = world.start()
    assert run.story("reused") == ["reused a[0]"]

    world.control(run, "rewind", step="a")

    assert run.output_of("a") == [{"call": 2}]


def test_a_step_that_had_not_begun_may_still_reuse() -> None:
    text = HEAD + "steps:\n  a: {task: a}\n  b: {task: t, needs: [a], cache: 1h}\n"
    world = world_of(text, a={})
    world.start()
    world.tasks["a"] = Fails("No", retryable=False)
    run = world.start()
    world.tasks["a"] = {}

    world.control(run, "retry")

    assert run.status == "completed"
    assert run.story("reused") == ["reused b"]


def test_after_a_rollback_it_is_done() -> None:
    text = UNDONE.replace("steps:\n", "steps:\n  z: {task: z}\n").replace(
        "cache: 1h,", "needs: [z], cache: 1h,"
    )
    world = world_of(text, z={}, b=Held(), undo={})
    run = world.start()

    world.control(run, "rollback", to="z")

    assert run.story("seeking", "completed") == [
        "completed z", "seeking a", "completed a", "completed a~compensate", "seeking a",
        "completed a",
    ]  # fmt: skip
    assert run.output_of("a") == {"call": 2}
