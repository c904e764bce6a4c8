"""The span of a decision that is traced."""

from stretto.contracts.frames import DecidedRecord, DecideRecord
from stretto.telemetry import names
from stretto.telemetry.trace_ids import decide_span_id, parse_traceparent
from stretto.telemetry.tracing import Attribute, Tracer


def trace_decision(
    tracer: Tracer, record: DecideRecord, answer: DecidedRecord, workflow: str, start_us: int
) -> None:
    """Record the span `decide` under the span that the record names; nothing where it is wrong."""
    parent = parse_traceparent(record.traceparent)
    if parent is None or not parent.sampled:
        return
    attributes: dict[str, Attribute] = {
        names.ATTR_STEP: record.path,
        names.ATTR_WORKFLOW: workflow,
    }
    if answer.skip:
        attributes[names.ATTR_SKIPPED] = True
    if answer.branch >= 0:
        attributes[names.ATTR_BRANCH] = answer.branch
    if answer.items is not None:
        attributes[names.ATTR_ITEMS] = len(answer.items)
    if answer.error is not None:
        attributes[names.ATTR_ERROR_TYPE] = answer.error.type
    tracer.record(
        names.SPAN_DECIDE,
        parent,
        decide_span_id(record.run_id, record.path, record.turn),
        start_us=start_us,
        end_us=start_us + answer.took_us,
        attributes=attributes,
        error=None if answer.error is None else answer.error.message,
        kind="server",
    )
