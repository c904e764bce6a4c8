"""What stands around the execution service in these tests: the workflow service's side of the bus.

`World` dispatches frames, reads results and answers `workflow.open`; `execution` runs an instance
in this process, `Process` one of its own that can be killed.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import msgspec

from services.execution.service import Execution
from services.execution.settings import ExecutionSettings
from stretto.bus.connection import Connection, connect
from stretto.bus.ensure import ensure
from stretto.bus.message import ack_all
from stretto.bus.publisher import Publisher
from stretto.bus.pull import PullLoop
from stretto.bus.service import Service
from stretto.bus.store_watch import StoreWatch
from stretto.bus.topology import Consumer
from stretto.contracts import subjects
from stretto.contracts.codec import decode_results, json_encode, pack
from stretto.contracts.frames import DispatchFrame, DispatchRecord, WithdrawRecord
from stretto.contracts.ids import run_id_text, uuid7
from stretto.contracts.public import TaskResult
from stretto.runtime.clock import SystemClock
from stretto.runtime.context import ServiceContext
from stretto.runtime.health import Health
from stretto.runtime.topology import topology_for
from stretto.telemetry.metrics import Metrics
from stretto.telemetry.tracing import NoTracer, Tracer
from stretto.worker import Worker

PATIENCE_S = 30.0
ROOT = Path(__file__).parents[3]
_READER = Consumer(stream=subjects.STREAM_RESULTS, name="test-results")


def record(task: str, input: object = None, *, n: int = 0, **more: object) -> DispatchRecord:  # noqa: A002 - the word of the contract
    """Make a dispatch record; `n` tells runs apart."""
    plain = DispatchRecord(
        run_id=uuid7(1_700_000_000_000, b"%d" % n),
        path="step",
        attempt=1,
        namespace="default",
        task=task,
        queue=None,
        input=json_encode(input),
        partition=n % 4,
    )
    return msgspec.structs.replace(plain, **more)


def id_of(one: DispatchRecord) -> str:
    return f"{run_id_text(one.run_id)}:{one.path}:{one.attempt}"


class World:
    """See the module's docstring; made by `world`."""

    def __init__(self, url: str, connection: Connection, publisher: Publisher) -> None:
        self.url = url
        self.connection = connection
        self.publisher = publisher
        self.results: dict[str, list[TaskResult]] = {}
        self.accepted: list[str] = []
        self.open: dict[str, DispatchRecord] = {}
        self.open_asked = 0
        self._changed = asyncio.Condition()

    async def dispatch(
        self, *records: DispatchRecord, withdrawn: list[WithdrawRecord] | None = None
    ) -> None:
        """Send a frame; its records are open until their results have come."""
        for one in records:
            self.open[id_of(one)] = one
        await self.send_frame(records, withdrawn)

    async def send_frame(
        self,
        records: tuple[DispatchRecord, ...] | list[DispatchRecord],
        withdrawn: list[WithdrawRecord] | None = None,
    ) -> None:
        frame = DispatchFrame(records=list(records), withdrawn=withdrawn or [])
        await self.publisher.publish(subjects.dispatch(0), pack(frame))

    async def answer_open(self, _request: bytes) -> bytes:
        """`workflow.open`: what is open is dispatched again."""
        self.open_asked += 1
        again = [msgspec.structs.replace(one, again=True) for one in self.open.values()]
        if again:
            await self.send_frame(again)
        return json_encode({"sent": len(again)})

    async def until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(PATIENCE_S), self._changed:
            await self._changed.wait_for(condition)

    async def result(self, one: DispatchRecord) -> TaskResult:
        """Wait for the first result of an attempt."""
        id_ = id_of(one)
        await self.until(lambda: id_ in self.results)
        return self.results[id_][0]

    async def all_results(self, count: int) -> None:
        """Wait until so many attempts have a result."""
        await self.until(lambda: len(self.results) >= count)

    async def ask(self, operation: str) -> dict[str, list[dict[str, object]]]:
        """Ask the execution service."""
        reply = await self.connection.request(subjects.api("execution", operation), b"{}")
        return msgspec.json.decode(reply.data)

    async def read(self, loop: PullLoop) -> None:
        while True:
            messages = await loop.next_batch()
            async with self._changed:
                for message in messages:
                    results = decode_results(message.data)
                    for result in results.results:
                        self.results.setdefault(result.id, []).append(result)
                        self.open.pop(result.id, None)
                    accepted = results.accepted
                    if accepted is not None:
                        self.accepted += [accepted] if isinstance(accepted, str) else accepted
                self._changed.notify_all()
            ack_all(messages)


