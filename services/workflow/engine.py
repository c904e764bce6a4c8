"""The loop: take what has arrived, decide, commit once, send once, acknowledge once.

    inbox ─► build (load runs, decide, apply) ─► append (one statement) ─► send ─► acknowledge
                 ▲                                  │
                 └── forget what was touched ◄──────┘ conflict, lost connection, bad value

1. Nothing is acknowledged, sent or answered that is not committed.
2. After a failed append nothing in memory of the touched runs is believed: they are folded again.
   Whether the rows are in is not asked: commands that were carried out are rejected the second
   time,
   and what they make the outside do is made again from the fold (`open_effects`).
3. A value that Postgres cannot hold spoils its own command only: the arrivals are then taken
singly.
4. A run whose code fails an assertion is set aside and told; the others go on.
"""

import asyncio
import logging
from collections.abc import Iterable

from services.workflow.batch import Batch, Touched
from services.workflow.core import Rejection
from services.workflow.core.commands import Start, may_reopen
from services.workflow.core.effects import open_effects
from services.workflow.inbox import Addressed, Arrival, Inbox, Item
from services.workflow.loading import Loader
from services.workflow.outgoing import Frames
from services.workflow.refusals import refuse_value
from services.workflow.registry import Registry
from services.workflow.sending import Sender
from services.workflow.slots import Slot, Written, new_row, public_status
from services.workflow.starts import Starts
from services.workflow.store import Store
from stretto.bus.message import ack_all
from stretto.contracts.frames import StartRecord
from stretto.contracts.ids import partition_of
from stretto.postgres.errors import BadValue
from stretto.runtime.clock import Clock
from stretto.runtime.errors import TransientError
from stretto.telemetry.metrics import Metrics
from stretto.telemetry.tracing import Tracer

logger = logging.getLogger(__name__)

MAX_RECORDS = 1_000
"""Records of one round: a commit of a few thousand rows takes some ten milliseconds, more would
only
add to the latency of the first of them."""

RETRY_S = (0.05, 0.1, 0.2, 0.5, 1.0)
"""Waits between tries of an append that failed; the last one is repeated for ever: nothing is lost,
nothing goes on, and the inbox and then the streams fill (back-pressure)."""


