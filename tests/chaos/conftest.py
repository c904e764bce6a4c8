"""A running stack with a worker, and the plain question: is every run complete, once?"""

import asyncio
import os
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator

import asyncpg
import pytest_asyncio

from stretto.bench.rig import Rig, RigOptions, rig

STEPS = 10
END_TIMEOUT_S = 90.0


class World:
    """What a chaos test does to a stack, and what it asks of it afterwards."""

    def __init__(self, built: Rig) -> None:
        self.rig = built
        self.client = built.client
        self.started: list[str] = []

    async def start(self, count: int, *, workflow: str = "bench-ten") -> None:
        """Start runs; those that the bus has stored are expected to complete."""
        for number in range(count):
            run = await self.client.start(workflow, {"n": number})
            self.started.append(run.id)

    def kill(self, part: str) -> None:
        """End every process of a part without a word."""
        pids = self.rig.parts()[part]
        assert pids, f"{part} runs"
        for pid in pids:
            os.kill(pid, signal.SIGKILL)

    async def all_accepted(self) -> None:
        """Every run that was started is in the log."""
        deadline = time.monotonic() + END_TIMEOUT_S
        while len(await self._statuses()) < len(self.started):
            assert time.monotonic() < deadline, "expected the log to have every run"
            await asyncio.sleep(0.02)

    async def all_complete_once(self) -> None:
        """Every run that was started is completed, each of its steps once, nothing else is
        there."""
        deadline = time.monotonic() + END_TIMEOUT_S
        wanted = set(self.started)
        while True:
            status = await self._statuses()
            if len(status) == len(wanted) and set(status.values()) == {"completed"}:
                break
            open_ = [run for run in wanted if status.get(run) != "completed"]
            assert time.monotonic() < deadline, await self._why(open_)
            await asyncio.sleep(0.25)
        assert set(status) == wanted, "no run is doubled"
        await self._each_step_once()

    async def _why(self, left: list[str]) -> str:
        told = [await self.client.explain(run) for run in left[:1]]
        return f"{len(left)} of {len(self.started)} are not completed: {left[:3]} {told}"

    async def _statuses(self) -> dict[str, str]:
        rows = await self._ask("select run_id::text, status from workflow.run")
        return {row[0]: row[1] for row in rows}

    async def _each_step_once(self) -> None:
        rows = await self._ask(
            "select run_id::text, type, data->>'step' from workflow.event "
            "where type in ('step.completed', 'run.started', 'run.completed')"
        )
        found = Counter((row[0], row[1], row[2]) for row in rows)
        doubled = [key for key, times in found.items() if times > 1]
        assert not doubled, doubled
        per_run = Counter(run for run, type_, _ in found if type_ == "step.completed")
        assert set(per_run.values()) == {STEPS}

    async def _ask(self, sql: str) -> list[asyncpg.Record]:
        for _ in range(60):
            try:
                connection = await asyncpg.connect(self.rig.postgres, timeout=5)
            except (OSError, asyncpg.PostgresError):
                await asyncio.sleep(0.25)  # it was killed by the test and is coming up
                continue
            try:
                return await connection.fetch(sql)
            finally:
                await connection.close()
        raise AssertionError("expected Postgres to come back, but it did not")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world() -> AsyncIterator[World]:
    """Give a stack of the product's defaults, without the gateway, and one worker.

    It is the same for all tests of a module: what was complete must stay so, whatever comes next.
    """
    async with rig(RigOptions(scale={"gateway": 0})) as built:
        yield World(built)
