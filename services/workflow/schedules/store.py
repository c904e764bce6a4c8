"""The tables of schedules: what is due, what is held, and one commit for all that was decided."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import msgspec

from services.workflow.schedules.records import Firing, Key, Schedule
from stretto.contracts.codec import json_encode
from stretto.contracts.schedules import ScheduleSpec
from stretto.postgres import Database

_decode_spec = msgspec.json.Decoder(ScheduleSpec).decode

_SCHEDULE = (
    "namespace, name, shard, revision, turn, spec, source, created_at, changed_at, covered_at, "
    "next_at, due_at, paused_at, paused_by, paused_reason, removed_at"
)
_FIRING = (
    "namespace, name, id, shard, instant, cause, overlap, status, decided_at, run_id, workflow, "
    "request, sent_at, ending, told, ended_at, outcome, reason, count, until"
)

_MOVE = """
update workflow.schedule s set
    revision = c.revision, turn = s.turn + 1, spec = c.spec, source = c.source,
    changed_at = c.changed_at, covered_at = c.covered_at, next_at = c.next_at, due_at = c.due_at,
    paused_at = c.paused_at, paused_by = c.paused_by, paused_reason = c.paused_reason,
    removed_at = c.removed_at
from unnest($1::text[], $2::text[], $3::int[], $4::int[], $5::jsonb[], $6::text[],
    $7::timestamptz[], $8::timestamptz[], $9::timestamptz[], $10::timestamptz[],
    $11::timestamptz[], $12::text[], $13::text[], $14::timestamptz[])
    as c (namespace, name, revision, turn, spec, source, changed_at, covered_at, next_at, due_at,
        paused_at, paused_by, paused_reason, removed_at)
where s.namespace = c.namespace and s.name = c.name and s.turn = c.turn
returning s.namespace, s.name
"""

_CREATE = f"""
insert into workflow.schedule ({_SCHEDULE})
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
on conflict do nothing returning namespace, name
"""

_ADD_FIRINGS = f"""
insert into workflow.schedule_firing ({_FIRING})
select * from unnest($1::text[], $2::text[], $3::text[], $4::smallint[], $5::timestamptz[],
    $6::text[], $7::text[], $8::text[], $9::timestamptz[], $10::uuid[], $11::text[], $12::jsonb[],
    $13::timestamptz[], $14::text[], $15::boolean[], $16::timestamptz[], $17::text[], $18::text[],
    $19::int[], $20::timestamptz[])
on conflict do nothing
"""

_CHANGE_FIRINGS = """
update workflow.schedule_firing f set
    status = c.status, cause = c.cause, overlap = c.overlap, decided_at = c.decided_at,
    workflow = c.workflow, request = c.request, sent_at = c.sent_at, ending = c.ending,
    told = c.told, reason = c.reason, run_id = c.run_id
from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],
    $8::timestamptz[], $9::text[], $10::jsonb[], $11::timestamptz[], $12::text[], $13::boolean[],
    $14::text[], $15::uuid[])
    as c (namespace, name, id, was, status, cause, overlap, decided_at, workflow, request, sent_at,
        ending, told, reason, run_id)
where f.namespace = c.namespace and f.name = c.name and f.id = c.id and f.status = c.was
"""

# What became of the runs: read from where runs are, which the log is kept in step with.
_FOLLOW = """
update workflow.schedule_firing f set
    status = case when r.closed_at is null then 'started' else 'ended' end,
    request = null, ended_at = r.closed_at,
    outcome = case when r.closed_at is null then null else r.status end
from workflow.run r
where r.run_id = f.run_id and f.shard = any($1::smallint[])
    and (f.status = 'starting' or f.status = 'started' and r.closed_at is not null)
