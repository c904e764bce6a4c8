"""A clock that stands still until a test advances it."""

from __future__ import annotations

import asyncio
import heapq
import itertools

from stretto.runtime.clock import US_PER_S

START_US = 1_700_000_000 * US_PER_S


class FakeClock:
    """A `stretto.runtime.clock.Clock`; `advance` wakes those who sleep, in the order they are due.

    Args:
        now_us: the instant it begins with.
    """

    def __init__(self, now_us: int = START_US) -> None:
        self._start_us = now_us
        self._elapsed_us = 0
        self._sleepers: list[tuple[int, int, asyncio.Future[None]]] = []
        self._order = itertools.count()
        self._slept = asyncio.Condition()

    def now_us(self) -> int:
        return self._start_us + self._elapsed_us

    def monotonic(self) -> float:
        return self._elapsed_us / US_PER_S

    @property
    def sleeping(self) -> int:
        """How many wait for this clock."""
        return sum(not waiter.done() for _, _, waiter in self._sleepers)

    async def sleep(self, seconds: float) -> None:
        waiter = asyncio.get_running_loop().create_future()
        due_us = self._elapsed_us + max(0, round(seconds * US_PER_S))
        heapq.heappush(self._sleepers, (due_us, next(self._order), waiter))
        async with self._slept:
            self._slept.notify_all()
        if due_us <= self._elapsed_us and not waiter.done():
            waiter.set_result(None)
        await waiter

    async def until_sleeping(self, count: int = 1) -> None:
        """Wait until at least so many sleep: then advancing will wake them."""
        async with self._slept:
            await self._slept.wait_for(lambda: self.sleeping >= count)

    async def advance(self, seconds: float) -> None:
        """Let time pass; each sleeper sees the instant at which it was due."""
        end_us = self._elapsed_us + round(seconds * US_PER_S)
        while self._sleepers and self._sleepers[0][0] <= end_us:
            due_us, _, waiter = heapq.heappop(self._sleepers)
            self._elapsed_us = max(self._elapsed_us, due_us)
            if not waiter.done():
                waiter.set_result(None)
                await asyncio.sleep(0)
        self._elapsed_us = end_us
        await asyncio.sleep(0)
