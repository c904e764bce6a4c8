"""Run a service's `main` inside the event loop of a test, on real servers; several side by side."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, Generic, TypeVar

from stretto.bus.connection import connect
from stretto.bus.ensure import ensure
from stretto.bus.publisher import Publisher
from stretto.bus.store_watch import StoreWatch
from stretto.contracts.frames import ServiceName
from stretto.runtime.clock import Clock, SystemClock
from stretto.runtime.context import COMPONENT_SERVICE, ServiceContext
from stretto.runtime.health import Health
from stretto.runtime.settings import ServiceSettings
from stretto.runtime.topology import topology_for
from stretto.telemetry.metrics import Metrics
from stretto.telemetry.tracing import NoTracer
from stretto.testkit.stacks import where_tasks_wait

READY_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 60.0
"""Far above what either takes: disks of shared machines stall for tens of seconds."""

POLL_S = 0.01
WATCH_S = 0.1

S = TypeVar("S", bound=ServiceSettings)


class Hosted(Generic[S]):
    """A service that runs in this process: its context, and a way to stop it in order."""

    def __init__(self, context: ServiceContext[S]) -> None:
        self.context = context
        self.done = asyncio.Event()

    async def ready(self) -> None:
        """Wait until every component is ready; an AssertionError says which is not."""
        deadline = time.monotonic() + READY_TIMEOUT_S
        while not self.context.health.ready:
            if self.done.is_set() or time.monotonic() > deadline:
                raise AssertionError(f"not ready: {self.context.health.waiting_for}")
            await asyncio.sleep(POLL_S)

    async def stop(self) -> None:
        """Tell it to stop and wait until it has; an AssertionError says what it does instead."""
        self.context.stopping.set()
        try:
            async with asyncio.timeout(STOP_TIMEOUT_S):
                await self.done.wait()
        except TimeoutError:
            raise AssertionError(
                f"expected {self.context.service} to stop within {STOP_TIMEOUT_S} s, but it goes "
                f"on:\n{where_tasks_wait()}"
            ) from None
        self.context.end_beside()


@asynccontextmanager
async def hosted(
    name: ServiceName,
    settings: S,
    main: Callable[[ServiceContext[S]], Coroutine[Any, Any, None]],
    *,
    instance: str = "tested",
    clock: Clock | None = None,
) -> AsyncIterator[Hosted[S]]:
    """Open a context as `run_service` does, run `main` in it, and stop it at the end."""
    topology = topology_for(name, partitions=settings.partitions, lanes=settings.lanes)
    async with await connect(settings.nats_url, instance) as connection:
        await ensure(connection, topology.streams, topology.consumers)
        async with Publisher(connection) as publisher, asyncio.TaskGroup() as group:
            context = ServiceContext(
                service=name,
                instance=instance,
                settings=settings,
                connection=connection,
                publisher=publisher,
                topology=topology,
                health=Health(name, instance),
                metrics=Metrics(),
                tracer=NoTracer(),
                clock=clock or SystemClock(),
                stopping=asyncio.Event(),
                group=group,
            )
            context.health.component(COMPONENT_SERVICE)  # not ready until `main` says so
            host = Hosted(context)
            names = [stream.name for stream in topology.streams]
            made = context.ensure_topology
            watch = StoreWatch(connection, names, made, context.store_lost, interval_s=WATCH_S)
            context.beside(watch.run())
            context.beside(_run(main, host))
            try:
                yield host
            finally:
                try:
                    await host.stop()
                finally:
                    context.end_beside()


async def _run(
    main: Callable[[ServiceContext[S]], Coroutine[Any, Any, None]], host: Hosted[S]
) -> None:
    try:
        await main(host.context)
    finally:
        host.done.set()
