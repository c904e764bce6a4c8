"""Runs that wait long leave memory, and come back by fold when they are due or addressed.

A run whose open steps only wait (for an instant far away, a signal, a person) and that nobody has
touched for a while is *parked*: `workflow.run.wake_at` says when it has to be in memory again, and
nothing of it is kept here. The next commit of the run clears the column. So a take-over folds only
what has something to do, and a hundred thousand runs that wait cost no memory.

Every open run is in the memory of the owner of its partition, or parked, or aside: `reconcile`
looks for those that are not, from time to time (law 7).
"""

import asyncio
import logging

from services.workflow.core.commands import TimerKind
from services.workflow.core.effects import Timer, open_effects
from services.workflow.core.state import Run
from services.workflow.core.statuses import NodeStatus, RunPhase
from services.workflow.engine import Engine
from services.workflow.rows import NEVER_US
from services.workflow.slots import Slot
from services.workflow.store import Store, shards_of
from stretto.runtime.clock import Clock
from stretto.runtime.errors import TransientError
from stretto.telemetry.metrics import Metrics
from stretto.telemetry.names import (
    LOG_REASON,
    LOG_RUNS,
    METRIC_WORKFLOW_PARKED,
    METRIC_WORKFLOW_WOKEN,
)

logger = logging.getLogger(__name__)

LOOK_S = 5.0
IDLE_S = 30.0
"""A run that was touched since stays: what it waits for may be about to come."""

AHEAD_S = 60.0
"""Runs are back in memory so long before they are due; what is due sooner does not leave."""

PARK_AT_ONCE = 500
"""Runs parked in one statement: rounds wait for a few milliseconds."""

WAKE_AT_ONCE = 1_000
RECONCILE_EVERY = 6
"""Every so many looks all open runs are compared with what is in memory."""

LOOK_SLICE = 2_000
"""Runs looked at in one go before others have a turn."""

_WAITING = (
    NodeStatus.WAITING, NodeStatus.OPEN, NodeStatus.BACKOFF, NodeStatus.BLOCKED, NodeStatus.QUEUED,
)  # fmt: skip
_HELD_BACK = (TimerKind.RETRY, TimerKind.WAIT)
"""What does not happen while a run is paused; these timers are set again when it is resumed."""


class Parking:
    """Parks what is idle and wakes what is due."""

    def __init__(
        self, engine: Engine, store: Store, clock: Clock, metrics: Metrics, partitions: int
    ) -> None:
        self._engine = engine
        self._store = store
        self._clock = clock
        self._partitions = partitions
        self._parked = metrics.counter(METRIC_WORKFLOW_PARKED)
        self._woken = metrics.counter(METRIC_WORKFLOW_WOKEN)

    async def run(self) -> None:
        """Look every few seconds, for ever."""
        looks = 0
        while True:
            try:
                await self.wake()
                if looks % RECONCILE_EVERY == RECONCILE_EVERY - 1:
                    await self.reconcile()
                await self.park()
            except TransientError as error:
                logger.warning("parking put off", extra={LOG_REASON: error.message})
            looks += 1
            await self._clock.sleep(LOOK_S)

    async def park(self) -> int:
        """Let runs that wait long leave memory; how many did."""
        now_us = self._clock.now_us()
        found: list[tuple[Slot, int]] = []
        for index, slot in enumerate(list(self._engine.loader.slots.values())):
            if index % LOOK_SLICE == LOOK_SLICE - 1:
                await asyncio.sleep(0)
            idle_us = now_us - max(slot.run.touched_us, slot.loaded_us)
            if idle_us > IDLE_S * 1e6:
                due_us = wakes_at(slot.run)
                if due_us - now_us > AHEAD_S * 1e6:
                    found.append((slot, due_us))
        count = 0
        for start in range(0, len(found), PARK_AT_ONCE):
            count += await self._engine.park(found[start : start + PARK_AT_ONCE])
            await asyncio.sleep(0)
        self._parked.add(count)
        return count

    async def wake(self) -> int:
        """Bring runs that are nearly due back into memory; how many."""
        until_us = self._clock.now_us() + int(AHEAD_S * 1e6)
        shards = shards_of(self._engine.owned, self._partitions)
        count = 0
        while shards:
            run_ids = await self._store.wake(until_us, shards, WAKE_AT_ONCE)
            await self._engine.hold(run_ids)
            count += len(run_ids)
            if len(run_ids) < WAKE_AT_ONCE:
                break
        self._woken.add(count)
        return count

    async def reconcile(self) -> int:
        """Hold open runs that are neither parked nor held, wherever they were lost; how many."""
        shards = shards_of(self._engine.owned, self._partitions)
        rows = await self._store.open_runs(shards)
        loader = self._engine.loader
        missing = [r.run_id for r in rows if r.run_id not in loader.slots]
        found = await self._engine.hold([i for i in missing if i not in loader.aside])
        if found:
            logger.warning("open runs were not held", extra={LOG_RUNS: found})
        return found


def _held_back(run: Run) -> bool:
    return run.paused or run.queued


def wakes_at(run: Run) -> int:
    """When a run has to be in memory (µs); 0: all the time."""
    if run.closed or run.phase is RunPhase.FINISHING or (run.todo and not _held_back(run)):
        return 0
    if not run.open and not _held_back(run):
        return 0  # it waits for nothing: the sweep reports it
    if any(node.status not in _WAITING for node in run.open.values()):
        return 0
    if run.line is not None and run.line.cancels:
        return 0  # those that make room for it may have to be told again
    due = NEVER_US
    for effect in open_effects(run):
        assert isinstance(effect, Timer), "what only waits has nothing but timers out"
        if not (run.paused and effect.kind in _HELD_BACK):
            due = min(due, effect.due_us)
    return due
