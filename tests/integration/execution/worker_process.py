"""A worker for tests that kill it: says on its subject that it has begun, then takes its time."""

import asyncio
import os

from stretto import Worker
from stretto.bus.connection import connect
from stretto.worker import run_workers

worker = Worker(queue="slow", slots=4, name=os.environ.get("WORKER_NAME"))


@worker.task("slow.work")
async def work(seconds: float = 0.0) -> str:
    """Tell who has begun, wait, return who did it."""
    async with await connect(os.environ["STRETTO_NATS_URL"], "telling") as connection:
        await connection.publish("begun", worker.name.encode())
        await connection.flush()
    await asyncio.sleep(seconds)
    return worker.name


if __name__ == "__main__":
    raise SystemExit(run_workers([worker]))
