"""The reads, `stretto.api.<service>.<operation>`: what is asked and what is answered.

The types here are those that no two sides share: a service reads its request with a type of its
own, and writes most answers row by row. A test holds them against the running services.
"""

from typing import Any, NamedTuple

import msgspec

from stretto.contracts import answers, bindings, catalogue, decisions, migration, reuse, schedules
from stretto.contracts.failures import Failure
from stretto.contracts.payload import NULL
from stretto.contracts.public import PublicEvent, RunningAttempt
from stretto.history.document import Imported, RunDocument


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
    `concurrency`, `compensation_failed`, `own` (the workflow service goes on by itself), `fault`
    (a fault of ours)"""
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
    """Who has begun the attempt, where that was said."""
    child: str | None = None
    """The run that is waited for."""
    unbounded: bool = False
    """Whether the attempt has no timeout of any kind."""


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


class Device(msgspec.Struct, frozen=True, kw_only=True):
    """A worker or device that is present."""

    namespace: str
    device: str
    """Its name."""
    seen_at: str
    """When it was heard last, RFC 3339."""
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


class Operation(NamedTuple):
    """A read: who answers, its name, what is asked and answered, a sentence."""

    service: str
    name: str
    request: type[msgspec.Struct]
    answer: type[msgspec.Struct]
    summary: str


SERVICES = ("workflow", "decision", "execution", "monitoring", "gateway")

OPERATIONS = (
    Operation("workflow", "history", HistoryQuery, History, "The events of a run, in order."),
    Operation("workflow", "state", RunQuery, RunState, "The fold of a run's events."),
    Operation(
        "workflow",
        "import",
        RunDocument,
        Imported,
        "Take a run from the document of another installation; compressed with zlib, if large.",
    ),
    Operation(
        "workflow",
        "payload",
        PayloadQuery,
        PayloadThere,
        "Put a large payload of a run into the object store again.",
    ),
    Operation("workflow", "explain", RunQuery, Explanation, "Why a run is still open."),
    Operation(
        "workflow",
        "controls",
        ControlsQuery,
        answers.Controls,
        "The commands that a run, or a step of it, would carry out now.",
    ),
    Operation(
        "workflow",
        "decision",
        decisions.DecisionQuery,
        decisions.AskedDecision,
        "What a step of a run asked, with the values as they were.",
    ),
    Operation(
        "workflow",
        "bindings",
        bindings.BindingsQuery,
        bindings.Bindings,
        "Where the attempts of a step with a route went, and why.",
    ),
    Operation(
        "decision",
        "explain",
        decisions.ExplainRequest,
        decisions.Explained,
        "A decision worked out once more, told part by part.",
    ),
    Operation("workflow", "definition", DefinitionQuery, DefinitionText, "A definition's text."),
    Operation("workflow", "definitions", NamespaceQuery, Definitions, "All workflows."),
    Operation("workflow", "validate", SourceQuery, Findings, "The mistakes of a definition."),
    Operation(
        "workflow",
        "versions",
        catalogue.VersionsQuery,
        catalogue.Versions,
        "All versions of one.",
    ),
    Operation("workflow", "templates", NamespaceQuery, catalogue.Templates, "All templates."),
    Operation(
        "workflow",
        "template",
        catalogue.TemplateQuery,
        catalogue.TemplateText,
        "One template.",
    ),
    Operation("workflow", "expand", SourceQuery, catalogue.Expansion, "Templates written out."),
    Operation(
        "workflow",
        "schedules",
        schedules.SchedulesQuery,
        schedules.SchedulePage,
        "Schedules, by name.",
    ),
    Operation(
        "workflow",
        "schedule",
        schedules.ScheduleQuery,
        schedules.ScheduleView,
        "A schedule: what comes, what came, who changed it.",
    ),
    Operation(
        "workflow",
        "preview",
        schedules.PreviewQuery,
        schedules.Preview,
        "The instants to come of a schedule or a document.",
    ),
    Operation("workflow", "kept", reuse.KeptQuery, reuse.KeptPage, "What equal steps may reuse."),
    Operation(
        "workflow",
        "migration",
        migration.MigrationQuery,
        migration.MigrationView,
        "May a run follow another version, and what would change.",
    ),
    Operation(
        "workflow",
        "migrations",
        migration.MigrationsQuery,
        migration.MigrationPage,
        "Which open runs may follow another version.",
    ),
    Operation("monitoring", "list", answers.ListRequest, answers.RunPage, "Runs, latest first."),
    Operation("monitoring", "show", ShowQuery, answers.RunView, "A run with steps and attempts."),
    Operation(
        "monitoring",
        "progress",
        ProgressQuery,
        answers.RunProgress,
        "How far a run is, and how long it will take still.",
    ),
    Operation("monitoring", "stats", answers.StatsRequest, answers.Stats, "Counts and latencies."),
    Operation(
        "monitoring",
        "decisions",
        decisions.DecisionStatsRequest,
        decisions.DecisionStats,
        "How switches and tables came out, over time.",
    ),
    Operation("execution", "queues", Nothing, Queues, "What waits, and for whom."),
    Operation("execution", "devices", Nothing, Devices, "Workers and devices that are present."),
    Operation(
        "execution",
        "routed",
        bindings.RoutedQuery,
        bindings.RoutedAttempts,
        "Where attempts with a route are, and what they wait for.",
    ),
    *(Operation(who, "health", Nothing, Health, f"How {who} is.") for who in SERVICES),
)
"""What others may rely on; what the services ask of each other is not here."""
