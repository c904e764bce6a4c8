"""Whether a folder can hold what the servers keep: before anything is started, and while it runs.
What is in it may be on disks of their own.

NATS gives up its store for good when a write fails for want of room: it goes on answering, says
that it stores, and acknowledges nothing any more. So it is started again as soon as there is room.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path

from stretto.runtime.errors import PermanentError

LEAST_ROOM_BYTES = 200 * 1024 * 1024
"""A new cluster of Postgres with its first log files, and the streams: 120 MB. With less left, what
stops first and what it says is a matter of chance."""

LOW_ROOM_BYTES = 32 * 1024 * 1024
"""Two log files of Postgres: with less left, writes fail."""

LOOKED_AT_EVERY_S = 3.0


def check_room(data: Path) -> None:
    """Raise PermanentError where the disk of a folder is about full."""
    free = _free(data)
    if free < LEAST_ROOM_BYTES:
        raise PermanentError(
            "dev.no_room",
            f"expected at least {LEAST_ROOM_BYTES >> 20} MB of room in {data}, but there are "
            f"{free >> 20} MB: make room, or give another --data",
        )


async def watch_room(
    data: Path,
    say: Callable[[str], None],
    end_the_bus: Callable[[], Awaitable[None]],
    every_s: float = LOOKED_AT_EVERY_S,
) -> None:
    """Say when the disk is full and when there is room again; end the bus then: who keeps it
    running starts it again. For ever, until cancelled."""
    full = False
    while True:
        await asyncio.sleep(every_s)
        was, full = full, _free(data) < LOW_ROOM_BYTES
        if full and not was:
            say(f"the disk of {data} is full: nothing new is stored until there is room")
        elif was and not full:
            say(f"there is room in {data} again: the bus is started anew")
            await end_the_bus()


def _free(data: Path) -> int:
    """What is free on the disk of a folder, or of one in it, if that is a disk of its own."""
    folders = (data, *(each for each in data.iterdir() if each.is_dir()))
    return min(shutil.disk_usage(each).free for each in folders)
