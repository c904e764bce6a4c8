"""The wiring of the workflow service: what is made, in which order it starts and stops."""

import asyncio
import logging
from contextlib import AsyncExitStack

from services.workflow.api import Api
from services.workflow.catalogue import Catalogue
from services.workflow.claims import Claims
from services.workflow.definitions import Definitions
from services.workflow.engine import Engine
from services.workflow.feeding import Feeders
from services.workflow.importing import Importing
from services.workflow.inbox import Inbox
from services.workflow.lines import Lines
from services.workflow.loading import Loader
from services.workflow.migration_api import MigrationApi
from services.workflow.ownership import Ownership
from services.workflow.parking import Parking
from services.workflow.payloads import Payloads
from services.workflow.referring import Referring
from services.workflow.registry import Registry
from services.workflow.republishing import Republisher
from services.workflow.retention import Retention
from services.workflow.reuse.reusing import Reusing
from services.workflow.rings import Rings
from services.workflow.schedules.scheduler import Scheduler
from services.workflow.sending import Sender
from services.workflow.settings import WorkflowSettings
from services.workflow.spans import Spans
from services.workflow.store import MIGRATIONS, ROLE, SCHEMA, Store
from services.workflow.sweeping import Sweep
from services.workflow.timekeeping import Timekeeping
from services.workflow.timers import Timers
from stretto.contracts.admission import parse_resources
from stretto.payloads import ObjectStore
from stretto.postgres import Database, migrate
from stretto.runtime.clock import SharedClock
from stretto.runtime.context import ServiceContext
from stretto.runtime.ending import ended
from stretto.runtime.errors import TransientError
from stretto.runtime.settings import retention_s
from stretto.runtime.topology import CHARGED_LANE, lane_of
from stretto.telemetry.names import LOG_AFTER_S, LOG_REASON, LOG_STREAMS

logger = logging.getLogger(__name__)

OWNERSHIP_S = 1.0
"""How often free partitions are looked for: with the wait of their frames, the time of a
take-over."""

SETTLE_S = 1.0
"""After a take-over, what is in the streams is handled first; only then what is still open is sent
again, so that an attempt whose result is on its way is not run twice."""

DRAIN_S = 3.0
"""At a tidy end, how long the round in hand may take to be committed, and what was sent to be
stored: together less than `shutdown_timeout_s`."""

READING_CONNECTIONS = 3
"""What clients ask for reads through connections of its own: commits never wait for it."""


