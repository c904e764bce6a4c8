"""Every promise about decisions, measured: `make bench-decisions`.

`python -m tests.bench.decision_figures [--seconds S] [--only PART ...]`, parts as functions below,
prints a line a figure with its limit, and ends with 1 when a limit is broken. Latencies are of the
clock: on a machine that does other things they say little; the rest is CPU time, or shares.
"""

import argparse
import asyncio
import os
import sys
from collections.abc import Iterator
from typing import NamedTuple

from services.decision.caching.results import Results
from tests.bench import (
    cache_speed,
    decision_service,
    expression_speed,
    frame_speed,
    routing_fleet,
    routing_speed,
    table_speed,
)

SECONDS = 10.0
JOBS = 2_000
MAX_P50_MS = 2.0
MAX_P99_MS = 10.0
MAX_FRAME_MS = 5.0
MAX_RATIO = 2.0
LEAST_TIMES = 20.0
LEAST_SAVED = 2.0
MAX_MOVED = 1.3


class Figure(NamedTuple):
    """A measured value, its limit (None: only told), and whether more is better."""

    name: str
    value: float
    unit: str
    limit: float | None = None
    more: bool = False

    @property
    def holds(self) -> bool:
        """Whether the value is on the right side of its limit."""
        if self.limit is None:
            return True
        return self.value > self.limit if self.more else self.value < self.limit

    def __str__(self) -> str:
        limit = ""
        if self.limit is not None:
            limit = f"{'>' if self.more else '<'} {self.limit:g}"
        mark = "" if self.holds else "  ✗"
        return f"{self.name:62} {self.value:10.2f} {self.unit:6} {limit:>8}{mark}"


def service(seconds: float) -> Iterator[Figure]:
    """Latencies over the bus at 1,000 a second."""
    found = asyncio.run(decision_service.measure(seconds))
    single, frame, rank, cpu_us = found
    yield Figure("a decision, request to answer, p50", single.p50, "ms", MAX_P50_MS)
    yield Figure("a decision, request to answer, p99", single.p99, "ms", MAX_P99_MS)
    yield Figure("a frame of 100 decisions, p50", frame.p50, "ms", MAX_FRAME_MS)
    yield Figure("a frame of 100 decisions, p99", frame.p99, "ms")
    yield Figure("a ranking among 1,000 devices, p50", rank.p50, "ms", MAX_P50_MS)
    yield Figure("a ranking among 1,000 devices, p99", rank.p99, "ms", MAX_P99_MS)
    if cpu_us is not None:
        yield Figure("CPU of the service, a decision that comes alone", cpu_us, "µs")


def evaluation(_seconds: float) -> Iterator[Figure]:
    """Typical conditions against the bare library."""
    for source in expression_speed.CONDITIONS:
        pair = expression_speed.measure(source)
        yield Figure(f"ours ÷ bare: {source}"[:62], pair.ours / pair.bare, "×", MAX_RATIO)
    frame = frame_speed.measure()
    yield Figure("a frame of 100 conditions, unpacked to packed", frame.ours, "ms", MAX_FRAME_MS)
    yield Figure("... ours ÷ the bare evaluations alone", frame.ours / frame.bare, "×", MAX_RATIO)


def tables(_seconds: float) -> Iterator[Figure]:
    """A table of a thousand rules."""
    found = table_speed.measure(1_000)
    times = found.by_tests / found.by_index
    yield Figure("a table of 1,000 rules, by index", found.by_index, "µs")
    yield Figure("rule by rule ÷ by index", times, "×", LEAST_TIMES, more=True)


def routing(_seconds: float) -> Iterator[Figure]:
    """Devices found, keys kept, strategies compared."""
    speeds = routing_speed.measure(10_000, 1_000)
    yield Figure("10,000 devices, 1,000 routes: a known match", speeds.known, "µs")
    yield Figure("... worked out by the index", speeds.worked_out, "µs", speeds.one_by_one / 20)
    yield Figure("... every device asked", speeds.one_by_one, "µs")
    gone, come = routing_fleet.moved()
    yield Figure("sticky, keys that move when one of 10 goes, × 1/n", gone * 10, "×", MAX_MOVED)
    yield Figure("sticky, keys that move when an 11th comes, × 1/n", come * 11, "×", MAX_MOVED)
    means: dict[str, float] = {}
    failed: dict[str, float] = {}
    for name in ("learned", "least_loaded", "random"):
        results = [routing_fleet.Fleet(name, seed, 0.2).run(JOBS) for seed in routing_fleet.SEEDS]
        means[name] = sum(each.mean_ms for each in results) / len(results)
        failed[name] = 100 * sum(each.failed for each in results) / len(results)
    best = 0.9 * min(means["least_loaded"], means["random"])
    yield Figure("learned, two slow and one failing of 10: mean", means["learned"], "ms", best)
    yield Figure("... attempts that fail", failed["learned"], "%", failed["least_loaded"])
    for name in ("least_loaded", "random"):
        yield Figure(f"{name}: mean", means[name], "ms")
        yield Figure("... attempts that fail", failed[name], "%")


def caches(_seconds: float) -> Iterator[Figure]:
    """Results and matches that are kept in the process; Redis: tests.bench.cache_speed."""
    for work in cache_speed.works(0.1)[::2]:
        repeats, others = (cache_speed.frames(work, n) for n in (10, work.records))
        plain = asyncio.run(cache_speed.microseconds(cache_speed.instance(None), repeats))
        known, unknown = (
            asyncio.run(cache_speed.microseconds(cache_speed.instance(Results(10_000_000)), asked))
            for asked in (repeats, others)
        )
        least = LEAST_SAVED if work.items > 10 else None
        yield Figure(f"{work.name}: no cache ÷ repeats", plain / known, "×", least, more=True)
        yield Figure("... no repeats ÷ no cache", unknown / plain, "×", MAX_RATIO)
    kept = cache_speed.match_microseconds(kept=True, changes="battery")
    anew = cache_speed.match_microseconds(kept=False, changes="battery")
    yield Figure("a match that no change concerns, anew ÷ kept", anew / kept, "×", 2.0, more=True)


PARTS = {each.__name__: each for each in (service, evaluation, tables, routing, caches)}


def main() -> int:
    """Measure and print; 1 when a limit is broken."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=SECONDS)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS))
    given = parser.parse_args()
    print(f"load of the machine before: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    held = True
    for name in given.only:
        print(f"\n{PARTS[name].__doc__}")
        for figure in PARTS[name](given.seconds):
            print(figure, flush=True)
            held = held and figure.holds
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
