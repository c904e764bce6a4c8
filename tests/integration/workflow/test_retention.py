"""Old runs leave the log by partition; what is open, or ended lately, stays."""

import uuid
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from services.workflow import retention
from services.workflow.retention import Retention
from services.workflow.store import ROLE, Store
from stretto.contracts.ids import parse_run_id, uuid7
from stretto.postgres import Database
from stretto.postgres.errors import BadValue
from stretto.runtime.clock import SystemClock
from stretto.runtime.errors import TransientError
from stretto.telemetry.metrics import Metrics
from tests.integration.workflow.definitions import ASKS, ONE
from tests.integration.workflow.world import World, eventually

DAY = timedelta(days=1)
NOW = datetime.now(UTC)
MONTH_S = 30 * 86_400.0

PARTITIONS = """
alter table workflow.{0} detach partition workflow.{0}_first;
alter table workflow.{0} attach partition workflow.{0}_first
    for values from (minvalue) to ('{1}');
create table workflow.{0}_old partition of workflow.{0} for values from ('{1}') to ('{2}');
"""


async def grow_old(world: World) -> None:
    """Make the log one that began 100 days ago and has a partition from 60 to 50 days ago."""
    begins, ends = NOW - 60 * DAY, NOW - 50 * DAY
    [bounds] = await world.sql(
        "select workflow.first_id($1) as a, workflow.first_id($2) as b", begins, ends
    )
    connection = await asyncpg.connect(world.dsn)
    try:
        for parent in ("event", "payload"):
            await connection.execute(PARTITIONS.format(parent, bounds["a"], bounds["b"]))
    finally:
        await connection.close()
    await world.sql("update workflow.part set ends = $1", begins)
    await world.sql("insert into workflow.part values ('old', $1, $2)", begins, ends)


async def put(world: World, began: datetime, ended: datetime | None, run: str = "") -> str:
    """Put a run into the log that began and ended then, with a payload; its id."""
    seed = uuid.uuid4().bytes
    run_id = run or str(uuid.UUID(bytes=uuid7(int(began.timestamp() * 1000), seed)))
    status = "running" if ended is None else "completed"
    await world.sql(
        "insert into workflow.run (run_id, shard, namespace, workflow, version, status, "
        "started_at, closed_at, wake_at) "
        "values ($1, 0, 'default', 'asks', 1, $4, $2, $3, 'infinity')",
        run_id,
        began,
        ended,
        status,
    )
    started = '{"namespace":"default","workflow":"asks","version":1,"input":{}}'
    for seq, (kind, data) in enumerate(
        [
            ("run.started", started),
            ("step.waiting", '{"step":"told"}'),
            ("step.waiting", '{"step":"allowed"}'),
        ],
        1,
    ):
        await world.sql(
            "insert into workflow.event values ($1, $2, $3, $4, $5)", run_id, seq, kind, began, data
        )
    await world.sql("insert into workflow.payload values ($1, 'x', 'y')", run_id)
    return run_id


async def there(world: World) -> set[str]:
    rows = await world.sql(
        "select run_id::text from workflow.run r where exists "
        "(select from workflow.event e where e.run_id = r.run_id) "
        "and exists (select from workflow.payload p where p.run_id = r.run_id)"
    )
    return {row[0] for row in rows}


async def parts(world: World) -> list[str]:
    return [r[0] for r in await world.sql("select name from workflow.part order by begins")]


async def look(world: World, keep_s: float | None) -> int:
    """Do what the service does every few minutes, with its rights."""
    database = await Database.open(world.dsn, ROLE)
    try:
        mine = Retention(database, SystemClock(), Metrics(), keep_s, lambda: True)
        return await mine.look()
    finally:
        await database.close()


async def test_partitions_are_made_ahead_and_only_once(alone: World) -> None:
    assert await parts(alone) == ["first"]

    await look(alone, None)
    made = await parts(alone)
    assert len(made) in (2, 3)  # months

    await look(alone, MONTH_S)
    assert (await parts(alone))[: len(made)] == made
    await look(alone, MONTH_S)
    run = await put(alone, NOW + 2 * DAY, None)
    [row] = await alone.sql("select tableoid::regclass::text from workflow.event limit 1")
    assert row[0] not in ("workflow.event_first", "workflow.event_other")
    assert await there(alone) == {run}


async def test_nothing_is_dropped_while_runs_are_kept_for_ever(alone: World) -> None:
    await grow_old(alone)
    old = await put(alone, NOW - 55 * DAY, NOW - 54 * DAY)
    assert await look(alone, None) == 0
    assert await there(alone) == {old}


async def test_a_partition_whose_runs_ended_long_ago_is_dropped(alone: World) -> None:
    # Given
    await grow_old(alone)
    for n in range(3):
        await put(alone, NOW - 55 * DAY, NOW - 40 * DAY - n * DAY)
    younger = await put(alone, NOW - 35 * DAY, NOW - 34 * DAY)  # its partition is not old yet
    # When
    dropped = await look(alone, MONTH_S)
    # Then
    assert dropped == 3
    assert await there(alone) == {younger}
    assert "first" not in await parts(alone) and "old" not in await parts(alone)
    assert (await alone.sql("select count(*) from workflow.event"))[0][0] == 3
    assert (await alone.sql("select to_regclass('workflow.payload_old')"))[0][0] is None


