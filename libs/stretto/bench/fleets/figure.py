"""What a case found, and how large it is made."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec


@dataclass(frozen=True)
class Size:
    """How large each case is made.

    Attributes:
        branches: of one run, of 50 ms each.
        devices: that tell of themselves; idle and with them it is measured for `seconds`.
        losses: workers that are killed, one after the other.
        waiting: attempts for one slot.
        backlog: tasks of a second; `workers` is how many processes there may be.
        mosaic_scale: what the run times of the mosaic are multiplied by.
        trace: a recorded run (see `recorded`); its longest chain takes `chain_s` here.
    """

    branches: int = 100
    devices: int = 1_000
    seconds: float = 30.0
    losses: int = 5
    waiting: int = 10_000
    backlog: int = 5_000
    workers: int = 8
    mosaic_scale: float = 1.0
    trace: Path | None = None
    chain_s: float = 5.0


SMALL = Size(
    branches=10,
    devices=50,
    seconds=1.0,
    losses=1,
    waiting=200,
    backlog=60,
    workers=2,
    mosaic_scale=0.1,
    chain_s=0.5,
)
"""Says whether it works."""


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """A figure in its unit, and the bound that is promised for the full size."""

    case: str
    what: str
    value: float
    unit: str
    bound: float
    kind: Literal["at least", "at most"] = "at most"
    note: str = ""

    @property
    def kept(self) -> bool:
        """Whether the promise is kept."""
        return self.value >= self.bound if self.kind == "at least" else self.value <= self.bound
