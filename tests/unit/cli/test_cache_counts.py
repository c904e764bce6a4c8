"""How caches do, as a person reads it."""

from typing import Any

from stretto.cache import CacheCounts, SharedCache, observe_cache
from stretto.cli.cache_counts import rows_of
from stretto.telemetry.metrics import Metrics


def said(instance: str, metrics: Metrics) -> dict[str, Any]:
    return {
        "service": "decision",
        "instance": instance,
        "counters": metrics.counters(),
        "gauges": metrics.gauges(),
    }


def test_each_cache_that_was_asked_has_a_row() -> None:
    metrics = Metrics()
    observe_cache(metrics, "results", lambda: CacheCounts(30, 10, 2, 7, 1_500_000))
    observe_cache(metrics, "plans", lambda: CacheCounts(0, 5, 0, 5, 0))
    observe_cache(metrics, "matches", lambda: CacheCounts(0, 0, 0, 0, 0))
    metrics.counter("stretto_other_total").add(3)
    assert list(rows_of([said("decision-1", metrics)])) == [
        ("decision-1", "plans", "0", "5", "0.0%", "0", "5", ""),
        ("decision-1", "results", "30", "10", "75.0%", "2", "7", "1.5"),
    ]


async def test_a_cache_in_redis_tells_whether_it_is_there() -> None:
    metrics = Metrics()
    shared = SharedCache("redis://127.0.0.1:1/0", "decision:1")
    shared.observe(metrics)
    shared.counts.hits, shared.counts.misses = 3, 1
    (row,) = rows_of([said("d", metrics)])
    assert row == ("d", "redis decision:1 (away)", "3", "1", "75.0%", "", "", "")
    metrics.gauge("stretto_shared_cache_up", purpose="decision:1").follow(lambda: 1.0)
    (row,) = rows_of([said("d", metrics)])
    assert row[1] == "redis decision:1"


def test_services_without_caches_have_no_rows() -> None:
    assert list(rows_of([said("d", Metrics())])) == []
