"""A backlog that is done by as many workers as it wants."""

from __future__ import annotations

import asyncio
import itertools
import re
import time

from stretto.bench.fleets.figure import Figure, Size
from stretto.bench.fleets.handlers import SECOND, SECOND_QUEUE, SLOTS
from stretto.bench.fleets.processes import worker_process
from stretto.bench.rig import Rig

WORKFLOW = "bench-backlog"
SOURCE = f"""\
workflow: {WORKFLOW}
steps:
  wait:
    task: {SECOND}
    queue: {SECOND_QUEUE}
    with: {{seconds: "${{{{ input.seconds }}}}"}}
"""
SECONDS = 1.0
TARGET = "stretto.bench.fleets.handlers:second"
OVERHEAD = 2.0
"""Starting processes, and the tail of the backlog, at most double what the slots alone need."""

GIVE_UP_S = 600.0
_COUNTED = re.compile(rb"(\d+) worker process")


async def backlog(rig: Rig, size: Size) -> list[Figure]:
    """Let the backlog come at once; the processes there are, until there is one again."""
    await rig.client.register(SOURCE)
    low_high = f"1..{size.workers}"
    async with (
        worker_process(rig, TARGET, "--scale", low_high, said=asyncio.subprocess.PIPE) as process,
        asyncio.timeout(GIVE_UP_S),
    ):
        counts: list[int] = []
        await _counted(process, counts, 1)
        began = time.perf_counter()
        starts = ((WORKFLOW, {"seconds": SECONDS}) for _ in range(size.backlog))
        async with asyncio.TaskGroup() as group:
            back = group.create_task(_up_and_back(process, counts, size.workers))
            for run in await rig.client.start_many(starts):
                await run.result()
            drained_s = time.perf_counter() - began
        all_s = back.result() - began
    least_s = size.backlog * SECONDS / (size.workers * SLOTS)
    told = " ".join(map(str, counts))
    return [
        Figure(
            case="scale",
            what=f"{size.backlog:,} tasks of {SECONDS:g} s, {low_high} workers of {SLOTS} slots",
            value=round(drained_s / least_s, 2),
            unit="times the least",
            bound=OVERHEAD,
            note=f"{drained_s:.1f} s; back to one after {all_s:.0f} s; processes: {told}",
        ),
        Figure(
            case="scale",
            what="changes of direction, up or down",
            value=turns(counts),
            unit="turns",
            bound=1,
        ),
    ]


def turns(counts: list[int]) -> int:
    """Return how often a number that grew began to fall, or one that fell began to grow."""
    steps = [after - before for before, after in itertools.pairwise(counts) if after != before]
    return sum((a > 0) != (b > 0) for a, b in itertools.pairwise(steps))


async def _up_and_back(process: asyncio.subprocess.Process, counts: list[int], most: int) -> float:
    """Wait until all were there, and then one is again; the instant of that."""
    await _counted(process, counts, most)
    await _counted(process, counts, 1)
    return time.perf_counter()


async def _counted(process: asyncio.subprocess.Process, counts: list[int], wanted: int) -> None:
    """Read what the scaler says until it has so many processes."""
    assert process.stderr is not None, "it was started with a pipe"
    while line := await process.stderr.readline():
        found = _COUNTED.search(line)
        if found is not None:
            counts.append(int(found.group(1)))
            if counts[-1] == wanted:
                return
    raise AssertionError(f"expected {wanted} processes, but the scaler has ended after {counts}")
