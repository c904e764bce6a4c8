"""A worker module of the tests: a device that writes down what it does."""

import asyncio
import os
from pathlib import Path

from stretto import Worker

NAME = os.environ["DEVICE_NAME"]
DONE = Path(os.environ["DEVICE_DONE"])

worker = Worker(
    name=NAME,
    queue=os.environ.get("DEVICE_QUEUE", "fleet"),
    slots=2,
    attributes={"site": os.environ.get("DEVICE_SITE", "north"), "model": "m1"},
    labels={"ring": "edge"},
)


def note(what: str) -> None:
    with DONE.open("a") as file:
        file.write(f"{NAME} {what}\n")


@worker.task("fw.install")
async def install(version: str) -> dict[str, object]:
    """Install; fail or take long when told so."""
    note(f"install {version}")
    await asyncio.sleep(float(os.environ.get("DEVICE_SECONDS", "0.01")))
    if os.environ.get("DEVICE_BROKEN"):
        raise RuntimeError("no room")
    return {"version": version, "by": NAME}


@worker.task("fw.restore")
async def restore(version: str) -> dict[str, object]:
    """Undo an installation."""
    note(f"restore {version}")
    return {"by": NAME}
