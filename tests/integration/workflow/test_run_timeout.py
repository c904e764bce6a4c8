"""How long a run may take, worked out from its input when it is started."""

from tests.integration.workflow.partners import silent
from tests.integration.workflow.world import World

BY_INPUT = 'workflow: timed\ntimeout: "${{ input.limit }}"\nsteps: {do: {task: work}}\n'


async def test_a_run_ends_when_its_input_says(world: World) -> None:
    world.execution.tasks["work"] = silent
    await world.define(BY_INPUT)

    run = await world.start("timed", {"limit": "200ms"})

    failed = await world.status(run, "failed")
    assert failed["failure"]["type"] == "WorkflowTimeout"


async def test_a_start_whose_timeout_is_none_is_refused(world: World) -> None:
    await world.define(BY_INPUT)

    refused = await world.try_start("timed", {"limit": "soon"})

    assert refused["rejected"]["code"] == "timeout_invalid"
    assert not await world.sql("select from workflow.run")
