"""The log in Postgres: appending in groups, reading back, and the tables beside it."""

import logging
from collections.abc import AsyncIterator, Iterable, Sequence
from pathlib import Path

from services.workflow.appending import append
from services.workflow.rows import Append, RunRow, StoredEvent
from stretto.contracts.ids import SHARDS, run_id_text
from stretto.postgres import Database
from stretto.postgres.errors import BadValue
from stretto.telemetry.names import LOG_REASON, LOG_RUN_ID

logger = logging.getLogger(__name__)

SCHEMA = "workflow"
ROLE = "stretto_workflow"
MIGRATIONS = Path(__file__).parent / "sql"

LOAD_RUNS_AT_ONCE = 500
"""Runs folded from one query: bounds the memory of a take-over."""

LOAD_EVENTS_AT_ONCE = 20_000
"""Events of one such query: a few long runs are folded one after the other."""

READ_EVENTS_AT_ONCE = 200
"""Events of one query of a page: each may hold a payload of a megabyte."""

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
        await append(self._db, rows)

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
        many more than LOAD_EVENTS_AT_ONCE are in memory, unless one run has more.

        A run with a row that Postgres cannot read back (a value that is too large as text) is
        logged and left out: the others are not to wait for it.
        """
        left, most = sorted(run_ids), LOAD_RUNS_AT_ONCE
        while left:
            part = left[:most]
            try:
                found = await self._first_of(part)
            except BadValue as error:
                if len(part) > 1:
                    most = len(part) // 2  # which of them is it?
                    continue
                told = {LOG_RUN_ID: run_id_text(part[0]), LOG_REASON: error.message}
                logger.error("history cannot be read", extra=told)
                found = {}
            most = LOAD_RUNS_AT_ONCE
            left = left[max(1, len(found)) :]
            if found:
                yield found

    async def _first_of(self, part: Sequence[bytes]) -> dict[bytes, list[StoredEvent]]:
        """The events of the first of some sorted runs: of as many as are no more events than
        LOAD_EVENTS_AT_ONCE, of one at least."""
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
            whole = part[: part.index(cut)]
            if not whole:
                return {cut: await self._rest(cut, found[cut])}
            return {run_id: found[run_id] for run_id in whole}
        return found

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
