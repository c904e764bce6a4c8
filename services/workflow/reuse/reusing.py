"""The wiring of reuse: what the service runs for it, and answers."""

import asyncio
from collections.abc import Callable

from services.workflow.inbox import Inbox
from services.workflow.requested import Requested
from services.workflow.reuse.expiry import Expiry
from services.workflow.reuse.noting import Changes, KeptKey
from services.workflow.reuse.outputs import KeptOutputs
from services.workflow.reuse.reads import Handler, KeptReads
from services.workflow.reuse.requests import Requests
from services.workflow.reuse.seeking import Seeking
from services.workflow.reuse.shared import PURPOSE, SharedOutputs
from services.workflow.settings import WorkflowSettings
from stretto.cache import SharedCache
from stretto.postgres import Database
from stretto.runtime.context import ServiceContext
from stretto.telemetry.names import METRIC_OUTPUTS_PURGED


class Reusing:
    """All of reuse, as one part of the workflow service. `seeking` is asked by the engine."""

    def __init__(
        self,
        context: ServiceContext[WorkflowSettings],
        reading: Database,
        inbox: Inbox,
        is_mine: Callable[[], bool],
    ) -> None:
        outputs, clock, url = KeptOutputs(reading), context.clock, context.settings.redis_url
        shared = None if url is None else SharedCache(url, PURPOSE)
        if shared is not None:
            context.health.optional("redis", lambda: shared.why_away)
            shared.observe(context.metrics)
        self._shared = SharedOutputs(outputs, shared)
        self.seeking = Seeking(self._shared, inbox, clock, context.metrics)
        self._purged = context.metrics.counter(METRIC_OUTPUTS_PURGED)
        requested = Requested(context.publisher, context.pull, clock)
        self._requests = Requests(outputs, requested, self._dropped)
        self._expiry = Expiry(outputs, clock, context.metrics, context.settings.reuse_mib, is_mine)
        self._reads = KeptReads(outputs, clock)

    def committed(self, changes: Changes) -> None:
        """Outputs were kept, or dropped, by a commit."""
        self._shared.changed(changes)

    async def run(self) -> None:
        """Look for what is asked, purge, and drop what is too old, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._shared.run())
            group.create_task(self.seeking.run())
            group.create_task(self._requests.run())
            group.create_task(self._expiry.run())

    def operations(self) -> dict[str, Handler]:
        """The reads, by name."""
        return self._reads.operations()

    async def _dropped(self, keys: list[KeptKey]) -> None:
        self._purged.add(len(keys))
        await self._shared.forget(keys)
