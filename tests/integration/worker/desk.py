"""What stands around a worker in these tests: it hands out work and reads what comes back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import msgspec

from stretto.bus.connection import Connection, connect
from stretto.bus.ensure import ensure
from stretto.bus.message import Message, ack_all
from stretto.bus.publisher import Publisher
from stretto.bus.pull import PullLoop
from stretto.bus.topology import Consumer
from stretto.contracts import subjects
from stretto.contracts.codec import decode_results, json_encode
from stretto.contracts.ids import run_id_text, uuid7
from stretto.contracts.public import Results, Task, TaskResult, Work
from stretto.runtime.topology import RESULTS, WORK, work_consumer
from stretto.worker import Worker

PATIENCE_S = 20.0
REPLY = subjects.results(0)
QUEUE = "q"
_READER = Consumer(stream=RESULTS.name, name="test-results")


def task_of(
    task: str,
    input: object = None,  # noqa: A002 - the word of the contract
    *,
    n: int = 0,
    reply: str = REPLY,
    **more: object,
) -> Task:
    """Make the task of an attempt; `n` tells runs apart."""
    run_id = run_id_text(uuid7(1_700_000_000_000, b"%d" % n))
    return msgspec.structs.replace(
        Task(
            id=f"{run_id}:step:1",
            run_id=run_id,
            step="step",
            attempt=1,
            task=task,
            input=msgspec.Raw(json_encode(input)),
            reply=reply,
        ),
        **more,
    )


class Desk:
    """Publishes work and gathers results; made by `at_desk`."""

    def __init__(self, url: str, connection: Connection, publisher: Publisher) -> None:
        self.url = url
        self.connection = connection
        self.publisher = publisher
        self.messages: list[Results] = []
        self.results: dict[str, list[TaskResult]] = {}
        self.accepted: list[str] = []
        self._changed = asyncio.Condition()

    async def send(self, *tasks: Task, queue: str = QUEUE) -> None:
        """Publish one work message."""
        data = json_encode(Work(tasks=list(tasks)))
        await self.publisher.publish(subjects.work("default", queue), data)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until something has come back."""
        async with asyncio.timeout(PATIENCE_S), self._changed:
            await self._changed.wait_for(condition)

    async def result(self, task: Task) -> TaskResult:
        """Wait for the first result of a task."""
        await self.until(lambda: task.id in self.results)
        return self.results[task.id][0]

    async def read(self, loop: PullLoop) -> None:
        """Gather results for ever."""
        while True:
            messages: list[Message] = await loop.next_batch()
            async with self._changed:
                for message in messages:
                    self._note(decode_results(message.data))
                self._changed.notify_all()
            ack_all(messages)

    def _note(self, results: Results) -> None:
        self.messages.append(results)
        for result in results.results:
            self.results.setdefault(result.id, []).append(result)
        accepted = results.accepted
        if accepted is not None:
            self.accepted += [accepted] if isinstance(accepted, str) else accepted

    async def unacknowledged(self, queue: str = QUEUE) -> int:
        """Say how many work messages are not acknowledged."""
        info = await consumer_info(self.connection, work_consumer("default", queue))
        return info.num_pending + info.num_ack_pending


class Info(msgspec.Struct):
    num_pending: int
    num_ack_pending: int


async def consumer_info(connection: Connection, consumer: Consumer) -> Info:
    reply = await connection.request(f"$JS.API.CONSUMER.INFO.{consumer.stream}.{consumer.name}")
    return msgspec.json.decode(reply.data, type=Info)


@asynccontextmanager
async def at_desk(url: str) -> AsyncIterator[Desk]:
    """Make the streams and read the results."""
    async with await connect(url, "desk") as connection, Publisher(connection) as publisher:
        await ensure(connection, [WORK, RESULTS], [_READER, work_consumer("default", QUEUE)])
        desk = Desk(url, connection, publisher)

        async def ensure_again() -> None:
            await ensure(connection, [WORK, RESULTS], [_READER])

        async with (
            PullLoop(connection, _READER.stream, _READER.name, on_missing=ensure_again) as loop,
            asyncio.TaskGroup() as group,
        ):
            reading = group.create_task(desk.read(loop))
            yield desk
            reading.cancel()


@asynccontextmanager
async def running(worker: Worker) -> AsyncIterator[asyncio.Event]:
    """Run a worker; gives what stops it. It is drained at the end."""
    stopping = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        task = group.create_task(worker.run(stopping))
        try:
            yield stopping
        finally:
            stopping.set()
            async with asyncio.timeout(PATIENCE_S):
                await asyncio.wait([task])


async def poll(condition: Callable[[], object], patience_s: float = PATIENCE_S) -> None:
    """Wait for what nobody signals, looking often, for a bounded time."""
    async with asyncio.timeout(patience_s):
        while not condition():
            await asyncio.sleep(0.005)


async def poll_async(condition: Callable[[], object], patience_s: float = PATIENCE_S) -> None:
    """As `poll`, for conditions that have to be asked for."""
    async with asyncio.timeout(patience_s):
        while not await condition():  # type: ignore[misc]
            await asyncio.sleep(0.02)
