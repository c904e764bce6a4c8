"""The life of a service process: started in order, stopped in order, ended by what it cannot mend.

::

    sys.exit(run_service("decision", settings, main))       # main(context), until it is stopped

    up     logs → signals → health (HTTP) → the bus (waits) → streams and consumers → `main`
    work   `main` awaits `context.started()` when it can work: /readyz turns to 200
    down   1. SIGTERM or SIGINT: /readyz turns to 503, `context.stopping` is set
           2. `main` stops pulling, finishes what it holds, acknowledges, returns: within
              `shutdown_timeout_s`, then it is cancelled (a second signal: at once)
           3. what runs beside it ends: operations, statistics, the watch of the store
           4. the publisher is closed
           5. spans are exported
           6. the bus is closed
           7. health is closed, last: until here somebody can ask why it takes so long

Exit codes: 0 stopped as asked · 1 something failed, the supervisor starts it again · 2 settings.
The order of 4 to 7 is that of the stack in `_Process.live`, read from its end.
"""

import asyncio
import logging
import signal
import sys
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from secrets import token_hex
from typing import Any, Generic, TypeVar

from stretto.bus.connection import Connection, connect
from stretto.bus.credentials import credentials_of
from stretto.bus.ensure import ensure
from stretto.bus.publisher import Publisher
from stretto.bus.store_watch import StoreWatch
from stretto.contracts import subjects
from stretto.contracts.frames import ServiceName
from stretto.runtime.clock import Clock, SharedClock, SteadyClock, SystemClock
from stretto.runtime.context import COMPONENT_SERVICE, ServiceContext
from stretto.runtime.health import Component, Health, HealthServer
from stretto.runtime.settings import ServiceSettings
from stretto.runtime.stats import observe_process, tell_stats, watch_loop
from stretto.runtime.topology import Topology, topology_for
from stretto.runtime.waiting import wait_for
from stretto.telemetry import names
from stretto.telemetry.logging import configure_logging
from stretto.telemetry.metrics import Metrics
from stretto.telemetry.tracing import make_tracer

__all__ = ["EXIT_FAILED", "EXIT_STOPPED", "Main", "ServiceContext", "run_service", "serve"]

EXIT_STOPPED = 0
EXIT_FAILED = 1

CONNECT_TRY_S = 5.0
"""One try to connect; then the log says that we wait."""

EXPORT_TIMEOUT_S = 3.0
"""A receiver of spans that hangs must not hold the end of a service for longer."""

_MEASURE = frozenset({"execution", "decision"})
"""Services whose instants are for themselves: a clock that is set must not stop what they give out
by time."""

_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_COMPONENT_BUS = "bus"
_logger = logging.getLogger(__name__)

S = TypeVar("S", bound=ServiceSettings)

Main = Callable[[ServiceContext[S]], Coroutine[Any, Any, None]]


def run_service(name: ServiceName, settings: S, main: Main[S]) -> int:
    """Run a service process until it is told to stop or fails; return its exit code.

    `main` returns soon after `context.stopping` is set. If it raises, or returns before, the
    process ends with 1.
    """
    instance = settings.instance or f"{name}-{token_hex(4)}"
    configure_logging(settings.log_level, settings.log_format, service=name, instance=instance)
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        return runner.run(serve(name, instance, settings, main))


async def serve(name: ServiceName, instance: str, settings: S, main: Main[S]) -> int:
    """Run a service in this event loop; see `run_service`. Takes SIGTERM and SIGINT."""
    stop = _Stop()
    loop = asyncio.get_running_loop()
    for number in _SIGNALS:
        loop.add_signal_handler(number, stop.signalled, number)
    _logger.info("service starts", extra={names.LOG_PYTHON: sys.version.split()[0]})
    try:
        in_time = await _Process(name, instance, settings, stop).live(main)
    except Exception:
        _logger.exception("service failed")
        return EXIT_FAILED
    finally:
        for number in _SIGNALS:
            loop.remove_signal_handler(number)
    if not stop.asked.is_set():
        _logger.error("service ended before it was told to")
        return EXIT_FAILED
    if not in_time:
        _logger.error(
            "service did not finish in time",
            extra={names.LOG_AFTER_S: settings.shutdown_timeout_s},
        )
        return EXIT_FAILED
    _logger.info("service stopped")
    return EXIT_STOPPED


