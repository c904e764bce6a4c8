"""Outputs that are kept for equal steps: over runs, restarts, kills; purged, expired, undone."""

import json
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest

from services.workflow.reuse import seeking
from services.workflow.reuse.outputs import KeptOutputs
from stretto.bus.publisher import Publisher
from stretto.cache import shared
from stretto.contracts import subjects
from stretto.runtime.errors import NotReachable
from stretto.testkit.servers import RedisServer
from tests.integration.workflow.partners import Fails
from tests.integration.workflow.processes import instance
from tests.integration.workflow.reusing import OFFER, counting, ended, output, purge
from tests.integration.workflow.world import World, eventually

ORDER = """\
workflow: order
on_failure: compensate
steps:
  reserve: {task: reserve, cache: {key: r, for: 1h}, compensate: {task: release}}
  charge: {task: charge, needs: [reserve]}
"""


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


@asynccontextmanager
async def locked(world: World) -> AsyncIterator[None]:
    """Keep everybody from the kept outputs."""
    connection = await asyncpg.connect(world.dsn)
    try:
        async with connection.transaction():
            await connection.execute("lock table workflow.kept_output in access exclusive mode")
            yield
    finally:
        await connection.close()


async def test_a_kill_while_a_step_looks_costs_nothing(alone: World) -> None:
    calls = counting(alone, "prices.fetch")
    async with alone.service():
        await alone.define(OFFER)
        first = await ended(alone, "offer", {"sku": "a"})
    async with locked(alone), instance(alone, "workflow-2") as process:
        run = await alone.start("offer", {"sku": "a"})
        await alone.waits(run, "reuse", "reuse", "reuse")
        process.send(signal.SIGKILL)
        await process.ended()
    async with alone.service("workflow-3"):
        state = await alone.status(run, "completed")
        told = next(step for step in state["steps"] if step["step"] == "price")

    assert told["output"] == {"call": 1}
    assert (told["reused_run"], told["reused_step"]) == (first["run_id"], "price")
    assert len(calls) == 1


async def test_postgres_that_does_not_answer_is_asked_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = counting(world, "prices.fetch")
    await world.define(OFFER)
    await ended(world, "offer", {"sku": "a"})
    monkeypatch.setattr(seeking, "RETRY_S", 0.05)
    right, fails = KeptOutputs.find, [2]

    async def away(self: KeptOutputs, *args: object) -> object:
        if fails[0]:
            fails[0] -= 1
            raise NotReachable("postgres.not_reachable", "expected an answer, but none came")
        return await right(self, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(KeptOutputs, "find", away)

    await ended(world, "offer", {"sku": "a"})

    assert (len(calls), fails) == (1, [0])


async def test_redis_is_asked_first_and_its_loss_costs_nothing(
    alone: World, redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared, "TIMEOUT_S", 10.0)
    calls = counting(alone, "prices.fetch")
    async with alone.service():
        await alone.define(OFFER)
        await ended(alone, "offer", {"sku": "a"})
    async with alone.service("workflow-2", redis_url=redis_server.url) as host:

        async def is_up() -> bool:
            return "redis" not in str(host.context.health.report())

        await eventually(is_up)
        await ended(alone, "offer", {"sku": "a"})  # from Postgres, and Redis has it now
        await alone.sql("delete from workflow.kept_output")
        await ended(alone, "offer", {"sku": "a"})
        assert len(calls) == 1
        await ended(alone, "offer", {"sku": "b"})
        await ended(alone, "offer", {"sku": "b"})
        assert len(calls) == 2
        await purge(alone, key="b")
        await ended(alone, "offer", {"sku": "b"})
        assert len(calls) == 3, "what is purged is gone from Redis as well"
        await redis_server.kill()
        await ended(alone, "offer", {"sku": "b"})
        assert len(calls) == 3


async def test_who_does_not_ask_for_an_answer_gets_none_and_who_cannot_be_told_does_not_matter(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def purges() -> int:
        rows = await world.sql("select count(*) from workflow.kept_output_purge")
        return int(rows[0][0])

    subject, told = subjects.reuse("default"), world.publisher.publish
    await told(subject, b'{"all": true}')
    await eventually(purges, lambda count: count == 1)

    async def away(*_: object, **__: object) -> None:
        raise NotReachable("bus.not_reachable", "expected to publish it, but could not")

    monkeypatch.setattr(Publisher, "publish_core", away)
    await told(subject, b'{"all": true}', headers={subjects.HEADER_REPLY: "somewhere"})

    await eventually(purges, lambda count: count == 2)
