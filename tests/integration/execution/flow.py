"""What the tests of the way of an attempt work with."""

from typing import Any

from stretto.bus.ensure import ensure
from stretto.bus.pull import PullLoop
from stretto.contracts.codec import decode_work
from stretto.contracts.public import Task
from stretto.runtime.topology import work_consumer
from stretto.worker import Worker

from .world import World


def adder(url: str, queue: str = "sums", **more: Any) -> Worker:
    worker = Worker(queue=queue, url=url, **more)

    @worker.task("add")
    async def add(a: int, b: int = 1) -> int:
        return a + b

    return worker


async def work_in(here: World, queue: str) -> list[list[Task]]:
    """Take what is in the stream for a queue, message by message."""
    consumer = work_consumer("default", queue)
    await ensure(here.connection, (), [consumer])
    async with PullLoop(here.connection, consumer.stream, consumer.name) as loop:
        messages = await loop.next_batch(timeout_s=10.0)
        for message in messages:
            message.ack()
    return [decode_work(message.data).tasks for message in messages]
