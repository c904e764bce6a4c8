"""Steps that say `when_full: cancel_running`: the newest stays, over all runs and instances."""

from contextlib import AsyncExitStack

from tests.integration.workflow.partners import silent
from tests.integration.workflow.places import claims
from tests.integration.workflow.world import World, eventually, until

NEWEST = """\
workflow: newest
steps:
  do:
    task: work
    concurrency: {key: k, when_full: cancel_running}
    catch: [{on: Superseded, output: gone}]
output: ${{ steps.do.output }}
"""


def answer_to(world: World, run: str) -> None:
    """Complete the step of a run that is out."""
    record = next(r for r in world.execution.held if r.run_id.hex() == run.replace("-", ""))
    world.execution.answer(record)


async def goes_out(world: World, run: str) -> None:
    await until(lambda: any(r.run_id.hex() == run.replace("-", "") for r in world.execution.held))


async def test_the_newest_of_many_runs_over_two_instances_stays(alone: World) -> None:
    alone.execution.tasks["work"] = silent
    async with AsyncExitStack() as stack:
        for name in ("workflow-1", "workflow-2"):
            await stack.enter_async_context(alone.service(name))
        await alone.define(NEWEST)
        runs = []
        for _ in range(6):
            runs.append(await alone.start("newest"))
            await goes_out(alone, runs[-1])

        for run in runs[:-1]:
            await alone.status(run, "completed")
            state = await alone.api("state", run_id=run)
            assert state["output"] == "gone"
        answer_to(alone, runs[-1])
        await alone.status(runs[-1], "completed")
        types = await alone.types(runs[0])
        assert await claims(alone) == 0

    assert types == [
        "run.started", "step.queued", "step.admitted", "step.scheduled", "step.failed",
        "step.completed", "run.finishing", "run.completed",
    ]  # fmt: skip


async def test_what_was_lost_on_the_way_is_found_and_told_again(world: World) -> None:
    world.execution.tasks["work"] = silent
    await world.define(NEWEST.replace("cancel_running", "queue"))
    first = await world.start("newest")
    await goes_out(world, first)
    second = await world.start("newest")
    await eventually(lambda: world.types(second), lambda types: "step.queued" in types)

    await world.sql("update workflow.claim set mode = 'cancel_running' where run_id = $1", second)

    await world.status(first, "completed")
    await goes_out(world, second)
    answer_to(world, second)
    await world.status(second, "completed")
    assert await claims(world) == 0
