"""What is measured, as it is written in JSON. Fields are only added.

Times are milliseconds or seconds as their names say, memory is MB (10^6 bytes) of PSS over all
processes, CPU is that of all processes together.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import msgspec

from stretto.bench.accounting import Usage


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """What one step cost over all processes, and by part.

    `cores`: how many were busy with it; `others_cores`: with what ran beside it on this machine.
    `pace_ms`: CPU time of a piece of work that is always the same (median): twice as much means
    that a core did half as much in a second.
    """

    cpu_ms_per_step: float
    cpu_ms_per_step_by_part: dict[str, float]
    cores: float
    others_cores: float
    pace_ms: float
    rss_mb_peak: float | None
    rss_mb_by_part: dict[str, float]


class FiguresA(msgspec.Struct, frozen=True, kw_only=True):
    """Three sequential steps, one run at a time: start to result."""

    p50_ms: float
    p95_ms: float
    p99_ms: float
    max_ms: float
    runs: int
    lost: int
    cost: Cost


class FiguresB(msgspec.Struct, frozen=True, kw_only=True):
    """Ten sequential steps, many runs in flight.

    `catch_up_s` and `catch_up_cpu_s`: what the stack went on doing after the last run had ended; it
    is not part of the cost of a step.
    """

    runs_per_s: float
    steps_per_s: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    cpu_ms_per_step: float
    rss_mb_peak: float | None
    in_flight: int
    seconds: float
    runs: int
    lost: int
    catch_up_s: float
    catch_up_cpu_s: float
    cost: Cost


class FiguresC(msgspec.Struct, frozen=True, kw_only=True):
    """100 parallel steps joined; and 20 branches of 50 ms against the same in sequence."""

    p50_ms: float
    p95_ms: float
    speedup: float
    parallel_ms: float
    sequence_ms: float
    runs: int
    lost: int
    cost: Cost


class FiguresD(msgspec.Struct, frozen=True, kw_only=True):
    """Many one-step runs started at once.

    `seconds` until the last result; `stored_s` until the last start was stored. `lost`: runs whose
    end is not in the log; `doubled`: ends beyond one a run.
    """

    seconds: float
    lost: int
    doubled: int
    runs: int
    stored_s: float
    cost: Cost


class FiguresE(msgspec.Struct, frozen=True, kw_only=True):
    """Ten sequential steps, started at half of the highest throughput.

    `started_per_s`: runs started a second; `highest_per_s`: what B reached.
    """

    started_per_s: float
    highest_per_s: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    seconds: float
    runs: int
    lost: int
    cost: Cost


Figures = FiguresA | FiguresB | FiguresC | FiguresD | FiguresE


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that one call of the benchmark found."""

    workloads: dict[str, Figures]
    computed: dict[str, Figures] = {}
    """The same with computed expressions, where both were measured."""
    ratios: dict[str, float]
    """To what the parts cost alone (see `targets`): 1 is the floor."""
    settings: dict[str, Any]
    machine: dict[str, Any]
    versions: dict[str, str]


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the smallest value that so many percent are not above (nearest rank).

    Raises:
        ValueError: there are no values.
    """
    if not values:
        raise ValueError("expected values to take a percentile of, but there are none")
    ordered = sorted(values)
    return ordered[max(0, math.ceil(percent / 100 * len(ordered)) - 1)]


def milliseconds(values: Sequence[float], percent: float) -> float:
    """Return a percentile of seconds in milliseconds, rounded to microseconds."""
    return round(percentile(values, percent) * 1000, 3)


def cost(usage: Usage, steps: float) -> Cost:
    """Share what was used out over the steps that were done (more than none)."""
    per_step = 1000 / steps
    known = not math.isnan(usage.peak_mb)
    return Cost(
        cpu_ms_per_step=round(usage.total_cpu_s * per_step, 4),
        cpu_ms_per_step_by_part=_largest_first(usage.cpu_s, per_step, 4),
        cores=round(usage.total_cpu_s / usage.seconds, 2),
        others_cores=round(usage.others_cpu_s / usage.seconds, 2),
        pace_ms=milliseconds(usage.paces, 50) if usage.paces else 0.0,
        rss_mb_peak=round(usage.peak_mb, 1) if known else None,
        rss_mb_by_part=_largest_first(usage.peak_mb_by_part, 1.0, 1),
    )


def _largest_first(values: dict[str, float], factor: float, digits: int) -> dict[str, float]:
    order = sorted(values, key=lambda part: -values[part])
    return {part: round(values[part] * factor, digits) for part in order}
