"""What the decision service counts, and how it tells."""

from typing import Any

from services.decision.caching.caches import Caches
from services.decision.core.plans import PlanCache
from stretto.cache import CacheCounts, observe_cache
from stretto.contracts.codec import json_encode
from stretto.expression.cache import CacheStatistics
from stretto.telemetry import names
from stretto.telemetry.metrics import Histogram, Metrics


class Measures:
    """Counters and histograms of one instance; times in microseconds."""

    def __init__(self, metrics: Metrics, cache: PlanCache, caches: Caches | None = None) -> None:
        self._cache = cache
        self._caches = caches
        self.records = metrics.counter(names.METRIC_DECISION_RECORDS)
        self.frames = metrics.counter(names.METRIC_DECISION_FRAMES)
        self.errors = metrics.counter(names.METRIC_DECISION_ERRORS)
        self.dead_letters = metrics.counter(names.METRIC_DECISION_DEAD_LETTERS)
        self.record_us = metrics.histogram(names.METRIC_DECISION_RECORD_TIME)
        self.batch_us = metrics.histogram(names.METRIC_DECISION_BATCH_TIME)
        self.wait_us = metrics.histogram(names.METRIC_DECISION_WAIT)
        self.frame_records = metrics.histogram(names.METRIC_DECISION_FRAME_RECORDS, scale=1)
        metrics.counter(names.METRIC_DECISION_PLAN_HITS).follow(lambda: cache.statistics().hits)
        metrics.counter(names.METRIC_DECISION_PLAN_MISSES).follow(lambda: cache.statistics().misses)
        observe_cache(metrics, "plans", lambda: _counts(cache.statistics(), cache.text_bytes))
        observe_cache(metrics, "programs", lambda: _counts(cache.program_statistics(), 0))
        metrics.gauge(names.METRIC_DECISION_PLANS).follow(lambda: cache.statistics().entries)

    def report(self, instance: str) -> bytes:
        """Return the answer of `stretto.api.decision.stats`."""
        return json_encode(
            {
                "instance": instance,
                "records": self.records.value,
                "frames": self.frames.value,
                "errors": self.errors.value,
                "dead_letters": self.dead_letters.value,
                "plans": _cache(self._cache.statistics()),
                "programs": _cache(self._cache.program_statistics()),
                "record_us": _times(self.record_us),
                "batch_us": _times(self.batch_us),
                "wait_us": _times(self.wait_us),
                **({} if self._caches is None else self._caches.report()),
            }
        )


def _counts(counted: CacheStatistics, size: int) -> CacheCounts:
    return CacheCounts(counted.hits, counted.misses, counted.evictions, counted.entries, size)


def _cache(counted: CacheStatistics) -> dict[str, Any]:
    asked = counted.hits + counted.misses
    return {
        "hits": counted.hits,
        "misses": counted.misses,
        "evictions": counted.evictions,
        "entries": counted.entries,
        "hit_rate": round(counted.hits / asked, 4) if asked else None,
    }


def _times(histogram: Histogram) -> dict[str, Any]:
    return {
        "count": histogram.count,
        "p50": round(histogram.quantile(0.50) / histogram.scale, 1),
        "p99": round(histogram.quantile(0.99) / histogram.scale, 1),
    }
