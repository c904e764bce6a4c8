"""Workers that do nothing, for as long as they are told."""

from __future__ import annotations

import asyncio

from stretto import Worker

from .mosaic import USUAL_MS

SLOTS = 200
"""More than steps of the mosaic are ever ready at once."""

mosaic = Worker(queue="mosaic", slots=SLOTS)
narrow = Worker(queue="dock", slots=1)


async def pass_time(ms: float) -> dict[str, float]:
    await asyncio.sleep(ms / 1000)
    return {"took": ms}


for kind in USUAL_MS:
    mosaic.task(f"mosaic.{kind}")(pass_time)
narrow.task("dock")(pass_time)
