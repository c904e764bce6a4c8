"""A span as it is kept: what a person looks at, in one line of JSON."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1 import trace_pb2

Value = str | int | float | bool | list[str]

MAX_VALUE_CHARS = 2_000
"""An attribute is cut here: a stack trace is still useful, a payload does not belong in a span."""


class Span(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`trace_id` and ids of spans are lower-case hex; instants are nanoseconds since 1970.

    `error`: it failed, and why (empty: it did not say). `events`: name and message of what
    happened in it.
    """

    trace_id: str
    span_id: str
    name: str
    service: str
    start_ns: int
    end_ns: int
    parent: str | None = None
    error: str | None = None
    attributes: dict[str, Value] = {}
    events: list[str] = []

    @property
    def seconds(self) -> float:
        """How long it took."""
        return max(0, self.end_ns - self.start_ns) / 1e9


def read_request(body: bytes) -> Iterator[Span]:
    """Read the spans of an OTLP export request (opentelemetry-proto, trace_service.proto).

    Raises:
        google.protobuf.message.DecodeError: it is not one.
    """
    request = ExportTraceServiceRequest.FromString(body)
    for resource in request.resource_spans:
        service = _text(resource.resource.attributes, "service.name") or "unknown"
        for scope in resource.scope_spans:
            for span in scope.spans:
                yield _span(span, service)


def _span(span: trace_pb2.Span, service: str) -> Span:
    failed = span.status.code == trace_pb2.Status.STATUS_CODE_ERROR
    return Span(
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        # A parent of zero bytes is a root, like none.
        parent=span.parent_span_id.hex() if any(span.parent_span_id) else None,
        name=span.name,
        service=service,
        start_ns=span.start_time_unix_nano,
        end_ns=span.end_time_unix_nano,
        error=span.status.message[:MAX_VALUE_CHARS] if failed else None,
        attributes={a.key: _value(a.value) for a in span.attributes},
        events=[_event(event) for event in span.events],
    )


def _event(event: trace_pb2.Span.Event) -> str:
    message = _text(event.attributes, "exception.message")
    return f"{event.name}: {message}" if message else event.name


def _text(attributes: Iterable[KeyValue], key: str) -> str:
    for attribute in attributes:
        if attribute.key == key:
            return str(_value(attribute.value))
    return ""


def _value(value: AnyValue) -> Value:
    match value.WhichOneof("value"):
        case "bool_value":
            return value.bool_value
        case "int_value":
            return value.int_value
        case "double_value":
            return value.double_value
        case "array_value":
            return [str(_value(item)) for item in value.array_value.values]
        case "string_value":
            return value.string_value[:MAX_VALUE_CHARS]
        case _:
            return str(value)[:MAX_VALUE_CHARS]
