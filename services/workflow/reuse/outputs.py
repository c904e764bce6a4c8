"""Kept outputs in Postgres: found by key, listed, purged, dropped when they are too old."""

from collections.abc import Sequence
from typing import NamedTuple

from services.workflow.reuse.noting import Changes, KeptKey, KeptOutput
from stretto.postgres import Database

KEEP = """k as (
    insert into workflow.kept_output
        (namespace, task, key, run_id, workflow, step, output, kept_at, expires_at)
    select * from unnest($39::text[], $40::text[], $41::text[], $42::uuid[], $43::text[],
                         $44::text[], $45::bytea[], $46::timestamptz[], $47::timestamptz[])
    on conflict (namespace, task, key) do update
    set run_id = excluded.run_id, workflow = excluded.workflow, step = excluded.step,
        output = excluded.output, kept_at = excluded.kept_at, expires_at = excluded.expires_at
    where kept_output.kept_at <= excluded.kept_at
), d as (
    delete from workflow.kept_output o
    using unnest($48::text[], $49::text[], $50::text[], $51::uuid[])
        x (namespace, task, key, run_id)
    where o.namespace = x.namespace and o.task = x.task and o.key = x.key and o.run_id = x.run_id
)"""
"""Parts of the statement of a commit, behind those that are about places."""


def columns(changes: Changes) -> list[object]:
    """The arguments of `KEEP`. In the order of the keys: two commits that touch the same rows take
    them in the same order, and neither waits for the other for ever."""
    ordered = sorted(changes.items(), key=lambda each: each[0])
    kept = [(*at, each) for at, each in ordered if isinstance(each, KeptOutput)]
    dropped = [(*at, each) for at, each in ordered if isinstance(each, bytes)]
    outputs = [each[3] for each in kept]
    return [
        *([row[i] for row in kept] for i in range(3)),
        [o.run_id for o in outputs],
        [o.workflow for o in outputs],
        [o.step for o in outputs],
        [o.output for o in outputs],
        [o.kept_us for o in outputs],
        [o.expires_us for o in outputs],
        *([row[i] for row in dropped] for i in range(4)),
    ]


_WHICH = (
    "o.namespace = $1 and ($2::text is null or o.task = $2) and ($3::text is null or o.key = $3) "
    "and ($4::text is null or o.workflow = $4) "
    r"and ($5::text is null or regexp_replace(o.step, '\[\d+\]', '', 'g') = $5) "
    "and ($6::uuid is null or o.run_id = $6)"
)


class Which(NamedTuple):
    """Kept outputs of a namespace: where all that is not None fits. `step`: without the numbers of
    items and rounds."""

    namespace: str
    task: str | None = None
    key: str | None = None
    workflow: str | None = None
    step: str | None = None
    run_id: bytes | None = None


class Purge(NamedTuple):
    """Who has what dropped, and why; `request`: by what it is known when it comes again."""

    request: str
    which: Which
    at_us: int
    by: str | None
    reason: str | None
    data: bytes


class Row(NamedTuple):
    """A kept output without its value."""

    task: str
    key: str
    run_id: bytes
    workflow: str
    step: str
    bytes: int
    kept_us: int
    expires_us: int


ENTRY_BYTES = 1024
"""What an output takes beside its own bytes, with room: so many small ones are bounded, too."""


class KeptOutputs:
    """What is kept."""

    def __init__(self, database: Database) -> None:
        self._db = database

    async def find(self, keys: Sequence[KeptKey], now_us: int) -> dict[KeptKey, KeptOutput]:
        """What is kept under some keys, and has not expired.

        Raises TransientError when Postgres does not answer.
        """
        rows = await self._db.fetch(
            "select o.namespace, o.task, o.key, o.run_id, o.workflow, o.step, o.output, o.kept_at, "
            "o.expires_at from workflow.kept_output o "
            "join unnest($1::text[], $2::text[], $3::text[]) x (namespace, task, key) "
            "using (namespace, task, key) where o.expires_at > $4",
            *([key[i] for key in keys] for i in range(3)),
            now_us,
        )
        return {tuple(row[:3]): KeptOutput(*row[3:]) for row in rows}

    async def page(
        self, which: Which, after: tuple[str, str], limit: int, now_us: int
    ) -> list[Row]:
        """Kept outputs in the order of task and key."""
        rows = await self._db.fetch(
            "select o.task, o.key, o.run_id, o.workflow, o.step, length(o.output), o.kept_at, "
            f"o.expires_at from workflow.kept_output o where {_WHICH} and o.expires_at > $7 "
            "and (o.task, o.key) > ($8, $9) order by o.task, o.key limit $10",
            *which,
            now_us,
            *after,
            limit,
        )
        return [Row(*row) for row in rows]

    async def count(self, which: Which, now_us: int) -> tuple[int, int]:
        """How many there are, and the bytes of their outputs."""
        rows = await self._db.fetch(
            "select count(*), coalesce(sum(length(o.output)), 0)::bigint "
            f"from workflow.kept_output o where {_WHICH} and o.expires_at > $7",
            *which,
            now_us,
        )
        return int(rows[0][0]), int(rows[0][1])

    async def purged_before(self, request: str) -> int | None:
        """How many outputs a request has dropped already; None: it is new."""
        rows = await self._db.fetch(
            "select purged from workflow.kept_output_purge where request = $1", request
        )
        return int(rows[0][0]) if rows else None

    async def purge(self, purge: Purge) -> list[KeptKey]:
        """Drop outputs, and note who wanted it; their keys.

        Raises Conflict when another instance has carried out the same request meanwhile.
        """
        rows = await self._db.fetch(
            f"with gone as (delete from workflow.kept_output o where {_WHICH} "
            "returning o.task, o.key), noted as (insert into workflow.kept_output_purge "
            "(request, namespace, at, by, reason, data, purged) "
            "select $7, $1, $8, $9, $10, $11, count(*) from gone) select task, key from gone",
            *purge.which,
            purge.request,
            purge.at_us,
            purge.by,
            purge.reason,
            purge.data,
        )
        return [(purge.which.namespace, row[0], row[1]) for row in rows]

    async def expire(self, now_us: int, limit: int) -> int:
        """Drop what is too old; how many outputs."""
        return await self._dropped(
            "select namespace, task, key from workflow.kept_output where expires_at <= $1 "
            "order by expires_at limit $2",
            now_us,
            limit,
        )

    async def shrink(self, most_bytes: int, limit: int) -> int:
        """Drop what would expire first, while all takes more than `most_bytes`; how many."""
        return await self._dropped(
            "select namespace, task, key from ("
            f"select *, sum(length(output) + {ENTRY_BYTES}) "
            "over (order by expires_at desc, namespace, task, key) as taken "
            "from workflow.kept_output) o where taken > $1 order by expires_at limit $2",
            most_bytes,
            limit,
        )

    async def _dropped(self, which: str, *args: object) -> int:
        rows = await self._db.fetch(
            f"with gone as ({which}), dropped as (delete from workflow.kept_output o using gone g "
            "where o.namespace = g.namespace and o.task = g.task and o.key = g.key returning 1) "
            "select count(*) from dropped",
            *args,
        )
        return int(rows[0][0])
