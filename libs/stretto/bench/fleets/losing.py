"""How soon the loss of a worker is noticed."""

from __future__ import annotations

import asyncio
import signal
import time

from stretto.bench.fleets.figure import Figure, Size
from stretto.bench.fleets.handlers import LOST, LOST_QUEUE
from stretto.bench.fleets.processes import worker_process
from stretto.bench.rig import Rig
from stretto.client import Run

HEARTBEAT_S = 1.0
WORKFLOW = "bench-lost"
SOURCE = f"""\
workflow: {WORKFLOW}
steps:
  hang:
    task: {LOST}
    queue: {LOST_QUEUE}
    timeout: {{run: 1h, heartbeat: {HEARTBEAT_S:g}s}}
    retry: {{max_attempts: 1}}
"""
GIVE_UP_S = 60.0
FIRST_SIGN_S = 2 * HEARTBEAT_S
"""By then the attempt has said that it lives at least once."""


async def losing(rig: Rig, size: Size) -> list[Figure]:
    """Kill a worker under an attempt, a few times; the longest time until the log says so."""
    await rig.client.register(SOURCE)
    took = [await _noticed(rig) for _ in range(size.losses)]
    return [
        Figure(
            case="lost",
            what=f"{size.losses} killed workers, heartbeat {HEARTBEAT_S:g} s, the longest",
            value=round(max(took), 3),
            unit="s to the event",
            bound=2 * HEARTBEAT_S,
            note=f"the shortest {min(took):.3f} s",
        )
    ]


async def _noticed(rig: Rig) -> float:
    target = "stretto.bench.fleets.handlers:lost"
    async with worker_process(rig, target) as process, asyncio.timeout(GIVE_UP_S):
        run = await rig.client.start(WORKFLOW)
        began = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            failed = group.create_task(_until_failed(run, began))
            await began.wait()
            await asyncio.sleep(FIRST_SIGN_S)
            process.send_signal(signal.SIGKILL)
            killed = time.time()
        return failed.result() - killed


async def _until_failed(run: Run, began: asyncio.Event) -> float:
    """Return the instant of the event that says that the attempt is lost."""
    async for event in run.events():
        if event.type == "step.started":
            began.set()
        if event.type == "step.failed":
            return event.at.timestamp()
    raise AssertionError("expected the attempt to fail, but its run has ended without")
