"""Spans made from facts: a name, ids, two instants, attributes. No context follows the hot path.

::

    if record.traceparent is not None:      # unsampled costs this comparison
        tracer.record(SPAN_DECIDE, parse_traceparent(record.traceparent), decide_span_id(...), ...)

1. `traceparent` of a record is None for a run that is not sampled; whoever passes a record on
   passes its `traceparent` on.
2. Without an endpoint there is no exporter, no thread, and OpenTelemetry is not imported.
3. Recording never waits and never fails the work: when the receiver is away spans are dropped, and
   the log says so.
"""

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

from stretto.telemetry.trace_ids import TraceParent, is_sampled, run_span_id, traceparent

Attribute = str | int | float | bool
Attributes = Mapping[str, Attribute]

NO_ATTRIBUTES: Attributes = {}


class SpanInProgress:
    """The span of work that is going on: attributes and the outcome may be added until its end."""

    __slots__ = ("attributes", "error", "exception")

    def __init__(self, attributes: Attributes) -> None:
        self.attributes: dict[str, Attribute] = dict(attributes)
        self.error: str | None = None
        self.exception: BaseException | None = None

    def set(self, key: str, value: Attribute) -> None:
        """Add an attribute."""
        self.attributes[key] = value

    def fail(self, message: str, exception: BaseException | None = None) -> None:
        """Say that the work failed; an exception is kept with its traceback."""
        self.error = message
        self.exception = exception


class Tracer(Protocol):
    """Where spans go."""

    @property
    def enabled(self) -> bool:
        """Whether anything is exported."""

    def sample(self, run_id: bytes, caller: str | None = None) -> str | None:
        """Return the `traceparent` of a new run's steps' parent, its run span; None: not traced.

        Args:
            caller: the `traceparent` that came with the start.
        """

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
        """Record a span of `parent`'s trace. `error`: it failed, and why.

        `parent.span_id` of zero bytes is a root. `kind`: internal, server, client, producer or
        consumer. `links`: other traces that this one belongs with (the caller of a run).
        """

    def span(
        self, name: str, parent: TraceParent | None, span_id: bytes, attributes: Attributes = ...
    ) -> AbstractContextManager[SpanInProgress | None]:
        """Record the span of a block of code, and make it the current span of OpenTelemetry.

        What the code inside records with OpenTelemetry's own API comes under it. An exception that
        leaves the block makes it an error. `parent` None: not sampled, and neither is what is
        inside.
        """

    async def close(self, timeout_s: float) -> None:
        """Export what is left, for at most so long."""


class NoTracer:
    """Spans that go nowhere: no endpoint is configured."""

    enabled = False

    def sample(self, run_id: bytes, caller: str | None = None) -> str | None:
        """Pass the caller's decision on: others may export."""
        if caller is None or not is_sampled(run_id, 0.0, caller):
            return None
        return traceparent(run_id, run_span_id(run_id))

    def record(self, *_: object, **__: object) -> None:
        """Drop it."""

    def span(
        self,
        name: str,
        parent: TraceParent | None,
        span_id: bytes,
        attributes: Attributes = NO_ATTRIBUTES,
    ) -> AbstractContextManager[SpanInProgress | None]:
        """Do nothing around the block."""
        return _NOTHING

    async def close(self, timeout_s: float) -> None:
        """Nothing to export."""


_NOTHING: AbstractContextManager[None] = nullcontext()


def make_tracer(service: str, instance: str, *, endpoint: str | None, ratio: float) -> Tracer:
    """Return a tracer that exports to `endpoint` (OTLP http/protobuf, URL without path), or none.

    `ratio` (0–1) of the runs are traced where the starter of a run did not decide.
    """
    if endpoint is None:
        return NoTracer()
    from stretto.telemetry.otlp import OtlpTracer  # costs 100 ms and 15 MB: only when used

    return OtlpTracer(service, instance, endpoint=endpoint, ratio=ratio)
