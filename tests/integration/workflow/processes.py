"""Instances of the workflow service as processes of their own, to be killed."""

import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.integration.workflow.world import World, until


class Instance:
    """A process of the service."""

    def __init__(self, world: World, name: str, **settings: str) -> None:
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(("libs", ".")),
            "STRETTO_NATS_URL": world.nats_url,
            "STRETTO_POSTGRES_DSN": world.dsn,
            "STRETTO_INSTANCE": name,
            "STRETTO_LOG_LEVEL": "warning",
            **{f"STRETTO_{key.upper()}": value for key, value in settings.items()},
        }
        self._process = subprocess.Popen(
            [sys.executable, "-m", "services.workflow"], env=environment, stderr=subprocess.PIPE
        )

    @property
    def pid(self) -> int:
        return self._process.pid

    def send(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    async def ended(self) -> tuple[int, str]:
        """Wait for its end: exit code and what it said."""
        await until(lambda: self._process.poll() is not None)
        assert self._process.stderr is not None
        with self._process.stderr as told:
            return int(self._process.returncode), told.read().decode()

    async def kill(self) -> None:
        if self._process.poll() is None:
            self.send(signal.SIGKILL)
        await self.ended()


@asynccontextmanager
async def instance(world: World, name: str, **settings: str) -> AsyncIterator[Instance]:
    """Run an instance as a process; killed at the end, if it still runs."""
    process = Instance(world, name, **settings)
    try:
        yield process
    finally:
        if process._process.poll() is None:
            await process.kill()
        elif process._process.stderr is not None:
            process._process.stderr.close()


async def shares(world: World) -> list[int]:
    """How many partitions each session holds, the most first."""
    rows = await world.sql(
        "select count(*) filter (where classid = $1)::int from pg_locks "
        "where locktype = 'advisory' and granted and classid in ($1, $2) and database = "
        "(select oid from pg_database where datname = current_database()) "
        "group by pid order by 1 desc",
        0x5712,
        0x5713,
    )
    return [row[0] for row in rows]
