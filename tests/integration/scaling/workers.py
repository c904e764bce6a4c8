"""A worker with few slots, so that several are wanted soon."""

from __future__ import annotations

import asyncio

from stretto import Worker

few = Worker(queue="few", slots=2, name="few")


@few.task("few.pass")
async def pass_time(ms: float) -> dict[str, float]:
    await asyncio.sleep(ms / 1000)
    return {"took": ms}
