"""Kept outputs in Postgres: found by key, listed, purged, dropped when they are too old."""

from collections.abc import Sequence

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
