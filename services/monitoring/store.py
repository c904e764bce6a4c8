"""The projections in Postgres: one statement a commit, and the reads that are answered from it."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from services.monitoring.core.projection import RunProjection, Step
from stretto.contracts.codec import json_encode
from stretto.contracts.failures import Failure
from stretto.postgres import Database

SCHEMA = "monitoring"
ROLE = "stretto_monitoring"
MIGRATIONS = Path(__file__).parent / "sql"

LOAD_AT_ONCE = 500
"""Runs read back by one query: bounds the memory of a restart."""

_COMMIT = """
with incoming as (
    select * from unnest(
        $1::uuid[], $2::text[], $3::text[], $4::int[], $5::text[], $6::jsonb[], $7::text[],
        $8::timestamptz[], $9::timestamptz[], $10::int[], $11::jsonb[], $12::jsonb[], $13::int[],
        $14::json[], $15::jsonb[])
    as t (run_id, namespace, workflow, version, caller_id, labels, status, started_at, closed_at,
          last_seq, counts, failure, steps_seq, steps, step_labels)
), before as (
    select r.run_id, r.namespace, r.workflow, r.status
    from monitoring.run r join incoming using (run_id)
), written as (
    insert into monitoring.run as r
        (run_id, namespace, workflow, version, caller_id, labels, status, started_at, closed_at,
         last_seq, counts, failure, steps_seq, steps, step_labels)
    select * from incoming
    on conflict (run_id) do update set
        namespace = excluded.namespace, workflow = excluded.workflow, version = excluded.version,
        caller_id = excluded.caller_id, labels = excluded.labels, status = excluded.status,
        started_at = excluded.started_at, closed_at = excluded.closed_at,
        last_seq = excluded.last_seq, counts = excluded.counts, failure = excluded.failure,
        steps_seq = coalesce(excluded.steps_seq, r.steps_seq),
        steps = coalesce(excluded.steps, r.steps), step_labels = excluded.step_labels
    where r.last_seq <= excluded.last_seq
    returning r.run_id, r.namespace, r.workflow, r.status
), change as (
    select namespace, workflow, status, sum(n) as n from (
        select namespace, workflow, status, 1 as n from written
        union all
        select b.namespace, b.workflow, b.status, -1 from before b join written using (run_id)
    ) as moved group by namespace, workflow, status having sum(n) <> 0
), counted as (
    insert into monitoring.run_count as c (namespace, workflow, status, n)
    select namespace, workflow, status, n from change
    on conflict (namespace, workflow, status) do update set n = c.n + excluded.n
)
insert into monitoring.state as s (key, value)
select * from unnest($16::text[], $17::jsonb[])
on conflict (key) do update set value = excluded.value, at = now()
"""

_FORGET = """
with gone as (
    delete from monitoring.run where run_id in (
        select run_id from monitoring.run
        where started_at < $1 and closed_at < $1 order by started_at limit $2)
    returning namespace, workflow, status
), change as (
    select namespace, workflow, status, count(*) as n from gone group by namespace, workflow, status
), counted as (
    update monitoring.run_count c set n = c.n - change.n from change
    where (c.namespace, c.workflow, c.status) = (change.namespace, change.workflow, change.status)
)
select count(*) from gone
"""

_COLUMNS = (
    "run_id, namespace, workflow, version, caller_id, labels, status, started_at, closed_at, "
    "last_seq, counts, failure, step_labels"
)

_decode_steps = msgspec.json.Decoder(list[Step]).decode
_decode_failure = msgspec.json.Decoder(Failure | None).decode
_decode_labels = msgspec.json.Decoder(dict[str, str]).decode
_decode_step_labels = msgspec.json.Decoder(list[str]).decode
_decode_counts = msgspec.json.Decoder(dict[str, int]).decode


class Row(msgspec.Struct, kw_only=True):
    """A row to write. `with_steps`: its steps go along, for a run that leaves memory."""

    run: RunProjection
    with_steps: bool


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """What a list asks for, checked; `before` is (started_us, run_id) of the last row seen."""

    limit: int
    namespace: str | None = None
    workflow: str | None = None
    statuses: tuple[str, ...] = ()
    only_open: bool = False
    key: str | None = None
    key_prefix: str | None = None
    id_range: tuple[bytes, bytes] | None = None
    before: tuple[int, bytes] | None = None
    labels: dict[str, str] = {}
    step_labels: tuple[str, ...] = ()
    """Each `name=value`."""


class Store:
    """Reads and writes of the schema `monitoring`."""

    def __init__(self, database: Database) -> None:
        self._db = database

    async def commit(self, session: Any, rows: Sequence[Row], state: dict[str, bytes]) -> None:
        """Write rows and state over the session that holds the lock, in one statement.

        Older rows than those that are there change nothing. Raises asyncpg's errors.
        """
        runs = [row.run for row in rows]
        await session.execute(
            _COMMIT,
            [r.run_id for r in runs],
            [r.namespace for r in runs],
            [r.workflow for r in runs],
            [r.version for r in runs],
            [r.key for r in runs],
            [json_encode(r.labels) if r.labels else b"{}" for r in runs],
            [r.status for r in runs],
            [r.started_us for r in runs],
            [r.closed_us or None for r in runs],
            [r.last_seq for r in runs],
            [json_encode(r.counts) for r in runs],
            [None if r.failure is None else json_encode(r.failure) for r in runs],
            [row.run.last_seq if row.with_steps else None for row in rows],
            [_steps_text(row) for row in rows],
            [json_encode(list(r.step_labels)) if r.step_labels else None for r in runs],
            list(state),
            list(state.values()),
        )

    async def forget(self, session: Any, before_us: int, limit: int) -> int:
        """Delete closed runs that started and ended before an instant; how many."""
        return int(await session.fetchval(_FORGET, before_us, limit))

    async def load(self, run_ids: Iterable[bytes]) -> dict[bytes, RunProjection]:
        """Read runs back as they were when their steps were written last."""
        wanted = list(run_ids)
        found: dict[bytes, RunProjection] = {}
        for start in range(0, len(wanted), LOAD_AT_ONCE):
            rows = await self._db.fetch(
                f"select {_COLUMNS}, steps_seq, steps from monitoring.run "
                "where run_id = any($1::uuid[])",
                wanted[start : start + LOAD_AT_ONCE],
            )
            for row in rows:
                run = run_of(row)
                steps = [] if row["steps"] is None else _decode_steps(row["steps"])
                run.restore(steps, row["steps_seq"] or 0)
                found[run.run_id] = run
        return found

    async def row(self, run_id: bytes) -> tuple[RunProjection, int] | None:
        """Read one run with the steps that are kept, and after which event those were."""
        rows = await self._db.fetch(
            f"select {_COLUMNS}, steps_seq, steps from monitoring.run where run_id = $1", run_id
        )
        if not rows:
            return None
        run = run_of(rows[0])
        if rows[0]["steps"] is not None:
            run.steps = {step.path: step for step in _decode_steps(rows[0]["steps"])}
        return run, rows[0]["steps_seq"] or 0

    async def open_runs(self, after: bytes, limit: int) -> list[bytes]:
        """The ids of open runs after an id, in the order of their ids."""
        rows = await self._db.fetch(
            "select run_id from monitoring.run where closed_at is null and run_id > $1 "
            "order by run_id limit $2",
            after,
            limit,
        )
        return [row["run_id"] for row in rows]

    async def page(self, query: Query) -> list[RunProjection]:
        """Read the runs of a list, the latest first."""
        conditions, arguments = _conditions(query)
        where = f"where {' and '.join(conditions)} " if conditions else ""
        rows = await self._db.fetch(
            f"select {_COLUMNS} from monitoring.run {where}"
            f"order by started_at desc, run_id desc limit ${len(arguments) + 1}",
            *arguments,
            query.limit,
        )
        return [run_of(row) for row in rows]

    async def counts(
        self, namespace: str | None, workflow: str | None
    ) -> list[tuple[str, str, int]]:
        """Runs by workflow and status."""
        rows = await self._db.fetch(
            "select workflow, status, sum(n)::bigint as n from monitoring.run_count "
            "where ($1::text is null or namespace = $1) and ($2::text is null or workflow = $2) "
            "group by workflow, status having sum(n) > 0 order by workflow, status",
            namespace,
            workflow,
        )
        return [(row["workflow"], row["status"], row["n"]) for row in rows]

    async def state(self, key: str) -> bytes | None:
        """Read one row of the state."""
        rows = await self._db.fetch("select value from monitoring.state where key = $1", key)
        return rows[0]["value"] if rows else None

    async def states(self, prefix: str) -> dict[str, bytes]:
        """Read the rows of the state whose keys begin so."""
        rows = await self._db.fetch(
            "select key, value from monitoring.state where starts_with(key, $1)", prefix
        )
        return {row["key"]: row["value"] for row in rows}

    async def take(self, key: str) -> bytes | None:
        """Read one row of the state and delete it."""
        rows = await self._db.fetch(
            "delete from monitoring.state where key = $1 returning value", key
        )
        return rows[0]["value"] if rows else None

    async def set_state(self, key: str, value: bytes) -> None:
        """Write one row of the state; any instance may."""
        await self._db.execute(
            "insert into monitoring.state (key, value) values ($1, $2) "
            "on conflict (key) do update set value = excluded.value, at = now()",
            key,
            value,
        )


def _steps_text(row: Row) -> str | None:
    return json_encode(list(row.run.steps.values())).decode() if row.with_steps else None


def run_of(row: Any) -> RunProjection:
    """Make a projection of a row, without its steps."""
    run = RunProjection(
        row["run_id"], row["namespace"], row["workflow"], row["version"], row["caller_id"]
    )
    run.labels = _decode_labels(row["labels"])
    run.status = row["status"]
    run.started_us = row["started_at"]
    run.closed_us = row["closed_at"] or 0
    run.last_seq = row["last_seq"]
    run.counts = _decode_counts(row["counts"])
    if row["step_labels"] is not None:
        run.step_labels = dict.fromkeys(_decode_step_labels(row["step_labels"]))
    if row["failure"] is not None:
        run.failure = _decode_failure(row["failure"])
    return run


def _conditions(query: Query) -> tuple[list[str], list[object]]:
    conditions: list[str] = []
    arguments: list[object] = []

    def add(text: str, *values: object) -> None:
        numbers = range(len(arguments) + 1, len(arguments) + 1 + len(values))
        conditions.append(text.format(*(f"${n}" for n in numbers)))
        arguments.extend(values)

    if query.namespace is not None:
        add("namespace = {}", query.namespace)
    if query.workflow is not None:
        add("workflow = {}", query.workflow)
    if query.only_open:
        add("closed_at is null")
    if query.labels:
        # The second part is what the index asks for.
        add("labels @> {}::jsonb and labels <> '{{}}'", json_encode(query.labels))
    if query.step_labels:
        add("step_labels @> {}::jsonb", json_encode(query.step_labels))
    if query.statuses:
        add("status = any({}::text[])", list(query.statuses))
        if set(query.statuses) <= {"failed", "cancelled", "terminated"}:
            add("status in ('failed', 'cancelled', 'terminated')")  # for the partial index
    if query.key is not None:
        add("caller_id = {}", query.key)
    if query.id_range is not None and query.key_prefix is not None:
        add(
            "(run_id between {}::uuid and {}::uuid or caller_id like {})",
            *query.id_range,
            _like(query.key_prefix),
        )
    elif query.key_prefix is not None:
        add("caller_id like {}", _like(query.key_prefix))
    if query.before is not None:
        add("(started_at, run_id) < ({}::timestamptz, {}::uuid)", *query.before)
    return conditions, arguments


def _like(prefix: str) -> str:
    for special in ("\\", "%", "_"):
        prefix = prefix.replace(special, "\\" + special)
    return prefix + "%"
