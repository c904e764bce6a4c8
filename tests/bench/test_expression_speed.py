"""The promise about typical conditions."""

import pytest

from tests.bench.expression_speed import CONDITIONS, measure

PROMISED = 2.0
TRIES = 5
"""Other tests run beside this one: the best of a few is what the machine did alone."""


@pytest.mark.parametrize("source", CONDITIONS)
def test_a_typical_condition_takes_at_most_twice_as_long_as_by_the_bare_library(
    source: str,
) -> None:
    ratios: list[float] = []
    while len(ratios) < TRIES and not any(ratio < PROMISED for ratio in ratios):
        found = measure(source)
        ratios.append(found.ours / found.bare)

    assert min(ratios) < PROMISED, ratios
