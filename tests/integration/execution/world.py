"""What stands around the execution service in these tests: the workflow service's side of the bus.

`World` dispatches frames, reads results and answers `workflow.open`; `execution` runs an instance
in this process, `Process` one of its own that can be killed.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path

import msgspec

from services.execution.service import Execution
from services.execution.settings import ExecutionSettings
from services.execution.work_stream import WorkStream
from stretto.bus.connection import Connection, connect
from stretto.bus.ensure import ensure
from stretto.bus.message import ack_all
from stretto.bus.publisher import Publisher
from stretto.bus.pull import PullLoop
from stretto.bus.service import Service
from stretto.bus.store_watch import StoreWatch
from stretto.contracts import subjects
from stretto.contracts.codec import decode_results, json_encode, pack
from stretto.contracts.frames import DispatchFrame, DispatchRecord, WithdrawRecord
from stretto.contracts.ids import run_id_text, uuid7
from stretto.contracts.public import TaskResult
from stretto.runtime.context import ServiceContext
from stretto.runtime.errors import TransientError
from stretto.runtime.topology import lane_of, topology_for, workflow_partition_consumers
from stretto.telemetry.tracing import Tracer
from stretto.testkit.service_host import hosted
from stretto.worker import Worker

PATIENCE_S = 20.0
ROOT = Path(__file__).parents[3]
PARTITIONS = 4


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
        self.lanes = 1
        self._changed = asyncio.Condition()

    async def dispatch(self, *records: DispatchRecord) -> None:
        """Send a frame; its records are open until their results have come."""
        for one in records:
            self.open[id_of(one)] = one
        await self.send_frame(records)

    async def dispatch_to(self, lane: int, one: DispatchRecord) -> None:
        """Send a record on a lane; it is open until its result has come."""
        self.open[id_of(one)] = one
        await self.send_frame([one], lane=lane)

    async def send_frame(
        self,
        records: Iterable[DispatchRecord] = (),
        *,
        withdrawn: Iterable[DispatchRecord] = (),
        lane: int = 0,
    ) -> None:
        """Send a frame as it is; `withdrawn` are attempts that nobody wants any more."""
        frame = DispatchFrame(
            records=list(records),
            withdrawn=[WithdrawRecord(w.run_id, w.path, w.attempt) for w in withdrawn],
        )
        await self.publisher.publish(subjects.dispatch(lane), pack(frame))

    async def answer_open(self, request: bytes) -> bytes:
        """`workflow.open`: what is open on a lane is dispatched again."""
        self.open_asked += 1
        lane = msgspec.json.decode(request)["lane"]
        again = [
            msgspec.structs.replace(one, again=True)
            for one in self.open.values()
            if lane_of(one.partition, self.lanes) == lane
        ]
        if again:
            await self.send_frame(again, lane=lane)
        return json_encode({"sent": len(again)})

    @asynccontextmanager
    async def answering(self) -> AsyncIterator[None]:
        """Answer `workflow.open` until the end of the block."""
        service = Service(self.connection, "workflow", {"open": self.answer_open})
        async with asyncio.TaskGroup() as group:
            task = group.create_task(service.run())
            await service.ready.wait()
            yield
            task.cancel()

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

    async def lane(self) -> dict[str, object]:
        """Ask for the counts of the lane; empty when no instance is active on it."""
        try:
            lanes = (await self.ask("stats"))["lanes"]
        except TransientError:
            return {}
        return lanes[0] if lanes else {}

    async def until_lane(self, **counts: int) -> None:
        """Wait until the lane has exactly these counts."""
        seen: dict[str, object] = {}
        try:
            async with asyncio.timeout(PATIENCE_S):
                while not counts.items() <= (seen := await self.lane()).items():  # noqa: ASYNC110
                    await asyncio.sleep(0.02)
        except TimeoutError:
            raise AssertionError(f"expected {counts}, but the lane has {seen}") from None

    async def stored_work(self) -> list[int]:
        """The sequence numbers of what is in the work stream."""
        return [stored.seq async for stored in WorkStream(self.connection).read()]

    async def until_empty(self) -> None:
        """Wait until nothing is in the work stream."""
        async with asyncio.timeout(PATIENCE_S):
            while await self.stored_work():  # noqa: ASYNC110 - the server is asked
                await asyncio.sleep(0.02)

    async def until_true_async(self, condition: Callable[[], Awaitable[object]]) -> None:
        """As `until_true`, for what has to be asked for."""
        async with asyncio.timeout(PATIENCE_S):
            while not await condition():  # noqa: ASYNC110 - the service is asked
                await asyncio.sleep(0.02)

    async def until_true(self, condition: Callable[[], object]) -> None:
        """Wait for what nobody signals, looking often, for a bounded time."""
        async with asyncio.timeout(PATIENCE_S):
            while not condition():  # noqa: ASYNC110 - nobody signals it
                await asyncio.sleep(0.005)

    async def read(self, loop: PullLoop) -> None:
        while True:
            messages = await loop.next_batch()
            async with self._changed:
                for message in messages:
                    try:
                        results = decode_results(message.data)
                    except (msgspec.DecodeError, RecursionError):
                        continue
                    for result in results.results:
                        self.results.setdefault(result.id, []).append(result)
                        self.open.pop(result.id, None)
                    accepted = results.accepted
                    if accepted is not None:
                        self.accepted += [accepted] if isinstance(accepted, str) else accepted
                self._changed.notify_all()
            ack_all(messages)


@asynccontextmanager
async def world(
    url: str, *, answers_open: bool = True, watches: bool = True, lanes: int = 1
) -> AsyncIterator[World]:
    """Make the streams, read the results, answer and sweep for the workflow service."""
    topology = topology_for("execution", partitions=PARTITIONS, lanes=lanes)
    readers = [workflow_partition_consumers(p).results for p in range(PARTITIONS)]
    async with await connect(url, "world") as connection, Publisher(connection) as publisher:

        async def make() -> None:
            await ensure(connection, topology.streams, topology.consumers)

        here = World(url, connection, publisher)
        here.lanes = lanes

        async def made_again(_names: list[str]) -> None:
            for lane in range(lanes):
                await here.answer_open(json_encode({"lane": lane}))

        await make()
        streams = [stream.name for stream in topology.streams]
        watch = StoreWatch(connection, streams, make, made_again, interval_s=0.1)
        async with AsyncExitStack() as stack:
            loops = [
                await stack.enter_async_context(
                    PullLoop(connection, reader.stream, reader.name, on_missing=make)
                )
                for reader in readers
            ]
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(here.read(loop)) for loop in loops]
                if watches:
                    tasks.append(group.create_task(watch.run()))
                if answers_open:
                    await stack.enter_async_context(here.answering())
                yield here
                for task in tasks:
                    task.cancel()


@asynccontextmanager
async def execution(
    url: str, *, instance: str = "execution-1", tracer: Tracer | None = None, **settings: object
) -> AsyncIterator[Execution]:
    """Run an instance in this event loop until the end of the block."""
    services: list[Execution] = []

    async def main(context: ServiceContext[ExecutionSettings]) -> None:
        context.tracer = tracer or context.tracer
        services.append(Execution(context))
        await services[0].run()

    wanted = ExecutionSettings(nats_url=url, **settings)
    async with hosted("execution", wanted, main, instance=instance) as host:
        await host.ready()
        yield services[0]


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
