"""A worker module of the tests: a device whose name, site and failings the environment says."""

import asyncio
import os
from pathlib import Path

from stretto import Worker

NAME = os.environ["DEVICE_NAME"]

worker = Worker(
    name=NAME,
    queue=os.environ.get("DEVICE_QUEUE", "devices"),
    slots=int(os.environ.get("DEVICE_SLOTS", "2")),
    capabilities=("scanner",),
    attributes={"site": os.environ.get("DEVICE_SITE", "north")},
)


@worker.task("route.read")
async def read(n: int) -> dict[str, object]:
    """Say who read it; fail or take long when told so."""
    await asyncio.sleep(float(os.environ.get("DEVICE_SECONDS", "0.01")))
    until = os.environ.get("DEVICE_BROKEN_UNTIL")  # a file: when it is there the device is repaired
    if os.environ.get("DEVICE_BROKEN") or (until and not Path(until).exists()):
        raise RuntimeError("the lens is broken")
    return {"n": n, "by": NAME}
