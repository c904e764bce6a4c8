"""The promise about typical conditions."""

import pytest

from tests.bench.alone import ratio_below
from tests.bench.expression_speed import CONDITIONS

PROMISED = 2.0

RATIO = (
    "import sys; from tests.bench.expression_speed import measure; "
    "found = measure(sys.argv[1]); print(found.ours / found.bare)"
)


@pytest.mark.parametrize("source", CONDITIONS)
def test_a_typical_condition_takes_at_most_twice_as_long_as_by_the_bare_library(
    source: str,
) -> None:
    held, ratios = ratio_below(PROMISED, RATIO, source)
    assert held, ratios
