"""Worker processes of these cases."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from stretto.bench.rig import Rig
from stretto.dev.process import stopped
from stretto.testkit.process import launched


@asynccontextmanager
async def worker_process(
    rig: Rig, target: str, *options: str, said: int = asyncio.subprocess.DEVNULL
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run `stretto worker TARGET OPTIONS` until the block ends; `said` is where it writes to."""
    command = (
        *(sys.executable, "-P", "-m", "stretto.cli.main", "worker", target),
        *("--nats", rig.nats, *options),
    )
    process = await asyncio.create_subprocess_exec(
        *launched(command, run_as=None, death_signal=signal.SIGTERM),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=said,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        await stopped(process)
