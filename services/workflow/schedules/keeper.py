"""Keeps the clocks of the schedules of this instance's partitions.

Asleep until the next one is due; looks at least once a second, so that what others have changed,
or were about to do when they died, is found without being told.
"""

import asyncio
import logging
from collections.abc import Sequence

from services.workflow.faults import FAULTS
from services.workflow.schedules.policy import Book, advance
from services.workflow.schedules.records import Firing, FiringStatus, Key, Schedule
from services.workflow.schedules.sending import FiringSender
from services.workflow.schedules.store import Decided, Outlook, ScheduleStore
from services.workflow.store import shards_of
from stretto.runtime.clock import US_PER_S, Clock
from stretto.runtime.errors import PermanentError, StrettoError, TransientError
from stretto.schedule.timing import Timing
from stretto.telemetry.metrics import Metrics
from stretto.telemetry.names import (
    LOG_REASON,
    LOG_SCHEDULE,
    LOG_STATUS,
    METRIC_WORKFLOW_FIRINGS,
    METRIC_WORKFLOW_LATENESS,
)

logger = logging.getLogger(__name__)

LOOK_S = 1.0
"""How often the tables are looked at when nothing is due: what a change by another instance, or
the end of a run, may be late for a schedule that waits for it."""

QUICK_S = 0.1
"""How soon it is looked whether what waits for a run can start: the wait grows by a half each time
that it cannot, up to LOOK_S."""

BATCH = 200
"""Schedules that are decided about in one commit."""

RESEND_S = 5.0
"""A start that nobody answered is sent again after so long: most take some milliseconds."""

ASIDE_S = 60.0
"""A schedule that met a fault is left alone for so long; the others go on."""

PRUNE_S = 60.0
KEEP_FIRINGS_S = 30 * 86_400.0
"""Firings that are over are shown for thirty days; their runs are kept as all runs are."""

MAX_PRUNED = 5_000


