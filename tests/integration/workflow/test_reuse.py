"""Outputs that are kept for equal steps: over runs, restarts, kills; purged, expired, undone."""

import json
from typing import Any

from stretto.contracts import subjects
from tests.integration.workflow.partners import Fails
from tests.integration.workflow.world import World, eventually

OFFER = """\
workflow: offer
steps:
  price:
    task: prices.fetch
    with: {sku: "${{ input.sku }}"}
    cache: {key: "${{ input.sku }}", for: 1h}
  each:
    for_each: [1, 2]
    task: echo
    with: {n: "${{ item }}"}
    cache: 1h
"""
ORDER = """\
workflow: order
on_failure: compensate
steps:
  reserve: {task: reserve, cache: {key: r, for: 1h}, compensate: {task: release}}
  charge: {task: charge, needs: [reserve]}
"""
REUSED = ["run.started", "step.activated", "step.limited", "step.seeking", "step.reused"]


def counting(world: World, task: str) -> list[object]:
    """Let a task answer how often it was asked."""
    calls: list[object] = []

    def answer(record: Any) -> object:
        calls.append(record)
        return {"call": len(calls)}

    world.execution.tasks[task] = answer
    return calls


async def ended(world: World, workflow: str, value: object, status: str = "completed") -> Any:
    """Start a run and wait for its end; its state."""
    return await world.status(await world.start(workflow, value), status)


async def purge(world: World, **request: Any) -> Any:
    body = json.dumps({"by": "ann", "reason": "wrong", **request}).encode()
    return await world.ask(subjects.reuse("default"), body)


def output(state: Any, step: str) -> Any:
    return next(s["output"] for s in state["steps"] if s["step"] == step)


async def test_an_equal_step_takes_what_was_given_until_it_is_purged(world: World) -> None:
    calls = counting(world, "prices.fetch")
    await world.define(OFFER)
    first = await ended(world, "offer", {"sku": "a"})
    second = await ended(world, "offer", {"sku": "a"})

    [event] = [row for row in await world.log(second["run_id"]) if row["type"] == "step.reused"][:1]
    page = await world.api("kept", workflow="offer", limit=2)
    rest = await world.api("kept", workflow="offer", limit=2, after=page["next"])
    purged = await purge(world, task="prices.fetch")
    again = await purge(world, workflow="offer", step="each")
    nothing = await purge(world, run_id=first["run_id"])
    await ended(world, "offer", {"sku": "a"})

    assert output(second, "price") == {"call": 1}
    assert len(calls) == 2
    assert "step.reused" not in await world.types(first["run_id"])
    assert (await world.types(second["run_id"])).count("step.reused") == 3
    assert json.loads(event["data"])["from_run"] == first["run_id"]
    assert (page["count"], len(page["outputs"]), len(rest["outputs"])) == (3, 2, 1)
    [kept] = rest["outputs"]
    assert (kept["task"], kept["key"], kept["step"]) == ("prices.fetch", "a", "price")
    assert (kept["run_id"], kept["bytes"]) == (first["run_id"], len(b'{"call": 1}'))
    assert (purged, again, nothing) == ({"purged": 1}, {"purged": 2}, {"purged": 0})
    rows = await world.sql("select by, reason, purged from workflow.kept_output_purge order by at")
    assert [tuple(row) for row in rows] == [("ann", "wrong", n) for n in (1, 2, 0)]


async def test_what_is_kept_outlives_the_service(alone: World) -> None:
    calls = counting(alone, "prices.fetch")
    async with alone.service():
        await alone.define(OFFER)
        await ended(alone, "offer", {"sku": "a"})
    async with alone.service("workflow-2"):
        state = await ended(alone, "offer", {"sku": "a"})

    assert output(state, "price") == {"call": 1}
    assert len(calls) == 1


async def test_what_a_run_undoes_is_gone_and_what_it_reused_it_does_not_undo(world: World) -> None:
    calls = counting(world, "reserve")
    await world.define(ORDER)
    await ended(world, "order", {})

    def fails(_record: object) -> object:
        raise Fails(type="Declined", message="no", retryable=False)

    world.execution.tasks["charge"] = fails
    reused = await ended(world, "order", {}, "failed")
    assert "compensation.started" not in await world.types(reused["run_id"])
    assert len(calls) == 1
    await purge(world, all=True)
    undone = await ended(world, "order", {}, "failed")
    assert "compensation.started" in await world.types(undone["run_id"])

    assert (await world.api("kept"))["count"] == 0
    del world.execution.tasks["charge"]
    assert output(await ended(world, "order", {}), "reserve") == {"call": 3}


async def test_what_has_expired_is_not_taken(world: World) -> None:
    calls = counting(world, "prices.fetch")
    await world.define(OFFER)
    await ended(world, "offer", {"sku": "a"})
    await world.sql("update workflow.kept_output set expires_at = now()")

    await ended(world, "offer", {"sku": "a"})

    assert len(calls) == 2


async def test_a_purge_that_does_not_say_what_is_refused(world: World) -> None:
    answers = [
        await purge(world),
        await purge(world, all=True, task="t"),
        await purge(world, key=""),
        await purge(world, run_id="seven"),
        await purge(world, task="t", by="x" * 300),
        await world.ask(subjects.reuse("default"), b"[]"),
        await world.ask(subjects.reuse("default"), b'{"command": "keep"}'),
        await world.ask(subjects.reuse("UPPER"), b'{"all": true}'),
    ]

    assert [answer["rejected"]["code"] for answer in answers] == [
        "purge_invalid", "purge_invalid", "purge_invalid", "run_id_invalid", "request_invalid",
        "message_unreadable", "message_unreadable", "namespace_invalid",
    ]  # fmt: skip
    await eventually(lambda: _rejected(world), lambda codes: codes.count("purge_invalid") == 3)


async def _rejected(world: World) -> list[str]:
    return world.rejected()
