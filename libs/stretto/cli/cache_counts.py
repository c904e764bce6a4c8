"""How the caches of the services do, as rows of a table: of what each instance said last."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from rich.markup import escape

from stretto.telemetry import names

COLUMNS = ("instance", "cache", "hits", "misses", "hit rate", "evicted", "entries", "MB")

_LABEL = re.compile(r'(?:cache|purpose)="([^"]*)"')
_MEGABYTE = 1e6


def rows_of(services: list[dict[str, Any]]) -> Iterator[tuple[str, ...]]:
    """A row a cache that was ever asked; one in Redis tells whether it is there."""
    for service in services:
        counters, gauges = service["counters"], service["gauges"]
        instance = escape(str(service["instance"]))
        for cache in _labels(names.METRIC_CACHE_HITS, counters):
            row = _row(cache, counters, gauges)
            if row is not None:
                yield (instance, *row)
        for purpose in _labels(names.METRIC_SHARED_CACHE_UP, gauges):
            yield (instance, *_shared_row(purpose, counters, gauges))


def _labels(metric: str, series: Mapping[str, float]) -> list[str]:
    found = [_LABEL.search(name) for name in series if name.startswith(metric + "{")]
    return sorted({label[1] for label in found if label is not None})


def _row(
    cache: str, counters: Mapping[str, float], gauges: Mapping[str, float]
) -> tuple[str, ...] | None:
    of = f'{{cache="{cache}"}}'
    hits = counters.get(names.METRIC_CACHE_HITS + of, 0)
    misses = counters.get(names.METRIC_CACHE_MISSES + of, 0)
    if not hits + misses:
        return None
    evicted = counters.get(names.METRIC_CACHE_EVICTIONS + of, 0)
    entries = gauges.get(names.METRIC_CACHE_ENTRIES + of, 0)
    size = gauges.get(names.METRIC_CACHE_BYTES + of, 0)
    megabytes = f"{size / _MEGABYTE:.1f}" if size else ""
    return (cache, *_rate(hits, misses), f"{evicted:.0f}", f"{entries:.0f}", megabytes)


def _shared_row(
    purpose: str, counters: Mapping[str, float], gauges: Mapping[str, float]
) -> tuple[str, ...]:
    def count(outcome: str) -> float:
        of = f'{{outcome="{outcome}",purpose="{purpose}"}}'
        return counters.get(names.METRIC_SHARED_CACHE_KEYS + of, 0)

    is_up = gauges.get(f'{names.METRIC_SHARED_CACHE_UP}{{purpose="{purpose}"}}', 0)
    name = f"redis {purpose}" if is_up else f"redis {purpose} (away)"
    return (escape(name), *_rate(count("hits"), count("misses")), "", "", "")


def _rate(hits: float, misses: float) -> tuple[str, str, str]:
    rate = f"{hits / (hits + misses):.1%}" if hits + misses else ""
    return f"{hits:.0f}", f"{misses:.0f}", rate
