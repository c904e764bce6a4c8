"""A report of made-up figures."""

from stretto.bench.figures import (
    Cost,
    Figures,
    FiguresA,
    FiguresB,
    FiguresC,
    FiguresD,
    FiguresE,
    Report,
)
from stretto.bench.targets import ratios

COST = Cost(
    cpu_ms_per_step=0.2,
    cpu_ms_per_step_by_part={"workflow": 0.15, "nats": 0.05},
    cores=1.5,
    others_cores=0.0,
    pace_ms=2.0,
    rss_mb_peak=300.0,
    rss_mb_by_part={"workflow": 200.0, "nats": 100.0},
)

WORKLOADS: dict[str, Figures] = {
    "A": FiguresA(p50_ms=8.4, p95_ms=12.0, p99_ms=20.0, max_ms=21.0, runs=300, lost=0, cost=COST),
    "B": FiguresB(
        runs_per_s=600.0,
        steps_per_s=6000.0,
        p50_ms=1600.0,
        p95_ms=1800.0,
        p99_ms=2000.0,
        cpu_ms_per_step=0.2,
        rss_mb_peak=300.0,
        in_flight=1000,
        seconds=30.0,
        runs=18000,
        lost=0,
        catch_up_s=0.5,
        catch_up_cpu_s=0.1,
        cost=COST,
    ),
    "C": FiguresC(
        p50_ms=40.0,
        p95_ms=50.0,
        speedup=18.5,
        parallel_ms=60.0,
        sequence_ms=1110.0,
        runs=50,
        lost=0,
        cost=COST,
    ),
    "D": FiguresD(seconds=2.5, lost=0, doubled=0, runs=5000, stored_s=0.5, cost=COST),
    "E": FiguresE(
        started_per_s=300.0,
        highest_per_s=600.0,
        p50_ms=60.0,
        p95_ms=90.0,
        p99_ms=120.0,
        seconds=20.0,
        runs=6000,
        lost=0,
        cost=COST,
    ),
}

SETTINGS = {
    "trace_ratio": 0.01,
    "spans_exported": False,
    "workers": 1,
    "payload_bytes": 200,
    "computed": False,
    "sizes": "full",
    "profiled": False,
}

MACHINE = {"cores": 2, "cpu": "Some CPU", "memory_gib": 24.0, "data_filesystem": "ext4"}


def report(letters: str = "ABCDE", *, both: bool = False, **settings: object) -> Report:
    workloads = {letter: WORKLOADS[letter] for letter in letters}
    return Report(
        workloads=workloads,
        computed=dict(workloads) if both else {},
        ratios=ratios(workloads),
        settings={**SETTINGS, **settings},
        machine=dict(MACHINE),
        versions={"stretto": "0.1.0", "revision": "abc"},
    )
