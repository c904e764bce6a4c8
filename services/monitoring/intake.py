"""The loop that reads the log stream: take frames, fold, commit now and then, acknowledge."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg

from services.monitoring.book import Book
from services.monitoring.catching_up import CatchingUp
from services.monitoring.statistics import Statistics
from services.monitoring.store import Row, Store
from stretto.bus.message import Message, ack_all
from stretto.bus.pull import PullLoop
from stretto.contracts.codec import json_encode, unpack_log
from stretto.contracts.ids import run_id_text
from stretto.contracts.unreadable import UNREADABLE
from stretto.postgres.errors import BadValue, translate
from stretto.runtime.clock import US_PER_S, Clock
from stretto.runtime.errors import StrettoError
from stretto.telemetry.names import LOG_COUNT, LOG_REASON, LOG_RUN_ID

logger = logging.getLogger(__name__)

BATCH = 64
"""Frames taken at once: some thousand events, a few milliseconds."""

SHARE = 0.05
"""Commits take at most this share of the time: they are what costs Postgres."""

MIN_PAUSE_S = 0.1
MAX_PAUSE_S = 2.0
"""Between two commits: what is shown is at most so far behind what was taken."""

MAX_UNCOMMITTED = 1_000
"""Frames taken and not acknowledged: half of what the server lets be out."""

STATISTICS_S = 2.0
"""How often statistics are told to Postgres."""

LOOK_S = 5.0
"""How often it is looked whether a rebuild is wanted and how full the stream is."""

KEEPING_S = 60.0
FORGET_AT_ONCE = 1_000
"""How often, and how many at a time, runs that are too old are forgotten."""

IDLE_S = 0.5
BUSY_S = 0.005
"""How long is waited for frames when there is nothing else to do, and when there is."""

STATE_STATISTICS = "statistics"
DAY_US = 24 * 3600 * US_PER_S

Bury = Callable[[Message, str, str], Awaitable[None]]


class Pace:
    """When the next commit is due: after a pause that makes commits take `SHARE` of the time."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._due = 0.0

    @property
    def left_s(self) -> float:
        """How long until the next commit is due."""
        return max(0.0, self._due - self._clock.monotonic())

    def took(self, seconds: float) -> None:
        """Say how long a commit took."""
        pause_s = min(max(seconds / SHARE, MIN_PAUSE_S), MAX_PAUSE_S)
        self._due = self._clock.monotonic() + pause_s


class Every:
    """Tells when something that is done every `seconds` is due."""

    def __init__(self, clock: Clock, seconds: float) -> None:
        self._clock = clock
        self._seconds = seconds
        self._due = clock.monotonic() + seconds

    def due(self) -> bool:
        """Whether it is due; if so, it will be again after the interval."""
        now = self._clock.monotonic()
        if now < self._due:
            return False
        self._due = now + self._seconds
        return True


class Intake:
    """Reads the log stream; commits over the session of Postgres that holds the lock.

    Args:
        session: an asyncpg connection.
        bury: puts what cannot be understood to the dead letters.
        told: called after each commit with how many events it held and how many frames wait.
    """

    def __init__(
        self,
        *,
        session: Any,
        store: Store,
        book: Book,
        statistics: Statistics,
        catching_up: CatchingUp,
        bury: Bury,
        clock: Clock,
        keep_days: float,
        told: Callable[[int, int], None],
    ) -> None:
        self._session = session
        self._store = store
        self._book = book
        self._statistics = statistics
        self._catching_up = catching_up
        self._bury = bury
        self._clock = clock
        self._keep_us = round(keep_days * DAY_US)
        self._told = told
        self._pace = Pace(clock)
        self._tell_statistics = Every(clock, STATISTICS_S)
        self._look = Every(clock, LOOK_S)
        self._keep = Every(clock, KEEPING_S)
        self._frames: list[Message] = []
        self._events = 0
        self._lag = 0
        self._tell = False

    async def run(self, pull: PullLoop, stopping: asyncio.Event) -> None:
        """Work until told to stop; then commit what was taken.

        Raises:
            TransientError: Postgres does not answer: the lock is lost; what was not committed
                comes again.
        """
        await self._catching_up.begin()
        try:
            while not stopping.is_set():
                await self.turn(pull)
            await self.commit()
        except BaseException:
            for frame in self._frames:
                frame.give_back()  # we stop: whoever has the lock next may have them now
            raise

    async def turn(self, pull: PullLoop) -> None:
        """Take what has arrived; do what is due."""
        for frame in await pull.next_batch(timeout_s=self._patience_s()):
            await self._take(frame)
        await self._book.settle()
        await self._catching_up.step()
        if self._tell_statistics.due():
            self._tell = self._statistics.recent
        if self._look.due():
            await self._catching_up.look()
        if self._keep.due():
            await self._forget_old()
        if self._something_to_write() and (
            self._pace.left_s == 0 or len(self._frames) >= MAX_UNCOMMITTED
        ):
            await self.commit()

    async def commit(self) -> None:
        """Write what changed and acknowledge what was taken."""
        began = self._clock.monotonic()
        rows = self._book.rows()
        last_seq = max((frame.stream_seq for frame in self._frames), default=0)
        state = self._catching_up.committed(last_seq)
        if self._tell:
            state[STATE_STATISTICS] = json_encode(self._statistics.state(self._clock.now_us()))
            state.update(self._statistics.durations.changed())
            state.update(self._statistics.decisions.changed())
            self._tell = False
        await self._write(rows, state)
        self._book.written(rows)
        ack_all(self._frames)
        self._told(self._events, self._lag)
        self._frames.clear()
        self._events = 0
        self._pace.took(self._clock.monotonic() - began)

    def _patience_s(self) -> float:
        if self._catching_up.active:
            return BUSY_S
        if self._something_to_write():
            return max(BUSY_S, min(self._pace.left_s, IDLE_S))
        return IDLE_S

    def _something_to_write(self) -> bool:
        return (
            bool(self._frames)
            or self._book.changed > 0
            or self._tell
            or self._catching_up.unwritten
        )

    async def _take(self, message: Message) -> None:
        try:
            frame = unpack_log(message.data)
        except UNREADABLE as error:
            await self._bury(message, "frame_unreadable", str(error))
            return
        for record in frame.records:
            self._book.take(record)
            self._events += len(record.events)
        self._frames.append(message)
        self._lag = message.num_pending

    async def _write(self, rows: list[Row], state: dict[str, bytes]) -> None:
        try:
            await self._statement(self._store.commit(self._session, rows, state))
        except BadValue as error:
            if not rows:
                raise  # what we keep about ourselves
            if len(rows) == 1:
                run_id = run_id_text(rows[0].run.run_id)
                logger.warning("row refused", extra={LOG_RUN_ID: run_id, LOG_REASON: error.message})
                return
            # One of them cannot be held by Postgres: the others must not wait for it.
            for row in rows:
                await self._write([row], {})
            await self._write([], state)

    async def _forget_old(self) -> None:
        before_us = self._clock.now_us() - self._keep_us
        gone = await self._statement(self._store.forget(self._session, before_us, FORGET_AT_ONCE))
        if gone:
            logger.info("old runs forgotten", extra={LOG_COUNT: gone})

    async def _statement(self, work: Awaitable[Any]) -> Any:
        """Await a statement over the session; the driver's errors come out as ours."""
        try:
            return await work
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError) as error:
            raise (translate(error) or StrettoError("postgres", str(error))) from error
