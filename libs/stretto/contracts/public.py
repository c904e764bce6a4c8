"""The messages of the public contract (design §6.1), in JSON. Additive changes only.

Unknown fields are ignored, so that an older build reads what a newer one writes; but a start or a
control with one is refused: what it asks for would not be done.
"""

from typing import Any, Literal

import msgspec

from stretto.contracts.failures import Failure, Reason
from stretto.contracts.payload import NULL
from stretto.contracts.routes import Bound

CLOSED_STATUSES = ("completed", "failed", "cancelled", "terminated")


class ForkRequest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where a new run begins: where another run of the workflow stood, open or closed."""

    run_id: str
    """The run to begin from."""
    at_seq: int | None = None
    """As it stood after this event; left out: after its last."""
    step: str | None = None
    """This step, and all that needs it, is run again whatever had become of it."""
    by: str | None = None
    """Who asks."""
    reason: str | None = None
    """Why, for people and the log."""


class StartRequest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`stretto.start.<ns>.<workflow>`: start a run of the workflow."""

    input: msgspec.Raw = NULL
    """What the run works on; must fit the `input` schema of the definition."""
    id: str | None = None
    """The caller's own key: while a run with it is open, a start with it is that run."""
    run_id: str | None = None
    """A UUID for the run, so that the caller knows it before it exists; else one is made."""
    version: int | None = None
    """Of the workflow; left out: the latest."""
    version_label: str | None = None
    """Instead of a version: a label of one (`stable`). `order@stable` as the workflow says it
    too."""
    labels: dict[str, str] = {}
    parent: str | None = None
    """The attempt of another run that waits for this one; set by the workflow service."""
    depth: int = 0
    """How deep a child run is nested; set by the workflow service."""
    fork: ForkRequest | None = None
    """Begin where another run stood: what had completed there is not run again. Input, version and
    labels that are left out are that run's."""


