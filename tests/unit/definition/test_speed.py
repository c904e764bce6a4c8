"""Reading a definition costs little: it is done at every registration and in editors."""

import statistics
import sys
import time

import pytest

from stretto.definition import compile_graph, load

SLOWER = 6 if sys.gettrace() is not None else 2
"""What measuring coverage costs, or a machine that does other things too."""


def chain(count: int) -> str:
    steps = [
        f"  s{i}:\n    task: t.x\n    if: ${{{{ input.total > {i}.0 }}}}\n"
        f'    with: {{a: "${{{{ steps.s{i - 1}.output.v + {i} }}}}", b: "x ${{{{ run.id }}}}"}}\n'
        for i in range(1, count + 1)
    ]
    return "workflow: w\nsteps:\n  s0: {task: t}\n" + "".join(steps)


def seconds_for(text: str) -> float:
    began = time.process_time()
    loaded = load(text)
    assert loaded.definition is not None, [str(m) for m in loaded.mistakes[:5]]
    compile_graph(loaded.definition, 1)
    return time.process_time() - began


def test_ten_steps_take_under_20_ms() -> None:
    text = chain(10)
    seconds_for(text)

    assert statistics.median(seconds_for(text) for _ in range(5)) < 0.020 * SLOWER


@pytest.mark.slow
def test_a_thousand_steps_take_under_2_s() -> None:
    assert seconds_for(chain(1_000)) < 2.0 * SLOWER
