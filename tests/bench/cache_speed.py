"""What the caches of the decision service are worth: with and without, with repeats and without.

`python -m tests.bench.cache_speed [SCALE]` starts a Redis and prints microseconds of this process'
CPU a record (the service's own loop without the bus, the best of the rounds), of four plans from
cheap to dear:

    none      no cache
    process   results kept in this process
    redis     a new process each round beside others that know the results: all it knows is there
    away      as `process`, with a Redis that is set and does not answer

`repeats`: of 100 different inputs; `no repeats`: each input is another one. Then the same for
matches of routes among 5,000 devices, of which one says something new before each question: what
the route asks for, or something else.
"""

import asyncio
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from time import perf_counter, process_time
from types import SimpleNamespace
from typing import Any, NamedTuple

import msgspec

from services.decision.answering import Answering
from services.decision.caching.caches import Caches
from services.decision.caching.outbox import Outbox
from services.decision.caching.results import Results
from services.decision.routing.answers import Routes
from services.decision.routing.matches import Matches
from services.decision.settings import DecisionSettings
from stretto.cache import SharedCache
from stretto.cache.shared import NOT_YET
from stretto.contracts.codec import json_encode
from stretto.contracts.frames import DecideFrame, DecideRecord
from stretto.contracts.public import Presence
from stretto.contracts.routes import RankQuestion, RoutePlan
from stretto.telemetry.metrics import Metrics
from stretto.testkit.servers import RedisServer
from tests.unit.decision.plans import plan

FRAME = 20
"""Records; so few that the dearest stay below a second, from which on messages are marked."""

DISTINCT = 100
ROUNDS = 3
MEGABYTE = 1_000_000


class Work(NamedTuple):
    """A plan, how many items its input has, and how many records are asked."""

    name: str
    plan: bytes
    items: int
    records: int


def works(scale: float = 1.0) -> list[Work]:
    """From an expression of usual size to one that goes through a list of 400 objects."""
    usual = plan("input", template={"total": "${{ input.n * 2 + size(input.items) }}"})
    over = "input.items.filter(i, i.price > 10 && i.tags.exists(t, t == 'red')).map(i, i.price)"
    through = plan("input", template={"red": "${{ " + over + " }}"})
    return [
        Work("usual expression, 3 items", usual, 3, round(20_000 * scale)),
        Work("through a list of 10", through, 10, round(10_000 * scale)),
        Work("through a list of 50", through, 50, round(4_000 * scale)),
        Work("through a list of 400", through, 400, round(1_000 * scale)),
    ]


def frames(work: Work, distinct: int) -> list[DecideFrame]:
    """All records of a work, in frames, in an order that mixes the inputs."""
    made = []
    for first in range(0, work.records, FRAME):
        numbers = range(first, min(first + FRAME, work.records))
        inputs = [(number * 37) % distinct for number in numbers]
        made.append(
            DecideFrame(
                plans=[work.plan],
                values=[_input(number, work.items) for number in inputs],
                records=[
                    DecideRecord(number.to_bytes(16, "big"), "step", 1, 0, 0, (index,))
                    for index, number in enumerate(numbers)
                ],
            )
        )
    return made


def _input(number: int, items: int) -> bytes:
    tags = (["red", "new"], ["blue"], ["old", "red"])
    listed = [{"sku": f"s{i}", "price": i % 23, "tags": tags[i % 3]} for i in range(items)]
    return json_encode({"n": number, "items": listed})


def instance(results: Results | None, shared: SharedCache | None = None) -> Answering:
    """The service's loop without a bus."""
    context: Any = SimpleNamespace(
        settings=DecisionSettings(),
        metrics=Metrics(),
        publisher=None,
        service="decision",
        connection=SimpleNamespace(max_payload_bytes=1 << 20),
    )
    return Answering(context, caches=Caches(results, shared))


async def microseconds(answering: Answering, asked: Sequence[DecideFrame]) -> float:
    """Of a record, all frames answered one after the other."""
    began = process_time()
    for frame in asked:
        await answering._answers([(None, frame)])  # type: ignore[list-item]
    return (process_time() - began) * 1e6 / sum(len(frame.records) for frame in asked)


