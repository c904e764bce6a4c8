"""What has arrived and waits for the engine: bounded, taken whole (natural batching)."""

import asyncio
from collections import deque
from collections.abc import Sequence

import msgspec

from services.workflow.core.commands import Command
from stretto.bus.message import Message
from stretto.contracts.frames import StartRecord

MAX_WAITING = 10_000
"""Records that may wait here; beyond it the feeders stop pulling, so the stream holds them."""


class Addressed(msgspec.Struct, gc=False):
    """A command and the run that it is for."""

    run_id: bytes
    command: Command
    namespace: str = "default"
    reply: str | None = None
    subject: str = ""


Item = Addressed | StartRecord


class Arrival(msgspec.Struct):
    """What one message (or timer) brought; the message is acknowledged when all of it is
    committed."""

    items: Sequence[Item]
    message: Message | None = None


class Inbox:
    """A bounded queue of arrivals with one taker."""

    def __init__(self, limit: int = MAX_WAITING) -> None:
        self._waiting: deque[Arrival] = deque()
        self._records = 0
        self._limit = limit
        self._some = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()

    def __len__(self) -> int:
        return self._records

    async def put(self, arrivals: Sequence[Arrival]) -> None:
        """Add arrivals; waits while the inbox is full."""
        while self._records >= self._limit:
            self._room.clear()
            await self._room.wait()
        self.put_now(arrivals)

    def put_now(self, arrivals: Sequence[Arrival]) -> None:
        """Add arrivals above the limit if need be: timers and the sweep, which are few."""
        for arrival in arrivals:
            self._waiting.append(arrival)
            self._records += len(arrival.items)
        if self._waiting:
            self._some.set()

    async def take(self, limit: int) -> list[Arrival]:
        """Take what has arrived, up to about `limit` records; waits until there is something."""
        while not self._waiting:
            self._some.clear()
            await self._some.wait()
        taken: list[Arrival] = []
        count = 0
        while self._waiting and count < limit:
            arrival = self._waiting.popleft()
            taken.append(arrival)
            count += len(arrival.items)
        self._records -= count
        if self._records < self._limit:
            self._room.set()
        return taken
