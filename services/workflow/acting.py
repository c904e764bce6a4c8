"""What follows a commit: frames and timers, what is told; and the same again for open effects.

Nothing here decides or commits. The engine calls it under its lock, so that what is sent for a run
is sent in the order of its events.
"""

import logging
from collections.abc import Callable, Iterable

from services.workflow.batch import Batch, Touched, lines_moved
from services.workflow.claims import LineKey
from services.workflow.core.commands import TimerKind
from services.workflow.core.effects import Timer, open_effects
from services.workflow.deciding import go_on
from services.workflow.faults import FAULTS
from services.workflow.foreseeing import unasked
from services.workflow.inbox import Arrival, Inbox
from services.workflow.loading import Loader
from services.workflow.outgoing import Frames
from services.workflow.payloads import Payloads
from services.workflow.resolving import Resolving
from services.workflow.reuse.noting import Changes
from services.workflow.reuse.seeking import Seeker
from services.workflow.sending import Sender
from services.workflow.slots import Slot, public_status
from services.workflow.store import Store
from services.workflow.timers import Timers
from stretto.runtime.clock import Clock
from stretto.runtime.errors import TransientError
from stretto.telemetry.names import LOG_COMMAND, LOG_REASON, LOG_RUN_ID

logger = logging.getLogger(__name__)

_RUN_TIMER = TimerKind.RUN


class Acting:
    """Carries out the effects of committed events.

    Attributes:
        freed: told of lines in which a place may be free, or wanted, after a commit.
        sought: told of steps that look for what equal ones gave.
        kept: told of outputs that a commit has kept for equal steps, or dropped.
    """

    def __init__(
        self,
        *,
        store: Store,
        loader: Loader,
        sender: Sender,
        payloads: Payloads,
        timers: Timers,
        inbox: Inbox,
        clock: Clock,
        owned: set[int],
        lanes: int,
    ) -> None:
        self._store = store
        self._loader = loader
        self._sender = sender
        self._resolving = Resolving(payloads)
        self._timers = timers
        self._inbox = inbox
        self._clock = clock
        self._owned = owned
        """The partitions of this instance: the engine's own set, which changes in place."""
        self._lanes = lanes
        self.freed: Callable[[list[LineKey]], None] = lambda _lines: None
        self.sought: Callable[[list[Seeker]], None] = lambda _seekers: None
        self.kept: Callable[[Changes], None] = lambda _changes: None

    async def committed(self, batch: Batch) -> None:
        """Send, tell and answer what a batch that is in the log gives."""
        if batch.touched:
            frames = Frames(batch.now_us, self._lanes)
            for touched in batch.touched.values():
                self._add(frames, touched.slot, unasked(touched.effects, batch))
            await self._send(frames)
            await self._sender.told(batch.touched.values(), batch.now_us)
            for touched in batch.touched.values():
                self._settle(touched)
            if batch.kept:
                self.kept(batch.kept)
            moved = [line for t in batch.touched.values() for line in lines_moved(t)]
            if moved:
                self.freed(moved)
        await self._sender.answers(batch.answers)

    async def again(self, slots: list[Slot], *, timers: bool) -> None:
        """Make the open effects of runs again; their timers only where asked for."""
        frames = Frames(self._clock.now_us(), self._lanes)
        for slot in slots:
            self._add(frames, slot, open_effects(slot.run), again=True)
        if not timers:
            frames.timers.clear()
        await self._send(frames)

    def _add(
        self, frames: Frames, slot: Slot, effects: Iterable[object], *, again: bool = False
    ) -> None:
        try:
            frames.add(slot, effects, again=again)
        except FAULTS:
            logger.exception("run at fault", extra={LOG_RUN_ID: slot.text, LOG_COMMAND: "effects"})
            self._loader.set_aside(slot)

    async def _send(self, frames: Frames) -> None:
        for run_id, timer in frames.timers:
            self._timers.add(run_id, timer)
        if frames.seekers:
            self.sought(frames.seekers)
        if frames.referring:
            await self._resolving.resolve(frames)
        if frames.too_large:
            self._inbox.put_now([Arrival(items=frames.too_large)])
        await self._sender.effects(frames)

    def _settle(self, touched: Touched) -> None:
        slot = touched.slot
        slot.stored = True
        slot.committed_seq = slot.run.seq
        slot.row.status = public_status(slot.run)
        slot.row.closed_us = slot.run.touched_us if slot.run.closed else None
        slot.row.parked = False
        if slot.run.closed:
            self._loader.closed(slot)
        elif slot.partition not in self._owned:
            self._loader.forget(slot.run.id)

    async def tell_parents(self, run_ids: list[bytes]) -> None:
        """A parent has asked for a child that has ended: it has not heard of its end."""
        try:
            async for slot, _ in self._loader.folded(await self._store.runs(run_ids)):
                if slot.run.closed:
                    await self._sender.told_parent(slot)
        except TransientError as error:
            # The parent's owner asks again at its next sweep.
            logger.warning("parents not told", extra={LOG_REASON: error.message})

    def loaded(self, slots: list[Slot]) -> None:
        """Runs came into memory: their timers run from here on, and what was put off goes on."""
        for slot in slots:
            run = slot.run
            try:
                for effect in open_effects(run):
                    if isinstance(effect, Timer):
                        self._timers.add(run.id, effect)
            except FAULTS:
                logger.exception("run at fault", extra={LOG_RUN_ID: slot.text, LOG_COMMAND: "load"})
                self._loader.set_aside(slot)
            if run.todo and not run.paused:
                self._inbox.put_now([Arrival(items=[go_on(run.id)])])

    def wants(self, run_id: bytes, timer: Timer) -> bool:
        """Whether a run in memory still waits for a timer, as far as can be told cheaply."""
        slot = self._loader.slots.get(run_id)
        if slot is None:
            return False
        if timer.kind is _RUN_TIMER:
            return timer.due_us == slot.run.deadline_us
        node = slot.run.open.get(timer.path)
        return node is not None and (node.attempt == timer.attempt or not timer.kind.is_attempts)
