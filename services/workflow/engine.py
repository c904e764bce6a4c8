"""The loop: take what has arrived, decide, commit once, send once, acknowledge once.

    inbox ─► decide (load runs, decide, apply) ─► append (one statement) ─► send ─► acknowledge
                 ▲                                   │
                 └── forget what was touched ◄───────┘ conflict, lost connection, bad value

1. Nothing is acknowledged, sent or answered that is not committed.
2. After a failed append nothing in memory of the touched runs is believed: they are folded again.
   When it is not known whether the rows are in, the log is asked: an event is known by
   (run_id, seq), type and instant. If they are in, all goes on as if the answer had come.
3. A refusal is given only by what the log says: when a run in memory refuses a command, its last
   sequence number is compared with the log's. So a race with another owner costs a second
   decision, never a lost result.
4. A value that Postgres cannot hold, or a fault of one run, spoils its own command only: the items
   are then taken singly.
5. One lock orders rounds, changes of ownership, and what is sent again. `lost` waits for the round
   that is being committed; a round that cannot be committed gives up when its partitions are gone.
"""

import asyncio
import logging
from collections.abc import Iterable

from services.workflow import answers
from services.workflow.acting import Acting
from services.workflow.batch import Batch
from services.workflow.claims import Claims
from services.workflow.core import Rejection
from services.workflow.deciding import Deciding, go_on
from services.workflow.doubts import Doubts
from services.workflow.faults import Spoiled
from services.workflow.foreseeing import Foreseeing
from services.workflow.inbox import Arrival, Inbox, Item
from services.workflow.loading import Loader
from services.workflow.migrations import Migrations
from services.workflow.payloads import Payloads
from services.workflow.refusals import refuse_value
from services.workflow.registry import Registry
from services.workflow.sending import Sender
from services.workflow.slots import Slot, Written
from services.workflow.starts import Starts
from services.workflow.store import Store
from services.workflow.timers import Timers
from stretto.bus.message import ack_all, in_progress_all
from stretto.contracts.frames import StartRecord
from stretto.postgres.errors import BadValue, Conflict, is_unsure, lacks_room
from stretto.runtime.clock import Clock
from stretto.runtime.errors import TransientError
from stretto.telemetry.metrics import Metrics
from stretto.telemetry.names import (
    LOG_REASON,
    LOG_RECORDS,
    LOG_TRIES,
    METRIC_WORKFLOW_COMMIT_TIME,
    METRIC_WORKFLOW_COMMITS,
    METRIC_WORKFLOW_EVENTS,
    METRIC_WORKFLOW_INBOX,
    METRIC_WORKFLOW_RUNS_ASIDE,
    METRIC_WORKFLOW_RUNS_HELD,
    METRIC_WORKFLOW_TIMERS,
)
from stretto.telemetry.tracing import Tracer

logger = logging.getLogger(__name__)

MAX_RECORDS = 1_000
"""Records of one round: a commit of a few thousand rows takes some ten milliseconds, more would
only add to the latency of the first of them."""

MAX_ROUND_BYTES = 16 * 1024 * 1024
"""Bytes of one round: one statement takes them, and they are in memory a few times."""

RETRY_S = (0.05, 0.1, 0.2, 0.5, 1.0)
"""Waits between tries of an append that failed; the last one is repeated for ever: nothing is lost,
nothing goes on, and the inbox and then the streams fill (back-pressure)."""

REFUSE_STARTS_AFTER = 5
"""Tries that fail for want of room (disk, connections) before starts whose publisher waits for an
answer are refused; the others stay in their stream."""

RESEND_AT_ONCE = 1_000
"""Runs whose effects are made again in one go: rounds have their turn between."""


class Abandoned(Exception):
    """A round that cannot be committed belongs to partitions that are not ours any more."""


