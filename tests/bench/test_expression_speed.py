"""The promise about typical conditions."""

import pytest

from tests.bench.expression_speed import CONDITIONS, measure

PROMISED = 2.0


@pytest.mark.parametrize("source", CONDITIONS)
def test_a_typical_condition_takes_at_most_twice_as_long_as_by_the_bare_library(
    source: str,
) -> None:
    found = measure(source)

    assert found.ours < PROMISED * found.bare
