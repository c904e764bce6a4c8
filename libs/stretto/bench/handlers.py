"""The worker module of the benchmark: `stretto worker stretto.bench.handlers`."""

import asyncio
import json
from typing import Any

from stretto.worker import Worker

NO_OP = "bench.no_op"
SLEEP = "bench.sleep"

PAYLOAD_BYTES = 200
"""What a step gives back, as JSON, for one-digit `n`."""

SLEEP_S = 0.05

_FILLER = "x" * (PAYLOAD_BYTES - len(json.dumps({"n": 0, "data": ""}, separators=(",", ":"))))

worker = Worker()


def payload(n: int) -> dict[str, Any]:
    """Return a value that is about `PAYLOAD_BYTES` long as JSON."""
    return {"n": n, "data": _FILLER}


@worker.task(NO_OP)
async def no_op(n: int) -> dict[str, Any]:
    """Do nothing."""
    return payload(n)


@worker.task(SLEEP)
async def sleep(n: int) -> dict[str, Any]:
    """Take 50 ms."""
    await asyncio.sleep(SLEEP_S)
    return payload(n)
