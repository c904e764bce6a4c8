"""What is to be reached, and what the parts cost alone.

The floor was measured on two cores (AMD EPYC): four hops in frames, three rows of the log in groups
of a hundred, one expression, the worker's share of its messages. Microseconds of CPU and ratios are
worth comparing between machines, absolute figures less so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import assert_never

from stretto.bench.figures import Figures, FiguresA, FiguresB, FiguresC, FiguresD, FiguresE

FLOOR_STEP_CPU_MS = 0.065
"""CPU of a step: hops 10 µs, log rows 28 µs, expression 13 µs, worker 5 to 20 µs."""

FLOOR_PIPELINE_STEPS_PER_S = 19_500.0
"""A bare pipeline of the same shape: four processes, frames, one COPY a batch, no logic at all."""

FLOOR_THREE_STEPS_MS = 8.4
"""Three steps with nothing else to do: sixteen hops 5.6 ms and seven commits 2.8 ms."""


@dataclass(frozen=True)
class Target:
    """A figure and where it should be: `reach` has to be passed, `aim` is what we want.

    Attributes:
        more: larger is better.
    """

    label: str
    value: float | None
    unit: str
    reach: float | None = None
    aim: float | None = None
    more: bool = False

    @property
    def reached(self) -> bool | None:
        """Whether the figure passes; None when there is nothing to pass or nothing measured."""
        if self.value is None or self.reach is None:
            return None
        return self.value >= self.reach if self.more else self.value <= self.reach


def rows(figures: Figures) -> list[Target]:
    """Return the lines of a workload for the table."""
    match figures:
        case FiguresA():
            return [
                Target("start → result, p50", figures.p50_ms, "ms", 9, 6),
                Target("p95", figures.p95_ms, "ms"),
                Target("p99", figures.p99_ms, "ms", 16, 10),
                Target("CPU per step", figures.cost.cpu_ms_per_step, "ms"),
            ]
        case FiguresB():
            return [
                Target("steps", figures.steps_per_s, "/s", 5_000, 12_000, more=True),
                Target("runs", figures.runs_per_s, "/s", 500, 1_200, more=True),
                Target("start → result, p50", figures.p50_ms, "ms"),
                Target("p99", figures.p99_ms, "ms"),
                Target("CPU per step", figures.cpu_ms_per_step, "ms", 0.35, 0.16),
                Target("peak memory", figures.rss_mb_peak, "MB", 700, 350),
                Target("cores busy", figures.cost.cores, ""),
                Target("lost", figures.lost, "", 0, 0),
            ]
        case FiguresC():
            return [
                Target("100 parallel, p50", figures.p50_ms, "ms", 35, 15),
                Target("p95", figures.p95_ms, "ms"),
                Target("20 × 50 ms, speed-up", figures.speedup, "×", 18, 19.3, more=True),
                Target("CPU per step", figures.cost.cpu_ms_per_step, "ms"),
            ]
        case FiguresD():
            return [
                Target("until the last result", figures.seconds, "s", 4, 1.5),
                Target("CPU per step", figures.cost.cpu_ms_per_step, "ms"),
                Target("lost", figures.lost, "", 0, 0),
            ]
        case FiguresE():
            return [
                Target("runs started", figures.started_per_s, "/s"),
                Target("start → result, p50", figures.p50_ms, "ms"),
                Target("p99", figures.p99_ms, "ms"),
                Target("CPU per step", figures.cost.cpu_ms_per_step, "ms"),
                Target("lost", figures.lost, "", 0, 0),
            ]
        case _:
            assert_never(figures)


def ratios(workloads: Mapping[str, Figures]) -> dict[str, float]:
    """Return figures as multiples of what the parts cost alone: 1 is the floor."""
    found: dict[str, float] = {}
    for figures in workloads.values():
        match figures:
            case FiguresA():
                found["A_p50_to_floor"] = figures.p50_ms / FLOOR_THREE_STEPS_MS
            case FiguresB():
                found["B_cpu_to_floor"] = figures.cpu_ms_per_step / FLOOR_STEP_CPU_MS
                found["B_bare_pipeline_to_steps"] = FLOOR_PIPELINE_STEPS_PER_S / figures.steps_per_s
            case _:
                continue
    return {name: round(ratio, 2) for name, ratio in found.items()}
