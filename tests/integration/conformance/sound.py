"""A worker of our own SDK with the handlers that a check asks for."""

from __future__ import annotations

import asyncio
from typing import Any

from stretto import Worker

worker = Worker(queue="check", slots=20, name="sound")


@worker.task("check.echo")
async def echo(**value: Any) -> dict[str, Any]:
    return value


@worker.task("check.sleep")
async def sleep(ms: float) -> dict[str, float]:
    await asyncio.sleep(ms / 1000)
    return {"slept": ms}


@worker.task("check.fail")
async def fail() -> None:
    raise RuntimeError("asked to fail")


@worker.task("check.large")
async def large(bytes: int) -> dict[str, str]:  # noqa: A002 - the word of the check
    return {"text": "x" * bytes}
