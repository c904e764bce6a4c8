"""A: three sequential steps, one run at a time; from before the start to the result."""

import time
from typing import Any

from stretto.bench.accounting import measured
from stretto.bench.definitions import STEPS_A, THREE
from stretto.bench.ending import ended
from stretto.bench.figures import FiguresA, cost, milliseconds
from stretto.bench.handlers import payload
from stretto.bench.ledger import account_of
from stretto.bench.rig import Rig
from stretto.bench.sizes import Sizes
from stretto.client import Client


async def latency(rig: Rig, sizes: Sizes) -> FiguresA:
    """Run A.

    Raises:
        NotEnded, RunFailed: a run did not complete.
    """
    for _ in range(sizes.warm_up_runs):
        await timed(rig.client, THREE, payload(1), sizes.give_up_s)
    took: list[float] = []
    run_ids: list[str] = []
    async with measured(rig.parts) as usage:
        for _ in range(sizes.single_runs):
            seconds, run_id = await timed(rig.client, THREE, payload(1), sizes.give_up_s)
            took.append(seconds)
            run_ids.append(run_id)
    account = await account_of(rig.postgres, run_ids)
    return FiguresA(
        p50_ms=milliseconds(took, 50),
        p95_ms=milliseconds(took, 95),
        p99_ms=milliseconds(took, 99),
        max_ms=milliseconds(took, 100),
        runs=len(took),
        lost=account.lost,
        cost=cost(usage, len(took) * STEPS_A),
    )


async def timed(client: Client, workflow: str, value: Any, give_up_s: float) -> tuple[float, str]:
    """Run a workflow once; return the seconds from before the start to its result, and its id."""
    began = time.perf_counter()
    run = await client.start(workflow, value)
    await ended(run, give_up_s)
    return time.perf_counter() - began, run.id
