"""Steps of one key: at most so many at once over all runs and instances; none waits for ever."""

import signal
from contextlib import AsyncExitStack

from stretto.contracts.ids import run_id_text
from tests.integration.workflow.partners import silent
from tests.integration.workflow.places import Answering, claims, lose, most_at_once
from tests.integration.workflow.processes import instance, shares
from tests.integration.workflow.world import World, eventually, until

TWO = """\
workflow: stepped
steps:
  free: {task: free}
  each:
    needs: free
    for_each: [1, 2, 3]
    task: work
    concurrency: {key: "${{ input.customer }}", limit: 2}
"""
ONE = """\
workflow: stepped
steps:
  do: {task: work, concurrency: {key: k}}
"""
REJECTS = """\
workflow: stepped
steps:
  do:
    task: work
    concurrency: {key: k, when_full: reject}
    retry: {max_attempts: 1000, interval: 100ms, backoff: 1}
"""


def out(world: World) -> list[tuple[str, str]]:
    """The steps that are out (run, path), each once: what is open is sent again after a while."""
    return list(dict.fromkeys((run_id_text(r.run_id), r.path) for r in world.execution.held))


async def asks(world: World, run: str) -> None:
    await eventually(lambda: world.types(run), lambda types: "step.queued" in types)


async def goes_out(world: World, run: str) -> None:
    await until(lambda: (run, "do") in out(world))


async def test_a_step_waits_for_the_step_of_another_run_and_says_so(world: World) -> None:
    world.execution.tasks["work"] = silent
    await world.define(ONE)
    first = await world.start("stepped")
    await until(lambda: out(world) == [(first, "do")])
    second = await world.start("stepped")
    await eventually(lambda: world.types(second), lambda t: t == ["run.started", "step.queued"])

    [cause] = (await world.api("explain", run_id=second))["pending"]

    assert (cause["step"], cause["cause"], cause["owner"]) == ("do", "concurrency", "run")
    assert cause["sentence"] == (
        "Step 'do' waits for a place: at most 1 step is under way at once for the key 'k'; "
        f"'do' of run {first} has the place."
    )
    await Answering(world).one()
    await world.status(first, "completed")
    await until(lambda: (second, "do") in out(world))
    await Answering(world).one()
    await world.status(second, "completed")
    assert await world.types(second) == [
        "run.started", "step.queued", "step.admitted", "step.scheduled", "step.completed",
        "run.completed",
    ]  # fmt: skip
    assert await claims(world) == 0


async def test_items_of_many_runs_over_two_instances_keep_to_the_limit(alone: World) -> None:
    async with AsyncExitStack() as stack:
        for name in ("workflow-1", "workflow-2"):
            await stack.enter_async_context(alone.service(name))
        alone.execution.tasks["work"] = silent
        await alone.define(TWO)
        runs = [await alone.start("stepped", {"customer": "ann"}) for _ in range(10)]
        answering = Answering(alone)
        for _ in range(30):
            await answering.one()
        for run in runs:
            await alone.status(run, "completed")

        assert await most_at_once(alone, "step", but=("free", "each")) == 2
        assert await claims(alone) == 0


async def test_places_are_given_out_though_instances_are_killed(alone: World) -> None:
    alone.execution.tasks["work"] = silent
    answering = Answering(alone)
    async with alone.service("stays"):
        await alone.define(TWO.replace("limit: 2", "limit: 1"))
        async with instance(alone, "a", partitions="2") as first:
            await eventually(lambda: shares(alone), lambda s: s == [1, 1])
            runs = [await alone.start("stepped", {"customer": "ann"}) for _ in range(4)]
            await answering.one()
            first.send(signal.SIGKILL)  # whatever it is at: the end of a step, a grant
            while len(answering.done) < 12:
                await answering.one()
            for run in runs:
                await alone.status(run, "completed")

    assert await most_at_once(alone, "step", but=("free", "each")) == 1
    assert await claims(alone) == 0


async def test_a_grant_and_a_free_place_that_were_lost_are_found(alone: World) -> None:
    alone.execution.tasks["work"] = silent
    async with alone.service():
        await alone.define(ONE)
        runs = [await alone.start("stepped") for _ in range(3)]
        await until(lambda: out(alone) == [(runs[0], "do")])
        for run in runs[1:]:
            await asks(alone, run)
    # The first step ends, and nobody is there to give its place out; the grant of the second one
    # is lost.
    await lose(alone, freed=runs[0], granted=runs[1])

    async with alone.service():
        await until(lambda: (runs[1], "do") in out(alone))
        await alone.control(runs[1], "terminate")
        await until(lambda: (runs[2], "do") in out(alone))


async def test_every_end_of_a_step_frees_its_place(world: World) -> None:
    world.execution.tasks["work"] = silent
    await world.define(ONE)
    runs = [await world.start("stepped") for _ in range(5)]
    for number, command in enumerate(["cancel", "terminate", "skip", "rewind"]):
        run = runs[number]
        await goes_out(world, run)
        said = {"step": "do"} if command in ("skip", "rewind") else {}
        await world.control(run, command, **said)

    await until(lambda: (runs[4], "do") in out(world))
    assert await claims(world) == 2  # the rewound one waits behind
    world.execution.held.clear()
    await world.control(runs[4], "terminate")
    await until(lambda: (runs[3], "do") in out(world))
    await Answering(world).one()
    await world.status(runs[3], "completed")
    assert await claims(world) == 0


async def test_a_step_that_does_not_wait_comes_back_until_there_is_a_place(world: World) -> None:
    world.execution.tasks["work"] = silent
    await world.define(REJECTS)
    first = await world.start("stepped")
    await until(lambda: out(world) == [(first, "do")])
    second = await world.start("stepped")
    await eventually(lambda: world.types(second), lambda t: t.count("step.failed") >= 2)

    await Answering(world).one()

    await until(lambda: (second, "do") in out(world))
    await Answering(world).one()
    await world.status(second, "completed")
    assert await claims(world) == 0


async def test_a_workflow_without_it_makes_no_claims(world: World) -> None:
    world.execution.tasks["work"] = silent
    await world.define("workflow: free\nsteps: {do: {task: work}}\n")

    run = await world.start("free")

    await until(lambda: out(world) == [(run, "do")])
    assert await claims(world) == 0
