"""What the execution service counts."""

from stretto.telemetry import names
from stretto.telemetry.metrics import Metrics


class Measures:
    """Counters and gauges of one instance; times in microseconds."""

    def __init__(self, metrics: Metrics) -> None:
        self.admitted = metrics.counter(names.METRIC_EXECUTION_ADMITTED)
        self.finished = metrics.counter(names.METRIC_EXECUTION_FINISHED)
        self.messages = metrics.counter(names.METRIC_EXECUTION_MESSAGES)
        self.again = metrics.counter(names.METRIC_EXECUTION_AGAIN)
        self.lost = metrics.counter(names.METRIC_EXECUTION_LOST)
        self.wait_us = metrics.histogram(names.METRIC_EXECUTION_WAIT)
        """From dispatch to the work stream."""
        self.held = metrics.gauge(names.METRIC_EXECUTION_HELD)
        self.unbound = metrics.gauge(names.METRIC_EXECUTION_UNBOUND)
        self.out = metrics.gauge(names.METRIC_EXECUTION_OUT)
        self.own = metrics.gauge(names.METRIC_EXECUTION_OWN)
        self.devices = metrics.gauge(names.METRIC_EXECUTION_DEVICES)
