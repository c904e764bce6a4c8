"""A new run begins where another one stood."""

import json

from stretto.contracts.ids import run_id_text, uuid7
from tests.integration.workflow.partners import Fails
from tests.integration.workflow.world import Json, World

FIRST = """
workflow: forks
steps:
  one: {task: echo, with: {n: "${{ input.n }}"}}
  two: {needs: [one], task: work, with: {n: "${{ steps.one.output.n + 1 }}"}}
  three: {needs: [two], task: echo, with: {n: "${{ steps.two.output.n + input.n }}"}}
output: {n: "${{ steps.three.output.n }}"}
"""

SECOND = FIRST.replace("steps.two.output.n + input.n", "steps.two.output.n * 10")


def boom(_record: object) -> object:
    raise Fails(type="Boom", message="it broke", retryable=False)


async def fork(world: World, run: str, **request: object) -> Json:
    """Ask for a fork as anybody can: a start that names the run."""
    about = {key: request.pop(key) for key in ("at_seq", "step", "by", "reason") if key in request}
    body = json.dumps({"fork": {"run_id": run, **about}, **request}).encode()
    return await world.ask("stretto.start.default.forks", body)


async def forked(world: World, run: str, **request: object) -> Json:
    """Fork a run and wait until the new one has completed; its state."""
    answer = await fork(world, run, **request)
    assert answer.get("run_id"), answer
    return await world.status(answer["run_id"], "completed")


async def failed(world: World) -> str:
    world.execution.tasks["work"] = boom
    await world.define(FIRST)
    run = await world.start("forks", {"n": 1}, labels={"team": "blue"})
    await world.status(run, "failed")
    del world.execution.tasks["work"]
    return run


async def test_a_failed_run_is_begun_again_behind_what_it_has_done(world: World) -> None:
    run = await failed(world)
    state = await forked(world, run, by="ada", reason="the task is mended")
    assert state["output"] == {"n": 3}
    assert state["labels"] == {"team": "blue"}
    assert len(world.execution.of("one")) == 1
    [event] = [
        json.loads(r["data"]) for r in await world.log(state["run_id"]) if r["type"] == "run.forked"
    ]
    assert (event["from_run"], event["by"], event["reason"]) == (run, "ada", "the task is mended")
    assert event["taken"] == {"one": {"status": "completed", "output": {"n": 1}}}


async def test_a_fork_may_have_another_input_and_another_version(world: World) -> None:
    run = await failed(world)
    await world.define(SECOND)
    assert (await forked(world, run, input={"n": 5}))["output"] == {"n": 7}
    assert (await forked(world, run, version=2))["output"] == {"n": 20}


async def test_a_fork_begins_from_any_step_or_event_of_a_run_that_has_ended(world: World) -> None:
    await world.define(FIRST)
    run = await world.start("forks", {"n": 1})
    await world.status(run, "completed")
    again = await forked(world, run, step="two")
    assert [len(world.execution.of(step)) for step in ("one", "two", "three")] == [1, 2, 2]
    whole = await forked(world, run, at_seq=1)
    assert [len(world.execution.of(step)) for step in ("one", "two", "three")] == [2, 3, 3]
    done = await forked(world, run)
    assert [len(world.execution.of(step)) for step in ("one", "two", "three")] == [2, 3, 3]
    assert again["output"] == whole["output"] == done["output"] == {"n": 3}


async def test_a_fork_of_a_fork_and_after_a_restart(alone: World) -> None:
    async with alone.service():
        run = await failed(alone)
        first = await forked(alone, run)
    async with alone.service("workflow-2"):
        assert (await alone.state(first["run_id"]))["output"] == {"n": 3}
        assert (await forked(alone, first["run_id"], step="three"))["output"] == {"n": 3}


async def test_the_same_request_is_the_same_run(world: World) -> None:
    run = await failed(world)
    wanted = run_id_text(uuid7(1_700_000_000_000, b"fork"))
    assert (await fork(world, run, run_id=wanted))["run_id"] == wanted
    again = await fork(world, run, run_id=wanted)
    assert (again["run_id"], again["existing"]) == (wanted, True)


async def test_what_cannot_be_forked_is_refused_with_the_reason(world: World) -> None:
    run = await failed(world)
    unknown = run_id_text(uuid7(1_700_000_000_000, b"none"))
    refusals = {
        "run_unknown": await fork(world, unknown),
        "seq_unknown": await fork(world, run, at_seq=999),
        "step_unknown": await fork(world, run, step="nine"),
        "workflow_unknown": await fork(world, run, version=9),
        "message_unreadable": await fork(world, run, at_seq=-1),
    }
    assert {code: answer["rejected"]["code"] for code, answer in refusals.items()} == {
        code: code for code in refusals
    }
    body = json.dumps({"fork": {"run_id": run}}).encode()
    other = await world.ask("stretto.start.default.others", body)
    assert other["rejected"]["code"] == "run_unknown"
