"""What a service's `main` gets: everything that is open while it works."""

import asyncio
import gc
import logging
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any, Generic, TypeVar

from stretto.bus.connection import Connection
from stretto.bus.ensure import ensure
from stretto.bus.publisher import Publisher
from stretto.bus.pull import EXPIRES_S, PullLoop
from stretto.bus.service import Handler, Service
from stretto.bus.topology import Consumer
from stretto.contracts.codec import json_encode
from stretto.contracts.frames import ServiceName
from stretto.runtime.clock import Clock
from stretto.runtime.health import Health
from stretto.runtime.settings import ServiceSettings
from stretto.runtime.topology import Topology
from stretto.runtime.waiting import wait_for
from stretto.telemetry.metrics import Metrics
from stretto.telemetry.tracing import Tracer

COMPONENT_SERVICE = "service"

GC_THRESHOLDS = (50_000, 20, 100)
"""Messages are structs without cycles: the collector finds nothing in them and may look rarely."""

_logger = logging.getLogger(__name__)

S = TypeVar("S", bound=ServiceSettings)
T = TypeVar("T")

StoreLost = Callable[[list[str]], Awaitable[None]]
"""Called with the names of streams that were deleted, after they were made again."""


class ServiceContext(Generic[S]):
    """The open parts of a service process. They are closed after `main` has returned.

    Attributes:
        stopping: set when the process was asked to stop: finish what is begun and return.
        topology: the streams and consumers of this service; they exist when `main` begins.
    """

    def __init__(
        self,
        *,
        service: ServiceName,
        instance: str,
        settings: S,
        connection: Connection,
        publisher: Publisher,
        topology: Topology,
        health: Health,
        metrics: Metrics,
        tracer: Tracer,
        clock: Clock,
        stopping: asyncio.Event,
        group: asyncio.TaskGroup,
    ) -> None:
        self.service: ServiceName = service
        self.instance = instance
        self.settings = settings
        self.connection = connection
        self.publisher = publisher
        self.topology = topology
        self.health = health
        self.metrics = metrics
        self.tracer = tracer
        self.clock = clock
        self.stopping = stopping
        self._group = group
        self._making = asyncio.Lock()
        self._on_store_lost: list[StoreLost] = []
        self._beside: list[asyncio.Task[None]] = []

    async def started(self, operations: Mapping[str, Handler] | None = None) -> None:
        """Say that the service can work: its operations are answered, readiness turns to yes.

        What was loaded until now stays for ever: the garbage collector need not look at it again.

        Args:
            operations: handlers of `stretto.api.<service>.<operation>`; `health` is added.
        """
        service = Service(
            self.connection, self.service, {"health": self._tell_health, **(operations or {})}
        )
        self.beside(service.run())
        await service.ready.wait()
        gc.collect()
        gc.freeze()
        gc.set_threshold(*GC_THRESHOLDS)
        self.health.component(COMPONENT_SERVICE).ready()
        _logger.info("service started")

    def pull(self, consumer: Consumer, batch: int, *, capacity: int | None = None) -> PullLoop:
        """Return a pull loop on a durable consumer that makes the topology again when it is gone.

        Use it with `async with`; what it holds goes back at its end.
        """
        pinned = consumer.priority_group is not None
        return PullLoop(
            self.connection,
            consumer.stream,
            consumer.name,
            batch,
            capacity=capacity,
            # Who is pinned keeps its place by asking again in time.
            expires_s=consumer.priority_timeout_s / 2 if pinned else EXPIRES_S,
            group=consumer.priority_group,
            on_missing=self.ensure_topology,
        )

    async def ensure_topology(self) -> None:
        """Make the streams and consumers of this service, where they are not there as declared.

        Raises:
            TransientError, PermanentError: see `stretto.bus.ensure.ensure`.
        """
        async with self._making:
            await ensure(self.connection, self.topology.streams, self.topology.consumers)

    def on_store_lost(self, listener: StoreLost) -> None:
        """Call `listener` whenever streams of this service were deleted and are made again.

        It is called again while it raises a `TransientError`.
        """
        self._on_store_lost.append(listener)

    async def store_lost(self, streams: list[str]) -> None:
        """Tell the listeners that streams were lost and are there again."""
        for listener in self._on_store_lost:
            await listener(streams)

    async def wait_for(self, what: str, attempt: Callable[[], Awaitable[T]]) -> T:
        """Call `attempt` until it succeeds, for ever, and let readiness say what is waited for."""
        return await wait_for(
            what, attempt, component=self.health.component(what), clock=self.clock
        )

    def beside(self, work: Coroutine[Any, Any, None]) -> None:
        """Run something beside `main` until that returns; if it fails the process ends."""
        self._beside.append(self._group.create_task(work))

    def end_beside(self) -> None:
        """Cancel what runs beside `main`."""
        for task in self._beside:
            task.cancel()

    async def _tell_health(self, _request: bytes) -> bytes:
        return json_encode(self.health.report())
