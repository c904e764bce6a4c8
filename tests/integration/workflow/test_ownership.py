"""Partitions: shared evenly, handed over when an instance comes, goes, or is killed."""

import asyncio
import json
import signal
from contextlib import AsyncExitStack

import pytest

from services.workflow import service
from services.workflow.loading import Loader
from services.workflow.store import Store
from stretto.contracts.ids import partition_of, run_id_text, uuid7
from stretto.runtime.errors import TransientError
from tests.integration.workflow.definitions import ASKS, ONE, TWO
from tests.integration.workflow.partners import silent
from tests.integration.workflow.processes import instance, shares
from tests.integration.workflow.world import World, eventually, until


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let instances look around more often."""
    monkeypatch.setattr(service, "OWNERSHIP_S", 0.1)
    monkeypatch.setattr(service, "SETTLE_S", 0.1)
    monkeypatch.setattr(service, "DRAIN_S", 0.5)


async def test_instances_share_partitions_evenly_as_they_come_and_go(alone: World) -> None:
    async with alone.service("a", partitions=4):
        assert await shares(alone) == [4]
        async with AsyncExitStack() as stack:
            for name, wanted in (("b", [2, 2]), ("c", [2, 1, 1])):
                await stack.enter_async_context(alone.service(name, partitions=4))
                await eventually(lambda: shares(alone), lambda s, w=wanted: s == w)
        await eventually(lambda: shares(alone), lambda s: s == [4])


async def test_runs_go_on_while_their_partitions_are_handed_over(alone: World) -> None:
    async with alone.service("a", partitions=4):
        await alone.define(TWO)
        async with alone.service("b", partitions=4):
            runs = [await alone.start("two", {"n": n}) for n in range(20)]
            await eventually(lambda: shares(alone), lambda s: s == [2, 2])
            runs += [await alone.start("two", {"n": n}) for n in range(20)]
        runs += [await alone.start("two", {"n": n}) for n in range(10)]
        for run in runs:
            await alone.status(run, "completed")

    doubled = await alone.sql(
        "select run_id from workflow.event where type = 'step.completed' "
        "group by run_id, data->>'step' having count(*) > 1"
    )
    assert doubled == []


async def test_what_is_for_another_owner_is_forwarded(alone: World) -> None:
    alone.execution.tasks["work"] = silent
    async with alone.service("a"), alone.service("b"):
        await eventually(lambda: shares(alone), lambda s: s == [1, 1])
        await alone.define(ONE)
        # Larger than one frame may be, together.
        big = "x" * 600_000
        ids = [run_id_text(uuid7(1_700_000_000_000, b"%d" % n)) for n in range(8)]
        for run in ids:
            body = json.dumps({"run_id": run, "input": {"more": big}}).encode()
            await alone.publisher.publish("stretto.start.default.one", body)
        await until(lambda: len(alone.execution.held) == 8)

        answers = [await alone.control(run, "cancel") for run in ids]

    assert [a["run_id"] for a in answers] == ids
    [count] = await alone.sql("select count(*) from workflow.run where status = 'cancelled'")
    assert count[0] == 8


async def test_a_killed_owner_is_replaced_and_its_runs_go_on(alone: World) -> None:
    alone.execution.tasks["work"] = silent
    async with instance(alone, "first", partitions="2") as first:
        await eventually(lambda: shares(alone), lambda s: s == [2])
        await alone.define(ONE)
        runs = [await alone.start("one") for _ in range(4)]
        await until(lambda: len(alone.execution.held) == 4)
        first.send(signal.SIGKILL)
        await first.ended()

    async with alone.service("second"):
        await until(lambda: len(alone.execution.held) == 8)  # asked for again, by their log
        assert {r.again for r in list(alone.execution.held)[4:]} == {True}
        for record in list(alone.execution.held)[:4]:
            alone.execution.answer(record)
        for run in runs:
            await alone.status(run, "completed")


async def test_an_instance_that_is_told_to_stop_hands_over_and_ends_well(alone: World) -> None:
    async with (
        alone.service("stays", partitions=2),
        instance(alone, "goes", partitions="2") as goes,
    ):
        await eventually(lambda: shares(alone), lambda s: s == [1, 1])
        goes.send(signal.SIGTERM)
        code, _ = await goes.ended()
        await eventually(lambda: shares(alone), lambda s: s == [2])

    assert code == 0


async def test_a_lost_session_gives_up_and_takes_again(world: World) -> None:
    world.execution.tasks["work"] = silent
    await world.define(ASKS)
    run = await world.start("asks")
    await world.waits(run, "signal", "approval")

    await world.sql("select pg_terminate_backend(pid) from pg_locks where classid = $1", 0x5713)

    await eventually(lambda: shares(world), lambda s: s == [2])
    assert "rejected" not in await world.control(run, "signal", name="go")
    assert "rejected" not in await world.control(run, "approve", by="ops")
    await world.status(run, "completed")


async def test_a_take_over_that_fails_is_tried_again(
    alone: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Loader.take_over
    tries = []

    async def take_over(self: Loader, partitions: set[int]) -> object:
        tries.append(partitions)
        if len(tries) < 3:
            raise TransientError("postgres.unavailable", "not now")
        return await real(self, partitions)

    monkeypatch.setattr(Loader, "take_over", take_over)
    async with alone.service():
        await alone.define(TWO)
        await alone.status(await alone.start("two", {"n": 1}), "completed")

    assert tries == [{0, 1}] * 3


async def test_a_round_that_waits_for_postgres_does_not_keep_partitions(
    alone: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The old owner cannot commit; the new one gets what the old one held, at once."""
    stuck = asyncio.Event()

    async with alone.service("old") as old:
        await alone.define(TWO)
        real = Store.append
        mine = set()

        async def append(self: Store, rows: object) -> None:
            if not mine:
                mine.add(id(self))
            if id(self) in mine:
                stuck.set()
                raise TransientError("postgres.unavailable", "cut off")
            await real(self, rows)  # type: ignore[arg-type]

        monkeypatch.setattr(Store, "append", append)
        await alone.publisher.publish("stretto.start.default.two", b'{"input": {"n": 1}}')
        await stuck.wait()
        async with alone.service("new"):
            old.context.stopping.set()
            await until(lambda: alone.heard.json("stretto.closed.default.two.completed"))

    [count] = await alone.sql("select count(*) from workflow.run")
    assert count[0] == 1


def test_the_two_partitions_of_these_tests_are_both_used() -> None:
    ids = [uuid7(1_700_000_000_000, b"%d" % n) for n in range(8)]
    assert {partition_of(i, 2) for i in ids} == {0, 1}