class WorkflowService:
    """One instance of the workflow service."""

    def __init__(
        self,
        context: ServiceContext[WorkflowSettings],
        database: Database,
        reading: Database,
        group: asyncio.TaskGroup,
    ) -> None:
        settings, clock = context.settings, context.clock
        self._context = context
        self._group = group
        self._lanes = settings.lanes
        inbox = Inbox()
        self._timers = Timers(clock, inbox)
        self._sender = Sender(context.publisher, Spans(context.tracer), clock, settings.partitions)
        store = Store(database)
        capacities = parse_resources(settings.resources)
        registry = Registry(database, clock, capacities)
        claims = Claims(database)
        objects = ObjectStore(context.connection, context.publisher)
        payloads = Payloads(database, objects, clock)
        self._engine = Engine(
            store=store,
            registry=registry,
            sender=self._sender,
            payloads=payloads,
            timers=self._timers,
            inbox=inbox,
            claims=claims,
            clock=clock,
            tracer=context.tracer,
            metrics=context.metrics,
            partitions=settings.partitions,
            lanes=settings.lanes,
        )
        self._lines = Lines(
            claims,
            inbox=inbox,
            publisher=context.publisher,
            clock=clock,
            metrics=context.metrics,
            partitions=settings.partitions,
            owned=lambda: self._engine.owned,
        )
        self._engine.acting.freed = self._lines.freed
        self._reusing = Reusing(context, reading, inbox, lambda: 0 in self._engine.owned)
        self._engine.acting.sought = self._reusing.seeking.ask
        self._engine.acting.kept = self._reusing.committed
        self._feeders = Feeders(
            pull=context.pull,
            publisher=context.publisher,
            inbox=inbox,
            referring=Referring(payloads, self._sender.answers, settings.partitions),
            partitions=settings.partitions,
            group=group,
        )
        self._definitions = Definitions(
            context.connection, context.publisher, registry, context.pull, clock
        )
        self._sweep = Sweep(self._engine, self._sender, clock, context.metrics)
        self._parking = Parking(self._engine, store, clock, context.metrics, settings.partitions)
        self._republisher = Republisher(
            store=store,
            loader=self._engine.loader,
            sender=self._sender,
            connection=context.connection,
            clock=clock,
            partitions=settings.partitions,
        )
        self._retention = Retention(
            database,
            clock,
            context.metrics,
            retention_s(settings.retention),
            lambda: 0 in self._engine.owned,
        )
        self._scheduler = Scheduler(context, database, reading)
        self._ownership = Ownership(
            settings.postgres_dsn, settings.partitions, self._gained, self._lost
        )
        known = Registry(reading, clock, capacities)
        reader = Loader(Store(reading), known, clock, settings.partitions)
        kept = Payloads(reading, objects, clock)
        self._rings = Rings(
            reading,
            reader,
            sender=self._sender,
            publisher=context.publisher,
            clock=clock,
            partitions=settings.partitions,
            looks=lambda: 0 in self._engine.owned,
        )
        self._migrating = MigrationApi(Store(reading), known, reader)
        self._api = Api(Store(reading), reader, self._resend_lane, Claims(reading), kept)
        self._catalogue = Catalogue(known)
        self._importing = Importing(reading, context.publisher, clock, settings.partitions)
        self._settling: set[asyncio.Task[None]] = set()
        context.on_store_lost(self._store_lost)

    async def run(self) -> None:
        """Work until the process is told to stop."""
        context = self._context
        await context.wait_for("definitions", self._definitions.open)
        await context.wait_for("schedules", self._scheduler.open)
        await context.wait_for("partitions", self._ownership.refresh)
        engine = self._group.create_task(self._engine.run())
        beside = [
            self._group.create_task(work)
            for work in (
                self._timers.run(),
                self._definitions.run(),
                self._sender.run(),
                self._sweep.run(),
                self._parking.run(),
                self._lines.run(),
                self._reusing.run(),
                self._rings.run(),
                self._republisher.run(),
                self._retention.run(),
                self._scheduler.run(),
                self._keep_ownership(),
            )
        ]
        self._feeders.start()
        await context.started(
            self._api.operations()
            | self._catalogue.operations()
            | self._scheduler.operations()
            | self._migrating.operations()
            | self._importing.operations()
            | self._reusing.operations()
        )
        await context.stopping.wait()
        await self._stop(engine, beside)

    async def _stop(self, engine: asyncio.Task[None], beside: list[asyncio.Task[None]]) -> None:
        """Stop reading, let the round that is being committed end, let the partitions go."""
        await self._feeders.stop()
        await ended([*beside, *self._settling])
        try:
            async with asyncio.timeout(DRAIN_S):
                await self._engine.stop()
        except TimeoutError:
            logger.warning("a round is not committed", extra={LOG_AFTER_S: DRAIN_S})
        await ended([engine])
        await self._sender.drained(DRAIN_S)
        await self._ownership.drop()

    async def _keep_ownership(self) -> None:
        component = self._context.health.component("partitions")
        while True:
            await self._context.clock.sleep(OWNERSHIP_S)
            try:
                await self._ownership.refresh()
            except TransientError as error:
                component.not_ready(error.message)
                logger.warning("partitions in doubt", extra={LOG_REASON: error.message})
            else:
                component.ready()

    async def _gained(self, partitions: set[int]) -> None:
        """A take-over: fold what is open, read its messages, then send what is still open again."""
        slots = await self._engine.gained(partitions)
        self._republisher.own(partitions)
        self._scheduler.own(partitions)
        self._feeders.own(partitions)
        task = self._group.create_task(self._settle({s.run.id for s in slots}))
        self._settling.add(task)
        task.add_done_callback(self._settling.discard)

    async def _settle(self, run_ids: set[bytes]) -> None:
        """What the last owner has left unsent; after a while, so that what has arrived meanwhile is
        not asked for again."""
        await self._context.clock.sleep(SETTLE_S)
        held = self._engine.loader.slots
        await self._engine.resend([held[i] for i in run_ids if i in held])

    async def _lost(self, partitions: set[int]) -> None:
        await self._feeders.disown(partitions)
        self._republisher.disown(partitions)
        self._scheduler.disown(partitions)
        await self._engine.lost(partitions)

    async def _store_lost(self, streams: list[str]) -> None:
        """The message store was deleted: what was on its way is made again from the log."""
        logger.warning("message store lost", extra={LOG_STREAMS: streams})
        self._sender.untold = True
        await self._engine.resend(self._engine.loader.slots.values())

    async def _resend_lane(self, lane: int) -> int:
        """Dispatch again what is open on one lane of execution."""
        slots = [
            slot
            for slot in self._engine.loader.slots.values()
            if lane in (lane_of(slot.partition, self._lanes), CHARGED_LANE)
        ]
        return await self._engine.resend(slots)


async def main(context: ServiceContext[WorkflowSettings]) -> None:
    """Run the workflow service in an open process."""
    dsn = context.settings.postgres_dsn

    async def ready_database() -> Database:
        if context.settings.migrate:
            await migrate(dsn, SCHEMA, MIGRATIONS, ROLE)
        return await Database.open(dsn, ROLE)

    async def more() -> Database:
        return await Database.open(dsn, ROLE, size=READING_CONNECTIONS)

    async with AsyncExitStack() as stack:
        database = await context.wait_for("Postgres", ready_database)
        stack.push_async_callback(database.close)
        reading = await context.wait_for("Postgres", more)
        stack.push_async_callback(reading.close)
        async with asyncio.TaskGroup() as group:
            beside: list[asyncio.Task[None]] = []
            if isinstance(context.clock, SharedClock):  # a test may bring one of its own
                keeping = Timekeeping(reading, context.clock)
                await context.wait_for("Postgres", keeping.begin)
                beside.append(group.create_task(keeping.run()))
            await WorkflowService(context, database, reading, group).run()
            await ended(beside)
