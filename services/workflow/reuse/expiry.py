"""Drops what is kept for too long, or is too much."""

import asyncio
import logging
from collections.abc import Callable

from services.workflow.reuse.outputs import KeptOutputs
from stretto.runtime.clock import Clock
from stretto.runtime.errors import TransientError
from stretto.telemetry.metrics import Metrics
from stretto.telemetry.names import (
    LOG_COUNT,
    LOG_REASON,
    METRIC_OUTPUTS_DISPLACED,
    METRIC_OUTPUTS_EXPIRED,
)

logger = logging.getLogger(__name__)

LOOK_S = 60.0
"""Nobody takes what has expired: this only frees the room."""

AT_ONCE = 5_000
"""Outputs dropped in one transaction: a fraction of a second."""

MIB = 1024 * 1024


class Expiry:
    """Keeps the kept outputs within their bounds.

    Args:
        is_mine: whether this instance is the one that does it.
    """

    def __init__(
        self,
        outputs: KeptOutputs,
        clock: Clock,
        metrics: Metrics,
        most_mib: int,
        is_mine: Callable[[], bool],
    ) -> None:
        self._outputs = outputs
        self._clock = clock
        self._most_bytes = most_mib * MIB
        self._is_mine = is_mine
        self._expired = metrics.counter(METRIC_OUTPUTS_EXPIRED)
        self._displaced = metrics.counter(METRIC_OUTPUTS_DISPLACED)

    async def run(self) -> None:
        """Look every minute, until cancelled."""
        while True:
            if self._is_mine():
                try:
                    await self.look()
                except TransientError as error:
                    logger.warning("outputs not dropped", extra={LOG_REASON: error.message})
            await self._clock.sleep(LOOK_S)

    async def look(self) -> int:
        """Drop what is too old, then what is too much; how many outputs. Raises TransientError."""
        count = 0
        while some := await self._outputs.expire(self._clock.now_us(), AT_ONCE):
            self._expired.add(some)
            count += some
            await asyncio.sleep(0)
        displaced = 0
        while some := await self._outputs.shrink(self._most_bytes, AT_ONCE):
            displaced += some
            await asyncio.sleep(0)
        if displaced:
            self._displaced.add(displaced)
            logger.warning("outputs dropped for want of room", extra={LOG_COUNT: displaced})
        return count + displaced
