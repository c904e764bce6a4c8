"""Finds claims that wait for one another for ever, says so, and breaks the ring (E5).

Every few seconds one instance looks at the claims that have waited for a while (`core.rings`). Of a
ring it names all, as an alert; and the youngest claim that a parent waits for gives way: its run is
cancelled, and the parent's step fails with `Deadlock`, which a `catch` can handle. What is said to
the runs goes the way of any result and control; said twice, it is refused the second time.
"""

import logging
from collections.abc import Callable, Iterable, Sequence

from services.workflow.causes import causes
from services.workflow.core import Run, rings
from services.workflow.core.rings import Blocked, Link, Waiting
from services.workflow.loading import Loader
from services.workflow.sending import Sender
from services.workflow.slots import Slot
from services.workflow.store import Store
from stretto.bus.publisher import Outgoing, Publisher
from stretto.contracts import subjects
from stretto.contracts.codec import json_encode
from stretto.contracts.failures import Failure
from stretto.contracts.ids import parse_attempt_id, parse_run_id, partition_of, run_id_text
from stretto.contracts.public import Alert, ControlRequest, Results, TaskResult
from stretto.postgres import Database
from stretto.runtime.clock import Clock, rfc3339
from stretto.runtime.errors import TransientError
from stretto.telemetry.names import LOG_REASON, LOG_RUN_ID

logger = logging.getLogger(__name__)

LOOK_S = 2.0
WAITED_S = 2.0
"""A claim is looked at when it has waited for so long: most are granted by then."""

MAX_CLAIMS = 10_000
"""Claims of one look, those that wait longest: the items of one `for_each` may all wait for a key,
and a ring behind them is to be found nevertheless."""

MAX_RUNS = 2_000
"""Runs of one look that are read from the log: those that have places, and their children."""

MAX_BROKEN = 100
"""Rings that one look breaks."""

DEADLOCK = "Deadlock"


class _Claims:
    """What one look knows: claims by who waits, who has the places, lines' keys."""

    def __init__(self) -> None:
        self.holders: dict[Waiting, list[Waiting]] = {}
        self.since_us: dict[Waiting, int] = {}
        self.keys: dict[Waiting, str] = {}


class Rings:
    """See the module's docstring. `run` until cancelled."""

    def __init__(
        self,
        database: Database,
        reader: Loader,
        *,
        sender: Sender,
        publisher: Publisher,
        clock: Clock,
        partitions: int,
        looks: Callable[[], bool],
    ) -> None:
        self._db = database
        self._store = Store(database)
        self._reader = reader
        self._sender = sender
        self._publisher = publisher
        self._clock = clock
        self._partitions = partitions
        self._looks = looks

    async def run(self) -> None:
        """Look every few seconds, for ever."""
        while True:
            await self._clock.sleep(LOOK_S)
            if not self._looks():
                continue
            try:
                await self.look()
            except TransientError as error:
                logger.warning("rings not looked for", extra={LOG_REASON: error.message})

    async def look(self) -> int:
        """Find rings and break them; how many."""
        claims = await self._claims()
        if not claims.holders:
            return 0
        placed = {h for having in claims.holders.values() for h in having}
        slots, blocked = await self._read(placed)
        found = rings.stuck(claims.holders, blocked)
        broken = 0
        while found and broken < MAX_BROKEN:
            ring = rings.ring_of(found, claims.holders, blocked)
            await self._break(ring, claims, slots)
            broken += 1
            found -= {link.claim for link in ring}
            found = {c for c in found if not _touches(c, ring, claims)}
        return broken

    async def _claims(self) -> _Claims:
        before_us = self._clock.now_us() - int(WAITED_S * 1e6)
        rows = await self._db.fetch(
            "with w as (select run_id, step, namespace, line, key, since from workflow.claim "
            f"where granted is null and since < $1 order by since limit {MAX_CLAIMS}) "
            "select w.run_id, w.step, w.key, w.since, h.runs, h.steps from w join ("
            "select l.namespace, l.line, l.key, p.runs, p.steps "
            "from (select distinct namespace, line, key from w) l cross join lateral ("
            "select coalesce(array_agg(c.run_id), '{}') as runs, "
            "coalesce(array_agg(c.step), '{}') as steps from ("
            "select run_id, step from workflow.claim c where c.namespace = l.namespace "
            "and c.line = l.line and c.key = l.key and c.granted is not null "
            "order by c.granted limit 100) c) p) h using (namespace, line, key)",
            before_us,
        )
        claims = _Claims()
        for run_id, step, key, since, runs, steps in rows:
            claim = Waiting(run_id, step)
            claims.holders[claim] = list(map(Waiting, runs, steps))
            claims.since_us[claim], claims.keys[claim] = since, key
        return claims

    async def _read(
        self, placed: Iterable[Waiting]
    ) -> tuple[dict[bytes, Slot], dict[Waiting, Blocked]]:
        """Read the runs of who has places and, down to the last, the children that are waited for;
        these runs, and what keeps them and their steps that have places."""
        steps: dict[bytes, set[str]] = {}
        for who in placed:
            steps.setdefault(who.run_id, set()).add(who.step)
        found: dict[bytes, Slot] = {}
        blocked: dict[Waiting, Blocked] = {}
        wanted = set(steps)
        while wanted and len(found) < MAX_RUNS:
            rows = await self._store.runs(sorted(wanted)[: MAX_RUNS - len(found)])
            wanted = set()
            async for slot, _ in self._reader.folded(rows):
                found[slot.run.id] = slot
                for step in steps.get(slot.run.id, set()) | {""}:
                    about = _blocked(slot, step)
                    if about is not None:
                        blocked[Waiting(slot.run.id, step)] = about
                        wanted.update(about.children)
            wanted -= found.keys()
        return found, blocked

    async def _break(self, ring: Sequence[Link], claims: _Claims, slots: dict[bytes, Slot]) -> None:
        """Say what the ring is, and let the youngest claim of a child give way."""
        links = sorted(ring, key=lambda link: claims.since_us[link.claim], reverse=True)
        runs = [slots[link.claim.run_id] for link in links if link.claim.run_id in slots]
        slot = next((each for each in runs if each.run.parent is not None), runs[0])
        text = f"expected waits that can end, but these wait for each other: {_told(ring, claims)}"
        logger.error("deadlock", extra={LOG_RUN_ID: slot.text, LOG_REASON: text})
        alert = Alert(
            code="deadlock",
            message=text,
            at=rfc3339(self._clock.now_us()),
            run_id=slot.text,
            workflow=slot.run.workflow,
        )
        await self._sender.alert(slot.row.namespace, alert, f"{slot.text}-deadlock")
        out: list[Outgoing] = []
        parent = slot.run.parent
        if parent is not None:
            failure = Failure(type=DEADLOCK, message=text, retryable=False)
            result = TaskResult(id=parent, status="failed", failure=failure)
            partition = partition_of(parse_attempt_id(parent).run_id, self._partitions)
            data = json_encode(Results(results=[result]))
            await self._publisher.publish_many([Outgoing(subjects.results(partition), data)])
        request = ControlRequest(command="cancel", reason=f"{DEADLOCK}: {text}", by="workflow")
        subject = subjects.control(slot.row.namespace, slot.text)
        out.append(Outgoing(subject, json_encode(request), f"{slot.text}:deadlock"))
        await self._publisher.publish_many(out)


