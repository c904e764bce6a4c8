"""An instance killed while it migrates, undoes, drops what is old, or carries large payloads:
another one ends the work, and nothing happens twice."""

import asyncio
import json
import signal
from collections import Counter

import pytest

from services.workflow import retention
from services.workflow.retention import Retention
from stretto.contracts import subjects
from stretto.payloads import ObjectStore
from tests.integration.workflow.definitions import ASKS
from tests.integration.workflow.partners import silent
from tests.integration.workflow.processes import instance, shares
from tests.integration.workflow.test_migrating import NEW, OLD
from tests.integration.workflow.test_payloads import put as put_payload
from tests.integration.workflow.test_retention import (
    DAY,
    MONTH_S,
    NOW,
    grow_old,
    look,
    parts,
    put,
    there,
)
from tests.integration.workflow.test_undoing import SOURCE
from tests.integration.workflow.world import World, eventually, until

MANY = 100
LARGE = 5 * 1024 * 1024


async def count(world: World, type_: str) -> Counter[str]:
    """How many events of a type each run has."""
    rows = await world.sql(
        "select run_id::text as run, count(*) as n from workflow.event where type = $1 group by 1",
        type_,
    )
    return Counter({row["run"]: row["n"] for row in rows})


async def test_killed_while_many_runs_are_migrated(alone: World) -> None:
    async with instance(alone, "a", partitions="2") as first:
        await eventually(lambda: shares(alone), lambda found: found == [2])
        await alone.define(OLD)
        runs = await asyncio.gather(*(alone.start("moves", {"n": n}) for n in range(MANY)))
        for run in runs:
            await alone.waits(run, "signal")
        await alone.define(NEW)
        body = json.dumps({"command": "migrate", "version": 2, "by": "ada"}).encode()
        for run in runs:
            await alone.publisher.publish(subjects.control("default", run), body)
        await eventually(lambda: count(alone, "run.migrated"))
        first.send(signal.SIGKILL)

    async with alone.service("b"):
        await eventually(lambda: count(alone, "run.migrated"), lambda found: len(found) == MANY)
        for run in runs:
            await alone.control(run, "signal", name="go")
        for n, run in enumerate(runs):
            assert (await alone.status(run, "completed"))["output"] == {"v": n + 1}

    assert set((await count(alone, "run.migrated")).values()) == {1}


@pytest.mark.parametrize("command", ["rollback", "cancel"])
async def test_killed_while_a_person_has_a_run_undone(alone: World, command: str) -> None:
    alone.execution.tasks |= dict.fromkeys(("undo.a", "undo.b", "undo.c"), silent)
    async with instance(alone, "a", partitions="2") as first:
        await eventually(lambda: shares(alone), lambda found: found == [2])
        await alone.define(SOURCE)
        run = await alone.start("undoes")
        await alone.waits(run, "signal")
        await alone.control(run, command, **({"to": "a"} if command == "rollback" else {}))
        await until(lambda: len({r.path for r in alone.execution.held}) == 2)
        alone.execution.answer(alone.execution.held[0])  # whether it is taken or not
        first.send(signal.SIGKILL)
        await first.ended()

    async with alone.service("b"):
        answered = 0

        async def ended() -> bool:
            nonlocal answered
            while answered < len(alone.execution.held):
                alone.execution.answer(alone.execution.held[answered])
                answered += 1
            wanted = "run.rolled_back" if command == "rollback" else "run.cancelled"
            return wanted in await alone.types(run)

        await eventually(ended)
        if command == "rollback":
            await alone.waits(run, "signal")
            await alone.control(run, "signal", name="go")
            await alone.status(run, "completed")

    undone = [
        json.loads(row["data"])["step"]
        for row in await alone.log(run)
        if row["type"] == "step.completed" and "~compensate" in row["data"]
    ]
    wanted = {"b~compensate", "c~compensate"} | ({"a~compensate"} if command == "cancel" else set())
    assert sorted(undone) == sorted(wanted)


@pytest.mark.parametrize("cuts", [1, 2, 3])
async def test_killed_while_old_runs_are_dropped(
    alone: World, monkeypatch: pytest.MonkeyPatch, cuts: int
) -> None:
    monkeypatch.setattr(retention, "FORGOTTEN_AT_ONCE", 1)
    await grow_old(alone)
    for n in range(3):
        await put(alone, NOW - 55 * DAY, NOW - 40 * DAY - n * DAY)
    waits = await put(alone, NOW - 55 * DAY, None)
    left = cuts
    right = Retention._count, Retention._name

    async def dies(self: Retention, call: str, *args: object) -> int:
        nonlocal left
        left -= call.startswith("forget_runs")
        if not left:
            raise ProcessLookupError("killed")
        return await right[0](self, call, *args)

    monkeypatch.setattr(Retention, "_count", dies)
    with pytest.raises(ProcessLookupError):
        await look(alone, MONTH_S)
    assert "old" in await parts(alone)
    monkeypatch.setattr(Retention, "_count", right[0])

    await look(alone, MONTH_S)

    assert await there(alone) == {waits}
    assert "old" not in await parts(alone)
    assert (await alone.sql("select count(*) from workflow.event"))[0][0] == 3


async def test_killed_with_a_large_payload_on_its_way(alone: World) -> None:
    store = ObjectStore(alone.bus, alone.publisher)
    text = "x" * LARGE
    async with instance(alone, "a", partitions="2") as first:
        await eventually(lambda: shares(alone), lambda found: found == [2])
        await alone.define(ASKS)
        large = await put_payload(store, text)
        runs = [await alone.start("asks", {"x": large}) for _ in range(2)]
        body = json.dumps({"command": "signal", "name": "go", "payload": large}).encode()
        for run in runs:
            await alone.publisher.publish(subjects.control("default", run), body)
        first.send(signal.SIGKILL)

    async with alone.service("b"):
        for run in runs:
            await alone.waits(run, "approval")
            await alone.control(run, "approve", by="ops")
            state = await alone.status(run, "completed")
            assert state["output"] == {"told": large, "by": "ops"}
        rows = await alone.sql(
            "select run_id::text as run, length(data) as n from workflow.payload"
        )

    assert sorted((row["run"], row["n"]) for row in rows) == sorted(
        (run, LARGE + 2) for run in runs
    )
