"""Spans arrive at a real OTLP receiver as they were told, with the ids that everybody knows."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from stretto.telemetry import names, otlp
from stretto.telemetry.otlp import OtlpTracer
from stretto.telemetry.trace_ids import (
    TraceParent,
    attempt_span_id,
    decide_span_id,
    parse_traceparent,
    run_span_id,
    step_span_id,
    traceparent,
)
from stretto.telemetry.tracing import make_tracer
from stretto.testkit.traces import SpanTap, span_tap

RUN = bytes.fromhex("0194e5a1b2c37d4e8f90a1b2c3d4e5f6")
STEP = TraceParent(RUN, step_span_id(RUN, "charge"), True)
ROOT = TraceParent(RUN, bytes(8), True)
DEADLINE_S = 15


@pytest.fixture
async def tap() -> AsyncIterator[SpanTap]:
    async with span_tap() as tap:
        yield tap


def tracer_into(exporter: InMemorySpanExporter, ratio: float = 1.0) -> OtlpTracer:
    return OtlpTracer("stretto-test", "t-1", endpoint="http://x", ratio=ratio, exporter=exporter)


async def test_a_span_arrives_at_a_receiver_as_it_was_told(
    tap: SpanTap,
) -> None:
    tracer = make_tracer("stretto-decision", "d-1", endpoint=tap.url, ratio=1.0)
    assert tracer.enabled
    tracer.record(
        names.SPAN_DECIDE,
        STEP,
        decide_span_id(RUN, "charge", 7),
        start_us=1_000_000,
        end_us=1_000_250,
        attributes={names.ATTR_STEP: "charge", names.ATTR_BRANCH: 2, names.ATTR_SKIPPED: True},
        error="expected a list",
        kind="server",
    )
    caller = TraceParent(b"c" * 16, b"d" * 8, True)
    tracer.record("run orders", ROOT, run_span_id(RUN), start_us=1, end_us=2, links=(caller,))
    await tracer.close(DEADLINE_S)

    (span,) = await tap.named("decide")
    assert span.trace_id == RUN
    assert span.span_id == decide_span_id(RUN, "charge", 7)
    assert span.parent_span_id == STEP.span_id
    assert (span.start_time_unix_nano, span.end_time_unix_nano) == (1_000_000_000, 1_000_250_000)
    told = {a.key: a.value for a in span.attributes}
    assert told["stretto.step"].string_value == "charge"
    assert told["stretto.branch"].int_value == 2
    assert told["stretto.skipped"].bool_value
    assert (span.status.code, span.status.message) == (2, "expected a list")

    (run,) = await tap.named("run orders")
    assert run.parent_span_id == b""
    assert (run.links[0].trace_id, run.links[0].span_id) == (b"c" * 16, b"d" * 8)


async def test_the_span_of_a_block_is_the_parent_of_what_user_code_records(
    tap: SpanTap,
) -> None:
    tracer = make_tracer("stretto-worker", "w-1", endpoint=tap.url, ratio=1.0)
    span_id = attempt_span_id(RUN, "charge", 1)
    with tracer.span("attempt", STEP, span_id, {names.ATTR_TASK: "payment.charge"}) as span:
        assert span is not None
        span.set(names.ATTR_WORKER, "w-1")
        current = trace.get_current_span().get_span_context()
        assert current.trace_id.to_bytes(16, "big") == RUN
        assert current.span_id.to_bytes(8, "big") == span_id
        assert current.trace_flags.sampled
    assert not trace.get_current_span().get_span_context().is_valid
    await tracer.close(DEADLINE_S)

    (attempt,) = await tap.named("attempt")
    assert (attempt.span_id, attempt.parent_span_id) == (span_id, STEP.span_id)
    assert {a.key for a in attempt.attributes} == {"stretto.task", "stretto.worker"}
    assert attempt.status.code == 0


async def test_an_exception_makes_the_span_an_error_and_goes_on() -> None:
    exporter = InMemorySpanExporter()
    tracer = tracer_into(exporter)
    with (
        pytest.raises(ValueError, match="no money"),
        tracer.span("attempt", STEP, b"12345678"),
    ):
        raise ValueError("no money")
    with tracer.span("attempt", STEP, b"12345679") as span:
        assert span is not None
        span.fail("declined")
    await tracer.close(DEADLINE_S)

    raised, declined = exporter.get_finished_spans()
    assert raised.status.description == "ValueError: no money"
    event = raised.events[0]
    assert event.name == "exception"
    assert event.attributes is not None
    assert event.attributes["exception.type"] == "ValueError"
    assert "no money" in str(event.attributes["exception.stacktrace"])
    assert (declined.status.description, declined.events) == ("declined", ())


async def test_what_is_inside_an_unsampled_block_is_not_sampled_either() -> None:
    exporter = InMemorySpanExporter()
    tracer = tracer_into(exporter)
    for parent in (None, TraceParent(RUN, b"12345678", False)):
        with tracer.span("attempt", parent, b"12345678") as span:
            assert span is None
            current = trace.get_current_span().get_span_context()
            assert current.is_valid
            assert not current.trace_flags.sampled
    assert not trace.get_current_span().get_span_context().is_valid
    await tracer.close(DEADLINE_S)
    assert exporter.get_finished_spans() == ()


async def test_a_run_is_sampled_by_its_caller_or_the_ratio() -> None:
    tracer = tracer_into(InMemorySpanExporter(), ratio=0.0)
    assert tracer.sample(RUN) is None
    caller = traceparent(b"c" * 16, b"d" * 8)
    assert parse_traceparent(tracer.sample(RUN, caller)) == (RUN, run_span_id(RUN), True)
    await tracer.close(DEADLINE_S)

    always = tracer_into(InMemorySpanExporter(), ratio=1.0)
    assert always.sample(RUN) is not None
    assert always.sample(RUN, traceparent(b"c" * 16, b"d" * 8, sampled=False)) is None
    await always.close(DEADLINE_S)


async def test_user_code_is_exported_with_us_in_a_process_of_its_own(
    tap: SpanTap, run_python: Callable[[str, str], object]
) -> None:
    code = """
        import asyncio
        from opentelemetry import trace
        from stretto.telemetry.trace_ids import TraceParent
        from stretto.telemetry.tracing import make_tracer

        async def main():
            tracer = make_tracer("stretto-worker", "w-1", endpoint=ENDPOINT, ratio=1.0)
            with tracer.span("attempt", TraceParent(b"r" * 16, b"s" * 8, True), b"a" * 8):
                with trace.get_tracer("user").start_as_current_span("user work"):
                    pass
            with tracer.span("attempt", None, b"a" * 8):
                with trace.get_tracer("user").start_as_current_span("unsampled work"):
                    pass
            await tracer.close(10)

        asyncio.run(main())
    """
    await asyncio.to_thread(run_python, code, tap.url)
    (span,) = await tap.named("user work")
    assert (span.trace_id, span.parent_span_id) == (b"r" * 16, b"a" * 8)
    (attempt,) = await tap.named("attempt")
    assert attempt.span_id == b"a" * 8
    assert {s.name for s in tap.spans} == {"user work", "attempt"}


async def test_a_receiver_that_hangs_holds_nobody_up(caplog: pytest.LogCaptureFixture) -> None:
    connected, over = asyncio.Event(), asyncio.Event()

    async def silent(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connected.set()
        await over.wait()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    tracer = make_tracer("stretto-x", "x", endpoint=f"http://127.0.0.1:{port}", ratio=1.0)
    tracer.record("decide", STEP, b"12345678", start_us=1, end_us=2)
    async with asyncio.timeout(DEADLINE_S):
        await connected.wait()
        await tracer.close(0.2)
    assert "spans were not exported in time" in caplog.messages
    over.set()
    server.close()
    await server.wait_closed()


async def test_more_spans_than_fit_are_dropped_and_said(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(otlp, "MAX_QUEUED_SPANS", 10)
    monkeypatch.setattr(otlp, "EXPORT_BATCH", 10)
    monkeypatch.setattr(otlp, "EXPORT_EVERY_MS", 60_000)
    caplog.set_level(logging.WARNING)
    exporter = InMemorySpanExporter()
    tracer = tracer_into(exporter)
    for number in range(2_000):
        tracer.record("decide", STEP, number.to_bytes(8, "big"), start_us=1, end_us=2)
    assert any("dropping" in message for message in caplog.messages)
    await tracer.close(DEADLINE_S)
    assert 10 <= len(exporter.get_finished_spans()) < 2_000
