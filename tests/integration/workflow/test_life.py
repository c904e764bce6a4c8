"""The life of a run: started, decided, dispatched, completed, told."""

from tests.integration.workflow.world import World, until

TWO = """
workflow: two
steps:
  one: {task: echo, with: {n: "${{ input.n }}"}}
  two: {needs: [one], task: echo, with: {got: "${{ steps.one.output.n }}"}}
output: {answer: "${{ steps.two.output.got }}"}
"""


async def test_a_started_run_completes_and_every_fact_is_a_row_of_the_log(world: World) -> None:
    await world.define(TWO)

    run = await world.start("two", {"n": 7})

    state = await world.status(run, "completed")
    assert state["output"] == {"answer": 7}
    rows = await world.log(run)
    assert [row["seq"] for row in rows] == list(range(1, len(rows) + 1))
    assert [row["type"] for row in rows] == [
        "run.started", "step.activated", "step.scheduled", "step.completed",
        "step.activated", "step.scheduled", "step.completed", "run.finishing", "run.completed",
    ]  # fmt: skip
    await until(lambda: world.told(run) == [row["seq"] for row in rows])
