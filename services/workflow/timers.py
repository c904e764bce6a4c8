"""Timers of the runs in memory: a heap, and one task that waits for its top.

A timer that is not wanted any more stays in the heap: cheaper than finding it. When the heap has
doubled since it was last cleaned, all that is not wanted is thrown out at once, so it holds at most
about twice what is wanted. What fires nevertheless is rejected by the core.
"""

import asyncio
import heapq
from collections.abc import Callable
from itertools import count

from services.workflow.core.commands import TimerFired
from services.workflow.core.effects import Timer
from services.workflow.inbox import Addressed, Arrival, Inbox
from stretto.runtime.clock import Clock

MAX_SLEEP_S = 60.0
"""The clock of the machine may be set: look again at least this often."""

MAX_FIRED_AT_ONCE = 1_000

CLEAN_FROM = 10_000
"""Fewer timers than this are not worth cleaning."""

Wanted = Callable[[bytes, Timer], bool]


class Timers:
    """The wake-ups of this instance. `wanted` says whether a run still waits for a timer."""

    def __init__(self, clock: Clock, inbox: Inbox, *, clean_from: int = CLEAN_FROM) -> None:
        self._clock = clock
        self._inbox = inbox
        self._heap: list[tuple[int, int, bytes, Timer]] = []
        self._order = count()
        self._sooner = asyncio.Event()
        self._clean_from = clean_from
        self._clean_at = clean_from
        self.wanted: Wanted = lambda _run_id, _timer: True

    def __len__(self) -> int:
        return len(self._heap)

    def add(self, run_id: bytes, timer: Timer) -> None:
        """Wake run `run_id` at the timer's instant; O(log n), amortized."""
        heap = self._heap
        if not heap or timer.due_us < heap[0][0]:
            self._sooner.set()
        heapq.heappush(heap, (timer.due_us, next(self._order), run_id, timer))
        if len(heap) >= self._clean_at:
            self.clean()

    def clean(self) -> None:
        """Throw out what nobody waits for any more, and what is there twice."""
        seen: set[tuple[bytes, int, str, int, int]] = set()
        kept = []
        for entry in self._heap:
            due_us, _, run_id, timer = entry
            key = (run_id, due_us, timer.path, timer.kind, timer.attempt)
            if key not in seen and self.wanted(run_id, timer):
                seen.add(key)
                kept.append(entry)
        heapq.heapify(kept)
        self._heap = kept
        self._clean_at = max(self._clean_from, 2 * len(kept))

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
