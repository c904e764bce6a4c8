"""Every subject, built and parsed in one place. The public ones are those of the design, §6.1.

Internal subjects carry frames; `<p>` is a partition of the workflow service, `<lane>` one of the
execution service.
"""

import re
from typing import NamedTuple

NAME_PATTERN = r"[a-z0-9][a-z0-9_-]*"
MAX_NAME_CHARS = 100
"""Names become subject tokens and consumer names, which the server bounds at 255 in all."""

_NAME = re.compile(NAME_PATTERN)

# Streams, by name.
STREAM_STARTS = "STRETTO_STARTS"
STREAM_CONTROL = "STRETTO_CONTROL"
STREAM_DEFINITIONS = "STRETTO_DEFINITIONS"
STREAM_SCHEDULES = "STRETTO_SCHEDULES"
STREAM_REUSE = "STRETTO_REUSE"
STREAM_INBOX = "STRETTO_INBOX"
STREAM_DECIDE = "STRETTO_DECIDE"
STREAM_DECIDED = "STRETTO_DECIDED"
STREAM_DISPATCH = "STRETTO_DISPATCH"
STREAM_RESULTS = "STRETTO_RESULTS"
STREAM_WORK = "STRETTO_WORK"
STREAM_LOG = "STRETTO_LOG"
STREAM_EVENTS = "STRETTO_EVENTS"
STREAM_CLOSED = "STRETTO_CLOSED"
STREAM_EMITTED = "STRETTO_EMITTED"
STREAM_DLQ = "STRETTO_DLQ"
STREAM_REJECTED = "STRETTO_REJECTED"
STREAM_ALERTS = "STRETTO_ALERTS"
PAYLOAD_BUCKET = "stretto-payloads"
STREAM_PAYLOADS = f"OBJ_{PAYLOAD_BUCKET}"
"""The object store of payloads that are too large for a message, and the stream that it is."""

# Header keys of messages that ask for an answer beside the store's own acknowledgement.
HEADER_REPLY = "Stretto-Reply"
HEADER_TRACEPARENT = "traceparent"

DEFINED = "stretto.defined.*.*"
"""Announcements of new definitions; core NATS, a hint only."""


class StartSubject(NamedTuple):
    namespace: str
    workflow: str


def is_name(text: str) -> bool:
    """Tell whether a text can be a namespace, workflow, queue or device: `[a-z0-9][a-z0-9_-]*`."""
    return len(text) <= MAX_NAME_CHARS and _NAME.fullmatch(text) is not None


def start(namespace: str, workflow: str) -> str:
    return f"stretto.start.{namespace}.{workflow}"


def parse_start(subject: str) -> StartSubject:
    return StartSubject(*_tokens(subject, "start", 2))


def control(namespace: str, run_id: str) -> str:
    return f"stretto.control.{namespace}.{run_id}"


def parse_control(subject: str) -> tuple[str, str]:
    namespace, run_id = _tokens(subject, "control", 2)
    return namespace, run_id


def definitions(namespace: str) -> str:
    return f"stretto.definitions.{namespace}"


def parse_definitions(subject: str) -> str:
    return _tokens(subject, "definitions", 1)[0]


def schedules(namespace: str) -> str:
    return f"stretto.schedules.{namespace}"


def parse_schedules(subject: str) -> str:
    return _tokens(subject, "schedules", 1)[0]


def reuse(namespace: str) -> str:
    """Requests to purge what is kept for reuse."""
    return f"stretto.reuse.{namespace}"


def parse_reuse(subject: str) -> str:
    return _tokens(subject, "reuse", 1)[0]


def defined(namespace: str, workflow: str) -> str:
    return f"stretto.defined.{namespace}.{workflow}"


def events(namespace: str, workflow: str, run_id: str) -> str:
    return f"stretto.events.{namespace}.{workflow}.{run_id}"


def closed(namespace: str, workflow: str, status: str) -> str:
    return f"stretto.closed.{namespace}.{workflow}.{status}"


