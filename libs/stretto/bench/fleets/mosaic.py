"""A workflow of the shape in which astronomers put images of the sky together, some 300 steps.

Every image of a grid is projected; neighbours that overlap are compared, two by two; all
differences are fitted, which gives a model of the background; every image is corrected by it; tiles
are added up of the corrected images, shrunk, and shown as one. Wide, narrow, wide, narrow: what
limits it is one long chain, not the amount of work. The run times are our own: by kind of step,
spread as measured ones are (a few take much longer than most), in fractions of a second.
"""

from __future__ import annotations

import random

from stretto.bench.fleets.chains import Step, against_its_chain, definition
from stretto.bench.fleets.figure import Figure, Size
from stretto.bench.rig import Rig

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


NAME = "mosaic"
TARGET = "stretto.bench.fleets.handlers:mosaic"


async def longest_chain(rig: Rig, size: Size) -> list[Figure]:
    """Run it with slots for all that is ready, against its longest chain."""
    scale = size.mosaic_scale
    steps = {name: step._replace(ms=step.ms * scale) for name, step in mosaic().items()}
    text = definition(NAME, NAME, steps, lambda step: f"{NAME}.{step.kind}")
    await rig.client.register(text)
    return [await against_its_chain(rig, NAME, steps, TARGET)]
