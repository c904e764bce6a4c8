"""The messages between the services: records of many runs in one msgpack message (design, law 8).

Array-like, so a record costs its values only; a new field goes to the end, with a default. Payloads
are JSON bytes. A run id is its 16 bytes. Instants are microseconds since the Unix epoch.
"""

from typing import Literal

import msgspec

from stretto.contracts.admission import DEFAULT_PRIORITY
from stretto.contracts.failures import Failure
from stretto.contracts.routes import RouteRecord


class DecideRecord(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One ask. `turn` stands for the event that asked (number and instant): the answer is fenced by
    it.

    `plan` and `values` are indices into the frame; -1 is a value whose step was skipped.
    """

    run_id: bytes
    path: str
    turn: int
    partition: int
    plan: int
    values: tuple[int, ...] = ()
    traceparent: str | None = None


class DecideFrame(msgspec.Struct, frozen=True, array_like=True):
    """Workflow → decision (`stretto.decide`). Equal plans and values are sent once a frame."""

    plans: list[bytes]
    values: list[bytes]
    records: list[DecideRecord]
    sent_us: int = 0


class DecidedRecord(msgspec.Struct, frozen=True, array_like=True):
    """One answer: skip, an error (without details: they are JSON), or what the plan asked for.

    `output` is the template filled in, as JSON; `items` the list of a `for_each`, each as JSON;
    `branch` the index of the first case that fitted, -1 for none; `values` the further values;
    `rules` the rules of a decision table that counted, from 0 (None: there was no table).
    """

    run_id: bytes
    path: str
    turn: int
    skip: bool = False
    error: Failure | None = None
    output: bytes | None = None
    items: list[bytes] | None = None
    branch: int = -1
    values: dict[str, bytes] | None = None
    took_us: int = 0
    rules: list[int] | None = None


class DecidedFrame(msgspec.Struct, frozen=True, array_like=True):
    """Decision → workflow (`stretto.decided.<p>`)."""

    records: list[DecidedRecord]


class RateRecord(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The key for whose rate an attempt counts. `per_s` 0: what is configured for the keys of its
    queue; `burst` 0: a second's worth, at least 1."""

    key: str
    per_s: float = 0.0
    burst: float = 0.0


class DispatchRecord(msgspec.Struct, frozen=True, array_like=True):
    """One attempt to be admitted, bound and sent. Deadlines: 0 is none.

    `accept`: the workflow service wants to be told when a worker begins. `again`: it may be out
    already (sent again after a restart or by the sweep). `run_s`: the limit of the attempt from
    when a
    worker begins. `route`: it goes to a device. `workflow`: the workflows of a queue take turns.
    `priority`: 0 to 9, the higher first. `resources`: what it needs all at once, by name.
    `details`: JSON, what an attempt before it said to go on from.
    """

    run_id: bytes
    path: str
    attempt: int
    namespace: str
    task: str
    queue: str | None
    input: bytes
    partition: int
    deadline_us: int = 0
    queue_deadline_us: int = 0
    heartbeat_s: float = 0.0
    accept: bool = False
    traceparent: str | None = None
    again: bool = False
    run_s: float = 0.0
    route: RouteRecord | None = None
    workflow: str = ""
    priority: int = DEFAULT_PRIORITY
    resources: dict[str, int] | None = None
    details: bytes | None = None
    rate: RateRecord | None = None


class WithdrawRecord(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An attempt that is not wanted any more (cancelled, timed out, run ended)."""

    run_id: bytes
    path: str
    attempt: int
    reason: str = ""


class DispatchFrame(msgspec.Struct, frozen=True, array_like=True):
    """Workflow → execution (`stretto.dispatch.<lane>`). Withdrawals are handled after the
    records."""

    records: list[DispatchRecord]
    withdrawn: list[WithdrawRecord] = []
    sent_us: int = 0


class ForkRecord(msgspec.Struct, frozen=True, array_like=True):
    """Where a run that is forked from another begins. `at_seq` 0: after its last event."""

    run_id: bytes
    at_seq: int = 0
    step: str | None = None
    by: str | None = None
    reason: str | None = None


class StartRecord(msgspec.Struct, frozen=True, array_like=True):
    """A start on its way to the owner of its partition; `run_id` is settled. Of a fork, an `input`
    without bytes is that of the other run."""

    run_id: bytes
    namespace: str
    workflow: str
    version: int | None
    id: str | None
    input: bytes
    labels: dict[str, str]
    received_us: int
    reply: str | None = None
    traceparent: str | None = None
    parent: str | None = None
    depth: int = 0
    fork: ForkRecord | None = None
    version_label: str | None = None


class ControlRecord(msgspec.Struct, frozen=True, array_like=True):
    """A control on its way to the owner of its partition; `request` is the JSON as it came."""

    run_id: bytes
    namespace: str
    request: bytes
    received_us: int
    reply: str | None = None


class GrantRecord(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A run (or a step of it) has got the place that it waits for; `refused`: there is none;
    `superseded_by`: the step that asked for its place at `asked_us` gives way, in words, to that
    step."""

    run_id: bytes
    path: str = ""
    refused: bool = False
    superseded_by: str = ""
    asked_us: int = 0


class InboxFrame(msgspec.Struct, frozen=True, array_like=True):
    """Workflow → workflow (`stretto.inbox.<p>`)."""

    starts: list[StartRecord]
    controls: list[ControlRecord] = []
    grants: list[GrantRecord] = []


class LogEvent(msgspec.Struct, frozen=True, array_like=True, gc=False):
    seq: int
    type: str
    at_us: int
    data: bytes


class LogRecord(msgspec.Struct, frozen=True, array_like=True):
    """The events of one run in one commit, in order."""

    run_id: bytes
    namespace: str
    workflow: str
    version: int
    id: str | None
    events: list[LogEvent]


class LogFrame(msgspec.Struct, frozen=True, array_like=True):
    """Workflow → monitoring (`stretto.log.<p>`)."""

    partition: int
    records: list[LogRecord]


ServiceName = Literal["workflow", "decision", "execution", "monitoring", "gateway"]


class ServiceStats(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What an instance says of itself every few seconds (`stretto.stats.<service>`, core NATS,
    JSON)."""

    service: ServiceName
    instance: str
    at_us: int
    counters: dict[str, float] = {}
    gauges: dict[str, float] = {}