"""

_RELEASABLE = """
select distinct f.namespace, f.name from workflow.schedule_firing f
join workflow.schedule s using (namespace, name)
where f.status = 'waiting' and f.shard = any($1::smallint[])
    and (s.paused_at is null or f.cause in ('trigger', 'backfill')) and s.removed_at is null
    and not exists (select from workflow.schedule_firing o
        where o.namespace = f.namespace and o.name = f.name and o.status in ('starting', 'started'))
limit $2
"""

_LOOK = """
select (select min(due_at) from workflow.schedule
        where due_at is not null and shard = any($1::smallint[])),
    exists (select from workflow.schedule_firing
        where status in ('waiting', 'starting', 'started') and shard = any($1::smallint[])),
    exists (select from workflow.schedule_firing
        where status = 'waiting' and shard = any($1::smallint[]))
"""

_UNANSWERED = f"""
select {_FIRING} from workflow.schedule_firing
where shard = any($1::smallint[]) and sent_at < $2
    and (status = 'starting' or status = 'started' and ending is not null and not told)
order by sent_at limit $3
"""


class Change(NamedTuple):
    """A row of `workflow.schedule_change`: who asked for what. `request` names the message."""

    number: int
    at_us: int
    command: str
    by: str | None
    reason: str | None
    data: bytes
    request: str
    answer: bytes


class Decided(NamedTuple):
    """What was decided about one schedule. `schedule.turn` is that of what was read; `change`:
    who asked for it, where somebody did."""

    schedule: Schedule
    added: Sequence[Firing] = ()
    changed: Sequence[Firing] = ()
    change: Change | None = None


class Outlook(NamedTuple):
    """What is to be done next. `open`: firings wait or are open; `waiting`: some wait."""

    due_us: int | None
    open: bool
    waiting: bool


class ScheduleStore:
    """Reads and writes of schedules."""

    def __init__(self, database: Database) -> None:
        self._db = database

    async def look(self, shards: list[int]) -> Outlook:
        """Tell when the next schedule of some shards is due: the one query of an idle service."""
        [row] = await self._db.fetch(_LOOK, shards)
        return Outlook(row[0], row[1], row[2])

    async def due(self, shards: list[int], now_us: int, limit: int) -> list[Key]:
        rows = await self._db.fetch(
            "select namespace, name from workflow.schedule "
            "where due_at <= $2 and shard = any($1::smallint[]) order by due_at limit $3",
            shards,
            now_us,
            limit,
        )
        return [(r[0], r[1]) for r in rows]

    async def releasable(self, shards: list[int], limit: int) -> list[Key]:
        """Schedules of which something waits and nothing is open."""
        rows = await self._db.fetch(_RELEASABLE, shards, limit)
        return [(r[0], r[1]) for r in rows]

    async def load(self, keys: Sequence[Key]) -> list[Schedule]:
        rows = await self._db.fetch(
            f"select {_SCHEDULE} from workflow.schedule "
            "where (namespace, name) in (select * from unnest($1::text[], $2::text[]))",
            [k[0] for k in keys],
            [k[1] for k in keys],
        )
        return [_schedule(r) for r in rows]

    async def held(self, keys: Sequence[Key]) -> dict[Key, list[Firing]]:
        """The firings of some schedules that wait or are open."""
        rows = await self._db.fetch(
            f"select {_FIRING} from workflow.schedule_firing "
            "where (namespace, name) in (select * from unnest($1::text[], $2::text[])) "
            "and status in ('waiting', 'starting', 'started')",
            [k[0] for k in keys],
            [k[1] for k in keys],
        )
        found: dict[Key, list[Firing]] = {key: [] for key in keys}
        for row in rows:
            found[row[0], row[1]].append(_firing(row))
        return found

    async def firings(self, key: Key, after_us: int, until_us: int) -> list[Firing]:
        """The firings of a schedule in a range of instants, its end included."""
        rows = await self._db.fetch(
            f"select {_FIRING} from workflow.schedule_firing where namespace = $1 and name = $2 "
            "and instant > $3 and instant <= $4 order by instant, id",
            *key,
            after_us,
            until_us,
        )
        return [_firing(r) for r in rows]

    async def commit(self, decided: Sequence[Decided]) -> list[Decided]:
        """Write what was decided, in one transaction; those that were written. The others were
        decided about by somebody else meanwhile: they are to be read and decided about again."""
        async with self._db.connection() as connection, connection.transaction():
            rows = []
            for each in decided:
                if each.schedule.turn == 0:
                    rows += await connection.fetch(_CREATE, *_row(each.schedule))
            moved = [d.schedule for d in decided if d.schedule.turn]
            if moved:
                rows += await connection.fetch(_MOVE, *_columns(moved))
            written = {(r[0], r[1]) for r in rows}
            kept = [d for d in decided if d.schedule.key in written]
            added = [f for d in kept for f in d.added]
            if added:
                columns = zip(*map(msgspec.structs.astuple, added), strict=True)
                await connection.execute(_ADD_FIRINGS, *[list(c) for c in columns][:-1])
            changed = [f for d in kept for f in d.changed]
            if changed:
                await connection.execute(_CHANGE_FIRINGS, *_changes(changed))
            for each in kept:
                if each.change is not None:
                    await connection.execute(
                        "insert into workflow.schedule_change (namespace, name, number, at, "
                        "command, by, reason, data, request, answer) "
                        "values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
                        *each.schedule.key,
                        *each.change,
                    )
        return kept

    async def page(self, namespace: str, after: str, limit: int) -> list[Schedule]:
        """The schedules of a namespace in the order of their names; removed ones left out."""
        rows = await self._db.fetch(
            f"select {_SCHEDULE} from workflow.schedule "
            "where namespace = $1 and name > $2 and removed_at is null order by name limit $3",
            namespace,
            after,
            limit,
        )
        return [_schedule(r) for r in rows]

    async def last_firings(self, keys: Sequence[Key]) -> dict[Key, Firing]:
        """The firing of the latest instant of each of some schedules."""
        rows = await self._db.fetch(
            f"select f.* from unnest($1::text[], $2::text[]) k (namespace, name) "
            f"cross join lateral (select {_FIRING} from workflow.schedule_firing f "
            "where f.namespace = k.namespace and f.name = k.name "
            "order by instant desc, decided_at desc limit 1) f",
            [k[0] for k in keys],
            [k[1] for k in keys],
        )
        return {(r[0], r[1]): _firing(r) for r in rows}

    async def latest_firings(self, key: Key, limit: int) -> list[Firing]:
        rows = await self._db.fetch(
            f"select {_FIRING} from workflow.schedule_firing where namespace = $1 and name = $2 "
            "order by instant desc, decided_at desc limit $3",
            *key,
            limit,
        )
        return [_firing(r) for r in rows]

    async def changes(self, key: Key, limit: int) -> list[Any]:
        """The latest changes: number, instant (µs), command, by, reason."""
        return await self._db.fetch(
            "select number, at, command, by, reason from workflow.schedule_change "
            "where namespace = $1 and name = $2 order by number desc limit $3",
            *key,
            limit,
        )

    async def answer_to(self, request: str) -> bytes | None:
        """What was answered to a message that was carried out already."""
        rows = await self._db.fetch(
            "select answer from workflow.schedule_change where request = $1", request
        )
        return rows[0][0] if rows else None

    async def count(self, namespace: str) -> int:
        rows = await self._db.fetch(
            "select count(*) from workflow.schedule where namespace = $1 and removed_at is null",
            namespace,
        )
        return int(rows[0][0])

    async def follow_runs(self, shards: list[int]) -> None:
        """Note which runs were started and which have ended."""
        await self._db.execute(_FOLLOW, shards)

    async def unanswered(self, shards: list[int], before_us: int, limit: int) -> list[Firing]:
        """Firings whose start or end was sent before an instant, and to which nothing came."""
        rows = await self._db.fetch(_UNANSWERED, shards, before_us, limit)
        return [_firing(r) for r in rows]

    async def mark_sent(self, firings: Iterable[Firing], at_us: int) -> None:
        sent = list(firings)
        await self._db.execute(
            "update workflow.schedule_firing f set sent_at = $4 "
            "from unnest($1::text[], $2::text[], $3::text[]) as c (namespace, name, id) "
            "where f.namespace = c.namespace and f.name = c.name and f.id = c.id",
            [f.namespace for f in sent],
            [f.name for f in sent],
            [f.id for f in sent],
            at_us,
        )

    async def refuse(self, key: Key, firing: str, reason: str) -> None:
        """Note that the start of a firing was refused; not where its run is there after all."""
        await self._db.execute(
            "update workflow.schedule_firing f set status = 'refused', reason = $4, request = null "
            "where namespace = $1 and name = $2 and id = $3 and status = 'starting' "
            "and not exists (select from workflow.run r where r.run_id = f.run_id)",
            *key,
            firing,
            reason,
        )

    async def told(self, key: Key, firing: str) -> None:
        """Note that the run of a firing knows that it has to end."""
        await self._db.execute(
            "update workflow.schedule_firing set told = true "
            "where namespace = $1 and name = $2 and id = $3",
            *key,
            firing,
        )

    async def prune(self, shards: list[int], before_us: int, limit: int) -> None:
        """Forget firings that were decided before an instant and are over, and end those whose run
        is not there any more."""
        await self._db.execute(
            "delete from workflow.schedule_firing where (namespace, name, id) in ("
            "select namespace, name, id from workflow.schedule_firing where decided_at < $2 "
            "and shard = any($1::smallint[]) "
            "and status not in ('waiting', 'starting', 'started') limit $3)",
            shards,
            before_us,
            limit,
        )
        await self._db.execute(
            "update workflow.schedule_firing f set status = 'ended', outcome = 'unknown' "
            "where status = 'started' and shard = any($1::smallint[]) "
            "and not exists (select from workflow.run r where r.run_id = f.run_id)",
            shards,
        )


def _schedule(r: Sequence[Any]) -> Schedule:
    return Schedule(
        namespace=r[0],
        name=r[1],
        shard=r[2],
        revision=r[3],
        turn=r[4],
        spec=_decode_spec(r[5]),
        source=r[6],
        created_us=r[7],
        changed_us=r[8],
        covered_us=r[9],
        next_us=r[10],
        due_us=r[11],
        paused_us=r[12],
        paused_by=r[13],
        paused_reason=r[14],
        removed_us=r[15],
    )


def _row(s: Schedule) -> tuple[object, ...]:
    return (
        *(s.namespace, s.name, s.shard, s.revision, 1, json_encode(s.spec), s.source),
        *(s.created_us, s.changed_us, s.covered_us, s.next_us, s.due_us),
        *(s.paused_us, s.paused_by, s.paused_reason, s.removed_us),
    )


def _columns(schedules: Sequence[Schedule]) -> list[list[object]]:
    rows = [
        (
            *(s.namespace, s.name, s.revision, s.turn, json_encode(s.spec), s.source),
            *(s.changed_us, s.covered_us, s.next_us, s.due_us),
            *(s.paused_us, s.paused_by, s.paused_reason, s.removed_us),
        )
        for s in schedules
    ]
    return [list(column) for column in zip(*rows, strict=True)]


def _changes(firings: Sequence[Firing]) -> list[list[object]]:
    rows = [
        (
            *(f.namespace, f.name, f.id, f.was, f.status, f.cause, f.overlap, f.decided_us),
            *(f.workflow, f.request, f.sent_us, f.ending, f.told, f.reason, f.run_id),
        )
        for f in firings
    ]
    return [list(column) for column in zip(*rows, strict=True)]


def _firing(r: Sequence[Any]) -> Firing:
    return Firing(**dict(zip(Firing.__struct_fields__, r, strict=False)))
