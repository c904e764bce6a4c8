"""A lane's desk on a wire that a test plays, and what comes over it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any, cast

from services.execution.core.roster import Roster
from services.execution.desk import TICK_S, Desk
from services.execution.measures import Measures
from services.execution.settings import ExecutionSettings
from stretto.bus.publisher import PubAck
from stretto.contracts.codec import json_encode, pack
from stretto.contracts.frames import DispatchFrame, DispatchRecord, RateRecord
from stretto.contracts.ids import run_id_text
from stretto.runtime.errors import StrettoError, TransientError
from stretto.telemetry.metrics import Metrics
from stretto.telemetry.tracing import NoTracer
from stretto.testkit.clock import FakeClock

from .given import NS

AWAY = TransientError("bus.not_reachable", "expected the bus, but it is away")
PATIENCE_S = 10.0
RUN_ID = bytes(16)


class Wire:
    """A connection and a publisher: keeps what is sent, and stores or refuses it when told."""

    def __init__(self) -> None:
        self.is_connected = True
        self.inbox_prefix = "_INBOX"
        self.refuses: list[StrettoError] = []
        self.sent: list[bytes] = []
        self.out: list[asyncio.Future[list[PubAck]]] = []
        self.pushed = asyncio.Event()
        self.heard: list[Callable[..., None]] = []

    async def send(
        self, _subject: str, data: bytes, *, msg_id: str
    ) -> asyncio.Future[list[PubAck]]:
        assert msg_id
        if self.refuses:
            raise self.refuses.pop()
        self.sent.append(data)
        self.out.append(asyncio.get_running_loop().create_future())
        return self.out[-1]

    def push(self) -> None:
        self.pushed.set()

    async def subscribe(self, _subject: str, sink: Callable[..., None]) -> int:
        self.heard.append(sink)
        return 7

    async def unsubscribe(self, subscription: int) -> None:
        assert subscription == 7
        self.heard.clear()


class Place:
    """A desk, its wire and its clock."""

    def __init__(self, group: asyncio.TaskGroup, lane: int = 0, lanes: int = 1) -> None:
        self.wire, self.clock, self.metrics = Wire(), FakeClock(), Metrics()
        context = SimpleNamespace(
            connection=self.wire,
            publisher=self.wire,
            settings=ExecutionSettings(lanes=lanes, partitions=lanes),
            service="execution",
            instance="execution-1",
            clock=self.clock,
            tracer=NoTracer(),
        )
        measures = Measures(self.metrics)
        self.desk = Desk(cast(Any, context), lane, Roster(), measures, group)
        self.sender, self.results = self.desk._sender, self.desk._results
        self.buried: list[str] = []
        self.desk._letters = cast(Any, SimpleNamespace(bury=self._bury))

        async def made(*_: object) -> None:
            return None

        self.sender._ensure_queue = made  # type: ignore[method-assign]

    async def _bury(self, _message: object, code: str, _reason: str) -> None:
        self.buried.append(code)

    async def take(self, *records: DispatchRecord) -> None:
        """Let a frame arrive."""
        frame = DispatchFrame(list(records), [], self.clock.now_us())
        await self.desk.take(cast(Any, SimpleNamespace(data=pack(frame), ack=lambda: None)))

    async def sends(self) -> None:
        """Wait until the sender has sent what it may."""
        self.wire.pushed.clear()
        await asyncio.wait_for(self.wire.pushed.wait(), PATIENCE_S)

    async def ticks(self) -> None:
        """Let one tick of the desk pass, and all that it does."""
        await asyncio.wait_for(self.clock.until_sleeping(), PATIENCE_S)
        await self.clock.advance(TICK_S)
        await asyncio.wait_for(self.clock.until_sleeping(), PATIENCE_S)

    async def stores(self, seq: int = 1) -> None:
        """Acknowledge the oldest message that is out."""
        self.wire.out.pop(0).set_result([PubAck("STRETTO_WORK", seq)])
        await asyncio.sleep(0)


@asynccontextmanager
async def place(**given: int) -> AsyncIterator[Place]:
    """A desk whose sender runs."""
    async with asyncio.TaskGroup() as group:
        made = Place(group, **given)
        running = group.create_task(made.sender.run())
        await asyncio.sleep(0)
        yield made
        running.cancel()


def record(path: str, **more: Any) -> DispatchRecord:
    return DispatchRecord(RUN_ID, path, 1, NS, "t", "q", b"{}", 0, **more)


def rated(path: str, per_s: float = 1.0) -> DispatchRecord:
    return record(path, rate=RateRecord("acme", per_s, 1.0))


def attempt_id(path: str) -> str:
    return f"{run_id_text(RUN_ID)}:{path}:1"


def results(*paths: str, **fields: Any) -> bytes:
    return json_encode({"results": [{"id": attempt_id(path), **fields} for path in paths]})
