"""Virtual time: what is to happen, and a clock that stands still until it is moved."""

from collections.abc import Callable
from heapq import heappop, heappush

BEGIN_US = 1_900_000_000_000_000
"""When a world begins: in March 2030."""


class Agenda:
    """What is to happen at which instant (µs). Nothing happens but while the clock is moved."""

    def __init__(self) -> None:
        self.now_us = BEGIN_US
        self._queue: list[tuple[int, int, int, Callable[[], None]]] = []
        self._count = 0

    def settle(self) -> None:
        """Let everything happen that is due now."""
        self.advance(0)

    def advance(self, seconds: float) -> None:
        """Move the clock on, stopping at each instant at which something is due."""
        until_us = self.now_us + round(seconds * 1_000_000)
        while self._queue and self._queue[0][0] <= until_us:
            self._next()
        self.now_us = until_us

    def _next(self) -> None:
        """Move the clock to what is due next, and let it happen."""
        due_us, _, _, act = heappop(self._queue)
        self.now_us = max(self.now_us, due_us)
        act()

    def _at(self, due_us: int, act: Callable[[], None], rank: int = 0) -> None:
        """Let something happen at an instant; of one instant, what has a lower rank first."""
        self._count += 1
        heappush(self._queue, (max(due_us, self.now_us), rank, self._count, act))
