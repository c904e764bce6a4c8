"""What a process says of itself every few seconds: on the bus, and when its metrics are read."""

import asyncio
import os
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

from stretto.contracts.codec import json_encode
from stretto.contracts.frames import ServiceName, ServiceStats
from stretto.runtime.clock import now_us
from stretto.telemetry.metrics import Gauge, Metrics
from stretto.telemetry.names import METRIC_CPU, METRIC_MEMORY, METRIC_UPTIME

LAG_INTERVAL_S = 0.5
"""How often the event loop is asked how late it is."""

_STATM = Path("/proc/self/statm")


def resident_bytes() -> int:
    """Return the memory of this process that is in RAM (where there is no /proc: its peak)."""
    with suppress(OSError):
        return int(_STATM.read_bytes().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    import resource  # not on Windows

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def observe_process(metrics: Metrics) -> None:
    """Add uptime, CPU time and memory of this process to its metrics."""
    began = time.monotonic()
    metrics.gauge(METRIC_UPTIME).follow(lambda: time.monotonic() - began)
    metrics.counter(METRIC_CPU).follow(time.process_time)
    metrics.gauge(METRIC_MEMORY).follow(resident_bytes)


async def watch_loop(lag: Gauge) -> None:
    """Measure for ever how late the event loop is: seconds, the worst of the last two looks."""
    before = 0.0
    while True:
        due = time.monotonic() + LAG_INTERVAL_S
        await asyncio.sleep(LAG_INTERVAL_S)
        late = max(0.0, time.monotonic() - due)
        lag.set(max(late, before))
        before = late


async def tell_stats(
    service: ServiceName,
    instance: str,
    metrics: Metrics,
    publish: Callable[[bytes], Awaitable[None]],
    interval_s: float,
) -> None:
    """Publish a `ServiceStats` every `interval_s`, for ever."""
    while True:
        await asyncio.sleep(interval_s)
        stats = ServiceStats(
            service=service,
            instance=instance,
            at_us=now_us(),
            counters=metrics.counters(),
            gauges=metrics.gauges(),
        )
        await publish(json_encode(stats))
