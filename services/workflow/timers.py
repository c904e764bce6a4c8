"""Timers of the runs in memory: a heap, and one task that waits for its top.

A timer that is not wanted any more stays in the heap until it is due and is then rejected by the
core
(its attempt or state does not fit): cheaper than finding it.
"""

import asyncio
import heapq
from itertools import count

from services.workflow.core.commands import TimerFired
from services.workflow.core.effects import Timer
from services.workflow.inbox import Addressed, Arrival, Inbox
from stretto.runtime.clock import Clock

MAX_SLEEP_S = 60.0
"""The clock of the machine may be set: look again at least this often."""

MAX_FIRED_AT_ONCE = 1_000


class Timers:
    """The wake-ups of this instance."""

    def __init__(self, clock: Clock, inbox: Inbox) -> None:
        self._clock = clock
        self._inbox = inbox
        self._heap: list[tuple[int, int, bytes, Timer]] = []
        self._order = count()
        self._sooner = asyncio.Event()

    def __len__(self) -> int:
        return len(self._heap)

    def add(self, run_id: bytes, timer: Timer) -> None:
        """Wake run `run_id` at the timer's instant; O(log n)."""
        heap = self._heap
        if not heap or timer.due_us < heap[0][0]:
            self._sooner.set()
        heapq.heappush(heap, (timer.due_us, next(self._order), run_id, timer))

    async def run(self) -> None:
        """Put due timers into the inbox, for ever."""
        while True:
            fired = self._due()
            if fired:
                await self._inbox.put([Arrival(items=fired)])
                continue
            self._sooner.clear()
            wait_s = MAX_SLEEP_S
            if self._heap:
                wait_s = min(wait_s, (self._heap[0][0] - self._clock.now_us()) / 1e6)
            try:
                async with asyncio.timeout(max(wait_s, 0.0)):
                    await self._sooner.wait()
            except TimeoutError:
                continue

    def _due(self) -> list[Addressed]:
        now_us = self._clock.now_us()
        fired: list[Addressed] = []
        while self._heap and self._heap[0][0] <= now_us and len(fired) < MAX_FIRED_AT_ONCE:
            _, _, run_id, timer = heapq.heappop(self._heap)
            command = TimerFired(path=timer.path, kind=timer.kind, attempt=timer.attempt)
            fired.append(Addressed(run_id, command))
        return fired
