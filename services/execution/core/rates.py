"""Rates: how many attempts of a queue, or of each workflow in it, may go out in a time.

A token bucket: it fills evenly, holds `burst` tokens at most, and an attempt takes one. With
several lanes each has its part of the rate, so that together they stay below it.
"""

from collections.abc import Mapping
from math import ceil

from stretto.contracts.admission import Rate

MAX_BUCKETS = 10_000
"""Workflows of a queue that have a bucket; beyond it the full ones are given up."""


class Bucket:
    """Tokens that come evenly. Instants in microseconds; time that goes back counts as none."""

    __slots__ = ("_at_us", "_burst", "_kept", "_per_us", "_tokens")

    def __init__(self, per_s: float, burst: float, now_us: int) -> None:
        self._per_us = per_s / 1_000_000
        self._burst = burst
        self._tokens = burst
        self._kept = 0
        self._at_us = now_us

    def whole(self, now_us: int) -> int:
        """How many tokens there are."""
        if now_us > self._at_us:
            more = (now_us - self._at_us) * self._per_us
            self._tokens = min(self._burst - self._kept, self._tokens + more)
            self._at_us = now_us
        return int(self._tokens + _NEARLY)

    def take(self, count: int) -> None:
        """Take tokens out: some of those that there are."""
        self._tokens -= count

    def wait_us(self) -> int:
        """How long until there is one, as of the last look."""
        return max(0, ceil((1 - self._tokens) / self._per_us))

    def keep(self) -> None:
        """Take a token for who is not out yet: the bucket is as full as if it were still there."""
        self._tokens -= 1
        self._kept += 1

    def spend(self) -> None:
        """Note that one token that was kept is used: a new one may come."""
        self._kept -= 1

    def give_back(self) -> None:
        """Put back a token that was kept, unused."""
        self._kept -= 1
        self._tokens += 1

    def change(self, per_s: float, burst: float) -> None:
        """Let tokens come at another rate, from the last look on."""
        self._per_us, self._burst = per_s / 1_000_000, burst
        self._tokens = min(self._tokens, burst - self._kept)

    @property
    def is_full(self) -> bool:
        return self._tokens >= self._burst - self._kept

    @property
    def comes(self) -> bool:
        """Whether a token comes by itself: not all that there may be are kept."""
        return self._burst - self._kept >= 1


_NEARLY = 1e-9
"""A token that misses by rounding is one."""


class LineRate:
    """The rate of one queue on one lane."""

    def __init__(self, rate: Rate, lanes: int) -> None:
        self._per_s = rate.per_s / lanes
        self._burst = max(1.0, rate.burst / lanes)
        self.by_workflow = rate.per == "workflow"
        self._buckets: dict[str, Bucket] = {}
        self._now_us = 0

    def room(self, now_us: int) -> int | None:
        """How many attempts may go out now; None where each workflow has a rate of its own."""
        self._now_us = now_us
        return None if self.by_workflow else self._bucket("").whole(now_us)

    def allows(self, workflow: str) -> bool:
        """Whether an attempt of a workflow may go out, as of the last `room`."""
        key = workflow if self.by_workflow else ""
        return self._bucket(key).whole(self._now_us) > 0

    def take(self, workflow: str) -> None:
        """Count an attempt that goes out."""
        self._bucket(workflow if self.by_workflow else "").take(1)

    def wait_us(self, now_us: int) -> int | None:
        """How long until one more may go out of those that may not now; None: nobody is kept
        back."""
        waits: list[int] = []
        for key, bucket in list(self._buckets.items()):
            if not bucket.whole(now_us):
                waits.append(bucket.wait_us())
            elif bucket.is_full:
                del self._buckets[key]
        return min(waits, default=None)

    def _bucket(self, key: str) -> Bucket:
        bucket = self._buckets.get(key)
        if bucket is None:
            if len(self._buckets) >= MAX_BUCKETS:
                self._buckets = {k: b for k, b in self._buckets.items() if not b.is_full}
            bucket = self._buckets[key] = Bucket(self._per_s, self._burst, self._now_us)
        return bucket


def rate_of(rates: Mapping[str, Rate], namespace: str, queue: str) -> Rate | None:
    """Find what is configured for a queue: by `namespace/queue`, or by its name alone."""
    return rates.get(f"{namespace}/{queue}") or rates.get(queue)