@asynccontextmanager
async def instances(url: str | None) -> AsyncIterator[tuple[Answering, Results]]:
    """A new instance; what it would store in Redis is stored when the block ends."""
    shared = None if url is None else SharedCache(url, "bench:1", timeout_s=1.0)
    outbox = None if shared is None else Outbox(shared)
    results = Results(64 * MEGABYTE, b"bench", outbox)
    tasks = []
    if shared is not None and outbox is not None:
        tasks.append(asyncio.ensure_future(shared.run()))
        tasks.append(asyncio.ensure_future(outbox.run()))
        await _until(lambda: shared.is_up or shared.why_away != NOT_YET)
    yield instance(results, shared), results
    await _until(lambda: not outbox or shared is None or not shared.is_up)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _until(holds: Callable[[], bool]) -> None:
    deadline = perf_counter() + 30
    while not holds():
        assert perf_counter() < deadline
        await asyncio.sleep(0.005)


async def measure(work: Work, distinct: int, server: RedisServer) -> dict[str, float]:
    """Microseconds a record, by the name of the way."""
    asked = frames(work, distinct)
    found: dict[str, list[float]] = {}

    def note(way: str, us: float) -> None:
        found.setdefault(way, []).append(us)

    for _ in range(ROUNDS):
        plain = instance(None)
        await microseconds(plain, asked[:1])
        note("none", await microseconds(plain, asked))
        async with instances(None) as (answering, _results):
            await microseconds(answering, asked[:1])
            note("process", await microseconds(answering, asked))
        await server.start()
        async with instances(server.url) as (answering, _results):
            await microseconds(answering, asked)  # somebody else who has done all of it
        async with instances(server.url) as (answering, _results):
            await microseconds(answering, asked[:1])
            note("redis", await microseconds(answering, asked))
        await server.stop()
        async with instances(server.url) as (answering, _results):
            await microseconds(answering, asked[:1])
            note("away", await microseconds(answering, asked))
    return {way: min(times) for way, times in found.items()}


DEVICES = 5_000


def match_microseconds(*, kept: bool, changes: str) -> float:
    """Of an answer to one of twenty questions, when a device says something new before each."""
    routes = Routes(explore=0.0)
    if not kept:
        routes.matches = Matches(1, 1)
    for number in range(DEVICES):
        routes.heard("default", f"d{number}", _said(number), 0)
    questions = [_question(number) for number in range(20)]
    for question in questions:
        routes.answer(question, 0)
    took = 0.0
    for count in range(3 * len(questions)):
        what = {"battery": count} if changes == "battery" else {"site": count}
        routes.heard("default", "d7", _said(7, **what), 0)
        began = process_time()
        routes.answer(questions[count % len(questions)], 0)
        took += process_time() - began
    return took * 1e6 / (3 * len(questions))


def _said(number: int, **now: int) -> Presence:
    attributes = {"site": number % 100, "battery": 0, **now}
    return Presence(tasks=["scan"], attributes=attributes, slots=4)


def _question(number: int) -> RankQuestion:
    where = f"device.attributes.site % 20 == {number}"
    return RankQuestion(
        id="a",
        namespace="default",
        task="scan",
        plan=msgspec.Raw(json_encode(RoutePlan(where=where))),
    )


async def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        server = RedisServer(folder)
        print(f"{'microseconds a record':42}{'none':>9}{'process':>9}{'redis':>9}{'away':>9}")
        for work in works(float(sys.argv[1]) if len(sys.argv) > 1 else 1.0):
            for name, distinct in (("repeats", DISTINCT), ("no repeats", work.records)):
                found = await measure(work, distinct, server)
                told = "".join(f"{us:9.1f}" for us in found.values())
                print(f"{work.name + ', ' + name:42}{told}", flush=True)
    print(f"{'microseconds a match':42}{'none':>9}{'process':>9}")
    for name, changes in (("something else changes", "battery"), ("what is asked changes", "site")):
        none, process = (match_microseconds(kept=kept, changes=changes) for kept in (False, True))
        print(f"{name:42}{none:9.1f}{process:9.1f}", flush=True)


if __name__ == "__main__":
    asyncio.run(main())
