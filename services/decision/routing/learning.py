"""`learned`: an online policy that chooses devices by what they have done (a contextual bandit).

For each device, task and situation (how loaded the device is) two numbers are kept: the decayed
mean of the cost, which is the time in ms and `FAILURE_COST_MS` more for a failure, and how often it
was tried. A device is judged by the mean less a bonus for what is little known (a lower confidence
bound). Of the choices, the share `explore` tries another candidate than the best. So it starts as
`least_loaded` (nothing is known: the load decides), explores within a stated bound, follows what
changes, and can be frozen, inspected and reset.
"""

import math
from collections import OrderedDict
from typing import Any, NamedTuple

from stretto.contracts.routes import FAILURE_COST_MS

EXPLORE = 0.05
"""Of the choices at most so many try another device than the best."""

DECAY = 0.97
"""What an outcome counts after the next one: about the last thirty matter."""

UNSURE_MS = 40.0
"""Bonus of a device that was tried once; it falls with the root of the tries."""

MAX_ARMS = 100_000
LOAD_BUCKETS = 4


class Arm(NamedTuple):
    """What is known of a device in one situation: weight of the tries and the mean cost in ms."""

    tries: float
    cost_ms: float


class Bandit:
    """See the module's docstring. Times are milliseconds."""

    def __init__(self, explore: float = EXPLORE) -> None:
        if not 0 <= explore <= 1:
            raise ValueError(f"expected a share of 0 to 1 to explore with, but got {explore}")
        self.explore = explore
        self.frozen = False
        self._arms: OrderedDict[tuple[str, str, str, int], Arm] = OrderedDict()

    def cost_ms(self, namespace: str, task: str, device: str, load: float) -> float | None:
        """What a device is expected to cost, hopefully; None where nothing is known of it."""
        arm = self._arms.get((namespace, task, device, situation(load)))
        if arm is None:
            return None
        return arm.cost_ms - (0.0 if self.frozen else UNSURE_MS / math.sqrt(arm.tries))

    def learn(
        self, namespace: str, task: str, device: str, load: float, ms: float, *, failed: bool
    ) -> None:
        """Take note of an outcome."""
        if self.frozen:
            return
        key = (namespace, task, device, situation(load))
        cost = ms + (FAILURE_COST_MS if failed else 0.0)
        arm = self._arms.pop(key, None)
        if arm is None:
            arm = Arm(1.0, cost)
        else:
            tries = arm.tries * DECAY + 1
            arm = Arm(tries, arm.cost_ms + (cost - arm.cost_ms) / tries)
        self._arms[key] = arm
        if len(self._arms) > MAX_ARMS:
            self._arms.popitem(last=False)

    def reset(self, namespace: str | None = None) -> int:
        """Forget what was learned (of one namespace); return how much."""
        gone = [key for key in self._arms if namespace in (None, key[0])]
        for key in gone:
            del self._arms[key]
        return len(gone)

    def inspect(self, namespace: str, limit: int = 1000) -> list[dict[str, Any]]:
        """What is known, for people."""
        return [
            {
                "task": task, "device": device, "load": f"{bucket / LOAD_BUCKETS:.0%}+",
                "tries": round(arm.tries, 2), "cost_ms": round(arm.cost_ms, 3),
            }
            for (place, task, device, bucket), arm in list(self._arms.items())[:limit]
            if place == namespace
        ]  # fmt: skip


def situation(load: float) -> int:
    """Sort a load into one of a few situations."""
    return min(LOAD_BUCKETS - 1, int(max(0.0, load) * LOAD_BUCKETS))