class Engine:
    """Holds the runs of this instance's partitions and carries out what is asked of them."""

    def __init__(
        self,
        *,
        store: Store,
        registry: Registry,
        sender: Sender,
        inbox: Inbox,
        clock: Clock,
        tracer: Tracer,
        metrics: Metrics,
        partitions: int,
        lanes: int,
    ) -> None:
        self._store = store
        self._sender = sender
        self._inbox = inbox
        self._clock = clock
        self._partitions = partitions
        self._lanes = lanes
        self.loader = Loader(store, registry, partitions)
        self._starts = Starts(store, registry, tracer)
        self._lock = asyncio.Lock()
        self._commits = metrics.counter("workflow_commits_total")
        self._rows = metrics.counter("workflow_events_total")
        self._rejected = metrics.counter("workflow_rejections_total")
        self._faults = metrics.counter("workflow_faults_total")
        self._commit_us = metrics.histogram("workflow_commit_seconds")
        metrics.gauge("workflow_runs_held").follow(lambda: float(len(self.loader.slots)))
        metrics.gauge("workflow_inbox_records").follow(lambda: float(len(inbox)))

    async def run(self) -> None:
        """Carry out what arrives, for ever."""
        while True:
            arrivals = await self._inbox.take(MAX_RECORDS)
            await self.process(arrivals)

    async def process(self, arrivals: list[Arrival]) -> None:
        """Carry out some arrivals, as often as it takes, and acknowledge them."""
        async with self._lock:
            items = [item for arrival in arrivals for item in arrival.items]
            try:
                await self._commit(items)
            except BadValue as error:
                logger.warning("commit refused by value", extra={"reason": error.message})
                for item in items:
                    await self._commit_single(item)
                await self._sender.answers()
            ack_all([a.message for a in arrivals if a.message is not None])

    async def _commit_single(self, item: Item) -> None:
        try:
            await self._commit([item])
        except BadValue as error:
            substitute = refuse_value(item, error)
            if isinstance(substitute, Rejection):
                self._sender.refuse(item, substitute)
            else:
                await self._commit([substitute])

    async def _commit(self, items: list[Item]) -> None:
        suspects: dict[bytes, int] = {}
        tries = 0
        while True:
            batch = Batch(0)
            began = self._clock.monotonic()
            try:
                await self.loader.load(set(suspects))
                batch = await self._build(items)
                if batch.touched:
                    await self._store.append(batch.rows())
                break
            except BadValue:
                self._forget(batch, suspects)
                raise
            except TransientError as error:
                self._forget(batch, suspects)
                self._sender.drop_answers()
                logger.warning("commit failed", extra={"reason": error.message, "tries": tries})
                await self._clock.sleep(RETRY_S[min(tries, len(RETRY_S) - 1)])
                tries += 1
        self._commit_us.observe(int((self._clock.monotonic() - began) * 1e6))
        await self._committed(batch)
        if suspects:
            await self._repair(suspects)

    def _forget(self, batch: Batch, suspects: dict[bytes, int]) -> None:
        for run_id, touched in batch.touched.items():
            suspects.setdefault(run_id, touched.slot.committed_seq)
            self.loader.forget(run_id)

    async def _build(self, items: list[Item]) -> Batch:
        """Load what is not in memory and decide everything."""
        await self.loader.load({i.run_id for i in items if isinstance(i, Addressed)})
        reopening = [i for i in items if isinstance(i, Addressed) and may_reopen(i.command)]
        for each in reopening:
            await self.loader.load_closed(each.run_id)
        starts = [item for item in items if isinstance(item, StartRecord)]
        prepared = await self._starts.prepare(starts, self.loader) if starts else {}
        batch = Batch(self._clock.now_us())
        for item in items:
            if isinstance(item, Addressed):
                self._command(batch, item)
            else:
                self._start(batch, item, prepared[id(item)])
        for each in reopening:
            self.loader.drop_if_closed(each.run_id)
        return batch

    def _command(self, batch: Batch, item: Addressed) -> None:
        slot = self.loader.slots.get(item.run_id)
        if slot is None:
            rejection: Rejection | None = self.loader.why_absent(item.run_id)
        else:
            rejection = self._carry_out(batch, slot, item)
        if rejection is not None:
            self._rejected.add()
            self._sender.refuse(item, rejection)
        elif item.reply is not None:
            self._sender.controlled(item)

    def _carry_out(self, batch: Batch, slot: Slot, item: Addressed) -> Rejection | None:
        try:
            return batch.run(slot, item.command)
        except (AssertionError, LookupError, TypeError, ValueError):
            # A bug of ours, met by one run: it is set aside as it stands in the log, the others go
            # on.
            self._faults.add()
            logger.exception("run at fault", extra={"run_id": slot.text})
            batch.touched.pop(slot.run.id, None)
            self.loader.set_aside(slot)
            return Rejection(
                code="run_at_fault",
                message=f"expected run {slot.text} to take {type(item.command).__name__}, but it "
                "met a fault of the workflow service",
            )

    def _start(self, batch: Batch, item: StartRecord, prepared: Start | Rejection | Slot) -> None:
        if isinstance(prepared, Rejection):
            self._rejected.add()
            self._sender.refuse(item, prepared)
            return
        if isinstance(prepared, Slot):
            self._sender.started(item, prepared.text, prepared.row.version, existing=True)
            return
        graph = self._starts.graph(item)
        row = new_row(item.run_id, item.namespace, item.workflow, graph.version, batch.now_us)
        row.caller_id = item.id
        slot = self.loader.new(graph, row)
        rejection = batch.run(slot, prepared)
        assert rejection is None, "a run that is new can be started"
        self._sender.started(item, slot.text, graph.version, existing=False)

    async def _committed(self, batch: Batch) -> None:
        if batch.touched:
            self._commits.add()
            self._rows.add(batch.events)
            frames = Frames(batch.now_us, self._lanes)
            for touched in batch.touched.values():
                frames.add(touched.slot, touched.effects)
            await self._sender.effects(frames)
            await self._sender.told(batch.touched.values(), batch.now_us)
            for touched in batch.touched.values():
                self._settle(touched)
        await self._sender.answers()

    def _settle(self, touched: Touched) -> None:
        slot = touched.slot
        slot.stored = True
        slot.committed_seq = slot.run.seq
        slot.row.status = public_status(slot.run)
        slot.row.closed_us = slot.run.touched_us if slot.run.closed else None
        if slot.run.closed:
            self.loader.closed(slot)

    async def _repair(self, suspects: dict[bytes, int]) -> None:
        """Send again what an append whose answer was lost may have left unsent."""
        await self._tell_again(suspects)
        await self._resend([s for i in suspects if (s := self.loader.slots.get(i)) is not None])

    async def _tell_again(self, after: dict[bytes, int]) -> None:
        """Publish what the log holds of some runs past a sequence number."""
        rows = await self._store.runs(list(after))
        for slot, events in await self.loader.from_log(rows):
            later = [Written.of_log(e) for e in events if e.seq > after[slot.run.id]]
            if later:
                await self._sender.told_from_log(slot, later)

    async def resend(self, slots: Iterable[Slot]) -> int:
        """Make the open effects of some runs again (take-over, lost store, sweep); how many
        runs."""
        async with self._lock:
            return await self._resend([s for s in slots if s.run.id in self.loader.slots])

    async def _resend(self, slots: list[Slot]) -> int:
        frames = Frames(self._clock.now_us(), self._lanes)
        for slot in slots:
            frames.add(slot, open_effects(slot.run), again=True)
        await self._sender.effects(frames)
        return len(slots)

    async def gained(self, partitions: set[int]) -> list[Slot]:
        """Fold the open runs of partitions that are now ours; their timers run from here on."""
        async with self._lock:
            return await self.loader.take_over(partitions)

    async def lost(self, partitions: set[int]) -> None:
        """Let go of the runs of partitions that are not ours any more."""
        async with self._lock:
            for slot in list(self.loader.slots.values()):
                if partition_of(slot.run.id, self._partitions) in partitions:
                    self.loader.forget(slot.run.id)
