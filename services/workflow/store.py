"""The log in Postgres: appending in groups, reading back, and the tables beside it."""

from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from services.workflow.reuse.noting import Changes
from services.workflow.reuse.outputs import KEEP, columns
from stretto.contracts.codec import decode_event
from stretto.contracts.events import Event
from stretto.contracts.ids import SHARDS
from stretto.postgres import Database

SCHEMA = "workflow"
ROLE = "stretto_workflow"
MIGRATIONS = Path(__file__).parent / "sql"

LOAD_RUNS_AT_ONCE = 500
"""Runs folded from one query: bounds the memory of a take-over."""

LOAD_EVENTS_AT_ONCE = 20_000
"""Events of one such query: a few long runs are folded one after the other."""

READ_EVENTS_AT_ONCE = 200
"""Events of one query of a page: each may hold a payload of a megabyte."""

NEVER_US = 253_370_764_800_000_000
"""The instant (in the year 9999) of what nothing but a message will wake."""


@dataclass(slots=True)
class Append:
    """Rows of one commit, as columns. An event's `data` is JSON."""

    run_ids: list[bytes] = field(default_factory=list)
    seqs: list[int] = field(default_factory=list)
    types: list[str] = field(default_factory=list)
    instants_us: list[int] = field(default_factory=list)
    data: list[bytes] = field(default_factory=list)
    started: list["RunRow"] = field(default_factory=list)
    closed: list[tuple[bytes, str, int | None, int]] = field(default_factory=list)
    """Runs whose row changes: status, when they ended, version."""
    claimed: list[tuple[bytes, str, str, str, int, int]] = field(default_factory=list)
    """Runs that want a place: id, namespace, line, key, places, since (µs). As `claims`."""
    settled: list[bytes] = field(default_factory=list)
    """Runs of which the log knows now that they have a place."""
    left: list[bytes] = field(default_factory=list)
    """Runs that have ended and give their place away."""
    asking: list[tuple[bytes, str, str, str, str, int, int, str]] = field(default_factory=list)
    """Steps that ask for a place: run, path, namespace, line, key, places, since (µs), mode."""
    placed: list[tuple[bytes, str]] = field(default_factory=list)
    """Steps of which the log knows now that they have a place."""
    leaving: list[tuple[bytes, str]] = field(default_factory=list)
    """Steps that give their place away, or do not ask for one any more."""
    kept: Changes = field(default_factory=dict)
    """Outputs that are kept for equal steps from now on, and that are not any more."""

    def __len__(self) -> int:
        return len(self.run_ids)

    @property
    def claims(self) -> bool:
        """Whether anything of it is about places in lines."""
        return bool(self.claimed or self.settled or self.left) or self.places

    @property
    def places(self) -> bool:
        """Whether anything of it is about places of steps."""
        return bool(self.asking or self.placed or self.leaving)


class RunRow(msgspec.Struct, kw_only=True):
    """A row of `workflow.run`: enough to fold the run, and to find it."""

    run_id: bytes
    shard: int
    namespace: str
    workflow: str
    version: int
    caller_id: str | None
    started_us: int
    status: str = "running"
    closed_us: int | None = None
    parked: bool = False
    """Whether `wake_at` may be set: the next commit of the run has to clear it."""


class StoredEvent(msgspec.Struct, frozen=True, gc=False):
    seq: int
    type: str
    at_us: int
    data: bytes

    def decoded(self) -> Event:
        return decode_event(self.type, self.data)


_WRITE = """
with e as (
    insert into workflow.event (run_id, seq, type, at, data)
    select * from unnest($1::uuid[], $2::int[], $3::text[], $4::timestamptz[], $5::jsonb[])
), r as (
    insert into workflow.run
        (run_id, shard, namespace, workflow, version, caller_id, status, started_at, closed_at)
    select * from unnest($6::uuid[], $7::smallint[], $8::text[], $9::text[], $10::int[],
    $11::text[],
                         $12::text[], $13::timestamptz[], $14::timestamptz[])
)"""

