"""The keeper of worker processes on a real bus, with programs in place of workers."""

from __future__ import annotations

import asyncio
import sys

from stretto.bus.connection import connect
from stretto.contracts import subjects
from stretto.contracts.codec import json_encode
from stretto.contracts.scaling import Scaling
from stretto.worker.scaling import Crew, Range, scale

WAITS = (sys.executable, "-c", "import signal; signal.pause()")


async def test_a_crew_follows_what_is_said_within_its_range(nats_url: str) -> None:
    changed: asyncio.Queue[int] = asyncio.Queue()
    crew = Crew(lambda _: WAITS, changed.put_nowait)
    stopping = asyncio.Event()
    async with (
        await connect(nats_url, "test") as connection,
        asyncio.timeout(30),
        asyncio.TaskGroup() as group,
    ):
        places = [("default", "a"), ("default", "b")]
        group.create_task(scale(connection, places, Range(1, 3), crew, stopping))
        assert await changed.get() == 1  # before anybody says anything
        for queue, wanted, then in (("a", 2, 2), ("b", 9, 3)):
            data = json_encode(Scaling(instance="one", wanted=wanted))
            await connection.publish(subjects.scaling("default", queue), data)
            assert await changed.get() == then
        for queue in ("a", "b"):
            data = json_encode(Scaling(instance="one", wanted=0))
            await connection.publish(subjects.scaling("default", queue), data)
        while await changed.get() != 1:
            continue
        stopping.set()
    assert len(crew) == 0
