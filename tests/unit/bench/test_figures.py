"""Percentiles, costs and ratios are what they say."""

import math

import pytest

from stretto.bench.accounting import Usage
from stretto.bench.figures import cost, milliseconds, percentile


def test_percentile_is_a_value_that_was_seen() -> None:
    values = [0.4, 0.1, 0.3, 0.2]
    assert percentile(values, 50) == 0.2
    assert percentile(values, 99) == 0.4
    assert percentile(values, 100) == 0.4
    assert percentile(values, 0) == 0.1
    assert percentile([7.0], 50) == 7.0


def test_percentile_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="expected values"):
        percentile([], 50)


def test_milliseconds_keep_microseconds() -> None:
    assert milliseconds([0.0123456], 50) == 12.346


def test_cost_is_shared_out_over_the_steps_largest_part_first() -> None:
    usage = Usage(
        seconds=2.0,
        cpu_s={"nats": 0.5, "workflow": 1.0},
        others_cpu_s=0.2,
        peak_mb=30.0,
        peak_mb_by_part={"nats": 10.0, "workflow": 20.0},
        paces=[0.003, 0.002, 0.001],
    )

    found = cost(usage, 1000)

    assert found.cpu_ms_per_step == 1.5
    assert list(found.cpu_ms_per_step_by_part.items()) == [("workflow", 1.0), ("nats", 0.5)]
    assert found.cores == 0.75
    assert found.others_cores == 0.1
    assert found.pace_ms == 2.0
    assert found.rss_mb_peak == 30.0
    assert list(found.rss_mb_by_part) == ["workflow", "nats"]


def test_memory_that_the_system_does_not_tell_is_left_out() -> None:
    usage = Usage(seconds=1.0, cpu_s={"nats": 0.5})
    assert math.isnan(usage.peak_mb)
    assert cost(usage, 10).rss_mb_peak is None
