"""The latency of the decision service, in a process of its own, from who asks and back.

Questions are asked at a rate, whatever the answers take (a slow answer does not slow down the
asking), and timed from the instant at which each was due.
"""

import asyncio
import json
import os
import random
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

from stretto.bus.connection import Connection, connect
from stretto.contracts import subjects
from stretto.contracts.codec import json_encode, pack, unpack_decided
from stretto.contracts.routes import RankRequest
from stretto.runtime.errors import StrettoError
from stretto.testkit.nats_server import NatsServer
from tests.bench.frame_speed import RECORDS, frame_of
from tests.bench.routing_speed import SEED, questions, said
from tests.integration.decision.asking import Asker, Key, key_of

RATE = 1_000
WARM_S = 2.0
DEVICES = 1_000
ROUTES = 200
PRESENCE_S = 3.0
UP_WITHIN_S = 30.0

Ask = Callable[[int], Awaitable[float]]


class Times(NamedTuple):
    """Milliseconds from the question to the answer."""

    p50: float
    p99: float


class OfTheService(NamedTuple):
    """What was measured. `cpu_us`: of the service, a decision that came alone; None: not known."""

    single: Times
    frame: Times
    rank: Times
    cpu_us: float | None


async def measure(seconds: float) -> OfTheService:
    """Start a bus and the decision service, and ask for so long each."""
    async with _service() as (bus, pid):
        decided = Decided(bus)
        await decided.open()
        await at_rate(decided.one, WARM_S)
        before = _cpu_s(pid)
        single = await at_rate(decided.one, seconds)
        after = _cpu_s(pid)
        cpu_us = (after - before) / (seconds * RATE) * 1e6 if before and after else None
        frame = await one_by_one(decided.many, max(20, int(seconds * 20)))
        async with asyncio.TaskGroup() as group:
            present = group.create_task(_present(bus))
            await asyncio.sleep(PRESENCE_S + 1)
            asked = [json_encode(RankRequest(questions=[q])) for q in questions(ROUTES)]

            async def rank(number: int) -> float:
                began = time.perf_counter()
                await bus.request(subjects.api("decision", "rank"), asked[number % ROUTES])
                return began

            await at_rate(rank, WARM_S)
            ranked = await at_rate(rank, seconds)
            present.cancel()
        await decided.close()
    return OfTheService(single, frame, ranked, cpu_us)


class Decided:
    """Asks for decisions and waits for the answers."""

    def __init__(self, bus: Connection) -> None:
        self._bus = bus
        self._asker = Asker(bus)
        self._waiting: dict[Key, asyncio.Future[None]] = {}
        self._number = 0

    async def open(self) -> None:
        """Make the streams, and listen."""
        await self._asker.open()
        await self._bus.subscribe("stretto.decided.*", self._answered)

    async def close(self) -> None:
        """Listen no more."""
        await self._asker.close()

    async def one(self, _number: int) -> float:
        """Ask for a decision; gives when it was asked, on the clock of `perf_counter`."""
        return await self._ask(1)

    async def many(self, _number: int) -> float:
        """Ask for a full frame of decisions."""
        return await self._ask(RECORDS)

    async def _ask(self, count: int) -> float:
        frame = frame_of(self._number, count)
        self._number += count
        loop = asyncio.get_running_loop()
        answers = [loop.create_future() for _ in frame.records]
        self._waiting |= dict(zip(map(key_of, frame.records), answers, strict=True))
        data = pack(frame)
        began = time.perf_counter()
        await self._bus.publish(subjects.decide(), data)
        for answer in answers:
            await answer
        return began

    def _answered(self, _subject: bytes, _reply: bytes, _block: bytes, data: bytes) -> None:
        for record in unpack_decided(data).records:
            assert record.error is None, record.error
            future = self._waiting.pop(key_of(record), None)
            if future is not None and not future.done():
                future.set_result(None)


async def at_rate(ask: Ask, seconds: float) -> Times:
    """Ask RATE times a second."""
    taken: list[float] = []

    async def one(number: int, due: float) -> None:
        await ask(number)
        taken.append((time.perf_counter() - due) * 1_000)

    begun = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for number in range(int(RATE * seconds)):
            due = begun + number / RATE
            pause = due - time.perf_counter()
            if pause > 0:
                await asyncio.sleep(pause)
            group.create_task(one(number, due))
    return _times(taken)


async def one_by_one(ask: Ask, count: int) -> Times:
    """Ask so often, each after the answer to the one before."""
    taken = []
    for number in range(count):
        began = await ask(number)
        taken.append((time.perf_counter() - began) * 1_000)
    return _times(taken)


def _times(taken: list[float]) -> Times:
    taken.sort()
    return Times(taken[len(taken) // 2], taken[int(len(taken) * 0.99)])


@asynccontextmanager
async def _service() -> AsyncIterator[tuple[Connection, int]]:
    """A bus and the decision service, up."""
    with tempfile.TemporaryDirectory() as folder:
        server = NatsServer(Path(folder))
        await server.start()
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "services.decision",
            env={**os.environ, "STRETTO_NATS_URL": server.url, "PYTHONPATH": "libs:."},
            stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        try:
            async with await connect(server.url, "bench") as bus:
                async with asyncio.timeout(UP_WITHIN_S):
                    while not await _answers(bus):  # noqa: ASYNC110 - not up yet
                        await asyncio.sleep(0.1)
                yield bus, process.pid
        finally:
            process.terminate()
            await process.wait()
            await server.stop()


async def _answers(bus: Connection) -> dict[str, Any] | None:
    try:
        reply = await bus.request(subjects.api("decision", "stats"), b"", timeout_s=1)
    except StrettoError:
        return None  # not up yet
    told: dict[str, Any] = json.loads(reply.data)
    return told


async def _present(bus: Connection) -> None:
    """Be a thousand devices that say every few seconds that they are there."""
    chance = random.Random(SEED)
    words = [json_encode(said(chance, number)) for number in range(DEVICES)]
    while True:
        for number, data in enumerate(words):
            await bus.publish(subjects.presence("default", f"d{number}"), data)
            if number % 10 == 0:
                await asyncio.sleep(PRESENCE_S * 10 / DEVICES)


def _cpu_s(pid: int) -> float | None:
    """Seconds of CPU that a process has had; None where the system does not tell."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