class Engine:
    """Holds the runs of this instance's partitions and carries out what is asked of them."""

    def __init__(
        self,
        *,
        store: Store,
        registry: Registry,
        sender: Sender,
        payloads: Payloads,
        timers: Timers,
        inbox: Inbox,
        claims: Claims,
        clock: Clock,
        tracer: Tracer,
        metrics: Metrics,
        partitions: int,
        lanes: int,
    ) -> None:
        self._store = store
        self._sender = sender
        self._timers = timers
        self._inbox = inbox
        self._clock = clock
        self._partitions = partitions
        self.owned: set[int] = set()
        self.loader = Loader(store, registry, clock, partitions)
        self.acting = Acting(
            store=store,
            loader=self.loader,
            sender=sender,
            payloads=payloads,
            timers=timers,
            inbox=inbox,
            clock=clock,
            owned=self.owned,
            lanes=lanes,
        )
        starts = Starts(store, registry, tracer, claims, clock, payloads)
        self._deciding = Deciding(
            loader=self.loader,
            starts=starts,
            migrations=Migrations(registry),
            clock=clock,
            metrics=metrics,
            partitions=partitions,
            loaded=self.acting.loaded,
        )
        timers.wanted = self.acting.wants
        self._lock = asyncio.Lock()
        self._foreseeing = Foreseeing(sender, inbox, self._deciding, clock, lanes)
        self._held: list[Arrival] = []
        self._doubts = Doubts(store, self.loader, self.acting.loaded)
        self._unfinished: list[bytes] = []
        self._commits = metrics.counter(METRIC_WORKFLOW_COMMITS)
        self._rows = metrics.counter(METRIC_WORKFLOW_EVENTS)
        self._commit_us = metrics.histogram(METRIC_WORKFLOW_COMMIT_TIME)
        metrics.gauge(METRIC_WORKFLOW_RUNS_HELD).follow(lambda: float(len(self.loader.slots)))
        metrics.gauge(METRIC_WORKFLOW_RUNS_ASIDE).follow(lambda: float(len(self.loader.aside)))
        metrics.gauge(METRIC_WORKFLOW_INBOX).follow(lambda: float(len(inbox)))
        metrics.gauge(METRIC_WORKFLOW_TIMERS).follow(lambda: float(len(timers)))

    # --- rounds

    async def run(self) -> None:
        """Carry out what arrives, for ever."""
        while True:
            await self.process(await self._inbox.take(MAX_RECORDS, MAX_ROUND_BYTES))

    async def process(self, arrivals: list[Arrival]) -> None:
        """Carry out some arrivals, as often as it takes, and acknowledge them."""
        async with self._lock:
            self._held = arrivals
            give_back([a for a in arrivals if not self._is_ours(a)])
            self._held = [a for a in arrivals if self._is_ours(a)]
            try:
                await self._round([item for arrival in self._held for item in arrival.items])
                while self._unfinished:
                    run_ids, self._unfinished = self._unfinished, []
                    await self._round([go_on(run_id) for run_id in run_ids])
            except Abandoned:
                logger.warning("round abandoned", extra={LOG_RECORDS: len(self._held)})
                give_back(self._held)
            except asyncio.CancelledError:
                give_back(self._held)  # whether it is committed the next owner sees in the log
                raise
            else:
                ack_all([a.message for a in self._held if a.message is not None])
            self._held = []

    def _is_ours(self, arrival: Arrival) -> bool:
        return arrival.partition is None or arrival.partition in self.owned

    async def _round(self, items: list[Item]) -> None:
        try:
            await self._commit(items)
        except (BadValue, Spoiled) as error:
            logger.warning(
                "round taken apart", extra={LOG_REASON: str(error), LOG_RECORDS: len(items)}
            )
            for item in items:
                await self._commit_single(item)

    async def _commit_single(self, item: Item) -> None:
        """Commit one command, or what takes its place when its value cannot be stored."""
        refusal: Item | Rejection = item
        while not isinstance(refusal, Rejection):
            try:
                await self._commit([refusal], alone=True)
                return
            except BadValue as error:
                again = refuse_value(refusal, error)
                fresh = refusal is item or isinstance(again, Rejection)
                refusal = again if fresh else Rejection(code="value_invalid", message=error.message)
        await self._sender.answers(answers.refused(item, refusal, self._partitions))

    async def _commit(self, items: list[Item], *, alone: bool = False) -> None:
        tried: list[Batch] = []
        tries = 0
        while True:
            batch = Batch()
            began = self._clock.monotonic()
            try:
                await self._doubts.recall()
                await self._deciding.decide(batch, items)
                if batch.touched and not tries:
                    foreseen = None if alone else items
                    await self._foreseeing.foresee(batch, self._held, foreseen)
                await self._doubts.verify(batch)
                if batch.touched:
                    await self._append(batch)
                break
            except (BadValue, Spoiled):
                self._doubts.forget(batch)
                raise
            except TransientError as error:
                logger.warning("commit failed", extra={LOG_REASON: error.message, LOG_TRIES: tries})
                if isinstance(error, Conflict):
                    self._doubts.to_repair(batch)
                elif batch.touched and is_unsure(error):
                    tried.append(batch)
                self._doubts.forget(batch)
                await self._pause(tries)
                tries += 1
                found = await self._in_log(tried)
                if found is not None:
                    batch = found
                    break
                if lacks_room(error) and tries >= REFUSE_STARTS_AFTER:
                    items = await self._refuse_starts(items, error)
        self._commit_us.observe(int((self._clock.monotonic() - began) * 1e6))
        await self._committed(batch)

    async def _append(self, batch: Batch) -> None:
        began = self._clock.monotonic()
        await self._store.append(batch.rows())
        if batch.asked:
            self._foreseeing.patience.committed(self._clock.monotonic() - began)

    async def _pause(self, tries: int) -> None:
        """Wait before the next try; what is held must not come to others meanwhile, unless it is
        theirs now."""
        ours = [a for a in self._held if self._is_ours(a)]
        if self._held and not ours:
            raise Abandoned
        in_progress_all([a.message for a in ours if a.message is not None])
        in_progress_all(self._inbox.messages)
        await self._clock.sleep(RETRY_S[min(tries, len(RETRY_S) - 1)])

    async def _in_log(self, tried: list[Batch]) -> Batch | None:
        """Of appends whose answer was lost, the one whose rows are in, as soon as the log says."""
        tries = 0
        while tried:
            try:
                return await self._doubts.in_log(tried)
            except TransientError as error:
                logger.warning(
                    "commit in doubt", extra={LOG_REASON: error.message, LOG_TRIES: tries}
                )
                await self._pause(tries)
                tries += 1
        return None

    async def _refuse_starts(self, items: list[Item], error: TransientError) -> list[Item]:
        """Refuse the starts of those who wait for an answer, also in the inbox; the other items."""
        rejection = Rejection(
            code="no_room",
            message=f"expected room for another run, but {error.message}; try again later",
        )
        later = self._inbox.remove(lambda arrival: all(map(is_waited_for, arrival.items)))
        for item in [*items, *(item for arrival in later for item in arrival.items)]:
            if is_waited_for(item):
                await self._sender.answers(answers.refused(item, rejection, self._partitions))
        ack_all([a.message for a in later if a.message is not None])
        return [item for item in items if not is_waited_for(item)]

    # --- after a commit

    async def _committed(self, batch: Batch) -> None:
        if batch.touched:
            self._commits.add()
            self._rows.add(batch.events)
        await self.acting.committed(batch)
        self._unfinished += batch.unfinished
        if batch.ended_children:
            await self.acting.tell_parents(batch.ended_children)
        if self._doubts.repairs:
            await self._repair()

    async def _repair(self) -> None:
        """Send again what another writer's commits may have left unsent."""
        after, self._doubts.repairs = self._doubts.repairs, {}
        try:
            async for slot, events in self.loader.folded(await self._store.runs(list(after))):
                later = [Written.of_log(e) for e in events if e.seq > after[slot.run.id]]
                if later:
                    await self._sender.told_from_log(slot, later)
            await self._doubts.recall()
        except TransientError as error:
            logger.warning("repair put off", extra={LOG_REASON: error.message})
            self._doubts.repairs = after | self._doubts.repairs
            self._sender.must_resend.set()
            return
        held = self.loader.slots
        await self.acting.again([held[i] for i in after if i in held], timers=True)

    # --- again

    async def resend(self, slots: Iterable[Slot], *, timers: bool = False) -> int:
        """Make the open effects of some runs again (take-over, lost store, sweep), in pieces; how
        many runs."""
        wanted = list(slots)
        count = 0
        for start in range(0, len(wanted), RESEND_AT_ONCE):
            async with self._lock:
                part = wanted[start : start + RESEND_AT_ONCE]
                held = [s for s in part if self.loader.slots.get(s.run.id) is s]
                await self.acting.again(held, timers=timers)
                count += len(held)
        return count

    async def repair(self) -> None:
        """Repair what had to be put off."""
        async with self._lock:
            if self._doubts.repairs:
                await self._repair()

    # --- who owns what

    async def gained(self, partitions: set[int]) -> list[Slot]:
        """Fold the open runs of partitions that are now ours; their timers run from here on."""
        async with self._lock:
            slots = await self.loader.take_over(partitions)
            self.owned |= partitions
            self.acting.loaded(slots)
            return slots

    async def lost(self, partitions: set[int]) -> None:
        """Let go of the runs of partitions that are not ours any more, and of what waits for them;
        returns when nothing of theirs is being committed."""
        self.owned -= partitions
        async with self._lock:
            self.loader.forget_partitions(partitions)
            self._timers.clean()
            give_back(self._inbox.remove(lambda arrival: not self._is_ours(arrival)))

    async def stop(self) -> None:
        """Finish the round that is being committed and give back what waits."""
        give_back(self._inbox.remove(lambda arrival: True))
        async with self._lock:
            give_back(self._inbox.remove(lambda arrival: True))

    async def park(self, runs: list[tuple[Slot, int]]) -> int:
        """Let runs leave memory until (µs) they are due; how many did."""
        async with self._lock:
            held = self.loader.slots
            same = [
                (s, at)
                for s, at in runs
                if held.get(s.run.id) is s and s.stored and s.run.seq == s.committed_seq
            ]
            for slot, _ in same:
                slot.row.parked = True  # from here on it is in doubt
            parked = await self._store.park([(s.run.id, s.run.seq, at) for s, at in same])
            for slot, _ in same:
                self.loader.forget(slot.run.id)
            self._doubts.fold_again({slot.run.id for slot, _ in same} - parked)
            await self._doubts.recall()
            return len(parked)

    async def hold(self, run_ids: Iterable[bytes]) -> int:
        """Bring open runs into memory that are not; how many."""
        async with self._lock:
            loaded = await self.loader.load(run_ids)
            self.acting.loaded(loaded)
            await self.acting.again(loaded, timers=False)
            return len(loaded)


def is_waited_for(item: Item) -> bool:
    """Whether somebody waits for the answer to a start (a parent waits for its run instead)."""
    return isinstance(item, StartRecord) and item.reply is not None and item.parent is None


def give_back(arrivals: Iterable[Arrival]) -> None:
    """Let the messages of arrivals come to whoever they are for now."""
    for arrival in arrivals:
        if arrival.message is not None:
            arrival.message.give_back()
