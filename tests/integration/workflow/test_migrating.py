"""Running runs follow another version of their workflow: one, many, back, and after a restart."""

import asyncio
import json
import time
from typing import Any

import pytest

from tests.integration.workflow.partners import silent
from tests.integration.workflow.world import Json, World, eventually, until

MANY_WITHIN_S = 60.0
AT_ONCE = 50

OLD = """
workflow: moves
steps:
  first: {task: echo, with: {n: "${{ input.n }}"}}
  gate: {needs: [first], signal: {name: go}}
  last: {needs: [gate], task: echo, with: {v: 1}}
output: {v: "${{ steps.last.output.v }}"}
"""

NEW = """
workflow: moves
input:
  type: object
  properties: {n: {type: integer}}
steps:
  first: {task: echo, with: {n: "${{ input.n }}"}}
  gate: {needs: [first], signal: {name: go}}
  between: {needs: [gate], task: echo, with: {n: "${{ steps.first.output.n + 1 }}"}}
  last: {needs: [between], task: echo, with: {v: "${{ steps.between.output.n }}"}}
output: {v: "${{ steps.last.output.v }}"}
"""

GONE = """
workflow: moves
steps:
  gate: {signal: {name: go}}
"""


async def versions(world: World, *sources: str) -> None:
    for number, source in enumerate(sources, 1):
        assert (await world.define(source))["version"] == number


async def test_a_run_follows_another_version_and_tells_of_it(world: World) -> None:
    await versions(world, OLD)
    run = await world.start("moves", {"n": 6})
    await world.waits(run, "signal")
    assert (await world.define(NEW))["version"] == 2

    told = await world.api("migration", run_id=run, version=2)
    done = await world.control(run, "migrate", version=2, by="ada", reason="newer")

    assert told["possible"] and told["problems"] == []
    assert [(c["code"], c["step"]) for c in told["changes"]] == [
        ("step_added", "between"), ("step_changed", "last"),
    ]  # fmt: skip
    assert done == {"run_id": run, "command": "migrate"}
    await world.control(run, "signal", name="go")
    state = await world.status(run, "completed")
    assert (state["version"], state["output"]) == (2, {"v": 7})
    [event] = [json.loads(r["data"]) for r in await world.log(run) if r["type"] == "run.migrated"]
    assert event == {"from_version": 1, "to_version": 2, "by": "ada", "reason": "newer"}
    [row] = await world.sql("select version from workflow.run where run_id = $1", run)
    assert row["version"] == 2
    assert world.events(run)[-1]["run"]["version"] == 2
    first = await world.api("state", run_id=run, at_seq=2)
    assert first["version"] == 1


async def test_what_keeps_a_run_is_told_and_nothing_happens(world: World) -> None:
    await versions(world, OLD)
    run = await world.start("moves", {"n": 1})
    await world.waits(run, "signal")
    await world.define(GONE)
    before = await world.types(run)

    told = await world.api("migration", run_id=run)
    refused = await world.control(run, "migrate")
    unknown = await world.control(run, "migrate", version=9)

    assert not told["possible"]
    assert [(p["code"], p["step"]) for p in told["problems"]] == [("step_vanished", "first")]
    assert refused["rejected"]["code"] == "migration_refused"
    assert "step 'first' has begun and would vanish" in refused["rejected"]["message"]
    assert unknown["rejected"]["code"] == "version_unknown"
    assert await world.types(run) == before


async def test_an_input_that_does_not_fit_keeps_a_run(world: World) -> None:
    await versions(world, OLD)
    run = await world.start("moves", {"n": "many"})
    await world.waits(run, "signal")
    await world.define(NEW)
    refused = await world.control(run, "migrate", version=2)
    assert refused["rejected"]["code"] == "migration_refused"
    assert "its input does not fit" in refused["rejected"]["message"]


async def test_it_is_taken_back_and_both_survive_a_restart(alone: World) -> None:
    async with alone.service():
        await versions(alone, OLD)
        run = await alone.start("moves", {"n": 1})
        await alone.waits(run, "signal")
        await alone.define(NEW)
        await alone.control(run, "migrate", version=2)
    async with alone.service("workflow-2"):
        assert (await alone.state(run))["version"] == 2
        await alone.control(run, "migrate", version=1, reason="not yet")
    async with alone.service("workflow-3"):
        await alone.control(run, "signal", name="go")
        state = await alone.status(run, "completed")
    assert (state["version"], state["output"]) == (1, {"v": 1})
    assert [t for t in await alone.types(run) if t == "run.migrated"] == ["run.migrated"] * 2


async def test_what_is_out_goes_on_and_its_result_counts(world: World) -> None:
    world.execution.tasks["echo"] = silent
    await versions(world, OLD)
    run = await world.start("moves", {"n": 1})
    await until(lambda: world.execution.held)
    await world.define(NEW)
    assert (await world.control(run, "migrate", version=2))["command"] == "migrate"
    world.execution.answer(world.execution.held.popleft(), output={"n": 4})
    await world.waits(run, "signal")
    del world.execution.tasks["echo"]
    await world.control(run, "signal", name="go")
    assert (await world.status(run, "completed"))["output"] == {"v": 5}


async def pages(world: World, **query: Any) -> list[Json]:
    found: list[Json] = []
    after = None
    while True:
        page = await world.api("migrations", workflow="moves", after=after, limit=300, **query)
        found.append(page)
        after = page.get("next")
        if after is None:
            return found


async def migrate_all(world: World, runs: list[str], version: int) -> None:
    room = asyncio.Semaphore(AT_ONCE)

    async def one(run: str) -> None:
        async with room:
            answer = await world.control(run, "migrate", version=version, reason="all of them")
            assert answer == {"run_id": run, "command": "migrate"}

    async with asyncio.TaskGroup() as group:
        for run in runs:
            group.create_task(one(run))


@pytest.mark.parametrize("many", [200, pytest.param(1_000, marks=pytest.mark.long)])
async def test_many_running_runs_follow_and_complete(world: World, many: int) -> None:
    odd = (many - 1) // 100
    await versions(world, OLD)
    begun = time.monotonic()
    runs = [await world.start("moves", {"n": i}) for i in range(0, 3)]
    rest = [world.start("moves", {"n": i if i % 100 else "odd"}) for i in range(3, many)]
    runs += await asyncio.gather(*rest)
    waiting = "select count(*) from workflow.event where type = 'step.waiting'"
    await eventually(lambda: world.sql(waiting), lambda rows: rows[0]["count"] == many)
    await world.define(NEW)

    told = await pages(world, from_version=1, to_version=2)
    possible = [r["run_id"] for page in told for r in page["runs"] if "problems" not in r]
    reasons = sum(page["reasons"].get("input_unfit", 0) for page in told)
    await migrate_all(world, possible, 2)

    assert (len(possible), reasons) == (many - odd, odd)
    left = [r for page in await pages(world, from_version=1, to_version=2) for r in page["runs"]]
    assert len(left) == odd
    for run in runs:
        body = json.dumps({"command": "signal", "name": "go"}).encode()
        await world.publisher.publish(f"stretto.control.default.{run}", body)
    ended = "select version, status, count(*) from workflow.run group by 1, 2 order by 1"
    rows = await eventually(lambda: world.sql(ended), lambda rows: sum(
        r["count"] for r in rows if r["status"] == "completed") == many)  # fmt: skip
    assert [tuple(r) for r in rows] == [(1, "completed", odd), (2, "completed", many - odd)]
    assert time.monotonic() - begun < MANY_WITHIN_S