def work(namespace: str, queue: str) -> str:
    return f"stretto.work.{namespace}.{queue}"


def parse_work(subject: str) -> tuple[str, str]:
    namespace, queue = _tokens(subject, "work", 2)
    return namespace, queue


def work_consumer(namespace: str, queue: str) -> str:
    """The durable pull consumer that all workers of a queue share."""
    return f"work-{namespace}-{queue}"


def device(namespace: str, name: str) -> str:
    return f"stretto.device.{namespace}.{name}"


def emitted(namespace: str, workflow: str) -> str:
    """What steps of kind `emit` say."""
    return f"stretto.emitted.{namespace}.{workflow}"


def rejected(namespace: str) -> str:
    return f"stretto.rejected.{namespace}"


def presence(namespace: str, device_name: str) -> str:
    return f"stretto.presence.{namespace}.{device_name}"


def parse_presence(subject: str) -> tuple[str, str]:
    namespace, name = _tokens(subject, "presence", 2)
    return namespace, name


def progress(namespace: str, run_id: str) -> str:
    return f"stretto.progress.{namespace}.{run_id}"


def estimate(namespace: str, run_id: str) -> str:
    """Core NATS: how far a run is and how long it will take still (`RunProgress`)."""
    return f"stretto.estimate.{namespace}.{run_id}"


def withdraw(namespace: str, queue: str) -> str:
    """Core NATS: attempts that a queue's workers should stop; a hint, fenced by the log anyway."""
    return f"stretto.withdraw.{namespace}.{queue}"


def scaling(namespace: str, queue: str) -> str:
    """Core NATS: how many workers a queue wants, every second (`Scaling`)."""
    return f"stretto.scaling.{namespace}.{queue}"


def alert(namespace: str, severity: str) -> str:
    return f"stretto.alert.{namespace}.{severity}"


OUTCOMES = "stretto.outcomes.*"
ROUTES_LEARNED = "stretto.routes.learned"
"""Core NATS: to every instance of the decision service, what to do with what `learned` knows."""


def outcomes(namespace: str) -> str:
    """Core NATS, execution → every instance of decision: how attempts went on devices."""
    return f"stretto.outcomes.{namespace}"


def active(lane: int) -> str:
    """Core NATS: which instance of the execution service works on a lane, every second."""
    return f"stretto.active.{lane}"


PARTS = "stretto.parts"
"""Core NATS, request: an instance of the execution service asks all for what their lanes know."""


def stats(service: str) -> str:
    """Core NATS: what each instance says of itself every few seconds (`ServiceStats`)."""
    return f"stretto.stats.{service}"


def dead_letter(service: str) -> str:
    return f"stretto.dlq.{service}"


def api(service: str, operation: str) -> str:
    return f"stretto.api.{service}.{operation}"


def inbox(partition: int) -> str:
    """Starts and controls, forwarded to the instance that owns the partition."""
    return f"stretto.inbox.{partition}"


def decide() -> str:
    """Asks to any instance of the decision service."""
    return "stretto.decide"


def decided(partition: int) -> str:
    return f"stretto.decided.{partition}"


def dispatch(lane: int) -> str:
    return f"stretto.dispatch.{lane}"


def results(partition: int) -> str:
    """What a task's `reply` names: workers must not rely on its shape."""
    return f"stretto.results.{partition}"


ALL_RESULTS = "stretto.results.*"


def parse_results(subject: str) -> int:
    return int(_tokens(subject, "results", 1)[0])


def log(partition: int) -> str:
    """Committed events in frames, for the monitoring service."""
    return f"stretto.log.{partition}"


def _tokens(subject: str, kind: str, count: int) -> list[str]:
    tokens = subject.split(".")
    if len(tokens) != count + 2 or tokens[0] != "stretto" or tokens[1] != kind:
        raise ValueError(
            f"expected a subject 'stretto.{kind}' with {count} more tokens, but got {subject!r}"
        )
    return tokens[2:]
