"""Runs that are steps of other runs, over the bus."""

from stretto.contracts.ids import run_id_text
from tests.integration.workflow.definitions import CHILD, ENDLESS, PARENT
from tests.integration.workflow.partners import Fails, silent
from tests.integration.workflow.world import World, eventually, until


async def child_of(world: World) -> str:
    """The run that the parent waits for."""
    await until(lambda: world.execution.held)
    return run_id_text(world.execution.held[0].run_id)


async def test_a_childs_output_is_its_steps(world: World) -> None:
    for source in (PARENT, CHILD):
        await world.define(source)

    run = await world.start("parent", {"n": 5})

    state = await world.status(run, "completed")
    assert state["output"] == {"got": {"n": 5}}


async def test_a_childs_failure_is_its_steps(world: World) -> None:
    def fails(_record: object) -> object:
        raise Fails(type="Boom", message="it broke", retryable=False)

    world.execution.tasks["work"] = fails
    for source in (PARENT, CHILD):
        await world.define(source)

    run = await world.start("parent", {"n": 5})

    failed = await world.status(run, "failed")
    assert (failed["failure"]["type"], failed["failure"]["step"]) == ("Boom", "child")


async def test_a_child_is_cancelled_with_its_parent(world: World) -> None:
    world.execution.tasks["work"] = silent
    for source in (PARENT, CHILD):
        await world.define(source)
    run = await world.start("parent", {"n": 5})
    child = await child_of(world)

    await world.control(run, "cancel")

    await world.status(run, "cancelled")
    cancelled = await world.status(child, "cancelled")
    assert cancelled["failure"]["message"].startswith("its parent was")


async def test_a_cancelled_child_fails_its_parent(world: World) -> None:
    world.execution.tasks["work"] = silent
    for source in (PARENT, CHILD):
        await world.define(source)
    run = await world.start("parent", {"n": 5})

    await world.control(await child_of(world), "cancel")

    assert (await world.status(run, "failed"))["failure"]["type"] == "Cancelled"


async def test_a_child_that_cannot_be_started_fails_its_step(world: World) -> None:
    await world.define(PARENT)

    run = await world.start("parent", {"n": 5})

    failed = await world.status(run, "failed")
    assert failed["failure"]["type"] == "ChildRefused"
    assert "'child'" in failed["failure"]["message"]


async def test_a_child_whose_input_is_too_deep_fails_its_step(world: World) -> None:
    nested = "${{ input.n }}"
    await world.define(PARENT.replace('"${{ input.n }}"', f'{{a: {{b: {{c: "{nested}"}}}}}}'))
    await world.define(CHILD)
    deep: object = 0
    for _ in range(61):
        deep = [deep]

    run = await world.start("parent", {"n": deep})

    failed = await world.status(run, "failed")
    assert failed["failure"]["type"] == "ChildRefused"
    assert "deep" in failed["failure"]["message"]


async def test_runs_inside_one_another_without_an_end_are_stopped(world: World) -> None:
    await world.define(ENDLESS)

    run = await world.start("endless")

    failed = await world.status(run, "failed")
    assert "inside one another" in failed["failure"]["message"]
    [count] = await world.sql("select count(*) from workflow.run")
    assert count[0] == 33


async def test_a_parent_that_did_not_hear_of_its_childs_end_hears_it_when_it_asks_again(
    world: World,
) -> None:
    world.execution.tasks["work"] = silent
    for source in (PARENT, CHILD):
        await world.define(source)
    run = await world.start("parent", {"n": 5})
    child = await child_of(world)
    # The result of the child is lost with the stream that holds it.
    assert world.host is not None
    publisher = world.host.context.publisher
    real = publisher.send

    async def losing(subject: str, data: bytes, **more: object) -> object:
        if subject.startswith("stretto.results"):
            subject = "stretto.emitted.lost.lost"
        return await real(subject, data, **more)  # type: ignore[arg-type]

    publisher.send = losing  # type: ignore[method-assign,assignment]
    world.execution.answer(world.execution.held.popleft(), output={"n": 5})
    await world.status(child, "completed")
    await until(lambda: world.heard.json("stretto.emitted.lost"))
    publisher.send = real  # type: ignore[method-assign]

    await world.api("open", lane=0)

    await world.status(run, "completed")


async def test_a_detached_child_is_not_waited_for(world: World) -> None:
    world.execution.tasks["work"] = silent
    await world.define(PARENT.replace("workflow: child,", "workflow: {name: child, wait: false},"))
    await world.define(CHILD)

    run = await world.start("parent", {"n": 5})

    state = await world.status(run, "completed")
    assert state["output"]["got"]["run_id"] == await child_of(world)
    await eventually(lambda: world.types(state["output"]["got"]["run_id"]))
