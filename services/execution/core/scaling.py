"""How many workers a queue wants, by what there is to do and how long that takes.

    slots wanted   = attempts there are × mean time of one / the time to be done in
    workers wanted = slots wanted / slots of a worker, rounded up

Upwards it follows at once. Downwards it goes to the largest that was wanted within the last while:
a short lull stops nobody, and who was started is not stopped a moment later.
"""

from collections import deque
from typing import NamedTuple

UNKNOWN_MEAN_S = 1.0
"""Attempts of a queue of which none has ended yet are taken to need so long."""

UNKNOWN_SLOTS = 10
"""Slots of a worker of a queue that nobody serves yet: few, so that enough are started at first."""

MAX_WANTED = 10_000


class Load(NamedTuple):
    """A queue as it is now."""

    waiting: int = 0
    """Attempts that are held back."""
    out: int = 0
    """Attempts at workers, or on their way."""
    workers: int = 0
    slots: int = 0
    """Of all of them together."""
    mean_s: float = 0.0
    """How long an attempt takes; 0: not known."""


def needed_now(load: Load, target_s: float, slots_a_worker: int) -> float:
    """Workers that would be done with all there is in `target_s`, and parts of one; 0 when there is
    nothing."""
    attempts = load.waiting + load.out
    slots = min(attempts, attempts * (load.mean_s or UNKNOWN_MEAN_S) / target_s)
    return min(MAX_WANTED, slots / slots_a_worker)


class Advisor:
    """What one queue needs: `advise` now and then, in the order of time.

    Parts of a worker are not rounded here: each instance of the service speaks for a part of the
    queue's attempts, and what they need is rounded up once, together (`whole_workers`).

    Args:
        target_s: what is there should be done in so long.
        down_after_s: fewer are wanted only when they were enough for so long.
    """

    def __init__(self, target_s: float, down_after_s: float) -> None:
        self._target_s = target_s
        self._down_after_us = round(down_after_s * 1e6)
        self._slots = UNKNOWN_SLOTS
        self._said: deque[tuple[int, float]] = deque()
        """When how many were needed; falling, as what a larger one follows never counts again."""

    def advise(self, load: Load, now_us: int) -> float:
        """How many workers the queue needs, and parts of one."""
        if load.workers:
            self._slots = max(1, load.slots // load.workers)
        needed = needed_now(load, self._target_s, self._slots)
        said = self._said
        while said and said[-1][1] <= needed:
            said.pop()
        said.append((now_us, needed))
        while said[0][0] < now_us - self._down_after_us:
            said.popleft()
        return said[0][1]