def _blocked(slot: Slot, step: str = "") -> Blocked | None:
    """What a run, or a step of it that has a place, waits for, where that is children and claims
    alone. None also for a step that has ended since: who waits for its place gets it."""
    run = slot.run
    if run.closed or run.paused:
        return None
    if step and not _has_place(run, step):
        return None
    children: list[bytes] = []
    claims: list[Waiting] = []
    for cause in causes(run):
        if step and not _within(cause.step, step):
            continue
        if cause.cause == "child" and cause.child is not None:
            children.append(parse_run_id(cause.child))
        elif cause.cause == "concurrency" and not _has_place(run, cause.step):
            claims.append(Waiting(run.id, cause.step))
        else:
            return None
    return Blocked(tuple(children), tuple(claims)) if children or claims else None


def _has_place(run: Run, path: str) -> bool:
    """Whether a step is under way, and has a place among those of its key."""
    node = run.open.get(path)
    return node is not None and node.place is not None and node.place.held


def _within(path: str, step: str) -> bool:
    """Whether a path is a step, or inside of it."""
    return path.startswith(step) and path[len(step) : len(step) + 1] in ("", ".", "[", "~")


def _touches(claim: Waiting, ring: Sequence[Link], claims: _Claims) -> bool:
    """Whether a claim waits for the same as one of a ring that is broken: it may go on now."""
    having = {holder for link in ring for holder in claims.holders[link.claim]}
    return bool(having.intersection(claims.holders[claim]))


def _having(holder: Waiting) -> str:
    """Who has a place, in words."""
    step = f"step {holder.step!r} of " if holder.step else ""
    return f"{step}run {run_id_text(holder.run_id)}"


def _told(ring: Sequence[Link], claims: _Claims) -> str:
    """The ring in words."""
    told = []
    for link in ring:
        step = f", step {link.claim.step!r}," if link.claim.step else ""
        text = (
            f"run {run_id_text(link.claim.run_id)}{step} waits for a place of key "
            f"{claims.keys[link.claim]!r}, which {_having(link.holder)} has"
        )
        if link.through:
            names = ", which waits for its child ".join(run_id_text(each) for each in link.through)
            text += f", and that waits for its child {names}"
        told.append(text)
    return "; ".join(told)
