"""Events that a killed owner may not have published: told again from the log, with their ids.

A watermark per partition says up to when everything was published. It is moved about once a
second, and
only past what the server has surely received; after a take-over, and when the bus was away,
everything
since the watermark is published again. The server drops what it has already, subscribers know
`seq`.
"""

import logging
from collections.abc import Callable

from services.workflow.loading import Loader
from services.workflow.sending import Sender
from services.workflow.settings import WorkflowSettings
from services.workflow.slots import Written
from services.workflow.store import Store, shards_of
from stretto.runtime.context import ServiceContext
from stretto.runtime.errors import TransientError

logger = logging.getLogger(__name__)

MARK_S = 1.0
OVERLAP_US = 1_000_000
"""Commits of several instances are not in the order of their clocks: go back a second more."""

MAX_EVENTS = 200_000
"""Told again at once; more than that is left to who reads the log (monitoring, `history`)."""


class Republisher:
    """Keeps the watermarks of the partitions of this instance."""

    def __init__(
        self,
        store: Store,
        loader: Loader,
        sender: Sender,
        context: ServiceContext[WorkflowSettings],
        partitions: int,
    ) -> None:
        self._store = store
        self._loader = loader
        self._sender = sender
        self._context = context
        self._partitions = partitions
        self._cut_off = False
        context.connection.on_change(lost=self._lost, back=lambda: None)

    def _lost(self) -> None:
        self._cut_off = True

    async def run(self, owned: Callable[[], set[int]]) -> None:
        """Move the watermarks, for ever."""
        while True:
            await self._context.clock.sleep(MARK_S)
            partitions = set(owned())
            try:
                if self._cut_off:
                    await self._context.connection.wait_connected()
                    self._cut_off = False
                    await self.take_over(partitions)
                before_us = self._context.clock.now_us()
                await self._context.connection.flush()
                if not self._cut_off and partitions:
                    await self._store.set_published(sorted(partitions), before_us - OVERLAP_US)
            except TransientError as error:
                logger.warning("watermark not moved", extra={"reason": error.message})

    async def take_over(self, partitions: set[int]) -> int:
        """Publish again what was committed since the watermarks of some partitions; how many."""
        marks = await self._store.published(partitions)
        if not marks:
            return 0
        since_us = min(marks.values()) - OVERLAP_US
        shards = shards_of(marks, self._partitions)
        found = await self._store.events_since(since_us, shards, MAX_EVENTS)
        by_run: dict[bytes, set[int]] = {}
        for row, stored in found:
            by_run.setdefault(row.run_id, set()).add(stored.seq)
        rows = await self._store.runs(list(by_run))
        for slot, events in await self._loader.from_log(rows):
            seqs = by_run[slot.run.id]
            await self._sender.told_from_log(
                slot, [Written.of_log(e) for e in events if e.seq in seqs]
            )
        if found:
            logger.info("events told again", extra={"events": len(found)})
        return len(found)