class Started(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The answer to a start that asked for one."""

    run_id: str
    workflow: str
    version: int
    existing: bool = False
    """A run with that `id` was open already: it is this one."""


class ControlRequest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`stretto.control.<ns>.<run_id>`: tell a run to do something. Fields belong to the command."""

    command: str
    """`cancel`, `terminate`, `pause`, `resume`, `signal`, `approve`, `reject`, `retry`, `skip`,
    `rewind`; another one is refused."""
    reason: str | None = None
    """Why, for people and the log."""
    by: str | None = None
    """Who asks."""
    step: str | None = None
    """The path of the step that is meant: approve, reject, retry, skip, rewind."""
    name: str | None = None
    """The name of the signal."""
    payload: msgspec.Raw = NULL
    """What the signal brings."""
    to: str | None = None
    """The step whose end the run goes back to: rollback."""
    pause: bool = False
    """Whether the run is paused when it is there: rollback."""
    version: int | None = None
    """The version to migrate to; left out, with `version_label` too: the latest."""
    version_label: str | None = None
    """The label of the version to migrate to."""


class Controlled(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The answer to a control that was carried out."""

    run_id: str
    command: str


class Defined(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The answer to a definition that was registered."""

    workflow: str
    version: int
    created: bool = True
    """False: that very definition existed already, as this version."""
    warnings: list[dict[str, Any]] = []
    """What is allowed and probably not meant, each with its place: as mistakes are told."""
    kind: Literal["workflow", "template"] = "workflow"
    """What was registered; a template's name is in `workflow`, too."""
    uses: list[str] = []
    """The templates that it uses, with their versions: `charge@2`."""
    latest_before: int | None = None
    """Only where an older definition was applied again: the version that starts used until now.
    From now on they use this one."""


class LabelRequest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`stretto.definitions.<ns>`: let a label point to a version of a workflow or template."""

    label: str
    """`stable`, say: a letter, then letters, digits, `-` and `_`; not `latest`."""
    version: int | None = None
    """None: take the label away."""
    workflow: str | None = None
    """Whose version; or else `template`."""
    template: str | None = None
    """The template whose version it is."""


class Labelled(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The answer to a label that was set or taken away."""

    label: str
    """The label."""
    name: str
    """Of the workflow or template."""
    kind: Literal["workflow", "template"] = "workflow"
    """What `name` is the name of."""
    version: int | None = None
    """None: the label is no more."""
    before: int | None = None
    """Where it pointed until now."""


class Refused(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The answer to anything that was understood and refused."""

    rejected: Reason
    """Why."""


class Rejected(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`stretto.rejected.<ns>`: what was understood and refused, for all to see."""

    subject: str
    """Where the message was published."""
    reason: Reason
    """Why it was refused."""
    request: msgspec.Raw = NULL
    """The message itself, where it was JSON and not too large."""


class Task(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One attempt for a worker."""

    id: str
    """`run_id:step:attempt`: fences the attempt, and is the idempotency key of its effects."""
    run_id: str
    step: str
    attempt: int
    task: str
    input: msgspec.Raw
    """The step's `with`, every expression replaced by its value."""
    reply: str
    """Where results go. Its form may change: publish to it as it is."""
    deadline: str | None = None
    """RFC 3339: a result after it is refused."""
    timeout_s: float | None = None
    """Seconds from when the worker begins; a result after it is refused."""
    heartbeat_s: float | None = None
    """A sign of life is expected at least so often, in seconds: `stretto.progress…`."""
    traceparent: str | None = None
    """W3C trace context, where the run is traced: the parent of the worker's span."""
    accept: bool = False
    """When it begins, the worker sends `{"accepted": id, "worker": name}` to `reply`."""
    resources: dict[str, int] = {}
    """What it has of named resources until its result is there, by name."""
    details: msgspec.Raw = NULL
    """What an attempt before this one last said in its signs of life: where to go on from."""
    rate_key: str | None = None
    """The key for whose rate it counts, where it has one."""


class Work(msgspec.Struct, frozen=True, kw_only=True):
    """`stretto.work.<ns>.<queue>` and `stretto.device.<ns>.<device>`: attempts to be done."""

    tasks: list[Task]


class TaskResult(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of one attempt."""

    id: str
    """The attempt's, as it came."""
    status: Literal["completed", "failed"]
    output: msgspec.Raw = NULL
    """Of a completed attempt: what later steps see as `steps.<name>.output`."""
    failure: Failure | None = None
    """Of a failed attempt: why."""
    worker: str | None = None
    started_at: str | None = None
    finished_at: str | None = None
    details: msgspec.Raw = NULL
    """Of a failed attempt: where the next one may go on from, up to 16 KiB."""


class Results(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is sent to a task's `reply`: results, or that an attempt was accepted."""

    results: list[TaskResult] = []
    """Several attempts' at once are fine, when their `reply` is the same."""
    accepted: str | list[str] | None = None
    """Ids of attempts that the worker has begun; only for those that asked (`accept`)."""
    worker: str | None = None
    bound: list[Bound] = []
    """Of the execution service alone: to which devices attempts with a route went, and why."""


class RunningAttempt(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An attempt that a worker runs now."""

    id: str
    """The attempt's."""
    since: str
    """When its handler began, RFC 3339, by the clock of the worker."""


class Presence(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`stretto.presence.<ns>.<device>`, every few seconds: who is there, and for what."""

    device: str = ""
    """Its name; left out: the one in the subject."""
    tasks: list[str] = []
    """The tasks that it has handlers for."""
    queue: str | None = None
    """The queue it pulls from; left out for a device that is only addressed singly."""
    capabilities: list[str] = []
    """What it can do, for `route.where`."""
    attributes: dict[str, Any] = {}
    """Facts about it, for `route.where`."""
    labels: dict[str, str] = {}
    slots: int = 1
    """Attempts that it runs at once."""
    busy: int = 0
    """Attempts that it runs now."""
    gone: bool = False
    """It ends in order: nothing more comes from it."""
    running: list[RunningAttempt] = []
    """Some of the attempts that it runs now, those that it has had longest."""
    resources: dict[str, int] = {}
    """Named resources that it brings, with amounts: they count beside what is configured."""
    instance: str | None = None
    """The process, by an id that it makes when it begins: two of one name are told by it."""


class Progress(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`stretto.progress.<ns>.<run_id>`: a sign of life of an attempt."""

    id: str
    """The attempt's."""
    progress: float | None = None
    """The share that is done: 0 to 1."""
    message: str | None = None
    """What is being done, for people."""
    worker: str | None = None
    details: msgspec.Raw = NULL
    """Where the next attempt may go on from when this one is lost, up to 16 KiB."""


class PublicEvent(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One fact of a run, as the log has it."""

    seq: int
    """Its number in the run, from 1, without gaps."""
    type: str
    """What happened: `step.completed` and so on; names the form of `data`."""
    at: str
    """When, RFC 3339."""
    data: msgspec.Raw
    """What belongs to it: an object whose form `type` names."""
    step: str | None = None


class RunHead(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The run that events are about, as it is after them."""

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
    """In order, at least one."""


class Closed(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`stretto.closed.<ns>.<workflow>.<status>`: one message when a run ends."""

    run_id: str
    status: str
    started_at: str
    closed_at: str
    id: str | None = None
    output: msgspec.Raw = NULL
    failure: Failure | None = None


class Alert(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`stretto.alert.<ns>.<severity>`: something that a person should look at."""

    code: str
    """What it is, for programs: `run_without_cause`."""
    message: str
    """The same for people."""
    at: str
    """When, RFC 3339."""
    run_id: str | None = None
    """The run that it is about."""
    workflow: str | None = None
    """The workflow that it is about."""


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`stretto.dlq.<service>`: what could not be understood."""

    service: str
    """Who could not."""
    subject: str
    """Where the message was published."""
    reason: Reason
    """What is wrong with it."""
    excerpt: str = ""
    """Its beginning, as text."""
    size_bytes: int = 0
    """How long it is in all."""
    headers: dict[str, str] = {}
    """Its headers."""
    at: str = ""
    """When it was given up, RFC 3339."""
