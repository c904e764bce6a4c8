"""How one step of a run stands, for who asks: `workflow.step`."""

from typing import Any

import pytest

from services.testing import Fails, Held, World
from services.testing.tested_run import TestedRun
from services.workflow.step_told import step_told
from services.workflow.views import steps
from stretto.bus.service import Refusal
from stretto.contracts.step_told import ItemsTold
from stretto.testing.replies import Attempt

ITEMS = """\
workflow: w
steps:
  each: {for_each: [1, 2, 3, 4, 5], max_parallel: 3, task: t, with: {n: "${{ item }}"},
         join: {at_least: 1}, compensate: {task: u}}
  after: {needs: [each], task: v}
"""
REUSES = "workflow: w\nsteps: {a: {task: t, with: {x: 1}, cache: 1h}}\n"


def items(*, third: Any) -> TestedRun:
    """Of five items one fails, one is done, and one becomes what is said."""

    def reply(attempt: Attempt) -> Any:
        by_number = {1: Fails("Broken", "no"), 2: Held(), 3: third}
        return by_number.get(attempt.input["n"], Held())

    return World(ITEMS, tasks={"t": reply}).start("w")


def test_a_for_each_says_how_many_items_are_done_open_failed_and_to_come() -> None:
    going = step_told(items(third=Held()).run, "each")
    done = step_told(items(third="ok").run, "each")

    assert (going.kind, going.status) == ("task", "open")
    assert going.items == ItemsTold(count=5, open=3, failed=1, to_come=1)
    assert (done.status, done.failure) == ("completed", None)
    assert done.items == ItemsTold(count=5, completed=1, failed=1, left_out=2, to_come=1)


def test_a_step_that_failed_says_why_and_at_which_attempt() -> None:
    told = step_told(items(third=Held()).run, "each[0]")

    assert told.failure is not None
    assert (told.status, told.attempt, told.failure.type) == ("failed", 1, "Broken")


def test_a_step_that_was_not_done_says_whose_output_it_took() -> None:
    world = World(REUSES)
    first, second = world.start("w"), world.start("w")

    assert step_told(first.run, "a").reused_run is None
    told = step_told(second.run, "a")
    assert (told.reused_run, told.reused_step) == (step_told(first.run, "a").run_id, "a")


def test_a_step_that_the_run_has_not_come_to_is_pending_and_one_that_is_none_is_refused() -> None:
    run = items(third=Held()).run

    assert step_told(run, "after").status == "pending"
    for path in ("nobody", "each[4]", "each~compensate", "nobody.inner", ""):
        with pytest.raises(Refusal, match="one at the top \\(each, after\\)") as refused:
            step_told(run, path)
        assert refused.value.code == "step_unknown"


def test_what_was_open_when_its_run_was_terminated_is_told_as_cancelled() -> None:
    world = World(ITEMS, tasks={"t": lambda _: Held()})
    run = world.start("w")
    assert step_told(run.run, "each").status == "open"

    world.control(run, "terminate")

    told = step_told(run.run, "each")
    assert (told.status, told.items) == ("cancelled", ItemsTold(count=5, left_out=3, to_come=2))
    shown = {str(step["step"]): step for step in steps(run.run)}
    begun = ("each", "each[0]", "each[1]", "each[2]")
    assert [shown[path]["status"] for path in begun] == ["cancelled"] * 4
    assert len({shown[path]["ended_at"] for path in begun}) == 1
    assert (shown["after"]["status"], "ended_at" in shown["after"]) == ("pending", False)


def test_what_a_cancelled_run_has_begun_has_ended() -> None:
    world = World(ITEMS, tasks={"t": lambda _: Held()})
    run = world.start("w")

    world.control(run, "cancel")

    open_still = {"open", "started", "scheduled", "waiting", "backoff"}
    assert run.run.closed
    assert open_still.isdisjoint(str(step["status"]) for step in steps(run.run))
