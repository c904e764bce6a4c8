"""Histograms as they are kept in Postgres."""

import msgspec

from stretto.telemetry.metrics import Histogram


class HistogramState(msgspec.Struct):
    """A histogram as it is kept: only the buckets that are used."""

    count: int
    sum: int
    buckets: dict[int, int]


def state_of(histogram: Histogram) -> HistogramState:
    """What is kept of a histogram."""
    buckets = {i: n for i, n in enumerate(histogram.buckets) if n}
    return HistogramState(histogram.count, histogram.sum, buckets)


def histogram_of(state: HistogramState, scale: float = 1e-6) -> Histogram:
    """The histogram of what was kept."""
    histogram = Histogram(scale)
    merge(histogram, state)
    return histogram


def merge(histogram: Histogram, state: HistogramState) -> None:
    """Add what was kept to a histogram."""
    histogram.count += state.count
    histogram.sum += state.sum
    for index, n in state.buckets.items():
        histogram.buckets[min(index, len(histogram.buckets) - 1)] += n
