"""What a process says of itself."""

import asyncio
import pathlib

import msgspec
import pytest

from stretto.contracts.frames import ServiceStats
from stretto.runtime import stats
from stretto.telemetry import names
from stretto.telemetry.metrics import Gauge, Metrics


def test_memory_time_and_uptime_are_told_as_they_are_when_asked() -> None:
    metrics = Metrics()
    stats.observe_process(metrics)
    gauges = metrics.gauges()
    assert 10 * 1024**2 < gauges[names.METRIC_MEMORY] < 10 * 1024**3
    assert gauges[names.METRIC_UPTIME] >= 0
    assert metrics.counters()[names.METRIC_CPU] > 0


def test_without_proc_the_peak_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stats, "_STATM", pathlib.Path("/nothing/here"))
    linux = stats.resident_bytes()
    assert 10 * 1024**2 < linux < 10 * 1024**3
    monkeypatch.setattr(stats.sys, "platform", "darwin")
    assert stats.resident_bytes() == pytest.approx(linux / 1024, rel=0.5)


async def test_the_loop_tells_how_late_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stats, "LAG_INTERVAL_S", 0.01)
    lag = Gauge()
    watching = asyncio.create_task(stats.watch_loop(lag))
    async with asyncio.timeout(5):
        while lag.value == 0:  # noqa: ASYNC110 - set by the watch
            await asyncio.sleep(0.005)
    watching.cancel()
    assert 0 < lag.value < 5


async def test_statistics_are_published_again_and_again() -> None:
    metrics, published = Metrics(), asyncio.Queue[bytes]()
    metrics.counter("a_total").add(2)
    metrics.gauge("b").set(3)
    telling = asyncio.create_task(
        stats.tell_stats("decision", "d-1", metrics, published.put, interval_s=0.001)
    )
    async with asyncio.timeout(5):
        first = msgspec.json.decode(await published.get(), type=ServiceStats)
        second = msgspec.json.decode(await published.get(), type=ServiceStats)
    telling.cancel()
    assert (first.service, first.instance) == ("decision", "d-1")
    assert (first.counters, first.gauges) == ({"a_total": 2}, {"b": 3})
    assert second.at_us > first.at_us
