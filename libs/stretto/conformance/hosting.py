"""A bus of its own for a check, and the command of the worker under test on it."""

from __future__ import annotations

import asyncio
import os
import signal
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from stretto.runtime.errors import PermanentError
from stretto.testkit.nats_server import NatsServer

NATS_VARIABLES = ("STRETTO_NATS_URL", "NATS_URL")
"""Both say to the worker where the bus is; `{nats}` in its command does, too."""

WORKER_ENDED = "check.worker_ended"

END_S = 10.0
"""A worker that was asked to end has so long; then it is killed."""


@asynccontextmanager
async def own_bus() -> AsyncIterator[str]:
    """Run a NATS server in a temporary folder; gives its URL."""
    with tempfile.TemporaryDirectory(prefix="stretto-check-") as folder:
        server = NatsServer(Path(folder))
        await server.start()
        try:
            yield server.url
        finally:
            await server.stop()


@asynccontextmanager
async def worker_process(
    command: Sequence[str], nats: str
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run the command of a worker until the block ends; what it prints goes where ours does.

    Raises:
        PermanentError: it cannot be started, or ended while it was tried: then the block is
            cancelled at once, for nothing that it finds out counts.
    """
    words = [word.replace("{nats}", nats) for word in command]
    environment = {**os.environ, **dict.fromkeys(NATS_VARIABLES, nats)}
    try:
        process = await asyncio.create_subprocess_exec(
            *words, env=environment, stdout=asyncio.subprocess.DEVNULL
        )
    except OSError as error:
        reason = f"expected to start {words[0]!r}, but: {error.strerror}"
        raise PermanentError("check.not_started", reason) from error
    try:
        async with asyncio.TaskGroup() as group:
            watching = group.create_task(_watch(process))
            yield process
            if process.returncode is not None:
                raise _ended(process.returncode)
            watching.cancel()
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from None
    finally:
        await _end(process)


async def _watch(process: asyncio.subprocess.Process) -> None:
    raise _ended(await process.wait())


def _ended(code: int) -> PermanentError:
    return PermanentError(
        WORKER_ENDED,
        f"expected the worker to live on while it is tried, but it ended with exit code {code}; "
        "what it printed stands above",
    )


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.send_signal(signal.SIGTERM)
    try:
        async with asyncio.timeout(END_S):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
