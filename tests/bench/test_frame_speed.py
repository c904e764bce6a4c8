"""The promise about full frames, in short."""

from tests.bench.alone import ratio_below

PROMISED = 2.0

RATIO = (
    "from tests.bench.frame_speed import measure; found = measure(); print(found.ours / found.bare)"
)


def test_a_frame_of_a_hundred_takes_at_most_twice_as_long_as_the_bare_evaluations() -> None:
    held, ratios = ratio_below(PROMISED, RATIO)
    assert held, ratios
