"""A workflow of the shape in which astronomers put images of the sky together, some 300 steps.

Every image of a grid is projected; neighbours that overlap are compared, two by two; all
differences are fitted, which gives a model of the background; every image is corrected by it; tiles
are added up of the corrected images, shrunk, and shown as one. Wide, narrow, wide, narrow: what
limits it is one long chain, not the amount of work. The run times are our own: by kind of step,
spread as measured ones are (a few take much longer than most), in fractions of a second.
"""

from __future__ import annotations

import random
from typing import NamedTuple

import msgspec

from stretto.bench.fleets.figure import Figure, Size
from stretto.bench.fleets.processes import worker_process
from stretto.bench.rig import Rig
from stretto.bench.workloads.latency import timed

SEED = 20_261_122
COLUMNS, ROWS = 9, 8
TILE = 3
"""Images a side of a tile."""

USUAL_MS = {
    "project": 500.0, "differ": 150.0, "fit": 700.0, "model": 900.0, "correct": 120.0,
    "table": 300.0, "add": 600.0, "shrink": 150.0, "show": 400.0,
}  # fmt: skip
SPREAD = {"project": 0.25, "differ": 0.3, "add": 0.2}
"""Sigma of the logarithm; 0.1 where nothing is said."""

LONGEST = 2.5
"""No step takes longer than so many times the usual."""


class Step(NamedTuple):
    """A step that works for `ms` after those that it needs."""

    kind: str
    ms: float
    needs: tuple[str, ...]


def mosaic(seed: int = SEED) -> dict[str, Step]:
    """The steps by name, in an order in which they can be done."""
    chance = random.Random(seed)
    steps: dict[str, Step] = {}

    def add(name: str, kind: str, *needs: str) -> str:
        factor = min(chance.lognormvariate(0.0, SPREAD.get(kind, 0.1)), LONGEST)
        steps[name] = Step(kind, round(USUAL_MS[kind] * factor, 1), needs)
        return name

    places = [(x, y) for y in range(ROWS) for x in range(COLUMNS)]
    projected = {(x, y): add(f"project-{x}-{y}", "project") for x, y in places}
    compared = [
        add(f"differ-{x}-{y}-{dx}{dy}", "differ", projected[x, y], projected[x + dx, y + dy])
        for x, y in places
        for dx, dy in ((1, 0), (0, 1))
        if (x + dx, y + dy) in projected
    ]
    fitted = add("fit", "fit", *compared)
    model = add("model", "model", fitted)
    corrected = {
        (x, y): add(f"correct-{x}-{y}", "correct", projected[x, y], model) for x, y in places
    }
    table = add("table", "table", *corrected.values())
    shrunk: list[str] = []
    for left in range(0, COLUMNS, TILE):
        for top in range(0, ROWS, TILE):
            inside = [
                name
                for (x, y), name in corrected.items()
                if left <= x < left + TILE and top <= y < top + TILE
            ]
            added = add(f"add-{left}-{top}", "add", table, *inside)
            shrunk.append(add(f"shrink-{left}-{top}", "shrink", added))
    add("show", "show", *shrunk)
    return steps


def definition(steps: dict[str, Step], scale: float = 1.0) -> str:
    """The workflow, as JSON; all times multiplied by `scale`."""
    return msgspec.json.encode(
        {
            "workflow": "mosaic",
            "steps": {
                name: {
                    "task": f"mosaic.{step.kind}",
                    "queue": "mosaic",
                    "needs": list(step.needs),
                    "with": {"ms": round(step.ms * scale, 1)},
                }
                for name, step in steps.items()
            },
        }
    ).decode()


def longest_chain_ms(steps: dict[str, Step]) -> float:
    """The lower bound: no number of workers is faster than the longest chain of run times."""
    ends: dict[str, float] = {}
    for name, step in steps.items():
        ends[name] = step.ms + max((ends[need] for need in step.needs), default=0.0)
    return max(ends.values())


def work_ms(steps: dict[str, Step]) -> float:
    """What one worker would take, one step after the other."""
    return sum(step.ms for step in steps.values())


NAME = "mosaic"
TARGET = "stretto.bench.fleets.handlers:mosaic"
AT_MOST = 1.1
GIVE_UP_S = 120.0
RUNS = 3


async def longest_chain(rig: Rig, size: Size) -> list[Figure]:
    """Run it a few times with slots for all that is ready; the best, against its longest chain."""
    steps = mosaic()
    await rig.client.register(definition(steps, size.mosaic_scale))
    async with worker_process(rig, TARGET):
        took = [(await timed(rig.client, NAME, {}, GIVE_UP_S))[0] for _ in range(RUNS)]
    bound_s = longest_chain_ms(steps) * size.mosaic_scale / 1000
    one_s = work_ms(steps) * size.mosaic_scale / 1000
    return [
        Figure(
            case="mosaic",
            what=f"a graph of {len(steps)} steps against its longest chain, the best of {RUNS}",
            value=round(min(took) / bound_s, 3),
            unit="times",
            bound=AT_MOST,
            note=f"{min(took):.2f} s, the chain {bound_s:.2f} s, one after the other {one_s:.1f} s",
        )
    ]
