"""The wiring of the workflow service: what is made, in which order it starts and stops."""

import asyncio
import logging

from services.workflow.api import Api
from services.workflow.definitions import Definitions
from services.workflow.engine import Engine
from services.workflow.feeding import Feeders
from services.workflow.inbox import Inbox
from services.workflow.ownership import Ownership
from services.workflow.registry import Registry
from services.workflow.republishing import Republisher
from services.workflow.sending import Sender
from services.workflow.settings import WorkflowSettings
from services.workflow.spans import Spans
from services.workflow.store import MIGRATIONS, ROLE, SCHEMA, Store
from services.workflow.sweeping import Sweep
from services.workflow.timers import Timers
from stretto.postgres import Database, migrate
from stretto.runtime.context import ServiceContext
from stretto.runtime.errors import TransientError
from stretto.runtime.topology import lane_of

logger = logging.getLogger(__name__)

OWNERSHIP_S = 1.0
"""How often free partitions are looked for: with the wait of their frames, the time of a
take-over."""

SETTLE_S = 1.0
"""After a take-over, what is in the streams is handled first; only then what is still open is sent
again, so that an attempt whose result is on its way is not run twice."""

DRAIN_S = 5.0
"""At a tidy end, how long what was sent may take to be stored."""


class WorkflowService:
    """One instance of the workflow service."""

    def __init__(
        self,
        context: ServiceContext[WorkflowSettings],
        database: Database,
        group: asyncio.TaskGroup,
    ) -> None:
        settings = context.settings
        self._context = context
        self._group = group
        self._partitions, self._lanes = settings.partitions, settings.lanes
        inbox = Inbox()
        self._timers = Timers(context.clock, inbox)
        self._sender = Sender(
            context.publisher, self._timers, Spans(context.tracer), settings.partitions
        )
        self._store = Store(database)
        registry = Registry(database, context.clock)
        self._engine = Engine(
            store=self._store,
            registry=registry,
            sender=self._sender,
            inbox=inbox,
            clock=context.clock,
            tracer=context.tracer,
            metrics=context.metrics,
            partitions=settings.partitions,
            lanes=settings.lanes,
        )
        self._feeders = Feeders(
            pull=context.pull,
            publisher=context.publisher,
            inbox=inbox,
            partitions=settings.partitions,
            group=group,
        )
        self._definitions = Definitions(
            context.connection, context.publisher, registry, context.pull, context.clock
        )
        self._sweep = Sweep(self._engine, self._sender, context.clock, context.metrics)
        self._republisher = Republisher(
            self._store, self._engine.loader, self._sender, context, self._partitions
        )
        self._ownership = Ownership(
            settings.postgres_dsn, settings.partitions, self._gained, self._lost
        )
        self._api = Api(self._store, registry, self._engine.loader, self._resend_lane)
        self._work: list[asyncio.Task[None]] = []
        context.on_store_lost(self._store_lost)

    async def run(self) -> None:
        """Work until the process is told to stop."""
        context = self._context
        await context.wait_for("partitions", self._ownership.refresh)
        self._work = [
            self._group.create_task(work)
            for work in (
                self._engine.run(),
                self._timers.run(),
                self._definitions.run(),
                self._sweep.run(),
                self._republisher.run(lambda: self._ownership.owned),
                self._keep_ownership(),
            )
        ]
        self._feeders.start()
        await context.started(self._api.operations())
        await context.stopping.wait()
        await self._stop()

    async def _stop(self) -> None:
        """Stop reading, then deciding, then let the partitions go; commits are never cut in two."""
        await self._feeders.stop()
        for task in self._work[1:]:
            task.cancel()
        self._work[0].cancel()
        await asyncio.wait(self._work)
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
                logger.warning("partitions in doubt", extra={"reason": error.message})
            else:
                component.ready()

    async def _gained(self, partitions: set[int]) -> None:
        """A take-over: fold what is open, read its messages, then send what is still open again."""
        slots = await self._engine.gained(partitions)
        self._feeders.own(partitions)
        self._group.create_task(self._settle(partitions, {s.run.id for s in slots}))

    async def _settle(self, partitions: set[int], run_ids: set[bytes]) -> None:
        try:
            await self._republisher.take_over(partitions)
            await self._context.clock.sleep(SETTLE_S)
            held = self._engine.loader.slots
            await self._engine.resend([held[i] for i in run_ids if i in held])
        except TransientError as error:
            logger.warning("take-over to be repeated", extra={"reason": error.message})
            self._sender.must_resend.set()

    async def _lost(self, partitions: set[int]) -> None:
        await self._feeders.disown(partitions)
        await self._engine.lost(partitions)

    async def _store_lost(self, streams: list[str]) -> None:
        """The message store was deleted: what was on its way is made again from the log."""
        logger.warning("message store lost", extra={"streams": streams})
        await self._engine.resend(list(self._engine.loader.slots.values()))

    async def _resend_lane(self, lane: int) -> int:
        """Dispatch again what is open on one lane of execution."""
        slots = [
            slot
            for slot in self._engine.loader.slots.values()
            if lane_of(slot.partition, self._lanes) == lane
        ]
        return await self._engine.resend(slots)


async def main(context: ServiceContext[WorkflowSettings]) -> None:
    """Run the workflow service in an open process."""
    settings = context.settings

    async def ready_database() -> Database:
        if settings.migrate:
            await migrate(settings.postgres_dsn, SCHEMA, MIGRATIONS, ROLE)
        return await Database.open(settings.postgres_dsn, ROLE)

    database = await context.wait_for("Postgres", ready_database)
    try:
        async with asyncio.TaskGroup() as group:
            await WorkflowService(context, database, group).run()
    finally:
        await database.close()
