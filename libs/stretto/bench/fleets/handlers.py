"""The workers of these cases, each with a queue of its own: `stretto worker MODULE:name`."""

import asyncio

from stretto.worker import Worker

LOST = "bench.lost"
SECOND = "bench.second"
LOST_QUEUE = "bench-lost"
SECOND_QUEUE = "bench-second"

SLOTS = 20
"""Of each process of the backlog: eight of them do 5,000 tasks of a second in half a minute."""

FOREVER_S = 3600.0

MOSAIC_SLOTS = 200
"""More than steps of the mosaic are ever ready at once."""

MOSAIC_KINDS = (
    *("project", "differ", "fit", "model", "correct"),
    *("table", "add", "shrink", "show"),
)

RECORDED = "recorded.step"
RECORDED_QUEUE = "recorded"
RECORDED_SLOTS = 2_000

lost = Worker(LOST_QUEUE, slots=4)
second = Worker(SECOND_QUEUE, slots=SLOTS)
mosaic = Worker("mosaic", slots=MOSAIC_SLOTS)
recorded = Worker(RECORDED_QUEUE, slots=RECORDED_SLOTS)


@lost.task(LOST)
async def hang() -> None:
    """Take longer than anybody waits."""
    await asyncio.sleep(FOREVER_S)


@second.task(SECOND)
async def wait(seconds: float) -> None:
    """Take so long."""
    await asyncio.sleep(seconds)


@recorded.task(RECORDED)
async def pass_time(ms: float) -> dict[str, float]:
    """Take so many milliseconds."""
    await asyncio.sleep(ms / 1000)
    return {"took": ms}


for kind in MOSAIC_KINDS:
    mosaic.task(f"mosaic.{kind}")(pass_time)
