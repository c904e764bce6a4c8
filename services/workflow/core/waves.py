"""How far a rollout is: waves of items, each larger than the one before. Numbers only.

::

    wave 1 ──(all ended, enough completed)──► [paused] ──► wave 2 … ──► the last wave
      │                                          │
      └──(too few can complete, too many failed)─┴──(a person)──► aborted

Within a wave items begin as `max_parallel` and the rate let them.
"""

import math

from stretto.contracts.failures import Failure
from stretto.contracts.graph import Amount, RolloutPlan


def amount_of(amount: Amount, count: int) -> int:
    """How many of `count` items an amount is; a share is rounded up."""
    return amount.count or share_of(amount.share, count)


def share_of(share: float, count: int) -> int:
    """How many of `count` items a share is, rounded up (but for what a float cannot say)."""
    return math.ceil(round(share * count, 6))


class Rollout:
    """The state of a rollout over `count` items."""

    __slots__ = (
        "completed", "count", "failure", "lost", "paused", "plan", "since_us", "targets",
        "until_us", "wave", "window", "window_us",
    )  # fmt: skip

    def __init__(self, plan: RolloutPlan, count: int) -> None:
        self.plan = plan
        self.count = count
        self.targets: list[int] = []
        """How many items have begun with each wave; waves that add none are left out."""
        for amount in plan.waves:
            target = min(amount_of(amount, count), count)
            if target > (self.targets[-1] if self.targets else 0):
                self.targets.append(target)
        self.wave = 0
        """Which wave, from 0."""
        self.completed = 0
        """Items of this wave that have completed."""
        self.lost = 0
        """Items of this wave that ended otherwise."""
        self.paused = False
        self.since_us = 0
        """Since when it is paused."""
        self.until_us = 0
        """When it goes on by itself; 0: nothing waits for an instant."""
        self.window_us = 0
        """Since when the items are counted that the rate allows."""
        self.window = 0
        self.failure: Failure | None = None
        """Why it was aborted."""

    @property
    def size(self) -> int:
        """Items of this wave."""
        return self.targets[self.wave] - (self.targets[self.wave - 1] if self.wave else 0)

    @property
    def is_last(self) -> bool:
        return self.wave == len(self.targets) - 1

    @property
    def needed(self) -> int:
        """Items of this wave that must complete."""
        return share_of(self.plan.success, self.size)

    def too_many(self, lost: int) -> bool:
        """Whether `lost` failures of all items are as many as end the rollout."""
        limit = self.plan.abort
        return limit is not None and lost >= max(1, amount_of(limit, self.count))

    @property
    def hopeless(self) -> bool:
        """Whether so many of this wave have failed that it cannot be a success any more."""
        return self.size - self.lost < self.needed

    def begun(self, at_us: int) -> None:
        """An item has begun."""
        rate = self.plan.rate
        if rate is not None and at_us >= self.window_us + int(rate.per_s * 1_000_000):
            self.window_us, self.window = at_us, 0
        self.window += 1
        self.until_us = 0

    def ended(self, *, completed: bool) -> None:
        """An item has ended."""
        if completed:
            self.completed += 1
        else:
            self.lost += 1

    def free_at_us(self, now_us: int) -> int:
        """When the rate lets the next item begin."""
        rate = self.plan.rate
        if rate is None or self.window < rate.count:
            return now_us
        return max(now_us, self.window_us + int(rate.per_s * 1_000_000))

    def wants(self, begun: int, active: int, lost: int, limit: int | None) -> bool:
        """Whether there is something to do: an item to begin, a wave to end, an end to make."""
        if not self.targets or self.too_many(lost) or self.hopeless:
            return True
        if self.paused:
            return False
        if begun == self.targets[self.wave]:
            return active == 0
        return not self.until_us and (limit is None or active < limit)

    def advance(self) -> None:
        """The next wave begins."""
        self.wave += 1
        self.completed = self.lost = 0
        self.paused = False
        self.until_us = 0
