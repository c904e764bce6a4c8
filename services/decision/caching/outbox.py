"""What waits to be stored in Redis: nobody waits for it, and there is a bound on it."""

import asyncio
from collections import deque
from collections.abc import Callable

from stretto.cache import SharedCache

MAX_WAITING = 1_000
MAX_WAITING_BYTES = 16 * 1024 * 1024
"""What is more is not stored."""

AT_ONCE = 50
TIMEOUT_S = 1.0
"""A dear expression may hold the event loop up meanwhile."""

TTL_S = 3_600.0
"""What is kept is right for ever; what nobody has stored again for an hour makes room."""


class Outbox:
    """Values on their way to Redis. `run` stores them."""

    def __init__(self, shared: SharedCache) -> None:
        self.shared = shared
        self._waiting: deque[tuple[bytes, Callable[[], bytes], int]] = deque()
        self._bytes = 0
        self._filled = asyncio.Event()

    def __len__(self) -> int:
        return len(self._waiting)

    def offer(self, key: bytes, encode: Callable[[], bytes], size: int) -> None:
        """Have a value of about so many bytes stored; it is encoded then."""
        if not self.shared.is_up or len(self._waiting) >= MAX_WAITING:
            return
        if self._bytes + size <= MAX_WAITING_BYTES:
            self._waiting.append((key, encode, size))
            self._bytes += size
            self._filled.set()

    async def run(self) -> None:
        """Store what waits, until cancelled."""
        while True:
            await self._filled.wait()
            some = [self._waiting.popleft() for _ in range(min(AT_ONCE, len(self._waiting)))]
            self._bytes -= sum(size for _, _, size in some)
            if not self._waiting:
                self._filled.clear()
            values = [(key, encode()) for key, encode, _ in some]
            await self.shared.set_many(values, TTL_S, timeout_s=TIMEOUT_S)
