"""How long it takes to find devices, and to be told of them by the service.

`python -m tests.bench.routing_speed [DEVICES] [ROUTES]` prints microseconds of one answer: when the
match is worked out, when it is known, when every device is asked by the condition alone, and when
all of them fit.
`python -m tests.bench.routing_speed --service` starts a bus and the decision service and prints the
latency of 1,000 decisions a second, of rankings and of expressions.
"""

import asyncio
import os
import random
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from statistics import median
from typing import NamedTuple

import msgspec

from services.decision.routing.answers import Routes
from stretto.bus.connection import connect
from stretto.contracts import subjects
from stretto.contracts.codec import json_encode, pack
from stretto.contracts.public import Presence
from stretto.contracts.routes import RankQuestion, RankRequest, RoutePlan
from stretto.testkit.nats_server import NatsServer

SITES, KINDS = 100, 20
SEED = 20_26
RATE = 1_000
SECONDS = 10
WARM_S = 2


class Speeds(NamedTuple):
    """Microseconds (of CPU) of one answer."""

    worked_out: float
    known: float
    one_by_one: float
    all_fit: float


def fleet(devices: int) -> Routes:
    """So many devices in a hundred sites, with two of twenty capabilities each."""
    chance = random.Random(SEED)
    made = Routes(explore=0.0)
    for number in range(devices):
        made.heard("default", f"d{number}", said(chance, number), 0)
    return made


def said(chance: random.Random, number: int) -> Presence:
    return Presence(
        tasks=["scan"],
        capabilities=[f"k{k}" for k in chance.sample(range(KINDS), 2)],
        attributes={"site": f"s{number % SITES}", "accuracy": chance.random()},
        slots=4,
    )


def questions(routes: int, *, plain: bool = False) -> list[RankQuestion]:
    """One a route: a capability, a site, and a number that no index knows."""
    made = []
    for number in range(routes):
        terms = [f"'k{number % KINDS}' in device.capabilities", "device.attributes.site == input"]
        if plain:  # in a form that the index does not know
            terms = [f"({term} ? true : false)" for term in terms]
        where = " && ".join([*terms, f"device.attributes.accuracy >= {number % 7 / 10}"])
        plan = RoutePlan(workflow="w", step=f"r{number}", where=where, paths=(("input",),))
        made.append(
            RankQuestion(
                id=f"id{number}", namespace="default", task="scan",
                plan=msgspec.Raw(json_encode(plan)),
                values=[msgspec.Raw(b'"s%d"' % (number % SITES))],
            )
        )  # fmt: skip
    return made


def measure(devices: int, routes: int) -> Speeds:
    """Measure; routes are compiled before."""
    made = fleet(devices)
    asked = questions(routes)
    few = questions(5, plain=True)
    for question in (*asked, *few):
        made.answer(question, 0)

    def cost(of: list[RankQuestion]) -> float:
        began = time.process_time()
        for question in of:
            made.answer(question, 0)
        return (time.process_time() - began) / len(of) * 1e6

    known = cost(asked)
    made.heard("default", "new", Presence(tasks=["scan"]), 0)  # what was matched is void
    worked_out = cost(asked)
    made.heard("default", "newer", Presence(tasks=["scan"]), 0)
    plan = msgspec.Raw(json_encode(RoutePlan()))
    every = RankQuestion(id="", namespace="default", task="scan", plan=plan)
    crowd = [msgspec.structs.replace(every, id=f"{number}") for number in range(5)]
    return Speeds(worked_out, known, cost(few), cost(crowd))


async def at_rate(ask: Callable[[int], Awaitable[None]]) -> list[float]:
    """Ask so many times a second, whatever the answers take; milliseconds of each."""
    taken: list[float] = []

    async def one(number: int, due: float) -> None:
        await ask(number)
        if number >= RATE * WARM_S:
            taken.append((time.perf_counter() - due) * 1000)

    begun = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for number in range(RATE * (SECONDS + WARM_S)):
            due = begun + number / RATE
            pause = due - time.perf_counter()
            if pause > 0:
                await asyncio.sleep(pause)
            group.create_task(one(number, due))
    return sorted(taken)


async def of_the_service() -> None:
    """Print latencies of a decision service in a process of its own."""
    from tests.integration.decision.asking import Asker, asks, key_of

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
                chance = random.Random(SEED)
                asker = Asker(bus)
                await asker.open()
                while True:
                    try:
                        await bus.request(subjects.api("decision", "stats"), b"", timeout_s=1)
                        break
                    except Exception:  # noqa: BLE001 - not up yet
                        await asyncio.sleep(0.1)

                async def stay_present() -> None:
                    words = [json_encode(said(chance, number)) for number in range(1_000)]
                    while True:
                        for number, data in enumerate(words):
                            await bus.publish(subjects.presence("default", f"d{number}"), data)
                            if number % 10 == 0:
                                await asyncio.sleep(3 / 100)

                present = asyncio.create_task(stay_present())
                await asyncio.sleep(4)
                asked = [json_encode(RankRequest(questions=[q])) for q in questions(200)]

                async def rank(number: int) -> None:
                    await bus.request(subjects.api("decision", "rank"), asked[number % 200])

                shown("rankings, 1,000 devices, 200 routes", await at_rate(rank))
                waiting: dict[object, asyncio.Future[None]] = {}

                def answered(_s: bytes, _r: bytes, _b: bytes, data: bytes) -> None:
                    from stretto.contracts.codec import unpack_decided

                    for record in unpack_decided(data).records:
                        future = waiting.pop(key_of(record), None)
                        if future is not None and not future.done():
                            future.set_result(None)

                await bus.subscribe("stretto.decided.*", answered)

                async def decide(number: int) -> None:
                    frame = asks([number])
                    future = asyncio.get_running_loop().create_future()
                    waiting[key_of(frame.records[0])] = future
                    await bus.publish(subjects.decide(), pack(frame))
                    await future

                shown("expressions, a frame each", await at_rate(decide))
                present.cancel()
                await asker.close()
        finally:
            process.terminate()
            await process.wait()
            await server.stop()


def shown(what: str, taken: list[float]) -> None:
    p99 = taken[int(len(taken) * 0.99)]
    print(f"{what}: p50 {median(taken):.2f} ms, p99 {p99:.2f} ms ({len(taken)} of them)")


if __name__ == "__main__":
    if "--service" in sys.argv:
        asyncio.run(of_the_service())
    else:
        counts = [int(text) for text in sys.argv[1:]] or [10_000, 1_000]
        speeds = measure(counts[0], counts[1])
        for name, value in speeds._asdict().items():
            print(f"{name:12} {value:10.1f} µs")