_CLOSE = """
update workflow.run
set status = c.status, closed_at = c.at, version = c.version, wake_at = null
from unnest($15::uuid[], $16::text[], $17::timestamptz[], $18::int[])
    as c (run_id, status, at, version)
where run.run_id = c.run_id
"""

_APPEND = _WRITE + _CLOSE

_CLAIM = f"""{_WRITE}, u as ({_CLOSE}), n as (
    insert into workflow.claim (run_id, namespace, line, key, places, since)
    select * from unnest($19::uuid[], $20::text[], $21::text[], $22::text[], $23::int[],
                         $24::timestamptz[])
    on conflict do nothing
), s as (
    update workflow.claim set settled = true, granted = coalesce(granted, now())
    where run_id = any($25::uuid[]) and step = ''
)
"""

_LEAVE = "delete from workflow.claim where run_id = any($26::uuid[])"

_APPEND_AND_CLAIM = _CLAIM + _LEAVE

_APPEND_AND_PLACE = f"""{_CLAIM}, l as ({_LEAVE}), a as (
    insert into workflow.claim (run_id, step, namespace, line, key, places, since, mode)
    select * from unnest($27::uuid[], $28::text[], $29::text[], $30::text[], $31::text[],
                         $32::int[], $33::timestamptz[], $34::text[])
    on conflict (run_id, step) do update  -- the step was made pending by the same commit
    set key = excluded.key, places = excluded.places, since = excluded.since,
        mode = excluded.mode, granted = null, settled = false
), p as (
    update workflow.claim c set settled = true, granted = coalesce(granted, now())
    from unnest($35::uuid[], $36::text[]) x (run_id, step)
    where c.run_id = x.run_id and c.step = x.step
)
delete from workflow.claim c using unnest($37::uuid[], $38::text[]) x (run_id, step)
where c.run_id = x.run_id and c.step = x.step
"""

_APPEND_AND_KEEP = _APPEND_AND_PLACE.replace("with e as (", f"with {KEEP}, e as (", 1)

_APPEND_EVENTS = """
insert into workflow.event (run_id, seq, type, at, data)
select * from unnest($1::uuid[], $2::int[], $3::text[], $4::timestamptz[], $5::jsonb[])
"""

_COLUMNS = (
    "run_id, shard, namespace, workflow, version, caller_id, status, started_at, closed_at, "
    "wake_at is not null"
)
_RUN = f"select {_COLUMNS} from workflow.run "


