"""C: one run with 100 parallel steps joined; and 20 branches of 50 ms against the same in
sequence."""

from __future__ import annotations

from typing import Any

from stretto.bench.accounting import measured
from stretto.bench.definitions import BRANCHES, FAN, FAN_OUT, PARALLEL, SEQUENCE
from stretto.bench.figures import FiguresC, cost, milliseconds, percentile
from stretto.bench.ledger import account_of
from stretto.bench.rig import Rig
from stretto.bench.sizes import Sizes
from stretto.bench.workloads.latency import timed

_WARM_UP_SHARE = 10
"""A run has a hundred steps: a tenth of the other workloads' runs warms as well."""


async def fan_out(rig: Rig, sizes: Sizes) -> FiguresC:
    """Run C.

    Raises:
        NotEnded, RunFailed: a run did not complete.
    """
    run_ids: list[str] = []

    async def several(workflow: str, items: int, times: int) -> list[float]:
        value: dict[str, Any] = {"items": list(range(items))}
        took: list[float] = []
        for _ in range(times):
            seconds, run_id = await timed(rig.client, workflow, value, sizes.give_up_s)
            took.append(seconds)
            run_ids.append(run_id)
        return took

    await several(FAN_OUT, FAN, 1 + sizes.warm_up_runs // _WARM_UP_SHARE)
    async with measured(rig.parts) as usage:
        fans = await several(FAN_OUT, FAN, sizes.fan_runs)
    await several(PARALLEL, BRANCHES, 1)
    parallel = percentile(await several(PARALLEL, BRANCHES, sizes.branch_runs), 50)
    sequence = percentile(await several(SEQUENCE, BRANCHES, sizes.branch_runs), 50)
    account = await account_of(rig.postgres, run_ids)
    return FiguresC(
        p50_ms=milliseconds(fans, 50),
        p95_ms=milliseconds(fans, 95),
        speedup=round(sequence / parallel, 2),
        parallel_ms=round(parallel * 1000, 3),
        sequence_ms=round(sequence * 1000, 3),
        runs=len(fans),
        lost=account.lost,
        cost=cost(usage, len(fans) * FAN),
    )
