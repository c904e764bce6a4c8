"""Read a whole stream back, with a consumer made for it."""

from __future__ import annotations

from stretto.bus.connection import Connection
from stretto.bus.ensure import delete_consumer, ensure
from stretto.bus.message import Message, ack_all
from stretto.bus.pull import PullLoop
from stretto.bus.topology import Consumer

QUIET_S = 0.3


async def read_all(bus: Connection, stream: str, *, delete: bool = False) -> list[Message]:
    """Return all messages; with ``delete`` the stream's messages are purged afterwards."""
    await ensure(bus, [], [Consumer(stream=stream, name="reader", ack_policy="explicit")])
    messages: list[Message] = []
    async with PullLoop(bus, stream, "reader") as loop:
        while batch := await loop.next_batch(timeout_s=QUIET_S):
            messages += batch
            ack_all(batch)
            if batch[-1].num_pending == 0:
                break
        await bus.flush()
    await delete_consumer(bus, stream, "reader")
    if delete:
        await bus.request(f"$JS.API.STREAM.PURGE.{stream}")
    return messages
