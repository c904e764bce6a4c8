"""Undoing and rolling back on real servers, with the service stopped in between."""

from tests.integration.workflow.partners import Fails, attempt_of, silent
from tests.integration.workflow.world import World, until

SOURCE = """
workflow: undoes
on_failure: compensate
steps:
  a: {task: echo, with: {n: 1}, compensate: {task: undo.a}}
  b: {needs: [a], task: echo, with: {n: 2}, compensate: {task: undo.b}}
  c: {needs: [a], task: echo, with: {n: 3}, compensate: {task: undo.c}}
  gate: {needs: [b, c], signal: {name: go}}
  last: {needs: [gate], task: work}
"""


def boom(_record: object) -> object:
    raise Fails(type="Boom", message="it broke", retryable=False)


async def test_a_blocked_run_outlives_the_service_and_goes_on_when_a_person_says_so(
    alone: World,
) -> None:
    alone.execution.tasks |= {"work": boom, "undo.b": boom}
    async with alone.service("first"):
        await alone.define(SOURCE)
        run = await alone.start("undoes")
        await alone.waits(run, "signal")
        await alone.control(run, "signal", name="go")
        state = await alone.waits(run, "compensation_failed")
        assert state["status"] == "blocked"
        assert {p.path for p in alone.execution.dispatched if "~" in p.path} == {
            "b~compensate", "c~compensate",
        }  # fmt: skip
    async with alone.service("second"):
        told = await alone.api("explain", run_id=run)
        assert "'b' could not be undone (Boom: it broke)" in told["pending"][0]["sentence"]
        del alone.execution.tasks["undo.b"]
        await alone.control(run, "retry", step="b", by="ada")
        state = await alone.status(run, "failed")
    assert "uncompensated" not in state
    assert [r.attempt for r in alone.execution.of("b~compensate")] == [1, 2]
    assert len(alone.execution.of("a~compensate")) == 1


async def test_a_person_does_without_what_cannot_be_undone(world: World) -> None:
    world.execution.tasks |= {"work": boom, "undo.b": boom}
    await world.define(SOURCE)
    run = await world.start("undoes")
    await world.waits(run, "signal")
    await world.control(run, "signal", name="go")
    await world.waits(run, "compensation_failed")
    await world.control(run, "skip", step="b", by="ada", reason="done by hand")
    assert (await world.status(run, "failed"))["uncompensated"] == ["b"]


async def test_a_rollback_goes_on_where_the_service_was_stopped(alone: World) -> None:
    alone.execution.tasks["undo.b"] = silent
    async with alone.service("first"):
        await alone.define(SOURCE)
        run = await alone.start("undoes")
        await alone.waits(run, "signal")
        assert (await alone.control(run, "rollback", to="a"))["command"] == "rollback"
        await until(lambda: alone.execution.held)
        refused = await alone.control(run, "pause")
        assert refused["rejected"]["code"] == "rolling_back"
    async with alone.service("second"):
        assert (await alone.state(run))["rolling_back_to"] == "a"
        alone.execution.answer(alone.execution.held[0])
        await alone.waits(run, "signal")
        await alone.control(run, "signal", name="go")
        await alone.status(run, "completed")
    assert [len(alone.execution.of(step)) for step in ("a", "b", "c")] == [1, 2, 2]
    assert [attempt_of(r).rpartition(":")[2] for r in alone.execution.of("c")] == ["1", "2"]
    assert "run.rolled_back" in await alone.types(run)


async def test_a_run_is_rolled_back_to_a_step_and_stays_paused(world: World) -> None:
    await world.define(SOURCE)
    run = await world.start("undoes")
    await world.waits(run, "signal")
    await world.control(run, "rollback", to="a", pause=True, by="ada", reason="look at it")
    state = await world.waits(run, "paused")
    assert state["status"] == "paused"
    assert {s["step"]: s["status"] for s in state["steps"]}["b"] == "pending"
    await world.control(run, "resume")
    await world.waits(run, "signal")
