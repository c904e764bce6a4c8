"""E: ten sequential steps at half of the highest throughput: what a user of a busy system waits."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace

from stretto.bench.accounting import measured
from stretto.bench.definitions import STEPS_B, TEN
from stretto.bench.ending import ended
from stretto.bench.figures import FiguresE, cost, milliseconds
from stretto.bench.handlers import payload
from stretto.bench.ledger import account_of
from stretto.bench.rig import Rig
from stretto.bench.sizes import Sizes
from stretto.bench.workloads.throughput import throughput

SHARE = 0.5
"""Of the highest throughput: a system that people depend on is not driven harder for long."""


async def steady(rig: Rig, sizes: Sizes) -> FiguresE:
    """Run E: starts at fixed instants, whether or not the runs before have ended.

    A run's time counts from the instant at which it was due, so that a start that is held up is not
    forgiven. The highest throughput is that of B in the same report, else B is run for it.

    Raises:
        NotEnded, RunFailed: a run did not complete (in a group).
    """
    if rig.highest_runs_per_s is None:
        await throughput(rig, replace(sizes, seconds=min(sizes.seconds, sizes.steady_s)))
        await rig.settled(sizes.settle_s)
    assert rig.highest_runs_per_s is not None
    rate = rig.highest_runs_per_s * SHARE
    count = max(1, round(rate * sizes.steady_s))
    took: list[float] = []
    run_ids: list[str] = []

    async def one(due: float) -> None:
        run = await rig.client.start(TEN, payload(1))
        run_ids.append(run.id)
        await ended(run, sizes.give_up_s)
        took.append(time.perf_counter() - due)

    async with measured(rig.parts) as usage, asyncio.TaskGroup() as group:
        began = time.perf_counter()
        for number in range(count):
            due = began + number / rate
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            group.create_task(one(due))
    account = await account_of(rig.postgres, run_ids)
    return FiguresE(
        started_per_s=round(rate, 1),
        highest_per_s=round(rig.highest_runs_per_s, 1),
        p50_ms=milliseconds(took, 50),
        p95_ms=milliseconds(took, 95),
        p99_ms=milliseconds(took, 99),
        seconds=round(usage.seconds, 2),
        runs=len(took),
        lost=account.lost,
        cost=cost(usage, len(took) * STEPS_B),
    )
