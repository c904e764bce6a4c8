"""Without an endpoint nothing is traced, and nothing is paid for it."""

import subprocess
import sys
from time import perf_counter_ns

from stretto.telemetry.trace_ids import TraceParent, parse_traceparent, run_span_id, traceparent
from stretto.telemetry.tracing import NoTracer, SpanInProgress, make_tracer

RUN = bytes(range(16))
PARENT = TraceParent(RUN, run_span_id(RUN), True)


async def test_without_an_endpoint_there_is_no_tracer() -> None:
    tracer = make_tracer("stretto-decision", "d-1", endpoint=None, ratio=1.0)
    assert isinstance(tracer, NoTracer)
    assert not tracer.enabled
    tracer.record("decide", PARENT, b"12345678", start_us=1, end_us=2)
    with tracer.span("attempt", PARENT, b"12345678") as span:
        assert span is None
    await tracer.close(1.0)


def test_without_an_endpoint_the_decision_of_the_caller_is_passed_on() -> None:
    tracer = NoTracer()
    caller = traceparent(b"x" * 16, b"12345678")
    assert tracer.sample(RUN) is None
    assert tracer.sample(RUN, traceparent(b"x" * 16, b"12345678", sampled=False)) is None
    assert parse_traceparent(tracer.sample(RUN, caller)) == PARENT


def test_opentelemetry_is_not_imported_without_an_endpoint() -> None:
    code = (
        "import sys\n"
        "from stretto.telemetry.tracing import make_tracer\n"
        "make_tracer('a', 'b', endpoint=None, ratio=1.0)\n"
        "print([m for m in sys.modules if m.startswith('opentelemetry')])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"


def test_an_unsampled_record_costs_a_comparison() -> None:
    tracer = NoTracer()
    records: list[str | None] = [None] * 100_000
    best = 1 << 60
    for _ in range(3):
        began = perf_counter_ns()
        for header in records:
            if header is not None:
                tracer.record("decide", PARENT, b"12345678", start_us=1, end_us=2)
        best = min(best, perf_counter_ns() - began)
    assert best / len(records) < 1_000  # ns; measured: about 10, with the loop


def test_a_span_in_progress_takes_attributes_and_an_outcome() -> None:
    span = SpanInProgress({"a": 1})
    span.set("b", "two")
    error = ValueError("no")
    span.fail("it failed", error)
    assert span.attributes == {"a": 1, "b": "two"}
    assert (span.error, span.exception) == ("it failed", error)
