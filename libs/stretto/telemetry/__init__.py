"""What the services tell of themselves: logs, spans, metrics; every key in `names`.

========= =====================================================================================
module    holds
========= =====================================================================================
names     every span, attribute, metric and log key
logging   one line a record, JSON or for a console, on the standard library
trace_ids ids of spans that follow from a run's id and a path; `traceparent`; sampling
tracing   `Tracer`: spans made from facts; nothing is imported or paid without an endpoint
otlp      the tracer that exports by OTLP (http/protobuf), imported only when it is used
metrics   counters, gauges, histograms of one process; Prometheus text
========= =====================================================================================

Invariants

1. A record without `traceparent` costs one comparison; a count costs an addition.
2. Telling never waits, and never fails the work.
3. A run is traced or not by a decision that every instance can repeat from its id.
"""
