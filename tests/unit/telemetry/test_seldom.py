"""A receiver of spans that is not there does not fill the log."""

import logging

from stretto.telemetry.otlp import Seldom


def record() -> logging.LogRecord:
    return logging.LogRecord("exporter", logging.ERROR, __file__, 1, "not reachable", None, None)


def test_one_record_passes_in_a_while() -> None:
    seldom = Seldom(3_600.0)
    assert [seldom.filter(record()) for _ in range(3)] == [True, False, False]


def test_it_is_said_again_after_the_while() -> None:
    at_once = Seldom(0.0)
    assert [at_once.filter(record()) for _ in range(2)] == [True, True]
