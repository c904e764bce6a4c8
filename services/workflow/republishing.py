"""Events that a killed owner may not have published: told again from the log, with their ids.

A watermark per partition says up to when everything was published. It is moved about once a second,
only past what the server has surely received, and only for partitions that were caught up since
they were taken over. After a take-over, and when something could not be published, everything since
the watermark is published again. The server drops what it has already, subscribers know `seq`.
"""

import logging

from services.workflow.loading import Loader
from services.workflow.sending import Sender
from services.workflow.slots import Written
from services.workflow.store import LOAD_RUNS_AT_ONCE, Store, shards_of
from stretto.bus.connection import Connection
from stretto.runtime.clock import Clock
from stretto.runtime.errors import TransientError
from stretto.telemetry.names import LOG_REASON, LOG_RUNS

logger = logging.getLogger(__name__)

MARK_S = 1.0
OVERLAP_US = 1_000_000
"""Commits of several instances are not in the order of their clocks: go back a second more."""

MAX_RUNS = 50_000
"""Told again at once, those that changed last; the others are left to who reads the log
(monitoring, `history`)."""


class Republisher:
    """Keeps the watermarks of the partitions of this instance."""

    def __init__(
        self,
        *,
        store: Store,
        loader: Loader,
        sender: Sender,
        connection: Connection,
        clock: Clock,
        partitions: int,
    ) -> None:
        self._store = store
        self._loader = loader
        self._sender = sender
        self._connection = connection
        self._clock = clock
        self._partitions = partitions
        self._behind: set[int] = set()
        self._caught_up: set[int] = set()
        connection.on_change(lost=self._cut_off, back=self._back)

    def _cut_off(self) -> None:
        self._sender.untold = True

    def _back(self) -> None:
        """Frames that are published without acknowledgement may be lost with the connection."""
        self._sender.must_resend.set()

    def own(self, partitions: set[int]) -> None:
        """These are to be caught up."""
        self._behind |= partitions

    def disown(self, partitions: set[int]) -> None:
        """Another instance keeps the watermarks of these now."""
        self._behind -= partitions
        self._caught_up -= partitions

    async def run(self) -> None:
        """Catch up and move the watermarks, for ever."""
        while True:
            await self._clock.sleep(MARK_S)
            try:
                await self.round()
            except TransientError as error:
                logger.warning("watermark not moved", extra={LOG_REASON: error.message})

    async def round(self) -> None:
        """Catch up with what may be untold, then move the watermarks."""
        await self._connection.wait_connected()
        if self._sender.untold:
            self._sender.untold = False
            self._behind |= self._caught_up
            self._caught_up.clear()
        if self._behind:
            await self.catch_up()
        partitions = sorted(self._caught_up)
        before_us = self._sender.sent_until_us()
        await self._connection.flush()
        if partitions and not self._sender.untold:
            await self._store.set_published(partitions, before_us - OVERLAP_US)

    async def catch_up(self) -> int:
        """Publish again what was committed since the watermarks of the partitions that are behind;
        of how many runs."""
        partitions = set(self._behind)
        if not partitions:
            return 0
        # From here on there is something to come back to.
        await self._store.mark_published(sorted(partitions), self._clock.now_us() - OVERLAP_US)
        marks = await self._store.published(partitions)
        since_us = min(marks.values()) - OVERLAP_US
        shards = shards_of(partitions, self._partitions)
        first = dict(await self._store.runs_since(since_us, shards, MAX_RUNS))
        run_ids = list(first)
        for start in range(0, len(run_ids), LOAD_RUNS_AT_ONCE):
            rows = await self._store.runs(run_ids[start : start + LOAD_RUNS_AT_ONCE])
            async for slot, events in self._loader.folded(rows):
                later = [Written.of_log(e) for e in events if e.seq >= first[slot.run.id]]
                if later:
                    await self._sender.told_from_log(slot, later)
        still = partitions & self._behind
        self._behind -= still
        self._caught_up |= still
        if first:
            logger.info("events told again", extra={LOG_RUNS: len(first)})
        return len(first)
