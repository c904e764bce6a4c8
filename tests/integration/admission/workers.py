"""The worker of these tests: it says when each attempt began and ended."""

from __future__ import annotations

import asyncio
import os
import time
from typing import Any

from stretto import Worker

worker = Worker(
    queue="admission",
    slots=int(os.environ.get("WORKER_SLOTS", "4")),
    resources={"scope": 1},
)


@worker.task("admission.hold")
async def hold(seconds: float = 0.1, **given: Any) -> dict[str, Any]:
    began = time.time()
    await asyncio.sleep(seconds)
    return {"began": began, "ended": time.time(), **given}
