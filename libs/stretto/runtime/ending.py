"""End tasks and servers for certain: libraries swallow a cancellation now and then."""

import asyncio
import logging
from collections.abc import Iterable

from stretto.telemetry.names import LOG_TASKS

AGAIN_S = 1.0
"""A task that goes on so long after it was cancelled has either something to finish, or lost the
cancellation to a library that took it for its own (nats-py's `wait_for`, a driver's clean-up)."""

_logger = logging.getLogger(__name__)


async def ended(tasks: Iterable[asyncio.Task[None]], *, again_s: float = AGAIN_S) -> None:
    """Cancel tasks and return when all have ended; those that go on are cancelled again.

    Errors stay in the tasks: their group raises them. It waits for as long as a task refuses to
    end; `shutdown_timeout_s` bounds that for a process.
    """
    left = {task for task in tasks if not task.done()}
    while left:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=again_s)
        if left:
            told = sorted(getattr(t.get_coro(), "__qualname__", t.get_name()) for t in left)
            _logger.warning("cancelled again", extra={LOG_TASKS: told})


async def stop_listening(server: asyncio.Server, open_: Iterable[asyncio.StreamWriter]) -> None:
    """Stop a server of ours and cut off who is still connected."""
    server.close()
    for writer in list(open_):
        writer.close()
    await server.wait_closed()
