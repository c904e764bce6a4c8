"""B: ten sequential steps, many runs in flight: as one ends, the next is started."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field

from stretto.bench.accounting import Usage, measured
from stretto.bench.definitions import STEPS_B, TEN
from stretto.bench.ending import ended
from stretto.bench.figures import FiguresB, cost, milliseconds
from stretto.bench.handlers import payload
from stretto.bench.ledger import account_of
from stretto.bench.rig import CatchUp, Rig
from stretto.bench.sizes import Sizes


@dataclass
class _Loop:
    """Runs in a closed loop, and what was seen of them."""

    rig: Rig
    give_up_s: float
    open: bool = True
    run_ids: list[str] = field(default_factory=list)
    ended: list[tuple[float, float]] = field(default_factory=list)
    """Of every run: when it ended, and how long it took, in seconds."""

    async def lane(self) -> None:
        """Start a run, wait for its result, again and again while the loop is open."""
        value = payload(1)
        while self.open:
            began = time.perf_counter()
            run = await self.rig.client.start(TEN, value)
            self.run_ids.append(run.id)
            await ended(run, self.give_up_s)
            now = time.perf_counter()
            self.ended.append((now, now - began))


async def throughput(rig: Rig, sizes: Sizes) -> FiguresB:
    """Run B.

    Raises:
        NotEnded, RunFailed: a run did not complete (in a group).
        TimeoutError: none ended while it was measured.
    """
    loop = _Loop(rig, sizes.give_up_s)
    async with asyncio.TaskGroup() as group:
        for _ in range(sizes.in_flight):
            group.create_task(loop.lane())
        await asyncio.sleep(sizes.warm_up_s)
        opened = time.perf_counter()
        async with measured(rig.parts) as usage:
            await asyncio.sleep(sizes.seconds)
        closed = time.perf_counter()
        loop.open = False
    took = [seconds for at, seconds in loop.ended if opened <= at < closed]
    catch_up = await rig.settled(sizes.settle_s)
    account = await account_of(rig.postgres, loop.run_ids)
    figures = figures_of(sizes, took, usage, account.lost, catch_up)
    rig.highest_runs_per_s = figures.runs_per_s
    return figures


def figures_of(
    sizes: Sizes,
    took: list[float],
    usage: Usage,
    lost: int,
    catch_up: CatchUp,
) -> FiguresB:
    """Sum up what was seen of the runs that ended while it was measured.

    Raises:
        TimeoutError: none did.
    """
    if not took:
        raise TimeoutError(
            f"expected runs to end within {sizes.seconds:g} s, but none of the "
            f"{sizes.in_flight} in flight did"
        )
    runs_per_s = len(took) / usage.seconds
    spent = cost(usage, len(took) * STEPS_B)
    return FiguresB(
        runs_per_s=round(runs_per_s, 1),
        steps_per_s=round(runs_per_s * STEPS_B, 1),
        p50_ms=milliseconds(took, 50),
        p95_ms=milliseconds(took, 95),
        p99_ms=milliseconds(took, 99),
        cpu_ms_per_step=spent.cpu_ms_per_step,
        rss_mb_peak=spent.rss_mb_peak,
        in_flight=sizes.in_flight,
        seconds=round(usage.seconds, 2),
        runs=len(took),
        lost=lost,
        catch_up_s=round(catch_up.seconds, 1),
        catch_up_cpu_s=round(catch_up.cpu_s, 2),
        cost=spent,
    )
