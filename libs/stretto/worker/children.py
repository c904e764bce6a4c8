"""Worker processes that another process keeps: begun, told to drain, waited for."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Sequence

END_S = 60.0
"""At the end processes have so long to drain; they give up by themselves long before."""


async def begun(command: Sequence[str]) -> asyncio.subprocess.Process:
    """Start a process. Ctrl-C is for us: each is told once to drain, not twice."""
    return await asyncio.create_subprocess_exec(*command, start_new_session=True)


def told_to_end(process: asyncio.subprocess.Process) -> asyncio.subprocess.Process:
    """Tell a process to drain, unless it has ended; return it."""
    if process.returncode is None:
        process.send_signal(signal.SIGTERM)
    return process


async def all_ended(processes: Sequence[asyncio.subprocess.Process]) -> None:
    """Wait until all have ended; kill those that have not after `END_S`."""
    try:
        async with asyncio.timeout(END_S):
            for process in processes:
                await process.wait()
    except TimeoutError:
        for process in processes:
            if process.returncode is None:
                process.kill()
            await process.wait()
