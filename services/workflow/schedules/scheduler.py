"""The wiring of schedules: what the service opens, runs, tells of its partitions, and answers."""

import asyncio

from services.workflow.requested import Requested
from services.workflow.schedules.keeper import Keeper
from services.workflow.schedules.reads import Handler, ScheduleReads
from services.workflow.schedules.requests import Requests
from services.workflow.schedules.sending import FiringSender
from services.workflow.schedules.store import ScheduleStore
from services.workflow.schedules.targets import Targets
from services.workflow.settings import WorkflowSettings
from stretto.postgres import Database
from stretto.runtime.context import ServiceContext


class Scheduler:
    """All of schedules, as one part of the workflow service."""

    def __init__(
        self, context: ServiceContext[WorkflowSettings], database: Database, reading: Database
    ) -> None:
        store = ScheduleStore(database)
        self._sender = FiringSender(context.connection, context.publisher, store)
        self._keeper = Keeper(
            store, self._sender, context.clock, context.metrics, context.settings.partitions
        )
        self._requests = Requests(
            store=store,
            targets=Targets(database),
            sender=self._sender,
            requested=Requested(context.publisher, context.pull, context.clock),
            changed=self._keeper.wake,
        )
        self._reads = ScheduleReads(ScheduleStore(reading), context.clock)

    async def open(self) -> None:
        """Hear answers from here on."""
        await self._sender.open()

    async def run(self) -> None:
        """Keep the clocks and carry out requests, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._keeper.run())
            group.create_task(self._requests.run())

    def operations(self) -> dict[str, Handler]:
        """The reads, by name."""
        return self._reads.operations()

    def own(self, partitions: set[int]) -> None:
        """The schedules of these partitions are kept here from now on."""
        self._keeper.own(partitions)

    def disown(self, partitions: set[int]) -> None:
        """Another instance keeps the schedules of these now."""
        self._keeper.disown(partitions)