async def test_open_runs_of_a_dropped_partition_live_on(alone: World) -> None:
    # Given
    await grow_old(alone)
    waits = await put(alone, NOW - 55 * DAY, None)
    lately = await put(alone, NOW - 55 * DAY, NOW - 2 * DAY)
    await put(alone, NOW - 55 * DAY, NOW - 50 * DAY)
    # When
    assert await look(alone, MONTH_S) == 1
    # Then
    assert await there(alone) == {waits, lately}
    assert "old" not in await parts(alone)
    async with alone.service():
        await alone.define(ASKS)
        assert await alone.control(waits, "signal", name="go") == {
            "run_id": waits,
            "command": "signal",
        }
        await alone.control(waits, "approve", by="ops")
        await alone.status(waits, "completed")
    # When: these have ended long ago as well
    await alone.sql("update workflow.run set closed_at = $1", NOW - 31 * DAY)
    # Then
    assert await look(alone, MONTH_S) == 2
    assert (await alone.sql("select count(*) from workflow.event"))[0][0] == 0
    assert (await alone.sql("select count(*) from workflow.payload"))[0][0] == 0


async def test_a_partition_with_many_open_runs_waits(
    alone: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "MAX_KEPT", 1)
    await grow_old(alone)
    kept = {await put(alone, NOW - 55 * DAY, None) for _ in range(2)}
    ended = await put(alone, NOW - 55 * DAY, NOW - 54 * DAY)
    assert await look(alone, MONTH_S) == 0
    assert await there(alone) == {*kept, ended}
    assert "old" in await parts(alone)


async def test_runs_whose_ids_say_no_time_are_dropped_one_by_one(alone: World) -> None:
    await look(alone, MONTH_S)
    await put(alone, NOW - 55 * DAY, NOW - 40 * DAY, "ffffffff-0000-4000-8000-000000000001")
    kept = await put(alone, NOW - 55 * DAY, NOW - DAY, "ffffffff-0000-4000-8000-000000000002")
    assert await look(alone, MONTH_S) == 1
    assert await there(alone) == {kept}


async def test_what_came_before_its_partition_is_moved_into_it(alone: World) -> None:
    run = await put(alone, NOW + 5 * DAY, None)
    [row] = await alone.sql("select tableoid::regclass::text from workflow.event limit 1")
    assert row[0] == "workflow.event_other"
    await look(alone, MONTH_S)
    [row] = await alone.sql("select tableoid::regclass::text from workflow.event limit 1")
    assert row[0] != "workflow.event_other"
    assert await there(alone) == {run}


async def test_the_service_cannot_drop_what_ended_within_a_day(alone: World) -> None:
    database = await Database.open(alone.dsn, ROLE)
    try:
        for call in ("doom_partition(now(), 9)", "forget_others(now() - interval '23 h', 9)"):
            with pytest.raises(BadValue, match="more than a day ago"):
                await database.fetch(f"select workflow.{call}")
        with pytest.raises(BadValue, match="days or months"):
            await database.fetch("select workflow.add_partitions('year', 1)")
    finally:
        await database.close()


async def test_a_partition_is_not_dropped_before_its_runs_are_forgotten(alone: World) -> None:
    await grow_old(alone)
    await put(alone, NOW - 55 * DAY, NOW - 54 * DAY)
    database = await Database.open(alone.dsn, ROLE)
    try:
        await database.fetch(
            "select workflow.doom_partition(now() - interval '30 d', 9) from generate_series(1, 2)"
        )
        assert (await database.fetch("select workflow.drop_partition()"))[0][0] == "first"
        with pytest.raises(TransientError, match="to be forgotten"):
            await database.fetch("select workflow.drop_partition()")
    finally:
        await database.close()


async def test_the_service_looks_after_its_partitions_and_goes_on_when_it_cannot(
    alone: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "LOOK_S", 0.02)
    real = Retention.look
    tries = []

    async def look(self: Retention) -> int:
        tries.append(1)
        if len(tries) == 1:
            raise TransientError("postgres.unavailable", "not now")
        return await real(self)

    monkeypatch.setattr(Retention, "look", look)
    await grow_old(alone)
    await put(alone, NOW - 55 * DAY, NOW - 54 * DAY)
    async with alone.service(retention="30d"):
        await eventually(lambda: there(alone), lambda runs: runs == set())
        await alone.define(ONE)
        run = await alone.start("one")
        await alone.status(run, "completed")
    assert "old" not in await parts(alone)


async def test_reads_find_a_run_in_whatever_partition(alone: World) -> None:
    await grow_old(alone)
    await look(alone, None)
    ids = [await put(alone, NOW - n * DAY, None) for n in (90, 55, 10, 0)]
    database = await Database.open(alone.dsn, ROLE)
    try:
        store = Store(database)
        found = await store.events_of([parse_run_id(i) for i in ids])
        assert [len(events) for events in found.values()] == [3, 3, 3, 3]
        page = await store.page((bytes(16), 0), 100, 1_000_000)
        assert [str(uuid.UUID(bytes=row.run_id)) for row, _ in page[::3]] == sorted(ids)
        rest = await store.page((parse_run_id(ids[2]), 2), 100, 1_000_000)
        assert [e.seq for _, e in rest] == [3, 1, 2, 3]
        assert set((await store.heads([parse_run_id(i) for i in ids])).values()) == {3}
    finally:
        await database.close()
