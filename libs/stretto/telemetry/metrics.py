"""Counters, gauges and histograms of one process, cheap enough for every record.

Owned by one event loop: nothing here is locked. A name and its labels are looked up once, when the
part that counts is made; after that an increment costs an addition.

A histogram has fixed buckets that grow by a quarter of an octave (at most 19 % wide), so that it
needs no configuration, merges with any other and answers quantiles within 10 %.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Protocol, TypeVar

T = TypeVar("T")

_SUB_BITS = 2
"""Each octave is cut in 2**2 buckets."""

_SUB = 1 << _SUB_BITS
_MAX_BITS = 44
"""Values up to 2**44: half a year in microseconds, 17 TB in bytes. Larger ones count as that."""

_LARGEST = (1 << _MAX_BITS) - 1

MAX_SERIES = 2_000
"""Series a process keeps. A label with many values (a run id) would cross it: that is a bug."""


class Counter:
    """A number that only grows: add to it, or let it be asked for when somebody reads."""

    __slots__ = ("_ask", "_value")

    def __init__(self) -> None:
        self._value: float = 0
        self._ask: Callable[[], float] | None = None

    def add(self, amount: float = 1) -> None:
        """Count `amount` more."""
        self._value += amount

    def follow(self, ask: Callable[[], float]) -> None:
        """Ask for the value whenever it is read, from now on; it must only grow."""
        self._ask = ask

    @property
    def value(self) -> float:
        """The value now."""
        return self._value if self._ask is None else self._ask()


class Gauge:
    """A number that goes up and down: set it, or let it be asked for when somebody reads."""

    __slots__ = ("_ask", "_value")

    def __init__(self) -> None:
        self._value: float = 0
        self._ask: Callable[[], float] | None = None

    def set(self, value: float) -> None:
        """Set it."""
        self._value = value

    def follow(self, ask: Callable[[], float]) -> None:
        """Ask for the value whenever it is read, from now on."""
        self._ask = ask

    @property
    def value(self) -> float:
        """The value now."""
        return self._value if self._ask is None else self._ask()


class Histogram:
    """How often values of which size came: whole numbers from 0, microseconds or counts.

    Args:
        scale: what one unit is in the unit that the name says (1e-6: observed in microseconds,
            shown in seconds).
    """

    __slots__ = ("buckets", "count", "scale", "sum")

    def __init__(self, scale: float = 1e-6) -> None:
        self.scale = scale
        self.count = 0
        self.sum = 0
        self.buckets = [0] * (_bucket(_LARGEST) + 1)

    def observe(self, value: int, times: int = 1) -> None:
        """Count a value (below 0 counts as 0), `times` times."""
        if not 0 <= value <= _LARGEST:
            value = 0 if value < 0 else _LARGEST
        shift = value.bit_length() - _SUB_BITS - 1  # as in _bucket; a call costs as much as this
        self.buckets[value if shift <= 0 else (shift << _SUB_BITS) + (value >> shift)] += times
        self.count += times
        self.sum += value * times

    def quantile(self, share: float) -> float:
        """Return the value below which `share` (0–1] of the values lie, scaled; 0 without values.

        The middle of the bucket: at most 10 % off.
        """
        wanted = self.count * share
        seen = 0
        for index, count in enumerate(self.buckets):
            seen += count
            if count and seen >= wanted:
                low, high = _bounds(index)
                return (low + high - 1) / 2 * self.scale
        return 0.0

    def octaves(self) -> Iterator[tuple[float, int]]:
        """Yield (upper bound, values up to it) for each octave from the first to the last used."""
        seen = 0
        for index, count in enumerate(self.buckets):
            seen += count
            _, high = _bounds(index)
            if seen and high & (high - 1) == 0:
                yield high * self.scale, seen
                if seen == self.count:
                    return


class Metrics:
    """The metrics of a process: made once by name and labels, read as text or as a mapping."""

    def __init__(self) -> None:
        self._counters: dict[str, Counter] = {}
        self._gauges: dict[str, Gauge] = {}
        self._histograms: dict[str, Histogram] = {}

    def counter(self, name: str, **labels: str) -> Counter:
        """Return the counter of this name and labels, made when it is new."""
        return self._get(self._counters, name, labels, Counter)

    def gauge(self, name: str, **labels: str) -> Gauge:
        """Return the gauge of this name and labels, made when it is new."""
        return self._get(self._gauges, name, labels, Gauge)

    def histogram(self, name: str, *, scale: float = 1e-6, **labels: str) -> Histogram:
        """Return the histogram of this name and labels, made when it is new."""
        return self._get(self._histograms, name, labels, lambda: Histogram(scale))

    def counters(self) -> dict[str, float]:
        """Return every counter by its series (`name{label="value"}`)."""
        return {series: counter.value for series, counter in self._counters.items()}

    def gauges(self) -> dict[str, float]:
        """Return every gauge, and of every histogram its p50 and p99, by series."""
        values = {series: gauge.value for series, gauge in self._gauges.items()}
        for series, histogram in self._histograms.items():
            if histogram.count:
                values[_suffixed(series, "_p50")] = histogram.quantile(0.50)
                values[_suffixed(series, "_p99")] = histogram.quantile(0.99)
        return values

    def render(self) -> str:
        """Return all of it in the Prometheus text format."""
        lines: list[str] = []
        _append_plain(lines, "counter", self._counters)
        _append_plain(lines, "gauge", self._gauges)
        told: set[str] = set()
        for series, histogram in sorted(self._histograms.items()):
            _append_type(lines, told, series, "histogram")
            for bound, count in histogram.octaves():
                lines.append(f"{_bucket_series(series, f'{bound:.9g}')} {count}")
            lines.append(f"{_bucket_series(series, '+Inf')} {histogram.count}")
            lines.append(f"{_suffixed(series, '_sum')} {histogram.sum * histogram.scale:.9g}")
            lines.append(f"{_suffixed(series, '_count')} {histogram.count}")
        return "\n".join(lines) + "\n"

    def _get(
        self, kept: dict[str, T], name: str, labels: Mapping[str, str], make: Callable[[], T]
    ) -> T:
        series = _series(name, labels)
        found = kept.get(series)
        if found is None:
            if len(self._counters) + len(self._gauges) + len(self._histograms) >= MAX_SERIES:
                raise AssertionError(f"more than {MAX_SERIES} series, the last is {series}")
            found = kept[series] = make()
        return found


class _Valued(Protocol):
    @property
    def value(self) -> float: ...


def _bucket(value: int) -> int:
    """Return the bucket of a value: the position of its highest bit and the two bits after it."""
    shift = value.bit_length() - _SUB_BITS - 1
    return value if shift <= 0 else (shift << _SUB_BITS) + (value >> shift)


def _bounds(index: int) -> tuple[int, int]:
    """Return the lowest value of a bucket and the lowest above it."""
    if index < 2 * _SUB:
        return index, index + 1
    shift = (index >> _SUB_BITS) - 1
    low = (index & (_SUB - 1)) + _SUB
    return low << shift, (low + 1) << shift


def _series(name: str, labels: Mapping[str, str]) -> str:
    if not labels:
        return name
    inside = ",".join(f'{key}="{_escaped(value)}"' for key, value in sorted(labels.items()))
    return f"{name}{{{inside}}}"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _suffixed(series: str, suffix: str) -> str:
    name, brace, labels = series.partition("{")
    return name + suffix + brace + labels


def _bucket_series(series: str, bound: str) -> str:
    name, _, labels = series.partition("{")
    first = labels[:-1] + "," if labels else ""
    return f'{name}_bucket{{{first}le="{bound}"}}'


def _append_plain(lines: list[str], kind: str, kept: Mapping[str, _Valued]) -> None:
    told: set[str] = set()
    for series, metric in sorted(kept.items()):
        _append_type(lines, told, series, kind)
        lines.append(f"{series} {metric.value:.9g}")


def _append_type(lines: list[str], told: set[str], series: str, kind: str) -> None:
    name = series.partition("{")[0]
    if name not in told:
        told.add(name)
        lines.append(f"# TYPE {name} {kind}")
