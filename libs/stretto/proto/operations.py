"""The reads, `stretto.api.<service>.<operation>`: what is asked and what is answered."""

from typing import NamedTuple

import msgspec

from stretto.contracts import (
    answers,
    bindings,
    catalogue,
    decisions,
    migration,
    reuse,
    schedules,
    step_told,
)
from stretto.history.document import Imported, RunDocument
from stretto.proto.reads import (
    ControlsQuery,
    DefinitionQuery,
    Definitions,
    DefinitionText,
    Devices,
    Explanation,
    Findings,
    Health,
    History,
    HistoryQuery,
    NamespaceQuery,
    Nothing,
    PayloadQuery,
    PayloadThere,
    ProgressQuery,
    Queues,
    RunQuery,
    RunState,
    ShowQuery,
    SourceQuery,
)


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
        "lines",
        answers.LinesQuery,
        answers.LinePage,
        "The keys of `concurrency` whose places are waited for.",
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
        "step",
        step_told.StepQuery,
        step_told.StepTold,
        "How a step of a run stands: its attempts, its items, whose output it took.",
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
