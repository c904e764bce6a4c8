"""The worker of the science example: it takes as long as each step of the mosaic says.

    stretto worker docs/examples/science/worker.py

`MOSAIC_SCALE` makes all of them shorter or longer: 0.1 for a look, 10 to watch it on the page.
"""

import asyncio
import os
from typing import TypedDict

from stretto import Context, Worker

SCALE = float(os.environ.get("MOSAIC_SCALE", "1"))

KINDS = ("project", "differ", "fit", "model", "correct", "table", "add", "shrink", "show")
"""Image into the plane of the sky; two neighbours compared; their differences fitted; one model of
the background; it is taken off; a table of images; tiles added up; made smaller; the picture."""

worker = Worker(queue="mosaic", slots=200)
"""More slots than steps are ever ready at once: nothing but the graph holds a step up."""


class Done(TypedDict):
    took_ms: float


async def work(ctx: Context, ms: float) -> Done:
    """Take so many milliseconds, scaled. A program would be called here."""
    await asyncio.sleep(ms * SCALE / 1000)
    return {"took_ms": ms * SCALE}


for kind in KINDS:
    worker.task(f"mosaic.{kind}")(work)
