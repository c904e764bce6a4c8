"""A stream of work and its consumers, for the tests of pull loops."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import msgspec

from stretto.bus.connection import Connection
from stretto.bus.publisher import Outgoing, Publisher
from stretto.bus.pull import PullLoop
from stretto.bus.topology import Consumer, Stream

Eventually = Callable[[Callable[[], bool]], Awaitable[None]]

MEMORY = Stream(name="WORK", subjects=("work.*",), storage="memory", retention="workqueue")

CONSUMER = Consumer(stream="WORK", name="workers", ack_wait_s=1)


async def publish(bus: Connection, first: int, last: int) -> None:
    """Publish numbers from first to last - 1."""
    async with Publisher(bus) as publisher:
        await publisher.publish_many(
            Outgoing("work.a", b"%d" % n, f"id-{n}") for n in range(first, last)
        )


async def left(bus: Connection) -> int:
    """Return how many messages the stream holds."""
    reply = await bus.request("$JS.API.STREAM.INFO.WORK")
    return int(msgspec.json.decode(reply.data)["state"]["messages"])


async def gone(bus: Connection, *, but: int = 0) -> None:
    """Wait until acknowledgements have been worked in: the server does that in its own time."""
    async with asyncio.timeout(10):
        while await left(bus) != but:  # noqa: ASYNC110 - another process changes it
            await asyncio.sleep(0.01)


async def take(loop: PullLoop, count: int) -> list:
    """Take exactly so many messages."""
    taken: list = []
    while len(taken) < count:
        taken += await loop.next_batch(count - len(taken), timeout_s=5)
    return taken
