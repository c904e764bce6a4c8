"""The messages of the public contract (design §6.1), in JSON. Additive changes only.

Unknown fields are ignored, so that an older build reads what a newer one writes.
"""

from typing import Any, Literal

import msgspec

from stretto.contracts.failures import Failure, Reason
from stretto.contracts.payload import NULL

RunStatus = Literal[
    "running", "failing", "completed", "failed", "cancelled", "terminated", "paused"
]
CLOSED_STATUSES = ("completed", "failed", "cancelled", "terminated")


class StartRequest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`stretto.start.<ns>.<workflow>`. `id` is the caller's own key: while a run with it is open, a
    start with it is that run. `run_id` lets the caller know the run before it exists. `parent` and
    `depth` are set by the workflow service, for children."""

    input: msgspec.Raw = NULL
    id: str | None = None
    run_id: str | None = None
    version: int | None = None
    labels: dict[str, str] = {}
    parent: str | None = None
    depth: int = 0


class Started(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The answer to a start that asked for one. `existing`: the id was open already."""

    run_id: str
    workflow: str
    version: int
    existing: bool = False


class ControlRequest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`stretto.control.<ns>.<run_id>`. Further fields belong to the command."""

    command: str
    reason: str | None = None
    by: str | None = None
    step: str | None = None
    name: str | None = None
    payload: msgspec.Raw = NULL


class Controlled(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The answer to a control that was carried out."""

    run_id: str
    command: str


class Defined(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The answer to a definition: its version (`created=False`: that very one existed already)."""

    workflow: str
    version: int
    created: bool = True
    warnings: list[dict[str, Any]] = []


class Refused(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The answer to anything that was understood and refused."""

    rejected: Reason


class Rejected(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`stretto.rejected.<ns>`: what was understood and refused, for all to see."""

    subject: str
    reason: Reason
    request: msgspec.Raw = NULL


class Task(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One attempt for a worker. `id` fences it and is the idempotency key of its effects.

    `accept`: the worker sends `{"accepted": id, "worker": name}` to `reply` when it begins.
    `deadline`
    (RFC 3339): a result after it is refused. `timeout_s`: the same from when the worker begins.
    """

    id: str
    run_id: str
    step: str
    attempt: int
    task: str
    input: msgspec.Raw
    reply: str
    deadline: str | None = None
    timeout_s: float | None = None
    heartbeat_s: float | None = None
    traceparent: str | None = None
    accept: bool = False


class Work(msgspec.Struct, frozen=True, kw_only=True):
    """`stretto.work.<ns>.<queue>` and `stretto.device.<ns>.<device>`."""

    tasks: list[Task]


class TaskResult(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    id: str
    status: Literal["completed", "failed"]
    output: msgspec.Raw = NULL
    failure: Failure | None = None
    worker: str | None = None
    started_at: str | None = None
    finished_at: str | None = None


class Results(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is sent to a task's `reply`: results, or that an attempt was accepted."""

    results: list[TaskResult] = []
    accepted: str | list[str] | None = None
    worker: str | None = None


class Presence(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`stretto.presence.<ns>.<device>`, every few seconds; `gone` at the end. `queue`: the queue
    it pulls
    from, None for a device that is only addressed singly."""

    device: str = ""
    tasks: list[str] = []
    queue: str | None = None
    capabilities: list[str] = []
    attributes: dict[str, Any] = {}
    labels: dict[str, str] = {}
    slots: int = 1
    busy: int = 0
    gone: bool = False


class Progress(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`stretto.progress.<ns>.<run_id>`: a sign of life of an attempt. `progress` is 0–1."""

    id: str
    progress: float | None = None
    message: str | None = None
    worker: str | None = None


class PublicEvent(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    seq: int
    type: str
    at: str
    data: msgspec.Raw
    step: str | None = None


class RunHead(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    run_id: str
    namespace: str
    workflow: str
    version: int
    status: str
    id: str | None = None


class EventsMessage(msgspec.Struct, frozen=True, kw_only=True):
    """The data of the CloudEvent on `stretto.events.<ns>.<workflow>.<run_id>`: one a run and
    commit."""

    run: RunHead
    events: list[PublicEvent]


class Closed(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`stretto.closed.<ns>.<workflow>.<status>`: one message when a run ends."""

    run_id: str
    status: str
    started_at: str
    closed_at: str
    id: str | None = None
    output: msgspec.Raw = NULL
    failure: Failure | None = None


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`stretto.dlq.<service>`: what could not be understood. `excerpt` is its beginning, as
    text."""

    service: str
    subject: str
    reason: Reason
    excerpt: str = ""
    size_bytes: int = 0
    headers: dict[str, str] = {}
    at: str = ""
