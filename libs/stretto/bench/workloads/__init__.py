"""The workloads, by letter. Each takes a rig and sizes and gives its figures.

=== ============ =================================================================================
A   latency      three steps one after the other, one run at a time
B   throughput   ten steps one after the other, many runs in flight
C   fan_out      100 parallel steps joined; 20 branches of 50 ms against the same in sequence
D   burst        thousands of one-step runs started at once
E   steady       ten steps one after the other, started at half of what B reaches
=== ============ =================================================================================
"""

from collections.abc import Awaitable, Callable

from stretto.bench.figures import Figures
from stretto.bench.rig import Rig
from stretto.bench.sizes import Sizes
from stretto.bench.workloads.burst import burst
from stretto.bench.workloads.fan_out import fan_out
from stretto.bench.workloads.latency import latency
from stretto.bench.workloads.steady import steady
from stretto.bench.workloads.throughput import throughput

Workload = Callable[[Rig, Sizes], Awaitable[Figures]]

WORKLOADS: dict[str, Workload] = {
    "A": latency,
    "B": throughput,
    "C": fan_out,
    "D": burst,
    "E": steady,
}


def describe(letter: str, sizes: Sizes) -> str:
    """Return one line that says what a workload does at these sizes."""
    match letter:
        case "A":
            return f"3 sequential steps, one run at a time, {sizes.single_runs} runs"
        case "B":
            return f"10 sequential steps, {sizes.in_flight} runs in flight, {sizes.seconds:g} s"
        case "C":
            return (
                f"100 parallel steps joined, {sizes.fan_runs} times; "
                "20 branches of 50 ms, parallel and in sequence"
            )
        case "D":
            return f"{sizes.burst_runs} one-step runs started at once"
        case "E":
            return f"10 sequential steps at half of B's throughput, {sizes.steady_s:g} s"
        case _:
            raise ValueError(f"expected one of {', '.join(WORKLOADS)}, but got {letter!r}")