class Store:
    """Reads and writes of the workflow service. One statement a commit."""

    def __init__(self, database: Database) -> None:
        self._db = database

    async def append(self, rows: Append) -> None:
        """Commit all rows or none.

        Raises Conflict when another writer was first, BadValue when a value cannot be stored,
        TransientError when Postgres cannot be reached: then it is not known whether the rows are
        in.
        """
        events = (rows.run_ids, rows.seqs, rows.types, rows.instants_us, rows.data)
        if not (rows.started or rows.closed or rows.claims or rows.kept):
            await self._db.commit(_APPEND_EVENTS, *events)
            return
        started = rows.started
        claims: list[object] = []
        if rows.claims or rows.kept:
            claims = [*([c[i] for c in rows.claimed] for i in range(6)), rows.settled, rows.left]
            if rows.places or rows.kept:
                claims += _columns(rows.asking, 8)
                claims += [*_columns(rows.placed, 2), *_columns(rows.leaving, 2)]
        said = _APPEND_AND_PLACE if rows.places else _APPEND_AND_CLAIM
        if rows.kept:
            said = _APPEND_AND_KEEP
            claims += columns(rows.kept)
        await self._db.commit(
            said if claims else _APPEND,
            *events,
            [r.run_id for r in started],
            [r.shard for r in started],
            [r.namespace for r in started],
            [r.workflow for r in started],
            [r.version for r in started],
            [r.caller_id for r in started],
            [r.status for r in started],
            [r.started_us for r in started],
            [r.closed_us for r in started],
            [c[0] for c in rows.closed],
            [c[1] for c in rows.closed],
            [c[2] for c in rows.closed],
            [c[3] for c in rows.closed],
            *claims,
        )

    async def runs(self, run_ids: Sequence[bytes]) -> list[RunRow]:
        rows = await self._db.fetch(_RUN + "where run_id = any($1::uuid[])", list(run_ids))
        return [_run_row(r) for r in rows]

    async def open_runs(self, shards: Iterable[int]) -> list[RunRow]:
        """The open runs of some shards that are not parked, oldest first."""
        rows = await self._db.fetch(
            _RUN + "where closed_at is null and wake_at is null "
            "and shard = any($1::smallint[]) order by run_id",
            list(shards),
        )
        return [_run_row(r) for r in rows]

    async def open_of(
        self, namespace: str, workflow: str, version: int | None, after: bytes, limit: int
    ) -> list[RunRow]:
        """Open runs of a workflow (and version), parked ones as well, by run id from `after` on."""
        wanted = (
            "namespace = $1 and workflow = $2 and ($3::int is null or version = $3) "
            "and run_id > $4 and closed_at is null"
        )
        rows = await self._db.fetch(
            # Two halves, for there is an index of each.
            f"select * from (({_RUN} where {wanted} and wake_at is null) "
            f"union all ({_RUN} where {wanted} and wake_at is not null)) r "
            "order by run_id limit $5",
            namespace,
            workflow,
            version,
            after,
            limit,
        )
        return [_run_row(r) for r in rows]

    async def park(self, runs: Sequence[tuple[bytes, int, int]]) -> set[bytes]:
        """Note for (run id, last seq, instant in µs)s that they leave memory until then; those for
        which that was done. Not where the log knows of later events."""
        rows = await self._db.fetch(
            "update workflow.run r set wake_at = c.at "
            "from unnest($1::uuid[], $2::int[], $3::timestamptz[]) as c (run_id, seq, at) "
            "where r.run_id = c.run_id and r.closed_at is null "
            "and (select max(e.seq) from workflow.event e where e.run_id = c.run_id) = c.seq "
            "returning r.run_id",
            [r[0] for r in runs],
            [r[1] for r in runs],
            [r[2] for r in runs],
        )
        return {r[0] for r in rows}

    async def wake(self, until_us: int, shards: Iterable[int], limit: int) -> list[bytes]:
        """Take parked runs that are due: from now on they count as held in memory."""
        rows = await self._db.fetch(
            "update workflow.run set wake_at = null where run_id in ("
            "select run_id from workflow.run where closed_at is null and wake_at <= $1 "
            "and shard = any($2::smallint[]) order by wake_at limit $3 for update skip locked) "
            "returning run_id",
            until_us,
            list(shards),
            limit,
        )
        return [r[0] for r in rows]

    async def heads(self, run_ids: Sequence[bytes]) -> dict[bytes, int]:
        """The last sequence number that the log holds of some runs."""
        rows = await self._db.fetch(
            "select i, (select max(seq) from workflow.event where run_id = i) "
            "from unnest($1::uuid[]) i",
            list(run_ids),
        )
        return {r[0]: r[1] or 0 for r in rows}

    async def holds(self, run_id: bytes, seq: int, kind: str, at_us: int) -> bool:
        """Whether just this event is in the log: tells a commit from another writer's."""
        rows = await self._db.fetch(
            "select type = $3 and at = $4 from workflow.event where run_id = $1 and seq = $2",
            run_id,
            seq,
            kind,
            at_us,
        )
        return bool(rows and rows[0][0])

    async def histories(
        self, run_ids: Sequence[bytes]
    ) -> AsyncIterator[dict[bytes, list[StoredEvent]]]:
        """The events of some runs, each run's in order; a part of the runs at a time, so that not
        many more than LOAD_EVENTS_AT_ONCE are in memory, unless one run has more."""
        left = sorted(run_ids)
        while left:
            part = left[:LOAD_RUNS_AT_ONCE]
            rows = await self._db.fetch(
                "select run_id, seq, type, at, data from workflow.event "
                "where run_id = any($1::uuid[]) order by run_id, seq limit $2",
                part,
                LOAD_EVENTS_AT_ONCE + 1,
            )
            found: dict[bytes, list[StoredEvent]] = {run_id: [] for run_id in part}
            for run_id, seq, kind, at, data in rows:
                found[run_id].append(StoredEvent(seq, kind, at, data))
            if len(rows) > LOAD_EVENTS_AT_ONCE:
                cut = rows[-1][0]
                part = part[: part.index(cut)]
                if not part:
                    part, found[cut] = [cut], await self._rest(cut, found[cut])
            left = left[len(part) :]
            yield {run_id: found[run_id] for run_id in part}

    async def _rest(self, run_id: bytes, events: list[StoredEvent]) -> list[StoredEvent]:
        """The events of a long run, of which the first are known."""
        while True:
            rows = await self._db.fetch(
                "select seq, type, at, data from workflow.event "
                "where run_id = $1 and seq > $2 order by seq limit $3",
                run_id,
                events[-1].seq,
                LOAD_EVENTS_AT_ONCE,
            )
            events += [StoredEvent(*row) for row in rows]
            if len(rows) < LOAD_EVENTS_AT_ONCE:
                return events

    async def events_of(self, run_ids: Sequence[bytes]) -> dict[bytes, list[StoredEvent]]:
        """The events of some runs, each run's in order."""
        found: dict[bytes, list[StoredEvent]] = {run_id: [] for run_id in run_ids}
        for start in range(0, len(run_ids), LOAD_RUNS_AT_ONCE):
            rows = await self._db.fetch(
                "select run_id, seq, type, at, data from workflow.event "
                "where run_id = any($1::uuid[]) order by run_id, seq",
                list(run_ids[start : start + LOAD_RUNS_AT_ONCE]),
            )
            for run_id, seq, kind, at, data in rows:
                found[run_id].append(StoredEvent(seq, kind, at, data))
        return found

    async def sent_attempts(self, run_id: bytes, after_seq: int) -> list[tuple[int, int, str, int]]:
        """The attempts of a run that went out after an event: seq, instant (µs), step, number."""
        rows = await self._db.fetch(
            "select seq, at, data ->> 'step' as step, (data -> 'attempt')::int as attempt "
            "from workflow.event where run_id = $1 and seq > $2 and type = 'step.scheduled' "
            "order by seq",
            run_id,
            after_seq,
        )
        return [(row["seq"], row["at"], row["step"], row["attempt"]) for row in rows]

    async def history(
        self, run_id: bytes, after_seq: int, limit: int, max_bytes: int
    ) -> list[StoredEvent]:
        """Events of a run from `after_seq` on: at most `limit`, and not many more bytes."""
        found: list[StoredEvent] = []
        size = 0
        while len(found) < limit and size < max_bytes:
            count = min(READ_EVENTS_AT_ONCE, limit - len(found))
            rows = await self._db.fetch(
                "select seq, type, at, data from workflow.event "
                "where run_id = $1 and seq > $2 order by seq limit $3",
                run_id,
                found[-1].seq if found else after_seq,
                count,
            )
            found += [StoredEvent(*row) for row in rows]
            size += sum(len(row[3]) for row in rows)
            if len(rows) < count:
                break
        return found

    async def page(
        self, after: tuple[bytes, int], limit: int, max_bytes: int
    ) -> list[tuple[RunRow, StoredEvent]]:
        """A page of the whole log in the order of (run_id, seq), for readers that rebuild."""
        found: list[tuple[RunRow, StoredEvent]] = []
        size = 0
        while len(found) < limit and size < max_bytes:
            count = min(READ_EVENTS_AT_ONCE, limit - len(found))
            rows = await self._db.fetch(
                f"select {_COLUMNS}, e.seq, e.type, e.at, e.data from workflow.event e "
                "join workflow.run r using (run_id) "
                "where e.run_id >= $1 and (e.run_id, e.seq) > ($1, $2) "
                "order by e.run_id, e.seq limit $3",
                *after,
                count,
            )
            found += [(_run_row(r), StoredEvent(*r[10:14])) for r in rows]
            size += sum(len(r[13]) for r in rows)
            if len(rows) < count:
                break
            after = (rows[-1][0], rows[-1][10])
        return found

    async def open_by_caller_id(
        self, keys: Sequence[tuple[str, str, str]]
    ) -> dict[tuple[str, str, str], tuple[bytes, int]]:
        """Of (namespace, workflow, id)s, those that are open: their run id and version."""
        rows = await self._db.fetch(
            "select r.namespace, r.workflow, r.caller_id, r.run_id, r.version from workflow.run r "
            "join unnest($1::text[], $2::text[], $3::text[]) as k (ns, wf, id) "
            "on r.namespace = k.ns and r.workflow = k.wf and r.caller_id = k.id "
            "where r.closed_at is null",
            [k[0] for k in keys],
            [k[1] for k in keys],
            [k[2] for k in keys],
        )
        return {(r[0], r[1], r[2]): (r[3], r[4]) for r in rows}

    async def published(self, partitions: Iterable[int]) -> dict[int, int]:
        """Up to when (µs) each partition's events are known to have been published."""
        rows = await self._db.fetch(
            "select partition, at from workflow.published where partition = any($1::int[])",
            list(partitions),
        )
        return {r[0]: r[1] for r in rows}

    async def set_published(self, partitions: Sequence[int], at_us: int) -> None:
        await self._db.execute(
            "insert into workflow.published (partition, at) select p, $2 from unnest($1::int[]) p "
            "on conflict (partition) do update set at = greatest(published.at, excluded.at)",
            list(partitions),
            at_us,
        )

    async def mark_published(self, partitions: Sequence[int], at_us: int) -> None:
        """Begin to mark partitions that have no mark yet."""
        await self._db.execute(
            "insert into workflow.published (partition, at) select p, $2 from unnest($1::int[]) p "
            "on conflict (partition) do nothing",
            list(partitions),
            at_us,
        )

    async def runs_since(
        self, at_us: int, shards: Iterable[int], limit: int
    ) -> list[tuple[bytes, int]]:
        """Runs of some shards with events from an instant on, and the first of these, by its seq;
        those that changed last come first."""
        rows = await self._db.fetch(
            "select e.run_id, min(e.seq) from workflow.event e join workflow.run r using (run_id) "
            "where e.at >= $1 and r.shard = any($2::smallint[]) "
            "group by e.run_id order by max(e.at) desc limit $3",
            at_us,
            list(shards),
            limit,
        )
        return [(r[0], r[1]) for r in rows]


def _columns(rows: Sequence[tuple[object, ...]], count: int) -> list[list[object]]:
    return [[row[at] for row in rows] for at in range(count)]


def shards_of(partitions: Iterable[int], count: int) -> list[int]:
    """The shards that belong to some of `count` partitions."""
    wanted = set(partitions)
    return [shard for shard in range(SHARDS) if shard % count in wanted]


def _run_row(r: Sequence[object]) -> RunRow:
    return RunRow(
        run_id=r[0],  # type: ignore[arg-type]
        shard=r[1],  # type: ignore[arg-type]
        namespace=r[2],  # type: ignore[arg-type]
        workflow=r[3],  # type: ignore[arg-type]
        version=r[4],  # type: ignore[arg-type]
        caller_id=r[5],  # type: ignore[arg-type]
        status=r[6],  # type: ignore[arg-type]
        started_us=r[7],  # type: ignore[arg-type]
        closed_us=r[8],  # type: ignore[arg-type]
        parked=bool(r[9]),
    )
