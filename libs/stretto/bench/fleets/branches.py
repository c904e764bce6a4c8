"""100 equal branches against the same in sequence."""

from __future__ import annotations

from statistics import median

from stretto.bench.definitions import BRANCH_MS, SEQUENCE, fan
from stretto.bench.fleets.figure import Figure, Size
from stretto.bench.handlers import SLEEP
from stretto.bench.rig import Rig
from stretto.bench.workloads.latency import timed

WIDE = "bench-wide"
AT_LEAST = 60.0
REPEATS = 10
GIVE_UP_S = 120.0


async def branches(rig: Rig, size: Size) -> list[Figure]:
    """Run them side by side a few times, and once one after the other."""
    await rig.client.register(fan(WIDE, SLEEP, size.branches))
    items = {"items": list(range(size.branches))}

    async def took(workflow: str) -> float:
        return (await timed(rig.client, workflow, items, GIVE_UP_S))[0]

    await took(WIDE)
    side_by_side = median([await took(WIDE) for _ in range(REPEATS)])
    in_sequence = await took(SEQUENCE)
    return [
        Figure(
            case="branches",
            what=f"{size.branches} branches of {BRANCH_MS} ms against a sequence",
            value=round(in_sequence / side_by_side, 1),
            unit="times",
            bound=AT_LEAST,
            kind="at least",
            note=f"{side_by_side * 1000:.1f} ms against {in_sequence:.2f} s",
        )
    ]
