"""The tracer that exports by OTLP (http/protobuf); imported only where there is an endpoint."""

import asyncio
import logging
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    ProxyTracerProvider,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
)

from stretto.runtime.clock import now_us
from stretto.telemetry import names
from stretto.telemetry.trace_ids import TraceParent, is_sampled, run_span_id, traceparent
from stretto.telemetry.tracing import NO_ATTRIBUTES, Attributes, SpanInProgress

_logger = logging.getLogger(__name__)

MAX_QUEUED_SPANS = 16_384
"""Spans that wait for the exporter, about 1 kB each; above it the oldest are dropped, and said."""

EXPORT_BATCH = 1_024
EXPORT_EVERY_MS = 500
EXPORT_TIMEOUT_S = 5.0
"""One request; the exporter tries again within it and then drops the batch."""

SAY_AGAIN_S = 300.0
"""A receiver of spans that is not there is said so often, not with every batch."""

_EXPORTER_LOGGER = "opentelemetry.exporter.otlp.proto.http.trace_exporter"
_TRACES_PATH = "/v1/traces"
_SAMPLED = TraceFlags(TraceFlags.SAMPLED)
_UNSAMPLED = TraceFlags(TraceFlags.DEFAULT)
_OK = Status(StatusCode.UNSET)
_KINDS = {kind.name.lower(): kind for kind in SpanKind}
_NOT_SAMPLED_SPAN = NonRecordingSpan(SpanContext(1, 1, is_remote=True, trace_flags=_UNSAMPLED))


class OtlpTracer:
    """Builds finished spans and hands them to a batch processor with a thread of its own.

    It also becomes the process's tracer provider, unless there is one: user code that uses
    OpenTelemetry's API is then exported with it.

    Args:
        exporter: in place of OTLP over HTTP, for tests.
    """

    enabled = True

    def __init__(
        self,
        service: str,
        instance: str,
        *,
        endpoint: str,
        ratio: float,
        exporter: SpanExporter | None = None,
    ) -> None:
        logging.getLogger(_EXPORTER_LOGGER).addFilter(_seldom)
        self._ratio = ratio
        self._resource = Resource.create(
            {names.RESOURCE_SERVICE: service, names.RESOURCE_INSTANCE: instance}
        )
        self._scope = InstrumentationScope("stretto")
        self._processor = BatchSpanProcessor(
            exporter
            or OTLPSpanExporter(endpoint.rstrip("/") + _TRACES_PATH, timeout=EXPORT_TIMEOUT_S),
            max_queue_size=MAX_QUEUED_SPANS,
            max_export_batch_size=EXPORT_BATCH,
            schedule_delay_millis=EXPORT_EVERY_MS,
        )
        if isinstance(trace.get_tracer_provider(), ProxyTracerProvider):
            provider = TracerProvider(
                sampler=ParentBased(TraceIdRatioBased(ratio)),
                resource=self._resource,
                shutdown_on_exit=False,
            )
            provider.add_span_processor(self._processor)
            trace.set_tracer_provider(provider)

    def sample(self, run_id: bytes, caller: str | None = None) -> str | None:
        """Decide by the caller, else by the ratio; see `Tracer.sample`."""
        if not is_sampled(run_id, self._ratio, caller):
            return None
        return traceparent(run_id, run_span_id(run_id))

    def record(
        self,
        name: str,
        parent: TraceParent,
        span_id: bytes,
        *,
        start_us: int,
        end_us: int,
        attributes: Attributes = NO_ATTRIBUTES,
        error: str | None = None,
        kind: str = "internal",
        links: tuple[TraceParent, ...] = (),
    ) -> None:
        """Queue a finished span; see `Tracer.record`."""
        self._record(
            name,
            parent,
            span_id,
            (start_us, end_us),
            attributes=attributes,
            error=error,
            kind=_KINDS[kind],
            links=tuple(Link(_context(link)) for link in links),
        )

    def span(
        self,
        name: str,
        parent: TraceParent | None,
        span_id: bytes,
        attributes: Attributes = NO_ATTRIBUTES,
    ) -> AbstractContextManager[SpanInProgress | None]:
        """Record a block of code as a span, current while it runs; see `Tracer.span`."""
        if parent is None or not parent.sampled:
            return _NotSampled()
        return self._span(name, parent, span_id, attributes)

    @contextmanager
    def _span(
        self, name: str, parent: TraceParent, span_id: bytes, attributes: Attributes
    ) -> Iterator[SpanInProgress]:
        current = NonRecordingSpan(_context(TraceParent(parent.trace_id, span_id, True)))
        span = SpanInProgress(attributes)
        start_us = now_us()
        token = otel_context.attach(trace.set_span_in_context(current))
        try:
            yield span
        except BaseException as error:
            span.fail(f"{type(error).__name__}: {error}", error)
            raise
        finally:
            otel_context.detach(token)
            end_us = now_us()
            self._record(
                name,
                parent,
                span_id,
                (start_us, end_us),
                attributes=span.attributes,
                error=span.error,
                kind=SpanKind.CONSUMER,
                events=_exception_events(span.exception, end_us),
            )

    def _record(
        self,
        name: str,
        parent: TraceParent,
        span_id: bytes,
        instants_us: tuple[int, int],
        *,
        attributes: Attributes,
        error: str | None,
        kind: SpanKind,
        links: tuple[Link, ...] = (),
        events: tuple[Event, ...] = (),
    ) -> None:
        self._processor.on_end(
            ReadableSpan(
                name,
                context=SpanContext(
                    int.from_bytes(parent.trace_id, "big"),
                    int.from_bytes(span_id, "big"),
                    is_remote=False,
                    trace_flags=_SAMPLED,
                ),
                parent=_context(parent) if any(parent.span_id) else None,
                resource=self._resource,
                attributes=attributes,
                kind=kind,
                links=links,
                events=events,
                status=_OK if error is None else Status(StatusCode.ERROR, error),
                start_time=instants_us[0] * 1_000,
                end_time=instants_us[1] * 1_000,
                instrumentation_scope=self._scope,
            )
        )

    async def close(self, timeout_s: float) -> None:
        """Export what is left, for at most so long; the thread that does it dies with us."""
        loop = asyncio.get_running_loop()
        done = asyncio.Event()

        def shut_down() -> None:
            self._processor.shutdown()  # type: ignore[no-untyped-call]
            with suppress(RuntimeError):  # the loop has ended meanwhile: nobody waits any more
                loop.call_soon_threadsafe(done.set)

        # A daemon thread, not the loop's executor: a receiver that hangs must not hold our exit.
        threading.Thread(target=shut_down, daemon=True, name="stretto-export-rest").start()
        try:
            async with asyncio.timeout(timeout_s):
                await done.wait()
        except TimeoutError:
            _logger.warning("spans were not exported in time", extra={names.LOG_AFTER_S: timeout_s})


