"""Many attempts for one slot."""

from __future__ import annotations

import asyncio
import math

from stretto.bench.accounting import memory_mb
from stretto.bench.fleets.figure import Figure, Size
from stretto.bench.rig import Rig
from stretto.worker import Worker

QUEUE = "bench-one"
TASK = "bench.one"
WORKFLOW = "bench-for-one"
SOURCE = f"""\
workflow: {WORKFLOW}
steps:
  do:
    task: {TASK}
    queue: {QUEUE}
    priority: "${{{{ input.priority }}}}"
    with: {{priority: "${{{{ input.priority }}}}", n: "${{{{ input.n }}}}"}}
"""
PRIORITIES = 10
START_AT_ONCE = 2_000
WORK_S = 0.001
LET_OUT = 100
"""What is out before the order is known, or ahead of the slot, may go first: so many at most."""

KB_EACH = 10.0
"""Of the memory of the execution service: what is sent for an attempt, and its place."""

GIVE_UP_S = 600.0
LOOK_S = 0.2


async def waiting(rig: Rig, size: Size) -> list[Figure]:
    """Let them wait, measure, then let one worker do them one after the other."""
    await rig.client.register(SOURCE)
    before = _execution_mb(rig)
    wanted = [{"priority": n % PRIORITIES, "n": n} for n in range(size.waiting)]
    async with asyncio.timeout(GIVE_UP_S):
        for first in range(0, len(wanted), START_AT_ONCE):
            piece = wanted[first : first + START_AT_ONCE]
            await rig.client.start_many((WORKFLOW, value) for value in piece)
        while await _held(rig) < size.waiting:  # noqa: ASYNC110 - the service is asked
            await asyncio.sleep(LOOK_S)
        after = _execution_mb(rig)
        done = await _drained(rig, size.waiting)
    early, late = disorder(done)
    return [
        Figure(
            case="waiting",
            what=f"{size.waiting:,} attempts for one slot, memory of execution for each",
            value=round((after - before) * 1000 / size.waiting, 2),
            unit="kB",
            bound=KB_EACH,
            note=f"{before:.0f} MB before, {after:.0f} MB with them",
        ),
        Figure(
            case="waiting",
            what="done before one of a higher priority that waited",
            value=early,
            unit="attempts",
            bound=LET_OUT,
            note=f"of one priority: at most {late} places from the order in which they came",
        ),
    ]


def disorder(done: list[tuple[int, int]]) -> tuple[int, int]:
    """Return how many (priority, number) came before one of a higher priority, and the furthest
    that one stood from its place among those of its priority."""
    highest, early = -1, 0
    for priority, _ in reversed(done):
        early += priority < highest
        highest = max(highest, priority)
    furthest = 0
    for level in {priority for priority, _ in done}:
        came = [n for priority, n in done if priority == level]
        places = {n: place for place, n in enumerate(sorted(came))}
        furthest = max(furthest, *(abs(places[n] - place) for place, n in enumerate(came)))
    return early, furthest


async def _held(rig: Rig) -> int:
    queues = {queue.queue: queue for queue in await rig.client.queues()}
    return queues[QUEUE].waiting + queues[QUEUE].in_flight if QUEUE in queues else 0


async def _drained(rig: Rig, count: int) -> list[tuple[int, int]]:
    """Do all of them with one slot; their priorities and numbers in the order they came."""
    done: list[tuple[int, int]] = []
    stopping = asyncio.Event()
    worker = Worker(QUEUE, slots=1, url=rig.nats)

    @worker.task(TASK)
    async def one(priority: int, n: int) -> None:
        done.append((priority, n))
        await asyncio.sleep(WORK_S)
        if len(done) == count:
            stopping.set()

    await worker.run(stopping)
    return done


def _execution_mb(rig: Rig) -> float:
    found = memory_mb({"execution": rig.parts()["execution"]})
    return math.nan if found is None else found["execution"]