class Keeper:
    """The loop over the schedules that are due."""

    def __init__(
        self,
        store: ScheduleStore,
        sender: FiringSender,
        clock: Clock,
        metrics: Metrics,
        partitions: int,
    ) -> None:
        self._store = store
        self._sender = sender
        self._clock = clock
        self._partitions = partitions
        self._owned: set[int] = set()
        self._wanted = asyncio.Event()
        self._aside: dict[Key, float] = {}
        self._look_s = LOOK_S
        self._pruned = clock.monotonic()
        self._fired = metrics.counter(METRIC_WORKFLOW_FIRINGS)
        self._late = metrics.histogram(METRIC_WORKFLOW_LATENESS)

    def own(self, partitions: set[int]) -> None:
        """These partitions' schedules are kept here from now on."""
        self._owned |= partitions
        self._wanted.set()

    def disown(self, partitions: set[int]) -> None:
        """Another instance keeps the schedules of these now."""
        self._owned -= partitions

    def wake(self) -> None:
        """Look soon: something was changed."""
        self._look_s = QUICK_S
        self._wanted.set()

    async def run(self) -> None:
        """Fire what is due, for ever."""
        while True:
            try:
                outlook = await self.round()
            except StrettoError as error:
                logger.warning("schedules put off", extra={LOG_REASON: error.message})
                outlook = Outlook(None, False, False)
            await self._rest(outlook)

    async def _rest(self, outlook: Outlook) -> None:
        seconds = self._look_s if outlook.waiting else LOOK_S
        self._look_s = min(LOOK_S, self._look_s * 1.5)
        if outlook.due_us is not None and not self._aside:
            seconds = min(seconds, (outlook.due_us - self._clock.now_us()) / US_PER_S)
        try:
            async with asyncio.timeout(max(0.0, seconds)):
                await self._wanted.wait()
        except TimeoutError:
            return  # time to look
        self._wanted.clear()

    async def round(self) -> Outlook:
        """Do what is to be done now; what comes next."""
        await self._sender.note_answers()
        shards = shards_of(self._owned, self._partitions)
        if not shards:
            return Outlook(None, False, False)
        outlook = await self._store.look(shards)
        if outlook.open:
            await self._store.follow_runs(shards)
        if outlook.open or self._is_due(outlook):
            await self._fire(shards)
            outlook = await self._store.look(shards)
        if outlook.open:
            await self._send_again(shards)
        await self._prune(shards)
        return outlook

    def _is_due(self, outlook: Outlook) -> bool:
        return outlook.due_us is not None and outlook.due_us <= self._clock.now_us()

    async def _fire(self, shards: list[int]) -> None:
        now = self._clock.monotonic()
        self._aside = {key: until for key, until in self._aside.items() if until > now}
        while True:
            due = await self._store.due(shards, self._clock.now_us(), BATCH + len(self._aside))
            free = await self._store.releasable(shards, BATCH + len(self._aside))
            keys = [k for k in dict.fromkeys([*due, *free]) if k not in self._aside][:BATCH]
            if not keys:
                return
            await self.advance(keys)

    async def advance(self, keys: Sequence[Key]) -> None:
        """Decide about some schedules as of now, commit, send."""
        schedules = await self._store.load(keys)
        held = await self._store.held(keys)
        now_us = self._clock.now_us()
        decided = []
        for schedule in schedules:
            one = self._decided(schedule, held[schedule.key], now_us)
            if one is not None:
                decided.append(one)
        kept = await self._commit(decided)
        firings = [firing for each in kept for firing in (*each.added, *each.changed)]
        if firings:
            self._look_s = QUICK_S
            self._count(firings, now_us)
            await self._sender.send(firings)

    async def _commit(self, decided: list[Decided]) -> list[Decided]:
        """Commit what was decided; what the tables refuse spoils itself only."""
        if not decided:
            return []
        try:
            return await self._store.commit(decided)
        except PermanentError as error:
            if len(decided) > 1:
                return [kept for each in decided for kept in await self._commit([each])]
            schedule = decided[0].schedule
            extra = {"schedule": schedule.name, "reason": error.message}
            logger.exception("schedule at fault", extra=extra)
            self._aside[schedule.key] = self._clock.monotonic() + ASIDE_S
            return []

    def _decided(self, schedule: Schedule, held: list[Firing], now_us: int) -> Decided | None:
        try:
            book = Book(schedule, held, now_us)
            moved = advance(schedule, Timing(schedule.spec), book, now_us)
        except FAULTS:
            logger.exception("schedule at fault", extra={LOG_SCHEDULE: schedule.name})
            self._aside[schedule.key] = self._clock.monotonic() + ASIDE_S
            return None
        return Decided(moved, book.added, book.changed)

    def _count(self, firings: Sequence[Firing], now_us: int) -> None:
        for firing in firings:
            if firing.status == FiringStatus.STARTING:
                self._fired.add()
                self._late.observe(max(0, now_us - firing.instant_us))
            logger.info(
                "schedule fired",
                extra={
                    LOG_SCHEDULE: firing.name,
                    LOG_STATUS: firing.status,
                    LOG_REASON: firing.reason,
                },
            )

    async def _send_again(self, shards: list[int]) -> None:
        before_us = self._clock.now_us() - round(RESEND_S * US_PER_S)
        firings = await self._store.unanswered(shards, before_us, BATCH)
        if firings and await self._sender.send(firings):
            await self._store.mark_sent(firings, self._clock.now_us())

    async def _prune(self, shards: list[int]) -> None:
        if self._clock.monotonic() - self._pruned < PRUNE_S:
            return
        self._pruned = self._clock.monotonic()
        before_us = self._clock.now_us() - round(KEEP_FIRINGS_S * US_PER_S)
        try:
            await self._store.prune(shards, before_us, MAX_PRUNED)
        except TransientError as error:
            logger.warning("firings not pruned", extra={LOG_REASON: error.message})
