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
from stretto.bus.topology import Consumer, Stream
from stretto.contracts import subjects
from stretto.contracts.codec import decode_results, json_encode
from stretto.contracts.ids import run_id_text, uuid7
from stretto.contracts.public import DeadLetter, Results, Task, TaskResult, Work
from stretto.runtime.streams import DLQ, RESULTS, WORK
from stretto.runtime.topology import WORK_ACK_WAIT_S, work_consumer
from stretto.worker import Worker

PATIENCE_S = 8.0
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

    def __init__(
        self, url: str, connection: Connection, publisher: Publisher, ack_wait_s: float
    ) -> None:
        self.url = url
        self.ack_wait_s = ack_wait_s
        self.redelivered = 0
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

    def work_consumer(self, namespace: str, queue: str) -> Consumer:
        """The consumer of a queue, with the patience of this desk."""
        plain = work_consumer(namespace, queue)
        return msgspec.structs.replace(plain, ack_wait_s=self.ack_wait_s)

    async def all_acknowledged(self) -> None:
        """Wait until no work message is left."""
        async with asyncio.timeout(PATIENCE_S):
            while (info := await self._info()).num_pending + info.num_ack_pending:  # noqa: ASYNC110 - asked
                await asyncio.sleep(0.02)
        self.redelivered = info.num_redelivered

    async def until_true(self, condition: Callable[[], object]) -> None:
        """Wait for what nobody signals, looking often, for a bounded time."""
        async with asyncio.timeout(PATIENCE_S):
            while not condition():  # noqa: ASYNC110 - nobody signals it
                await asyncio.sleep(0.005)

    async def dead_letters(self, count: int) -> list[DeadLetter]:
        """Read so many dead letters."""
        consumer = Consumer(stream=DLQ.name, name="letters")
        await ensure(self.connection, [], [consumer])
        letters: list[DeadLetter] = []
        async with PullLoop(self.connection, consumer.stream, consumer.name) as loop:
            async with asyncio.timeout(PATIENCE_S):
                while len(letters) < count:
                    batch = await loop.next_batch()
                    letters += [msgspec.json.decode(m.data, type=DeadLetter) for m in batch]
        return letters

    async def make_stream(self, name: str, subject: str) -> None:
        """Make a stream for a subject."""
        await ensure(self.connection, [Stream(name=name, subjects=(subject,))])

    async def _info(self) -> Info:
        consumer = work_consumer("default", QUEUE)
        subject = f"$JS.API.CONSUMER.INFO.{consumer.stream}.{consumer.name}"
        reply = await self.connection.request(subject)
        return msgspec.json.decode(reply.data, type=Info)


class Info(msgspec.Struct):
    num_pending: int
    num_ack_pending: int
    num_redelivered: int


@asynccontextmanager
async def at_desk(url: str, *, ack_wait_s: float = WORK_ACK_WAIT_S) -> AsyncIterator[Desk]:
    """Make the streams and read the results."""
    async with await connect(url, "desk") as connection, Publisher(connection) as publisher:
        desk = Desk(url, connection, publisher, ack_wait_s)

        async def make() -> None:
            consumers = [_READER, desk.work_consumer("default", QUEUE)]
            await ensure(connection, [WORK, RESULTS, DLQ], consumers)

        await make()
        async with (
            PullLoop(connection, _READER.stream, _READER.name, on_missing=make) as loop,
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
