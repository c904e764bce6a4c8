"""What a cache in this process counts, as metrics: the same names for all of them."""

from collections.abc import Callable

from stretto.cache.bounded import CacheCounts
from stretto.telemetry import names
from stretto.telemetry.metrics import Metrics


def observe_cache(metrics: Metrics, cache: str, counts: Callable[[], CacheCounts]) -> None:
    """Show the counts of a cache under its name, asked for when they are read."""
    metrics.counter(names.METRIC_CACHE_HITS, cache=cache).follow(lambda: counts().hits)
    metrics.counter(names.METRIC_CACHE_MISSES, cache=cache).follow(lambda: counts().misses)
    metrics.counter(names.METRIC_CACHE_EVICTIONS, cache=cache).follow(lambda: counts().evictions)
    metrics.gauge(names.METRIC_CACHE_ENTRIES, cache=cache).follow(lambda: counts().entries)
    metrics.gauge(names.METRIC_CACHE_BYTES, cache=cache).follow(lambda: counts().bytes)
