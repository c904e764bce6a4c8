"""An OTLP receiver and a small store of spans, for `stretto dev` without a tracing backend.

::

    services, workers ── OTLP/HTTP, protobuf ──► TraceReceiver ──► TraceStore ──► stretto trace RUN

Bounded in every direction: the size of a request, the spans of a trace, the number of traces and
how many new ones a second. What is over a limit is dropped and counted: spans are for looking at.
"""

from stretto.dev.traces.receiver import TraceReceiver
from stretto.dev.traces.span import Span
from stretto.dev.traces.store import TraceStore
from stretto.dev.traces.tree import Node, tree_of

__all__ = ["Node", "Span", "TraceReceiver", "TraceStore", "tree_of"]
