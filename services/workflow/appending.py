"""The statement of a commit: events, runs, places in lines, outputs that are kept, all or none."""

from collections.abc import Sequence

from services.workflow.reuse.outputs import KEEP, columns
from services.workflow.rows import Append
from stretto.postgres import Database

_EVENTS = """
insert into workflow.event (run_id, seq, type, at, data)
select * from unnest($1::uuid[], $2::int[], $3::text[], $4::timestamptz[], $5::jsonb[])
"""

_RUNS = """
insert into workflow.run
    (run_id, shard, namespace, workflow, version, caller_id, status, started_at, closed_at)
select * from unnest($6::uuid[], $7::smallint[], $8::text[], $9::text[], $10::int[], $11::text[],
                     $12::text[], $13::timestamptz[], $14::timestamptz[])
"""


def _close(first: int) -> str:
    """Change runs; `first`: the number of the first of its four parameters."""
    return f"""
update workflow.run
set status = c.status, closed_at = c.at, version = c.version, wake_at = null
from unnest(${first}::uuid[], ${first + 1}::text[], ${first + 2}::timestamptz[],
            ${first + 3}::int[]) as c (run_id, status, at, version)
where run.run_id = c.run_id
"""


# Runs begin and end in different commits where few are on their way: for an empty list the server
# would prepare the other half all the same.
_START = f"with e as ({_EVENTS}) {_RUNS}"
_END = f"with e as ({_EVENTS}) {_close(6)}"
_WRITE = f"with e as ({_EVENTS}), r as ({_RUNS})"
_APPEND = _WRITE + _close(15)

_CLAIM = f"""{_WRITE}, u as ({_close(15)}), n as (
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


async def append(database: Database, rows: Append) -> None:
    """Commit all rows or none.

    Raises Conflict when another writer was first, BadValue when a value cannot be stored,
    TransientError when Postgres cannot be reached: then it is not known whether the rows are
    in.
    """
    events = (rows.run_ids, rows.seqs, rows.types, rows.instants_us, rows.data)
    if not (rows.claims or rows.kept):
        said, half = _halves(rows)
        await database.commit(said, *events, *half)
        return
    claims: list[object] = [*_columns(rows.claimed, 6), rows.settled, rows.left]
    if rows.places or rows.kept:
        claims += _columns(rows.asking, 8)
        claims += [*_columns(rows.placed, 2), *_columns(rows.leaving, 2)]
    said = _APPEND_AND_PLACE if rows.places else _APPEND_AND_CLAIM
    if rows.kept:
        said = _APPEND_AND_KEEP
        claims += columns(rows.kept)
    await database.commit(said, *events, *_started(rows), *_columns(rows.closed, 4), *claims)


def _halves(rows: Append) -> tuple[str, list[list[object]]]:
    """The statement that says what there is, and its columns after those of the events."""
    if not rows.closed:
        return (_START, _started(rows)) if rows.started else (_EVENTS, [])
    closed = _columns(rows.closed, 4)
    return (_APPEND, [*_started(rows), *closed]) if rows.started else (_END, closed)


def _started(rows: Append) -> list[list[object]]:
    started = rows.started
    return [
        [r.run_id for r in started],
        [r.shard for r in started],
        [r.namespace for r in started],
        [r.workflow for r in started],
        [r.version for r in started],
        [r.caller_id for r in started],
        [r.status for r in started],
        [r.started_us for r in started],
        [r.closed_us for r in started],
    ]


def _columns(rows: Sequence[tuple[object, ...]], count: int) -> list[list[object]]:
    return [[row[at] for row in rows] for at in range(count)]
