"""The workflows of the benchmark. Every step has one expression in its `with`.

It is a path (`${{ steps.s1.output.n }}`), as most are; or, where it is computed, a sum, for which
the decision service is asked (ADR 0025).
"""

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


def chain(name: str, steps: int, *, computed: bool = False) -> str:
    """Return a workflow of steps one after the other: each takes a value of the one before."""
    lines = [f"workflow: {name}", "steps:"]
    source = "input.n"
    for number in range(1, steps + 1):
        lines += [
            f"  s{number}:",
            f"    task: {NO_OP}",
            f'    with: {{n: "${{{{ {_term(source, computed)} }}}}"}}',
        ]
        source = f"steps.s{number}.output.n"
    return "\n".join(lines) + "\n"


def fan(name: str, task: str, max_parallel: int, *, computed: bool = False) -> str:
    """Return a workflow that does one task for each of the input's `items` and joins them all."""
    return f"""\
workflow: {name}
steps:
  each:
    for_each: ${{{{ input.items }}}}
    max_parallel: {max_parallel}
    join: all
    task: {task}
    with: {{n: "${{{{ {_term("item", computed)} }}}}"}}
"""


def _term(path: str, computed: bool) -> str:
    return f"{path} + 0" if computed else path


def definitions(*, computed: bool = False) -> dict[str, str]:
    """Return every workflow of the benchmark by its name. The last two differ in `max_parallel`
    alone."""
    return {
        THREE: chain(THREE, STEPS_A, computed=computed),
        TEN: chain(TEN, STEPS_B, computed=computed),
        ONE: chain(ONE, 1, computed=computed),
        FAN_OUT: fan(FAN_OUT, NO_OP, FAN, computed=computed),
        PARALLEL: fan(PARALLEL, SLEEP, BRANCHES, computed=computed),
        SEQUENCE: fan(SEQUENCE, SLEEP, 1, computed=computed),
    }