class _Stop:
    """What the signals ask for. The first one gives `main` its time, the second one ends it."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self._limit: asyncio.Timeout | None = None
        self._patience_s = 0.0
        self._component: Component | None = None

    def signalled(self, number: signal.Signals) -> None:
        """Handle a signal."""
        _logger.info("signal received", extra={names.LOG_SIGNAL: number.name})
        patience_s = 0.0 if self.asked.is_set() else self._patience_s
        self.asked.set()
        if self._component is not None:
            self._component.not_ready("stopping")
        if self._limit is not None:
            self._limit.reschedule(asyncio.get_running_loop().time() + patience_s)

    def opens(self, limit: asyncio.Timeout, component: Component) -> None:
        """From now on a signal ends it at once: nothing is held yet."""
        self._limit = limit
        self._component = component

    def works(self, patience_s: float) -> None:
        """From now on the first signal leaves so much time."""
        self._patience_s = patience_s

    def ended(self) -> None:
        """From now on signals change nothing: the end is near and bounded."""
        self._limit = None


class _Process(Generic[S]):
    """What is open while a service lives."""

    def __init__(self, name: ServiceName, instance: str, settings: S, stop: _Stop) -> None:
        self._name: ServiceName = name
        self._instance = instance
        self._settings = settings
        self._stop = stop
        self._health = Health(name, instance)
        self._metrics = Metrics()

    async def live(self, main: Main[S]) -> bool:
        """Open everything, run `main`, close everything; return whether `main` ended in time.

        Raises:
            Exception: what `main` or the work beside it raised, in groups.
        """
        stop, working = self._stop, False
        async with AsyncExitStack() as stack:
            try:
                async with asyncio.timeout(None) as limit:
                    stop.opens(limit, self._health.component(COMPONENT_SERVICE))
                    await self._open_health(stack)
                    connection = await self._connect()
                    stack.push_async_callback(connection.close)
                    topology = await self._make_topology(connection)
                    stop.works(self._settings.shutdown_timeout_s)
                    working = True
                    await self._work(main, stack, connection, topology)
            except TimeoutError:
                if not limit.expired():
                    raise
                return not working  # told to stop before there was work: that is in time
            finally:
                stop.ended()
        return True

    async def _open_health(self, stack: AsyncExitStack) -> None:
        observe_process(self._metrics)
        host, port = self._settings.health_host, self._settings.health_port
        if port is None:
            return
        server = HealthServer(self._health, self._metrics.render, host, port)
        await server.start()
        stack.push_async_callback(server.stop)
        _logger.info(
            "health is served", extra={names.LOG_ADDRESS: host, names.LOG_PORT: server.port}
        )

    async def _connect(self) -> Connection:
        """Connect to the bus, however long that takes; its component follows the connection."""
        settings, component = self._settings, self._health.component(_COMPONENT_BUS)
        credentials = credentials_of(
            user=settings.nats_user,
            password=settings.nats_password,
            creds=settings.nats_creds,
            ca=settings.nats_ca,
            cert=settings.nats_cert,
            key=settings.nats_key,
        )
        connection = await wait_for(
            "NATS",
            lambda: connect(
                settings.nats_url,
                self._instance,
                credentials=credentials,
                inbox_prefix=settings.nats_inbox_prefix,
                timeout_s=CONNECT_TRY_S,
            ),
            component=component,
        )
        connection.on_change(
            lost=lambda: component.not_ready("the connection is lost"), back=component.ready
        )
        return connection

    async def _make_topology(self, connection: Connection) -> Topology:
        topology = topology_for(
            self._name,
            partitions=self._settings.partitions,
            lanes=self._settings.lanes,
            replicas=self._settings.stream_replicas,
        )
        await wait_for(
            "JetStream",
            lambda: ensure(connection, topology.streams, topology.consumers),
            component=self._health.component(_COMPONENT_BUS),
        )
        return topology

    async def _work(
        self, main: Main[S], stack: AsyncExitStack, connection: Connection, topology: Topology
    ) -> None:
        """Run `main`, and beside it what every service does; the first failure ends all."""
        settings = self._settings
        tracer = make_tracer(
            names.SERVICE_PREFIX + self._name,
            self._instance,
            endpoint=settings.otlp_endpoint,
            ratio=settings.trace_ratio,
        )
        stack.push_async_callback(tracer.close, EXPORT_TIMEOUT_S)
        publisher = Publisher(connection, on_missing=lambda: watch.look_now())  # noqa: PLW0108 - made later
        stack.push_async_callback(publisher.close)
        async with asyncio.TaskGroup() as group:
            context = ServiceContext(
                service=self._name,
                instance=self._instance,
                settings=settings,
                connection=connection,
                publisher=publisher,
                topology=topology,
                health=self._health,
                metrics=self._metrics,
                tracer=tracer,
                clock=_clock_of(self._name),
                stopping=self._stop.asked,
                group=group,
            )
            watched = (stream.name for stream in topology.streams)
            watch = StoreWatch(connection, watched, context.ensure_topology, context.store_lost)
            # A sink that failed is a bug: it closes the connection, and this raises it.
            context.beside(connection.wait_closed())
            await watch.look()  # from here on it is known what the streams were
            context.beside(watch.run())
            context.beside(watch_loop(self._metrics.gauge(names.METRIC_LOOP_LAG)))
            context.beside(_tell(context))
            await main(context)
            context.end_beside()


def _clock_of(service: ServiceName) -> Clock:
    if service == "workflow":
        return SharedClock()
    return SteadyClock() if service in _MEASURE else SystemClock()


async def _tell(context: ServiceContext[S]) -> None:
    subject = subjects.stats(context.service)
    connection = context.connection

    async def publish(data: bytes) -> None:
        # Nobody misses a figure of a time without a connection; the next one comes soon.
        if connection.is_connected:
            await connection.publish(subject, data)

    await tell_stats(
        context.service,
        context.instance,
        context.metrics,
        publish,
        context.settings.stats_interval_s,
    )


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return uvloop's loops; None, the usual ones, where it does not exist (Windows)."""
    if sys.platform == "win32":
        return None
    import uvloop

    new_loop: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return new_loop
