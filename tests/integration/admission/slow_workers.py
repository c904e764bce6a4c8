"""The worker of the queue that has a rate."""

from __future__ import annotations

import time
from typing import Any

from stretto import Worker

worker = Worker(queue="admission-slow", slots=50)


@worker.task("admission.hold")
async def hold(seconds: float, n: int) -> dict[str, Any]:
    return {"began": time.time(), "ended": time.time() + seconds, "n": n}