class Seldom(logging.Filter):
    """Lets one record pass in `every_s` seconds, for a logger that repeats itself."""

    def __init__(self, every_s: float) -> None:
        super().__init__()
        self._every_s = every_s
        self._next: float | None = None

    def filter(self, record: logging.LogRecord) -> bool:
        """Tell whether the record is to be logged."""
        now = time.monotonic()
        if self._next is not None and now < self._next:
            return False
        self._next = now + self._every_s
        return True


_seldom = Seldom(SAY_AGAIN_S)


def _context(parent: TraceParent) -> SpanContext:
    return SpanContext(
        int.from_bytes(parent.trace_id, "big"),
        int.from_bytes(parent.span_id, "big"),
        is_remote=True,
        trace_flags=_SAMPLED if parent.sampled else _UNSAMPLED,
    )


class _NotSampled:
    """A block in which nothing is sampled. A class, because a generator costs twice as much."""

    __slots__ = ("_token",)

    def __enter__(self) -> None:
        self._token = otel_context.attach(trace.set_span_in_context(_NOT_SAMPLED_SPAN))

    def __exit__(self, *_exception: object) -> None:
        otel_context.detach(self._token)


def _exception_events(error: BaseException | None, at_us: int) -> tuple[Event, ...]:
    if error is None:
        return ()
    attributes = {
        names.ATTR_EXCEPTION_TYPE: type(error).__qualname__,
        names.ATTR_EXCEPTION_MESSAGE: str(error),
        names.ATTR_EXCEPTION_STACKTRACE: "".join(traceback.format_exception(error)),
    }
    return (Event(names.EVENT_EXCEPTION, attributes, at_us * 1_000),)
