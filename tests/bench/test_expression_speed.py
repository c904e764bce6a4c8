"""The promise about typical conditions."""

import os
import subprocess
import sys

import pytest

from tests.bench.expression_speed import CONDITIONS

PROMISED = 2.0
TRIES = 3
"""Other tests run beside this one: the best of a few is what the machine did alone."""

RATIO = (
    "import sys; from tests.bench.expression_speed import measure; "
    "found = measure(sys.argv[1]); print(found.ours / found.bare)"
)


@pytest.mark.parametrize("source", CONDITIONS)
def test_a_typical_condition_takes_at_most_twice_as_long_as_by_the_bare_library(
    source: str,
) -> None:
    # In a process of its own: to be measured for coverage slows down our code alone.
    env = {k: v for k, v in os.environ.items() if not k.startswith("COV")}
    env["PYTHONPATH"] = os.pathsep.join(("libs", "."))
    ratios: list[float] = []
    while len(ratios) < TRIES and not any(ratio < PROMISED for ratio in ratios):
        done = subprocess.run(
            [sys.executable, "-c", RATIO, source],
            env=env, capture_output=True, text=True, check=True, timeout=60,
        )  # fmt: skip
        ratios.append(float(done.stdout))

    assert min(ratios) < PROMISED, ratios
