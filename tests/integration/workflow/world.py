"""The workflow service in the process of the test, with everything it talks to."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, TypeVar

import asyncpg

from services.workflow.service import main
from services.workflow.settings import WorkflowSettings
from stretto.bus.connection import Connection, connect
from stretto.bus.ensure import ensure
from stretto.bus.publisher import Publisher
from stretto.bus.wire import new_inbox, parse_headers
from stretto.contracts import subjects
from stretto.runtime.topology import streams_for
from stretto.testkit.service_host import Hosted, hosted
from tests.integration.workflow.partners import Decision, Execution

WITHIN_S = 30.0
POLL_S = 0.01

T = TypeVar("T")
Json = dict[str, Any]


async def eventually(ask: Callable[[], Awaitable[T]], wanted: Callable[[T], bool] = bool) -> T:
    """Ask until the answer is as wanted; an AssertionError shows the last one."""
    deadline = time.monotonic() + WITHIN_S
    while True:
        last = await ask()
        if wanted(last):
            return last
        assert time.monotonic() < deadline, f"still {last!r}"
        await asyncio.sleep(POLL_S)


async def until(done: Callable[[], Any]) -> None:
    """Wait until something is true."""
    deadline = time.monotonic() + WITHIN_S
    while not done():
        assert time.monotonic() < deadline, f"still {done()!r}"
        await asyncio.sleep(POLL_S)


class Heard:
    """Messages of some subjects since the beginning of the test."""

    def __init__(self) -> None:
        self.messages: list[tuple[str, dict[str, str], bytes]] = []

    def sink(self, subject: bytes, _reply: bytes, block: bytes, data: bytes) -> None:
        headers = parse_headers(block) if block else {}
        self.messages.append((subject.decode(), headers, bytes(data)))

    def json(self, beginning: str = "") -> list[Json]:
        return [json.loads(d) for s, _, d in self.messages if s.startswith(beginning)]


class World:
    """What a test does with the service, and what it sees of it."""

    def __init__(self, nats_url: str, dsn: str, bus: Connection, publisher: Publisher) -> None:
        self.nats_url = nats_url
        self.dsn = dsn
        self.bus = bus
        self.publisher = publisher
        self.decision = Decision(bus)
        self.execution = Execution(bus)
        self.heard = Heard()
        self.host: Hosted[WorkflowSettings] | None = None

    async def open(self) -> None:
        await ensure(self.bus, streams_for("workflow"), ())
        await self.decision.open()
        await self.execution.open()
        for subject in ("events.>", "closed.>", "rejected.>", "dlq.>", "emitted.>"):
            await self.bus.subscribe(f"stretto.{subject}", self.heard.sink)
        await self.bus.flush()

    @asynccontextmanager
    async def service(
        self, instance: str = "workflow-1", **settings: Any
    ) -> AsyncIterator[Hosted[WorkflowSettings]]:
        """Run an instance until the block ends, then stop it in order."""
        read = WorkflowSettings(
            **{"nats_url": self.nats_url, "postgres_dsn": self.dsn, "partitions": 2, **settings}
        )
        async with hosted("workflow", read, main, instance=instance) as host:
            await host.ready()
            yield host

    # --- asking

    async def ask(self, subject: str, data: bytes, *, header: bool = True) -> Json:
        """Publish something that is answered to a reply subject of its own."""
        reply = new_inbox("_INBOX") + "a"
        answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

        def sink(_subject: bytes, _reply: bytes, _block: bytes, data: bytes) -> None:
            if not answer.done():
                answer.set_result(bytes(data))

        subscription = await self.bus.subscribe(reply, sink)
        try:
            if header:
                headers = {subjects.HEADER_REPLY: reply}
                await self.publisher.publish(subject, data, headers=headers)
            else:
                await self.bus.publish(subject, data, reply=reply)
            async with asyncio.timeout(WITHIN_S):
                found: Json = json.loads(await answer)
                return found
        finally:
            await self.bus.unsubscribe(subscription)

    async def define(self, source: str, namespace: str = "default") -> Json:
        return await self.ask(subjects.definitions(namespace), source.encode(), header=False)

    async def start(self, workflow: str, value: Any = None, **request: Any) -> str:
        """Start a run; its id."""
        answer = await self.try_start(workflow, value, **request)
        assert "run_id" in answer, answer
        return str(answer["run_id"])

    async def try_start(self, workflow: str, value: Any = None, **request: Any) -> Json:
        body = json.dumps({"input": {} if value is None else value, **request}).encode()
        return await self.ask(subjects.start("default", workflow), body)

    async def control(self, run_id: str, command: str, **request: Any) -> Json:
        body = json.dumps({"command": command, **request}).encode()
        return await self.ask(subjects.control("default", run_id), body)

    async def api(self, operation: str, **request: Any) -> Json:
        reply = await self.bus.request(
            subjects.api("workflow", operation), json.dumps(request).encode()
        )
        found: Json = json.loads(reply.data)
        return found

    # --- seeing

    async def state(self, run_id: str) -> Json:
        return await self.api("state", run_id=run_id)

    async def status(self, run_id: str, wanted: str) -> Json:
        """Wait until the run has a status; its state."""
        return await eventually(lambda: self.state(run_id), lambda s: s["status"] == wanted)

    async def waits(self, run_id: str, *causes: str) -> Json:
        """Wait until a run waits for just this; its state."""
        wanted = sorted(causes)
        return await eventually(
            lambda: self.state(run_id), lambda s: sorted(c["cause"] for c in s["pending"]) == wanted
        )

    async def log(self, run_id: str) -> list[asyncpg.Record]:
        return await self.sql(
            "select seq, type, at, data from workflow.event where run_id = $1 order by seq", run_id
        )

    async def types(self, run_id: str) -> list[str]:
        return [row["type"] for row in await self.log(run_id)]

    async def sql(self, statement: str, *args: object) -> list[asyncpg.Record]:
        """Run a statement as the superuser."""
        connection = await asyncpg.connect(self.dsn, timeout=WITHIN_S)
        try:
            return await connection.fetch(statement, *args)
        finally:
            await connection.close()

    def events(self, run_id: str) -> list[Json]:
        """The events of a run that the bus told, message by message."""
        return [m for m in self.heard.json("stretto.events.") if m["run"]["run_id"] == run_id]

    def told(self, run_id: str) -> list[int]:
        """The sequence numbers of the events that the bus told, as they came."""
        return [e["seq"] for m in self.events(run_id) for e in m["events"]]

    def told_once(self, run_id: str) -> list[int]:
        """The same without those that were told again: an owner that has just begun tells what its
        predecessor may not have told."""
        return list(dict.fromkeys(self.told(run_id)))

    def rejected(self) -> list[str]:
        return [m["reason"]["code"] for m in self.heard.json("stretto.rejected.")]

    def dead(self) -> list[Json]:
        return self.heard.json("stretto.dlq.workflow")


@asynccontextmanager
async def opened(nats_url: str, dsn: str) -> AsyncIterator[World]:
    """Give a world without a service."""
    async with AsyncExitStack() as stack:
        bus = await stack.enter_async_context(await connect(nats_url, "test"))
        publisher = await stack.enter_async_context(Publisher(bus))
        world = World(nats_url, dsn, bus, publisher)
        await world.open()
        yield world


__all__ = ["World", "eventually", "opened", "until"]
