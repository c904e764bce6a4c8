"""Partitions of the log: made ahead of time, and dropped when their runs are older than is kept.

A partition holds the runs that began on one day or in one month. It is dropped when all of them
have ended longer ago than `STRETTO_RETENTION`, but for a few, which are kept outside of any
partition. The service may neither delete nor drop: functions of the database do it, which refuse
runs that are open or have ended within a day (`sql/0005_partitions.sql`). Each step is a short
transaction and can be repeated, so that it does not matter when it is interrupted, or done twice.
"""

import asyncio
import logging
from collections.abc import Callable

from stretto.postgres import Database
from stretto.runtime.clock import Clock
from stretto.runtime.errors import PermanentError, TransientError
from stretto.telemetry.metrics import Metrics
from stretto.telemetry.names import (
    LOG_COUNT,
    LOG_PARTITION,
    LOG_REASON,
    METRIC_WORKFLOW_PARTITIONS_DROPPED,
    METRIC_WORKFLOW_RUNS_DROPPED,
)

logger = logging.getLogger(__name__)

LOOK_S = 600.0
"""How often is looked; partitions are made for days ahead."""

DAYS = ("day", 7)
MONTHS = ("month", 2)
"""How long a partition is, and how many are made ahead."""

SHORT_RETENTION_S = 32 * 86_400.0
"""Up to it a partition is a day, beyond it a month: a log that is kept for years has dozens of
partitions, not thousands, and nothing is kept twice as long as was asked for."""

MAX_KEPT = 1_000
"""Runs of a partition that may outlive it: they are copied while nobody can append. A partition
with more runs that are open, or ended lately, waits."""

FORGOTTEN_AT_ONCE = 10_000
"""Rows deleted in one transaction: a fraction of a second."""

OTHERS_AT_ONCE = 500
"""Runs outside of partitions deleted in one transaction, with all of their events."""


class Retention:
    """Keeps the partitions of the log.

    Args:
        keep_s: how long runs are kept after their end; None: for ever.
        is_mine: whether this instance is the one that does it.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        metrics: Metrics,
        keep_s: float | None,
        is_mine: Callable[[], bool],
    ) -> None:
        self._db = database
        self._clock = clock
        self._keep_s = keep_s
        self._is_mine = is_mine
        self._dropped = metrics.counter(METRIC_WORKFLOW_RUNS_DROPPED)
        self._partitions = metrics.counter(METRIC_WORKFLOW_PARTITIONS_DROPPED)

    async def run(self) -> None:
        """Look every few minutes, for ever."""
        while True:
            if self._is_mine():
                try:
                    await self.look()
                except (TransientError, PermanentError) as error:
                    logger.warning("partitions put off", extra={LOG_REASON: error.message})
            await self._clock.sleep(LOOK_S)

    async def look(self) -> int:
        """Make the partitions that are needed soon, drop what is too old; how many runs.

        Raises what Postgres says, TransientError where somebody held a partition for too long.
        """
        short = self._keep_s is not None and self._keep_s <= SHORT_RETENTION_S
        unit, units = DAYS if short else MONTHS
        made = await self._count("add_partitions($1, $2)", unit, units)
        if made:
            logger.info("partitions made", extra={LOG_COUNT: made})
        if self._keep_s is None:
            return 0
        before_us = self._clock.now_us() - int(self._keep_s * 1_000_000)
        count = await self._drop(before_us)
        while some := await self._count("forget_others($1, $2)", before_us, OTHERS_AT_ONCE):
            count += some
            self._dropped.add(some)
            await asyncio.sleep(0)
        if count:
            logger.info("closed runs dropped", extra={LOG_COUNT: count})
        return count

    async def _drop(self, before_us: int) -> int:
        while name := await self._name("doom_partition($1, $2)", before_us, MAX_KEPT):
            logger.info("partition to be dropped", extra={LOG_PARTITION: name})
        count = 0
        while some := await self._count("forget_runs($1)", FORGOTTEN_AT_ONCE):
            count += some
            self._dropped.add(some)
        while name := await self._name("drop_partition()"):
            self._partitions.add()
            logger.info("partition dropped", extra={LOG_PARTITION: name})
        return count

    async def _count(self, call: str, *args: object) -> int:
        [row] = await self._db.fetch(f"select workflow.{call}", *args)
        return int(row[0])

    async def _name(self, call: str, *args: object) -> str | None:
        [row] = await self._db.fetch(f"select workflow.{call}", *args)
        return None if row[0] is None else str(row[0])
