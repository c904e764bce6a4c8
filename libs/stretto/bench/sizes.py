"""How many runs and how long: the full benchmark, and a short one for tests and comparisons."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Sizes:
    """The sizes of all workloads.

    Attributes:
        single_runs: A, one at a time.
        warm_up_runs: before A and C, not measured.
        in_flight: B, runs that are open at any time.
        warm_up_s, seconds: B, not measured and measured.
        fan_runs: C, runs with 100 parallel steps.
        branch_runs: C, runs with 20 branches of 50 ms, and as many in sequence.
        burst_runs: D, started at once.
        steady_s: E, measured.
        give_up_s: how long A, B, C and E wait for a run, and D for all of its runs.
        settle_s: how long the stack may take to become idle before a workload.
    """

    single_runs: int = 300
    warm_up_runs: int = 30
    in_flight: int = 1000
    warm_up_s: float = 6.0
    seconds: float = 30.0
    fan_runs: int = 50
    branch_runs: int = 5
    burst_runs: int = 5000
    steady_s: float = 20.0
    give_up_s: float = 120.0
    settle_s: float = 60.0


FULL = Sizes()

SHORT = Sizes(
    single_runs=30,
    warm_up_runs=3,
    in_flight=50,
    warm_up_s=1.0,
    seconds=4.0,
    fan_runs=5,
    branch_runs=1,
    burst_runs=300,
    steady_s=2.0,
    give_up_s=60.0,
    settle_s=3.0,
)
"""About fifteen seconds for all five; says whether it works, not how fast it is."""
