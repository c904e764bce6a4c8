"""What has arrived and waits for the engine: bounded, taken whole (natural batching)."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence

import msgspec

from services.workflow.core.commands import Command
from stretto.bus.message import Message
from stretto.contracts.frames import StartRecord

MAX_WAITING = 10_000
"""Records that may wait here; beyond it the feeders stop pulling, so the stream holds them."""

MAX_WAITING_BYTES = 64 * 1024 * 1024
"""The same for bytes: a record may hold a payload of a megabyte."""


class Addressed(msgspec.Struct, gc=False):
    """A command and the run that it is for."""

    run_id: bytes
    command: Command
    namespace: str = "default"
    reply: str | None = None
    subject: str = ""
    refers: bool = False
    """It brings references to payloads."""


Item = Addressed | StartRecord


class Arrival(msgspec.Struct):
    """What one message (or timer) brought; the message is acknowledged when all of it is
    committed. `partition` is the one that it was read for; None for what only concerns this
    instance."""

    items: Sequence[Item]
    message: Message | None = None
    partition: int | None = None

    @property
    def size(self) -> int:
        """Its bytes, about."""
        return 0 if self.message is None else len(self.message.data)


class Inbox:
    """A bounded queue of arrivals with one taker."""

    def __init__(self, limit: int = MAX_WAITING, limit_bytes: int = MAX_WAITING_BYTES) -> None:
        self._waiting: deque[Arrival] = deque()
        self._records = 0
        self._bytes = 0
        self._limit = limit
        self._limit_bytes = limit_bytes
        self._some = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()

    def __len__(self) -> int:
        return self._records

    @property
    def messages(self) -> list[Message]:
        """The messages that wait here."""
        return [a.message for a in self._waiting if a.message is not None]

    @property
    def full(self) -> bool:
        """Whether whoever adds arrivals has to wait."""
        return self._records >= self._limit or self._bytes >= self._limit_bytes

    async def put(self, arrivals: Sequence[Arrival]) -> None:
        """Add arrivals; waits while the inbox is full."""
        while self.full:
            self._room.clear()
            await self._room.wait()
        self.put_now(arrivals)

    def put_now(self, arrivals: Sequence[Arrival]) -> None:
        """Add arrivals above the limit if need be: what the engine tells itself must not wait for
        the engine."""
        for arrival in arrivals:
            self._waiting.append(arrival)
            self._records += len(arrival.items)
            self._bytes += arrival.size
        if self._waiting:
            self._some.set()

    async def take(self, limit: int, limit_bytes: int) -> list[Arrival]:
        """Take what has arrived, up to about `limit` records and so many bytes; waits until there
        is something."""
        while not self._waiting:
            self._some.clear()
            await self._some.wait()
        taken: list[Arrival] = []
        count = size = 0
        while self._waiting and count < limit and size < limit_bytes:
            arrival = self._waiting.popleft()
            taken.append(arrival)
            count += len(arrival.items)
            size += arrival.size
        self._took(count, size)
        return taken

    async def soon(self, within_s: float) -> bool:
        """Wait for an arrival, but not for long; whether there is one."""
        if not self._waiting:
            self._some.clear()
            timer = asyncio.get_running_loop().call_later(within_s, self._some.set)
            try:
                await self._some.wait()
            finally:
                timer.cancel()
        return bool(self._waiting)

    def remove(self, which: Callable[[Arrival], bool]) -> list[Arrival]:
        """Take out some arrivals, wherever they are."""
        removed = [arrival for arrival in self._waiting if which(arrival)]
        if removed:
            self._waiting = deque(arrival for arrival in self._waiting if not which(arrival))
            self._took(sum(len(a.items) for a in removed), sum(a.size for a in removed))
        return removed

    def _took(self, count: int, size: int) -> None:
        self._records -= count
        self._bytes -= size
        if not self.full:
            self._room.set()