@asynccontextmanager
async def world(url: str, *, answers_open: bool = True) -> AsyncIterator[World]:
    """Make the streams, read the results, answer for the workflow service."""
    topology = topology_for("execution", partitions=4, lanes=1)
    async with await connect(url, "world") as connection, Publisher(connection) as publisher:

        async def make() -> None:
            await ensure(connection, topology.streams, [*topology.consumers, _READER])

        await make()
        here = World(url, connection, publisher)
        async with (
            PullLoop(connection, _READER.stream, _READER.name, on_missing=make) as loop,
            asyncio.TaskGroup() as group,
        ):
            tasks = [group.create_task(here.read(loop))]
            if answers_open:
                service = Service(connection, "workflow", {"open": here.answer_open})
                tasks.append(group.create_task(service.run()))
                await service.ready.wait()
            yield here
            for task in tasks:
                task.cancel()


@asynccontextmanager
async def execution(
    url: str, *, instance: str = "execution-1", tracer: Tracer | None = None, **settings: object
) -> AsyncIterator[Execution]:
    """Run an instance in this event loop until the end of the block."""
    topology = topology_for("execution", partitions=4, lanes=1)
    stopping = asyncio.Event()
    async with await connect(url, instance) as connection, Publisher(connection) as publisher:
        await ensure(connection, topology.streams, topology.consumers)
        async with asyncio.TaskGroup() as group:
            context = ServiceContext(
                service="execution",
                instance=instance,
                settings=ExecutionSettings(nats_url=url, **settings),
                connection=connection,
                publisher=publisher,
                topology=topology,
                health=Health("execution", instance),
                metrics=Metrics(),
                tracer=tracer or NoTracer(),
                clock=SystemClock(),
                stopping=stopping,
                group=group,
            )
            watch = StoreWatch(
                connection, [stream.name for stream in topology.streams], context.store_lost
            )
            context.beside(watch.run())
            service = Execution(context)
            running = group.create_task(service.run())
            try:
                yield service
            finally:
                stopping.set()
                async with asyncio.timeout(PATIENCE_S):
                    await asyncio.wait([running])
                context.end_beside()


class Process:
    """A process of our code that can be killed."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @property
    def pid(self) -> int:
        return self._process.pid

    async def kill(self) -> None:
        """End it at once, as a crash would."""
        with suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()

    async def stop(self) -> int:
        """End it in order; returns its exit code."""
        with suppress(ProcessLookupError):
            self._process.terminate()
        async with asyncio.timeout(PATIENCE_S):
            return await self._process.wait()


@asynccontextmanager
async def process(*arguments: str, **environment: str) -> AsyncIterator[Process]:
    """Run `python ARGUMENTS` from the root of the project; killed at the end of the block."""
    python_path = os.pathsep.join([str(ROOT / "libs"), str(ROOT)])
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        *arguments,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": python_path, **environment},
    )
    handle = Process(child)
    try:
        yield handle
    finally:
        await handle.kill()


@asynccontextmanager
async def running(*workers: Worker) -> AsyncIterator[asyncio.Event]:
    """Run workers in this event loop until the end of the block."""
    stopping = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(worker.run(stopping)) for worker in workers]
        try:
            yield stopping
        finally:
            stopping.set()
            async with asyncio.timeout(PATIENCE_S):
                await asyncio.wait(tasks)
