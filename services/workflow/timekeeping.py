"""Instants by the clock of the database: all instances write the log with the same one.

Timers and timeouts are instants in the log, which another instance may have to wait for. One whose
clock is ten minutes ahead would hand over waits that last ten minutes longer, and one that is
behind would take over runs whose time has run out. So each looks what the clock of the database
says, and puts its own right where that is far off; what is near is left alone.
"""

import asyncio
import logging

from stretto.postgres import Database
from stretto.runtime.clock import US_PER_S, SharedClock
from stretto.runtime.errors import TransientError
from stretto.telemetry.names import LOG_AHEAD_S, LOG_REASON

logger = logging.getLogger(__name__)

LOOK_S = 5.0
"""A clock that was set, here or there, is noticed within this time."""

APART_US = US_PER_S
"""Clocks that are kept by NTP are within milliseconds; what is measured is off by less."""

SURE_WITHIN_S = 0.5
"""An answer that took longer says too little."""

FIRST_TRIES = 5
"""Looks before the service begins; a database that is slow to answer does not keep it from that."""


class Timekeeping:
    """Keeps one clock right."""

    def __init__(self, database: Database, clock: SharedClock) -> None:
        self._database = database
        self._clock = clock

    async def begin(self) -> None:
        """Put the clock right before anything is written.

        Raises:
            TransientError: the database is away.
        """
        for _ in range(FIRST_TRIES):
            if await self.look():
                return

    async def run(self) -> None:
        """Look every few seconds, for ever."""
        while True:
            await asyncio.sleep(LOOK_S)
            try:
                await self.look()
            except TransientError as error:
                logger.warning("clock not looked at", extra={LOG_REASON: error.message})

    async def look(self) -> bool:
        """Compare the clocks, and put ours right; False: the answer took too long to say."""
        asked_us, asked = self._clock.now_us(), self._clock.monotonic()
        rows = await self._database.fetch("select clock_timestamp()")
        took_s = self._clock.monotonic() - asked
        if took_s > SURE_WITHIN_S:
            return False
        ahead_us = asked_us + round(took_s / 2 * US_PER_S) - rows[0][0]
        if abs(ahead_us) > APART_US:
            self._clock.put_right(ahead_us)
            logger.warning("clock put right", extra={LOG_AHEAD_S: round(ahead_us / US_PER_S, 3)})
        return True
