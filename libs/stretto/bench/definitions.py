"""The workflows of the benchmark. Every step has one expression in its `with`."""

from stretto.bench.handlers import NO_OP, SLEEP

STEPS_A = 3
STEPS_B = 10
FAN = 100
BRANCHES = 20
BRANCH_MS = 50

THREE = "bench-three"
TEN = "bench-ten"
ONE = "bench-one"
FAN_OUT = "bench-fan"
PARALLEL = "bench-parallel"
SEQUENCE = "bench-sequence"


def chain(name: str, steps: int) -> str:
    """Return a workflow of steps one after the other: each takes a value of the one before."""
    lines = [f"workflow: {name}", "steps:"]
    source = "input.n"
    for number in range(1, steps + 1):
        lines += [
            f"  s{number}:",
            f"    task: {NO_OP}",
            f'    with: {{n: "${{{{ {source} }}}}"}}',
        ]
        source = f"steps.s{number}.output.n"
    return "\n".join(lines) + "\n"


def fan(name: str, task: str, max_parallel: int) -> str:
    """Return a workflow that does one task for each of the input's `items` and joins them all."""
    return f"""\
workflow: {name}
steps:
  each:
    for_each: ${{{{ input.items }}}}
    max_parallel: {max_parallel}
    join: all
    task: {task}
    with: {{n: "${{{{ item }}}}"}}
"""


DEFINITIONS: dict[str, str] = {
    THREE: chain(THREE, STEPS_A),
    TEN: chain(TEN, STEPS_B),
    ONE: chain(ONE, 1),
    FAN_OUT: fan(FAN_OUT, NO_OP, FAN),
    PARALLEL: fan(PARALLEL, SLEEP, BRANCHES),
    SEQUENCE: fan(SEQUENCE, SLEEP, 1),
}
"""Every workflow of the benchmark by its name. The last two differ in `max_parallel` alone."""
