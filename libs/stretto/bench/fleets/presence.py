"""What devices cost that only tell that they are there."""

from __future__ import annotations

import asyncio

from stretto.bench.accounting import measured
from stretto.bench.fleets.figure import Figure, Size
from stretto.bench.growing.filling import PRESENCE_EVERY_S, devices
from stretto.bench.rig import PART_BENCH, Rig

AT_MOST = 5.0
MOST_SETTLING_S = 30.0


async def presence(rig: Rig, size: Size) -> list[Figure]:
    """Measure the stack idle, then with the devices; they are played by this process, which does
    not count."""
    await rig.settled(min(size.seconds, MOST_SETTLING_S))
    idle = await _share(rig, size.seconds)
    async with devices(rig, size.devices):
        told = await _share(rig, size.seconds)
    by_part = {part: told[part] - idle.get(part, 0.0) for part in told}
    parts = sorted(by_part.items(), key=lambda each: -each[1])
    return [
        Figure(
            case="presence",
            what=f"{size.devices:,} devices, every {PRESENCE_EVERY_S:g} s",
            value=round(sum(by_part.values()), 2),
            unit="% of a core",
            bound=AT_MOST,
            note=", ".join(f"{part} {share:.1f}" for part, share in parts if share >= 0.1),
        )
    ]


async def _share(rig: Rig, seconds: float) -> dict[str, float]:
    """Return how many per cent of a core each part takes."""
    async with measured(rig.parts) as usage:
        await asyncio.sleep(seconds)
    return {
        part: 100 * used / usage.seconds for part, used in usage.cpu_s.items() if part != PART_BENCH
    }
