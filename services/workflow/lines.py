"""Lines: gives places that have become free to the runs that wait for them.

    a run of a key ends ──► its claim goes with the commit ──► `freed` ──► grant ──► the run's owner
    a grant was lost, an instance died in between ──► the next look finds it (law 7)

Steps of a key have lines and claims of their own. Any instance may give out the places of any
line: the database counts. The run's owner records that it has one (`run.admitted`,
`step.admitted`), and only then does it begin.
"""

import asyncio
import hashlib
import logging
from collections.abc import Awaitable, Callable, Collection, Iterable

from services.workflow.claims import Claims, Grant, LineKey
from services.workflow.core.commands import Granted
from services.workflow.inbox import Addressed, Arrival, Inbox
from stretto.bus.publisher import Outgoing, Publisher
from stretto.contracts import subjects
from stretto.contracts.codec import pack
from stretto.contracts.frames import GrantRecord, InboxFrame
from stretto.contracts.ids import partition_of, run_id_text
from stretto.runtime.clock import Clock
from stretto.runtime.errors import TransientError
from stretto.telemetry.metrics import Metrics
from stretto.telemetry.names import LOG_REASON, METRIC_WORKFLOW_PLACES

logger = logging.getLogger(__name__)

LOOK_S = 5.0
"""How often lines are looked into without anybody saying so: what was lost waits so long."""

UNTOLD_S = 5.0
"""A grant is recorded within milliseconds; one that is not after so long is told again."""

ORPHANS_EVERY = 12
"""Every so many looks claims without a run are looked for: it reads all of them."""

ORPHANED_S = 60.0
"""A claim whose run is not there after so long belongs to a start that was given up."""

RETRY_S = 1.0


class Lines:
    """Gives out places."""

    def __init__(
        self,
        claims: Claims,
        *,
        inbox: Inbox,
        publisher: Publisher,
        clock: Clock,
        metrics: Metrics,
        partitions: int,
        owned: Callable[[], Collection[int]],
    ) -> None:
        self._claims = claims
        self._inbox = inbox
        self._publisher = publisher
        self._clock = clock
        self._partitions = partitions
        self._owned = owned
        self._freed: set[LineKey] = set()
        self._some = asyncio.Event()
        self._looks = 0
        self._granted = metrics.counter(METRIC_WORKFLOW_PLACES)

    def freed(self, lines: Iterable[LineKey]) -> None:
        """Say that places of some lines may be free, or wanted."""
        self._freed.update(lines)
        if self._freed:
            self._some.set()

    async def run(self) -> None:
        """Give out places as they become free, and look for what was lost, until cancelled."""
        looked_at = self._clock.monotonic()
        while True:
            left_s = looked_at + LOOK_S - self._clock.monotonic()
            try:
                async with asyncio.timeout(max(left_s, 0.0)):
                    await self._some.wait()
            except TimeoutError:
                looked_at = self._clock.monotonic()
                await self._tried(self.look)
            else:
                await self._tried(self.give)

    async def _tried(self, work: Callable[[], Awaitable[int]]) -> None:
        try:
            await work()
        except TransientError as error:
            logger.warning("places not given out", extra={LOG_REASON: error.message})
            await self._clock.sleep(RETRY_S)

    async def give(self) -> int:
        """Give out what is free in the lines that were named; how many places."""
        lines = sorted(self._freed)
        self._some.clear()
        if not lines:
            return 0
        granted = await self._claims.grant(lines, self._clock.now_us())
        self._freed.difference_update(lines)
        await self._tell(granted)
        return len(granted)

    async def look(self) -> int:
        """Find what was lost: grants that nobody recorded, places that nobody gave out, claims that
        belong to no run; how many grants were told."""
        now_us = self._clock.now_us()
        untold = await self._claims.untold(now_us - int(UNTOLD_S * 1e6))
        await self._tell(untold)
        if self._looks % ORPHANS_EVERY == 0:
            self.freed(await self._claims.drop_orphans(now_us - int(ORPHANED_S * 1e6)))
        self._looks += 1
        self.freed(await self._claims.overlooked())
        return len(untold) + await self.give()

    async def _tell(self, granted: Iterable[Grant]) -> None:
        """Tell the owners of runs that these, or steps of theirs, have a place, or get none."""
        frames: dict[int, list[GrantRecord]] = {}
        mine: list[Addressed] = []
        for grant in granted:
            if grant.verdict == "granted":
                self._granted.add()
            partition = partition_of(grant.run_id, self._partitions)
            record = _record(grant)
            if partition in self._owned():
                mine.append(Addressed(grant.run_id, granted_by(record)))
            else:
                frames.setdefault(partition, []).append(record)
        if mine:
            self._inbox.put_now([Arrival(items=mine)])
        for partition, records in frames.items():
            frame = pack(InboxFrame([], [], records))
            stamp = f"{self._clock.now_us()}".encode()
            key = hashlib.blake2b(frame + stamp, digest_size=12).hexdigest()
            await self._publisher.publish_many([Outgoing(subjects.inbox(partition), frame, key)])


def _record(grant: Grant) -> GrantRecord:
    by = "" if grant.by_run is None else f"{grant.by_step!r} of run {run_id_text(grant.by_run)}"
    refused = grant.verdict == "refused"
    return GrantRecord(grant.run_id, grant.step, refused, by, grant.asked_us)


def granted_by(record: GrantRecord) -> Granted:
    """The command to the run that a record is."""
    return Granted(
        path=record.path,
        refused=record.refused,
        superseded_by=record.superseded_by,
        asked_us=record.asked_us,
    )
