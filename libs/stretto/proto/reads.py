"""What is asked and answered in reads, where no two sides share a type: a service reads its request
with a type of its own, and writes most answers row by row. A test holds them against the running
services.
"""

from typing import Any

import msgspec

from stretto.contracts import answers
from stretto.contracts.failures import Failure
from stretto.contracts.payload import NULL
from stretto.contracts.public import PublicEvent, RunningAttempt


class Nothing(msgspec.Struct, frozen=True, kw_only=True):
    """No fields: `{}`, or no data at all."""


class RunQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which run."""

    run_id: str
    at_seq: int | None = None
    """As it was after this event; left out: as it is."""
    at: str | None = None
    """As it was at this instant (RFC 3339)."""


class HistoryQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which events of which run."""

    run_id: str
    after_seq: int = 0
    limit: int = 1_000


class History(msgspec.Struct, frozen=True, kw_only=True):
    """Events of a run; fewer than asked for when they would not fit into a message."""

    run_id: str
    events: list[PublicEvent]


class Cause(msgspec.Struct, frozen=True, kw_only=True):
    """Why an open run is still open."""

    step: str
    cause: str
    """`attempt`, `retry`, `timer`, `signal`, `approval`, `decision`, `child`, `paused`, `output`,
    `concurrency`, `reuse`, `compensation_failed`, `own` (the workflow service goes on by itself),
    `fault` (a fault of ours)"""
    owner: str
    since: str
    sentence: str
    until: str | None = None
    signal: str | None = None
    """The name of the signal that is waited for."""
    task: str | None = None
    """Of an attempt."""
    queue: str | None = None
    """Of an attempt; left out: any whose workers know the task."""
    attempt: int = 0
    worker: str | None = None
    """Who has begun the attempt, where that was said; or to whom it was `sent`."""
    sent: bool = False
    """It was sent to the worker, which has not said that it began."""
    child: str | None = None
    """The run that is waited for."""
    unbounded: bool = False
    """Whether the attempt has no timeout of any kind."""
    by: list[str] = []
    """Who may approve or reject; empty: anybody."""
    heartbeat_s: float | None = None
    """So long the attempt may give no sign of life once it runs; left out: any time."""


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """Why a run is open, or how it ended."""

    run_id: str
    workflow: str
    status: str
    pending: list[Cause]
    failure: Failure | None = None
    namespace: str = "default"
    controls: list[str] = []
    """The commands that the run would carry out now."""
    task: str | None = None
    """What nobody began in time, where the run failed for that (`QueueTimeout`)."""
    queue: str | None = None
    """The queue that this task names."""


class ControlsQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which run, or which step of it."""

    run_id: str
    step: str | None = None


class StepState(msgspec.Struct, frozen=True, kw_only=True):
    """A step of a run, as the log says it is."""

    step: str
    kind: str
    """`task`, `set`, `switch` and so on, as in the definition."""
    status: str
    attempt: int = 0
    started_at: str | None = None
    ended_at: str | None = None
    output: msgspec.Raw = NULL
    failure: Failure | None = None
    worker: str | None = None
    labels: dict[str, str] = {}


class RunState(msgspec.Struct, frozen=True, kw_only=True):
    """The fold of a run's events."""

    run_id: str
    namespace: str
    workflow: str
    version: int
    status: str
    phase: str
    """Where it is on its way, in more detail than `status`."""
    seq: int
    """The last event."""
    started_at: str
    steps: list[StepState]
    pending: list[Cause]
    id: str | None = None
    labels: dict[str, str] = {}
    input: msgspec.Raw = NULL
    output: msgspec.Raw = NULL
    failure: Failure | None = None
    closed_at: str | None = None
    uncompensated: list[str] = []
    rolling_back_to: str | None = None
    """The step that the run is on its way back to."""


class DefinitionQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which definition."""

    workflow: str
    namespace: str = "default"
    version: int | None = None
    """Left out: the latest."""
    version_label: str | None = None
    """Instead of a version: a label of one."""


class DefinitionText(msgspec.Struct, frozen=True, kw_only=True):
    """One version of a definition."""

    workflow: str
    version: int
    source: str
    """The text as it was registered."""
    graph: msgspec.Raw
    created_at: str
    expanded: msgspec.Raw = NULL
    """The document with its templates written out, where it uses any."""
    uses: list[str] = []
    """The templates that it uses: `charge@2`."""


class NamespaceQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which namespace."""

    namespace: str = "default"


class Definitions(msgspec.Struct, frozen=True, kw_only=True):
    """Every workflow of a namespace, with its latest version."""

    definitions: list[answers.DefinitionSummary]


class SourceQuery(msgspec.Struct, frozen=True, kw_only=True):
    """A definition to look at."""

    source: str
    """YAML or JSON."""
    file: str = "<definition>"
    """What mistakes call it."""
    namespace: str = "default"
    """Where its templates are looked for."""


class Findings(msgspec.Struct, frozen=True, kw_only=True):
    """What was found in a definition."""

    mistakes: list[dict[str, Any]]
    warnings: list[dict[str, Any]] = []
    """What is allowed and probably not meant."""


class ShowQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which run."""

    run_id: str
    payloads: bool = True
    """With the inputs and outputs of its steps."""


class ProgressQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which run."""

    run_id: str


class Queues(msgspec.Struct, frozen=True, kw_only=True):
    """Who serves what, and what waits."""

    queues: list[answers.QueueView]
    unknown_tasks: list[answers.UnknownTask] = []
    """Tasks that attempts wait for and that nobody who is present does."""
    resources: list[answers.ResourceView] = []
    """What there is of named resources, what is in use, what waits."""
    rates: list[answers.RateView] = []
    """The keys whose `rate` keeps attempts back, those with the most first."""


class Device(msgspec.Struct, frozen=True, kw_only=True):
    """A worker or device that is present."""

    namespace: str
    device: str
    """Its name."""
    seen_at: str
    """When it was heard last, RFC 3339."""
    twice: bool = False
    """Two processes say that they are it: each does its attempts."""
    tasks: list[str] = []
    """The tasks that it has handlers for."""
    queue: str | None = None
    capabilities: list[str] = []
    """What it can do."""
    attributes: dict[str, Any] = {}
    """Facts about it."""
    labels: dict[str, str] = {}
    slots: int = 1
    busy: int = 0
    """Attempts that it runs now."""
    running: list[RunningAttempt] = []
    """Some of them, those that it has had longest."""


class Devices(msgspec.Struct, frozen=True, kw_only=True):
    """Who is present."""

    devices: list[Device]
    """Every worker and device that said so lately."""


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """How the instance that answers is."""

    status: str
    """`ok` or `not_ready`."""
    service: str
    """Its service."""
    instance: str
    """Its name."""
    uptime_s: float
    """Since when it runs."""
    ready: list[str] = []
    """Its parts that can work."""
    not_ready: dict[str, str] = {}
    """Its parts that cannot, and why."""


class PayloadQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which payload of which run."""

    run_id: str
    payload: str
    """Its name: the `$payload` of the reference."""


class PayloadThere(msgspec.Struct, frozen=True, kw_only=True):
    """The payload is in the object store."""

    payload: str
    """Its name there."""
    bytes: int
    """How long it is."""
