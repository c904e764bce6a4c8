"""D: thousands of one-step runs started as fast as possible, until the last is complete."""

import asyncio
import time

from stretto.bench.accounting import measured
from stretto.bench.definitions import ONE
from stretto.bench.figures import FiguresD, cost
from stretto.bench.handlers import payload
from stretto.bench.ledger import account_of
from stretto.bench.rig import Rig
from stretto.bench.sizes import Sizes


async def burst(rig: Rig, sizes: Sizes) -> FiguresD:
    """Run D. Runs that did not end are counted, not raised.

    Raises:
        RunFailed: a run ended otherwise than completed (in a group).
    """
    value = payload(1)
    async with measured(rig.parts) as usage:
        began = time.perf_counter()
        runs = await rig.client.start_many((ONE, value) for _ in range(sizes.burst_runs))
        stored = time.perf_counter()
        try:
            async with asyncio.timeout(sizes.give_up_s), asyncio.TaskGroup() as group:
                for run in runs:
                    group.create_task(run.result())
        except TimeoutError:
            pass  # the log says below how many are missing
        ended = time.perf_counter()
    account = await account_of(rig.postgres, [run.id for run in runs])
    return FiguresD(
        seconds=round(ended - began, 3),
        lost=account.lost,
        doubled=account.doubled,
        runs=len(runs),
        stored_s=round(stored - began, 3),
        cost=cost(usage, len(runs)),
    )
