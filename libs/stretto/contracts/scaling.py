"""`stretto.scaling.<ns>.<queue>`: how many workers a queue wants."""

from collections.abc import Iterable
from math import ceil

import msgspec

_NEARLY = 1e-9
"""What is over by rounding needs no worker."""


class Scaling(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one instance of the execution service says every second, for its part of the queue's
    attempts: the sum over the instances counts (of `share`, rounded up), for at most a few
    seconds."""

    instance: str
    """Who says it: one of the execution service's."""
    wanted: int
    """Workers that the queue wants; steady: it falls only when fewer were enough for a while."""
    share: float | None = None
    """The same, not rounded: parts of a worker add up over the instances."""
    waiting: int = 0
    """Attempts that are held back."""
    in_flight: int = 0
    """Attempts at workers, or on their way."""
    workers: int = 0
    slots: int = 0
    busy: int = 0
    """Slots that are taken, as the workers say."""
    mean_ms: float = 0.0
    """How long an attempt takes; 0: not known yet."""
    wait_ms: float | None = None
    """How long an attempt that comes now would wait; left out: nobody serves the queue."""


def whole_workers(shares: Iterable[float]) -> int:
    """How many workers all the shares of a queue make together."""
    return ceil(sum(shares) - _NEARLY)
