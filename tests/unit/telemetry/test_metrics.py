"""Counting is exact, sizes are within a tenth, and the text is what Prometheus reads."""

import random

import pytest

from stretto.telemetry.metrics import MAX_SERIES, Histogram, Metrics


def test_the_same_name_and_labels_are_the_same_metric() -> None:
    metrics = Metrics()
    metrics.counter("a_total", kind="x", outcome="y").add()
    metrics.counter("a_total", outcome="y", kind="x").add(2)
    metrics.counter("a_total", kind="z").add()
    assert metrics.counters() == {
        'a_total{kind="x",outcome="y"}': 3,
        'a_total{kind="z"}': 1,
    }


def test_a_metric_may_be_asked_for_when_it_is_read() -> None:
    metrics, values = Metrics(), [1.0]
    metrics.gauge("g").follow(lambda: values[0])
    metrics.counter("c_total").follow(lambda: values[0] * 2)
    metrics.gauge("h").set(7)
    values[0] = 4.0
    assert metrics.gauges() == {"g": 4.0, "h": 7}
    assert metrics.counters() == {"c_total": 8.0}


def test_quantiles_are_within_a_tenth() -> None:
    seed = random.randrange(1 << 32)
    print("seed", seed)
    chance = random.Random(seed)
    values = sorted(int(chance.lognormvariate(6, 2)) for _ in range(5_000))
    histogram = Histogram(scale=1)
    for value in values:
        histogram.observe(value)
    assert histogram.count == 5_000
    assert histogram.sum == sum(values)
    for share in (0.1, 0.5, 0.9, 0.99, 1.0):
        true = values[max(0, round(share * len(values)) - 1)]
        assert histogram.quantile(share) == pytest.approx(true, rel=0.13, abs=1)


@pytest.mark.parametrize("value", [0, 1, 2, 3, 7, 8, 9, 15, 16, 17, 1000, 2**20, 2**43, 2**44 - 1])
def test_every_size_has_a_bucket_near_it(value: int) -> None:
    histogram = Histogram(scale=1)
    histogram.observe(value, times=3)
    assert histogram.count == 3
    assert histogram.quantile(1.0) == pytest.approx(value, rel=0.13, abs=0.5)
    bounds = list(histogram.octaves())
    assert bounds[-1][0] > value
    assert bounds[-1][1] == 3


def test_sizes_outside_of_the_range_count_as_the_nearest() -> None:
    histogram = Histogram(scale=1)
    histogram.observe(-5)
    histogram.observe(2**60)
    assert histogram.count == 2
    assert histogram.quantile(0.1) == 0
    assert histogram.quantile(1.0) == pytest.approx(2**44, rel=0.13)


def test_without_values_there_is_no_quantile() -> None:
    metrics = Metrics()
    assert metrics.histogram("empty").quantile(0.5) == 0.0
    assert metrics.gauges() == {}
    assert list(metrics.histogram("empty").octaves()) == []


def test_gauges_tell_the_quantiles_of_histograms() -> None:
    metrics = Metrics()
    metrics.histogram("took_seconds", kind="a").observe(1_000)
    gauges = metrics.gauges()
    assert set(gauges) == {'took_seconds_p50{kind="a"}', 'took_seconds_p99{kind="a"}'}
    assert gauges['took_seconds_p50{kind="a"}'] == pytest.approx(0.001, rel=0.13)


def test_the_text_is_what_prometheus_reads() -> None:
    metrics = Metrics()
    metrics.counter("done_total", kind='a"b\\c\nd').add(3)
    metrics.counter("done_total").add(1.5)
    metrics.gauge("open").set(2)
    took = metrics.histogram("took_seconds", kind="a")
    took.observe(3)
    took.observe(100)
    metrics.histogram("size", scale=1).observe(1)
    assert metrics.render().splitlines() == [
        "# TYPE done_total counter",
        "done_total 1.5",
        'done_total{kind="a\\"b\\\\c\\nd"} 3',
        "# TYPE open gauge",
        "open 2",
        "# TYPE size histogram",
        'size_bucket{le="2"} 1',
        'size_bucket{le="+Inf"} 1',
        "size_sum 1",
        "size_count 1",
        "# TYPE took_seconds histogram",
        'took_seconds_bucket{kind="a",le="4e-06"} 1',
        'took_seconds_bucket{kind="a",le="8e-06"} 1',
        'took_seconds_bucket{kind="a",le="1.6e-05"} 1',
        'took_seconds_bucket{kind="a",le="3.2e-05"} 1',
        'took_seconds_bucket{kind="a",le="6.4e-05"} 1',
        'took_seconds_bucket{kind="a",le="0.000128"} 2',
        'took_seconds_bucket{kind="a",le="+Inf"} 2',
        'took_seconds_sum{kind="a"} 0.000103',
        'took_seconds_count{kind="a"} 2',
    ]


def test_a_label_with_too_many_values_is_a_bug() -> None:
    metrics = Metrics()
    for number in range(MAX_SERIES):
        metrics.counter("runs_total", kind=str(number))
    with pytest.raises(AssertionError, match="more than 2000 series"):
        metrics.gauge("one_more")
