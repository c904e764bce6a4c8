"""The wiring of the monitoring service: who reads the log, who answers."""

import asyncio
import logging
import os

import msgspec

from services.monitoring.book import Book
from services.monitoring.catching_up import CatchingUp, StreamInfo
from services.monitoring.decisions import DECISIONS
from services.monitoring.durations import DURATIONS
from services.monitoring.history import AskedLog
from services.monitoring.intake import BATCH, STATE_STATISTICS, Intake
from services.monitoring.progress import ProgressOfRuns
from services.monitoring.reads import Reads
from services.monitoring.services_seen import SUBJECT, ServicesSeen
from services.monitoring.settings import MonitoringSettings
from services.monitoring.signs import SIGNS, Signs
from services.monitoring.statistics import Statistics, StatisticsState
from services.monitoring.store import MIGRATIONS, ROLE, SCHEMA, Store
from stretto.bus.api import Answer, ask_api
from stretto.bus.deadletter import DeadLetters
from stretto.client.asking import Asks
from stretto.contracts import subjects
from stretto.postgres import Database, migrate
from stretto.runtime.context import ServiceContext
from stretto.runtime.ending import ended
from stretto.runtime.errors import TransientError
from stretto.runtime.topology import monitoring_log
from stretto.telemetry.names import (
    LOG_REASON,
    METRIC_MONITORING_EVENTS,
    METRIC_MONITORING_LAG,
    METRIC_MONITORING_RUNS,
)

logger = logging.getLogger(__name__)

LOCK = 0x5714
"""First key of the advisory lock of who reads the log; the second is 0."""

TAKE_OVER_S = 1.0
"""How often the others look whether the reader is gone."""

_decode_statistics = msgspec.json.Decoder(StatisticsState).decode


class _Config(msgspec.Struct, frozen=True):
    max_bytes: int = -1


class _State(msgspec.Struct, frozen=True):
    first_seq: int = 0
    bytes: int = 0


class _StreamAnswer(Answer, frozen=True, kw_only=True):
    created: str = ""
    config: _Config = _Config()
    state: _State = _State()


class MonitoringService:
    """One instance of the monitoring service."""

    def __init__(self, context: ServiceContext[MonitoringSettings], database: Database) -> None:
        self._context = context
        self._database = database
        self._store = Store(database)
        self._log = AskedLog(Asks(context.connection))
        self._seen = ServicesSeen(context.clock)
        self._signs = Signs(context.clock)
        self._letters = DeadLetters(context.publisher, "monitoring")
        self._events = context.metrics.counter(METRIC_MONITORING_EVENTS)
        self._lag = context.metrics.gauge(METRIC_MONITORING_LAG)
        self._held = context.metrics.gauge(METRIC_MONITORING_RUNS)
        asks = Asks(context.connection)
        self._reads = Reads(
            store=self._store,
            log=self._log,
            seen=self._seen,
            clock=context.clock,
            lag=lambda: round(self._lag.value),
            progress=ProgressOfRuns(self._store, self._log, self._signs, asks, context.clock),
        )

    async def run(self) -> None:
        """Answer, and read the log when nobody else does, until told to stop."""
        context = self._context
        await context.connection.subscribe(SUBJECT, self._seen.heard)
        await context.connection.subscribe(SIGNS, self._signs.heard)
        await context.started(self._reads.operations())
        component = context.health.component("log")
        while not context.stopping.is_set():
            try:
                if await self._read_log_if_first():
                    continue
                component.ready()  # another instance reads; this one stands by
            except TransientError as error:
                component.not_ready(error.message)
                logger.warning("log not read, trying again", extra={LOG_REASON: error.message})
            await _pause(context.stopping, TAKE_OVER_S)

    async def _read_log_if_first(self) -> bool:
        """Take the lock and read the log until told to stop; False: somebody else has the lock."""
        context = self._context
        async with self._database.connection() as session:
            if not await session.fetchval("select pg_try_advisory_lock($1, 0)", LOCK):
                return False
            logger.info("reads the log")
            statistics = Statistics()
            kept = await self._store.state(STATE_STATISTICS)
            if kept is not None:
                statistics.restore(_decode_statistics(kept))
            statistics.durations.restore(await self._store.states(DURATIONS))
            statistics.decisions.restore(await self._store.states(DECISIONS))
            book = Book(self._log, self._store, statistics)
            self._reads.progress.reads(book, statistics.durations)
            self._held.follow(lambda: book.held)
            intake = Intake(
                session=session,
                store=self._store,
                book=book,
                statistics=statistics,
                catching_up=CatchingUp(
                    store=self._store,
                    log=self._log,
                    book=book,
                    statistics=statistics,
                    clock=context.clock,
                    look=self._look,
                ),
                bury=self._letters.bury,
                clock=context.clock,
                keep_days=context.settings.days_kept,
                told=self._told,
            )
            context.health.component("log").ready()
            try:
                async with (
                    context.pull(monitoring_log(), BATCH) as pull,
                    asyncio.TaskGroup() as group,
                ):
                    telling = group.create_task(self._reads.progress.tell(context.connection))
                    await intake.run(pull, context.stopping)
                    await ended([telling])
            except ExceptionGroup as errors:
                raise errors.exceptions[0] from None
            finally:
                self._reads.progress.reads(None, None)
        return True

    async def _look(self) -> StreamInfo:
        answer = await ask_api(
            self._context.connection,
            f"STREAM.INFO.{subjects.STREAM_LOG}",
            None,
            _StreamAnswer,
            asked="look at the log stream",
        )
        limit = answer.config.max_bytes
        filled = answer.state.bytes / limit if limit > 0 else 0.0
        return StreamInfo(created=answer.created, first_seq=answer.state.first_seq, filled=filled)

    def _told(self, events: int, lag: int) -> None:
        self._events.add(events)
        self._lag.set(lag)


async def main(context: ServiceContext[MonitoringSettings]) -> None:
    """Run the monitoring service in an open process."""
    settings = context.settings
    stand_back(settings.nice)

    async def ready_database() -> Database:
        if settings.migrate:
            await migrate(settings.postgres_dsn, SCHEMA, MIGRATIONS, ROLE)
        return await Database.open(settings.postgres_dsn, ROLE)

    database = await context.wait_for("Postgres", ready_database)
    try:
        await MonitoringService(context, database).run()
    finally:
        await database.close()


def stand_back(by: int) -> None:
    """Give others precedence when the processors are busy; a service may lag, not hinder."""
    os.setpriority(os.PRIO_PROCESS, 0, max(by, os.getpriority(os.PRIO_PROCESS, 0)))


async def _pause(stopping: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await stopping.wait()
    except TimeoutError:
        return
