"""The worker of these tests: run with `stretto worker`, as a person would."""

from __future__ import annotations

import asyncio
from typing import Any

from stretto import Worker
from stretto.worker import Context, NonRetryable

worker = Worker(queue="whole", slots=10)


@worker.task("whole.echo")
async def echo(**given: Any) -> dict[str, Any]:
    return given


class CardDeclined(NonRetryable):
    """The name is the type of the failure."""


@worker.task("whole.fail")
async def fail() -> None:
    raise CardDeclined("it was told to")


@worker.task("whole.slow")
async def slow(ctx: Context, seconds: float = 30.0) -> dict[str, Any]:
    parts = 20
    for done in range(parts):
        ctx.progress(done / parts, f"part {done}")
        await asyncio.sleep(seconds / parts)
    return {"parts": parts}
