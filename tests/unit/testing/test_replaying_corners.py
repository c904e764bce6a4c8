"""Replays of runs that stood in line twice, were retried as a whole, or had not ended; outcomes of
runs that went back, or began with what another one did."""

from services.testing import Held, World
from services.testing.playing import outcome_of

from .test_replaying_turned import again, forked

TWO = """
workflow: two
on_failure: compensate
steps:
  a: {task: t.a, compensate: {task: t.undo}}
  b: {task: t.b, compensate: {task: t.undo}}
"""


def test_a_retry_of_all_steps_that_failed_is_given_again_in_a_replay() -> None:
    world = World(TWO, tasks={"t.a": Held(), "t.b": Held(), "t.undo": {}})
    run = world.start()
    world.fail(run, "a")
    world.fail(run, "b")
    assert run.status == "failed"

    world.control(run, "retry", by="ann", reason="mended")
    for path in ("a", "b"):
        world.complete(run, path)

    assert run.status == "completed"
    found = again(TWO, run)
    assert (found.verdict, found.differences, found.refused) == ("same", [], [])


LINE = """
workflow: line
concurrency: {key: one, limit: 1}
steps:
  a: {task: t.a}
"""


def test_a_run_that_stood_in_line_twice_is_played_to_its_end() -> None:
    world = World(LINE, tasks={"t.a": Held()})
    first, second = world.start(), world.start()
    world.complete(first, "a")
    world.fail(second, "a")
    third = world.start()
    world.control(second, "retry")
    assert second.run.queued, "the third has the place"
    world.complete(third, "a")
    world.complete(second, "a")
    assert second.status == "completed"
    assert second.story().count("run.queued") == 2

    found = again(LINE, second)

    assert (found.verdict, found.differences) == ("same", [])


WAITS = """
workflow: w
steps:
  ask: {signal: go}
"""


def test_an_open_run_that_would_have_ended_by_another_definition_goes_otherwise() -> None:
    run = World(WAITS).start()

    found = again(WAITS, run)
    ended = again(WAITS.replace("{signal: go}", "{set: {x: 1}}"), run)

    assert (found.verdict, found.differences) == ("same", [])
    assert ended.verdict == "otherwise"
    assert [(d.step, d.what) for d in ended.differences if not d.step] == [("", "status")]


BACK = """
workflow: back
steps:
  first: {task: t.first}
  inside:
    needs: [first]
    steps:
      read: {task: t.read}
  last: {needs: [inside], signal: go}
"""


def test_what_was_done_before_a_way_back_is_told_as_pending() -> None:
    world = World(BACK, tasks={"t.first": Held(), "t.read": {}})
    run = world.start()
    world.complete(run, "first")
    assert run.step("inside.read") == "completed"

    world.control(run, "rewind", step="first")

    outcome = outcome_of(world, run)
    assert outcome.steps["inside.read"].status == "pending"
    assert outcome.waits_for == ["step 'first' waits for an answer to attempt 2"]


def test_what_a_fork_took_over_was_not_done_by_it() -> None:
    world, run = forked()

    outcome = outcome_of(world, run)

    assert "charge" not in outcome.steps
    assert outcome.steps["tell"].status == "completed"
    assert outcome.status == "completed"
