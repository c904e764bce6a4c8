"""Claims in Postgres: who has, and who waits for, a place in a line (ADR 0015).

A line is a namespace, a name (`run <workflow>`) and a key. Places are given out by functions of the
database under a lock of the line, so that all instances count the same rows. A claim that the run's
end removes is removed in the commit of that end.
"""

from collections.abc import Collection, Sequence
from typing import Literal, NamedTuple

from stretto.postgres import Database

MAX_GRANTED_AT_ONCE = 1_000
"""Grants that one look tells again, and lines that it looks into."""


STEP_LINE = "step "
"""What the lines of steps begin with; the workflow follows."""


class LineKey(NamedTuple):
    """One line."""

    namespace: str
    line: str
    key: str


class Claim(NamedTuple):
    """A run that wants a place: one of `places`; `mode` says what becomes of it when all are
    taken."""

    run_id: bytes
    at: LineKey
    places: int
    mode: str


class Place(NamedTuple):
    """What became of a claim: `admitted`, `queued` or `full`; who is ahead (or makes room)."""

    outcome: str
    others: list[bytes]


class Grant(NamedTuple):
    """A run, or the `step` of it, has a place from now on; `refused`: there is none for the step;
    `superseded`: the step that asked at `asked_us` gives way to the step `by_step` of `by_run`."""

    run_id: bytes
    step: str
    verdict: Literal["granted", "refused", "superseded"] = "granted"
    asked_us: int = 0
    by_run: bytes | None = None
    by_step: str = ""


class Waited(NamedTuple):
    """A line in which somebody waits: its places, those that are taken, how many wait, and since
    when (µs since the epoch) the first of them does."""

    at: LineKey
    places: int
    taken: int
    waiting: int
    since_us: int


class Claims:
    """The claims of an installation."""

    def __init__(self, database: Database) -> None:
        self._db = database

    async def enter(self, claims: Sequence[Claim], now_us: int) -> dict[bytes, Place]:
        """Give each run that begins a place, let it wait, or refuse it; the same answer when asked
        again."""
        rows = await self._db.fetch(
            "select run_id, outcome, others from workflow.claim_places($1, $2, $3, $4, $5, $6, $7)",
            [c.run_id for c in claims],
            [c.at.namespace for c in claims],
            [c.at.line for c in claims],
            [c.at.key for c in claims],
            [c.places for c in claims],
            [c.mode for c in claims],
            now_us,
        )
        return {r[0]: Place(r[1], list(r[2])) for r in rows}

    async def grant(self, lines: Collection[LineKey], now_us: int) -> list[Grant]:
        """Give out what is free in some lines, refuse those that do not wait for more, and name
        those that give way to others."""
        rows = await self._db.fetch(
            "select run_id, step, verdict, asked, by_run, by_step "
            "from workflow.give_out_places($1, $2, $3, $4)",
            [each.namespace for each in lines],
            [each.line for each in lines],
            [each.key for each in lines],
            now_us,
        )
        return [Grant(*r) for r in rows]

    async def untold(self, before_us: int) -> list[Grant]:
        """Grants of before an instant that the log does not know of: they were lost on the way."""
        rows = await self._db.fetch(
            "select c.run_id, c.step from workflow.claim c join workflow.run r using (run_id) "
            "where c.granted < $1 and not c.settled and r.closed_at is null "
            f"limit {MAX_GRANTED_AT_ONCE}",
            before_us,
        )
        return [Grant(r[0], r[1]) for r in rows]

    async def overlooked(self) -> list[LineKey]:
        """Lines in which somebody waits though a place is free, or does not wait and was not
        told."""
        rows = await self._db.fetch(
            "select w.namespace, w.line, w.key from ("
            "select namespace, line, key, max(places) as places, "
            "bool_or(mode <> 'queue') as impatient from workflow.claim "
            "where granted is null group by namespace, line, key) w "
            "where (select count(*) from workflow.claim h where h.namespace = w.namespace "
            "and h.line = w.line and h.key = w.key and h.granted is not null) < w.places "
            "or w.impatient "
            f"limit {MAX_GRANTED_AT_ONCE}"
        )
        return [LineKey(*r) for r in rows]

    async def drop_orphans(self, before_us: int) -> list[LineKey]:
        """Remove the claims of before an instant whose run is not open: a start that was given up,
        or a run that waited and ended in one commit; their lines."""
        rows = await self._db.fetch(
            "delete from workflow.claim c where c.since < $1 and not exists (select from "
            "workflow.run r where r.run_id = c.run_id and r.closed_at is null) "
            "returning c.namespace, c.line, c.key",
            before_us,
        )
        return sorted({LineKey(*r) for r in rows})

    async def waited_for(self, namespace: str | None, limit: int) -> list[Waited]:
        """The lines in which somebody waits, of one namespace or of all, those with the most first.

        Reads every claim: asked for by people, not in the way of any work.
        """
        rows = await self._db.fetch(
            "select namespace, line, key, max(places), count(granted), "
            "count(*) - count(granted), min(since) filter (where granted is null) "
            "from workflow.claim where $1::text is null or namespace = $1 "
            "group by namespace, line, key having count(*) > count(granted) "
            "order by 6 desc, 1, 2, 3 limit $2",
            namespace,
            limit,
        )
        return [Waited(LineKey(*r[:3]), *r[3:]) for r in rows]

    async def holders(self, at: LineKey, limit: int) -> list[bytes]:
        """The runs that have the places of a line, those that have them longest first."""
        rows = await self._db.fetch(
            "select run_id from workflow.claim where namespace = $1 and line = $2 and key = $3 "
            "and granted is not null order by granted, run_id limit $4",
            *at,
            limit,
        )
        return [r[0] for r in rows]

    async def placed(self, at: LineKey, limit: int) -> list[tuple[bytes, str]]:
        """The steps, (run id, path), that have the places of a line, those that have them longest
        first."""
        rows = await self._db.fetch(
            "select run_id, step from workflow.claim where namespace = $1 and line = $2 "
            "and key = $3 and granted is not null order by granted, run_id, step limit $4",
            *at,
            limit,
        )
        return [(r[0], r[1]) for r in rows]

    async def ahead_of(self, at: LineKey, run_id: bytes, step: str = "") -> int:
        """How many runs (or steps) wait in a line before a run (or a step of it)."""
        rows = await self._db.fetch(
            "select count(*) from workflow.claim c join workflow.claim m on m.run_id = $4 "
            "and m.step = $5 where c.namespace = $1 and c.line = $2 and c.key = $3 "
            "and c.granted is null and (c.since, c.run_id, c.step) < (m.since, m.run_id, m.step)",
            *at,
            run_id,
            step,
        )
        return int(rows[0][0])
