"""Postgres restarted, unreachable, full: nothing is acknowledged that is not committed."""

import asyncio
from pathlib import Path

import asyncpg
import pytest

from services.workflow.rows import Append
from services.workflow.store import Store
from stretto.postgres.errors import translate
from tests.integration.workflow.definitions import ONE, TWO
from tests.integration.workflow.partners import silent
from tests.integration.workflow.trouble import own_postgres
from tests.integration.workflow.world import World, opened, until


async def test_a_restart_of_postgres_under_way_loses_nothing(nats_url: str, data_dir: Path) -> None:
    async with own_postgres(data_dir) as server, opened(nats_url, server.dsn) as world:
        world.execution.tasks["work"] = silent
        async with world.service() as host:
            for source in (ONE, TWO):
                await world.define(source)
            run = await world.start("one")
            await until(lambda: world.execution.held)

            await server.kill()
            world.execution.answer(world.execution.held.popleft(), output=1)
            for n in range(5):
                body = b'{"input": {"n": %d}}' % n
                await world.publisher.publish("stretto.start.default.two", body)
            await until(lambda: not host.context.health.ready)
            await server.start()

            await world.status(run, "completed")
            await until(lambda: len(world.heard.json("stretto.closed.default.two.completed")) == 5)
            await until(lambda: host.context.health.ready)
        [row] = await world.sql("select count(*), count(closed_at) from workflow.run")
        assert tuple(row) == (6, 6)
        starts = await world.sql("select run_id from workflow.event where type = 'run.started'")
        assert len(starts) == 6


async def test_the_service_waits_for_a_postgres_that_is_not_there_yet(
    nats_url: str, data_dir: Path
) -> None:
    async with own_postgres(data_dir) as server, opened(nats_url, server.dsn) as world:
        await server.stop()
        running = world.service()
        beginning = asyncio.ensure_future(running.__aenter__())
        await asyncio.sleep(0)

        await server.start()

        await beginning
        await world.define(TWO)
        await world.status(await world.start("two", {"n": 1}), "completed")
        await running.__aexit__(None, None, None)


async def test_without_room_starts_that_are_waited_for_are_refused_and_the_others_kept(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.workflow.engine.RETRY_S", (0.01,))
    await world.define(TWO)
    full = asyncpg.DiskFullError("could not extend file: no space left on device")
    real = Store.append
    room = asyncio.Event()

    async def append(store: Store, rows: Append) -> None:
        if not room.is_set():
            error = translate(full)
            assert error is not None
            raise error
        await real(store, rows)

    monkeypatch.setattr(Store, "append", append)
    await world.publisher.publish("stretto.start.default.two", b'{"input": {"n": 1}}')
    answer = await world.try_start("two", {"n": 2})
    assert answer["rejected"]["code"] == "no_room"
    assert "no space left" in answer["rejected"]["message"]
    room.set()

    await until(lambda: world.heard.json("stretto.closed.default.two.completed"))
    [row] = await world.sql("select count(*) from workflow.run")
    assert row[0] == 1


async def test_too_many_connections_pass_by_themselves(alone: World) -> None:
    await alone.sql("create role few login password 'few' in role stretto_workflow")
    await alone.sql("alter role few connection limit 0")
    where = alone.dsn.partition("@")[2]
    running = alone.service(postgres_dsn=f"postgresql://few:few@{where}")
    beginning = asyncio.ensure_future(running.__aenter__())
    try:
        await asyncio.wait([beginning], timeout=0.3)
        assert not beginning.done()
        await alone.sql("alter role few connection limit 20")

        await beginning
        await alone.define(TWO)
        await alone.status(await alone.start("two", {"n": 1}), "completed")
        await running.__aexit__(None, None, None)
    finally:
        await alone.sql("drop owned by few")
        await alone.sql("drop role few")


async def test_the_role_of_the_service_can_add_events_and_change_none(alone: World) -> None:
    connection = await asyncpg.connect(alone.dsn, server_settings={"role": "stretto_workflow"})
    try:
        for statement in (
            "update workflow.event set type = 'x'",
            "delete from workflow.event",
            "truncate workflow.event",
            "delete from workflow.run",
            "update workflow.definition set source = 'x'",
            "delete from workflow.definition",
            "drop table workflow.event",
            "create table workflow.mine (n int)",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(statement)
    finally:
        await connection.close()
