"""What the services answer to reads (`stretto.api.*`), in JSON. Additive changes only.

Instants are RFC 3339 in UTC, durations milliseconds. Lists are bounded; `next`, where it is there,
is what to ask with to get the page after.
"""

from typing import Any, Literal

import msgspec

from stretto.contracts.failures import Failure
from stretto.contracts.payload import NULL

MAX_PAGE = 1000
"""Rows of a list, events of a history at most in one answer: it stays below a megabyte or so."""

DEFAULT_PAGE = 50


class ListRequest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`monitoring.list`: runs, the latest first. `before` is the `next` of the page before.

    `status` takes several with commas between; `open` stands for those that are not closed. `id` is
    the caller's own key; `search` finds the beginnings of run ids and keys; `labels`: runs that
    have all of these; `step_labels`: runs with steps that have had them, not all on one step.
    """

    namespace: str | None = None
    workflow: str | None = None
    status: str | None = None
    id: str | None = None
    search: str | None = None
    limit: int = DEFAULT_PAGE
    before: str | None = None
    labels: dict[str, str] = {}
    step_labels: dict[str, str] = {}
    """Labels that steps of the run have had."""


class RunSummary(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A run in a list. `steps` counts them by status; `duration_ms` is until now for an open
    run."""

    run_id: str
    namespace: str
    workflow: str
    version: int
    status: str
    started_at: str
    id: str | None = None
    closed_at: str | None = None
    duration_ms: float | None = None
    steps: dict[str, int] = {}
    labels: dict[str, str] = {}
    failure: Failure | None = None


class RunPage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A page of `monitoring.list`."""

    runs: list[RunSummary]
    next: str | None = None


class AttemptView(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One try at a step. `started_at` is when a worker began, where it said so."""

    attempt: int
    status: str
    scheduled_at: str
    started_at: str | None = None
    ended_at: str | None = None
    worker: str | None = None
    queue: str | None = None
    failure: Failure | None = None
    retry_at: str | None = None


class StepView(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A step of a run, with its attempts."""

    step: str
    status: str
    activated_at: str
    ended_at: str | None = None
    duration_ms: float | None = None
    task: str | None = None
    reason: str | None = None
    input: msgspec.Raw = NULL
    output: msgspec.Raw = NULL
    attempts: list[AttemptView] = []
    labels: dict[str, str] = {}
    reused_run: str | None = None
    """It was not done: this run did it, as its step `reused_step`."""
    reused_step: str | None = None
    """The step of that run."""
    by: str | None = None
    """Who approved, rejected or skipped it; `reason` says why, where they did."""


class RunView(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`monitoring.show`: a run with its steps in the order in which they began."""

    run: RunSummary
    steps: list[StepView]
    input: msgspec.Raw = NULL
    output: msgspec.Raw = NULL
    last_seq: int = 0


class StatsRequest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`monitoring.stats`: of which runs; left out: of all."""

    namespace: str | None = None
    workflow: str | None = None


class Latency(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Of what ended since the projection exists; within 5 % of the true value."""

    count: int
    p50_ms: float
    p95_ms: float
    p99_ms: float
    mean_ms: float


class Stats(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`monitoring.stats`. `runs` counts by status, `workflows` by workflow and status."""

    runs: dict[str, int]
    workflows: dict[str, dict[str, int]]
    run_latency: dict[str, Latency]
    task_latency: dict[str, Latency]
    steps_per_s: float
    runs_per_s: float
    lag: int = 0
    services: list[dict[str, Any]] = []


class QueueView(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`execution.queues`: one queue."""

    namespace: str
    queue: str
    waiting: int = 0
    in_flight: int = 0
    workers: int = 0
    slots: int = 0
    busy: int = 0
    """Slots that are taken, as the workers say."""
    wanted: int = 0
    """Workers that the queue wants."""
    share: float = 0.0
    """The same, not rounded: what one instance says of its part to another."""


class UnknownTask(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`execution.queues`: a task that attempts wait for and that nobody who is present does."""

    namespace: str
    task: str
    attempts: int
    """How many wait for it."""
    since: str
    """Since when the oldest of them does."""
    queue: str | None = None
    """Where they wait; left out: for anybody who knows the task."""
    workers: int = 0
    """Workers that are present on that queue, and do other tasks."""


class ResourceView(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`execution.queues`: a named resource."""

    name: str
    capacity: int = 0
    """How much there is in all."""
    used: int = 0
    """How much is given to attempts."""
    waiting: int = 0
    """How many attempts wait for it, perhaps for others too."""


class RateView(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`execution.queues`: a key whose `rate` keeps attempts back."""

    namespace: str
    key: str
    """What those have in common that count together."""
    limit: str
    """How many may go out in a time: `20/m`."""
    waiting: int
    """Attempts that wait."""
    next_s: float | None = None
    """When the next one goes; left out: when one that has its turn has a slot."""
    queue: str | None = None
    """Whose keys these are, where the rate is (also) that of a queue."""


MAX_KEYS_TOLD = 200
"""Keys of one answer that somebody waits for, those with the most first."""


class QueuePage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The answer of `execution.queues`."""

    queues: list[QueueView] = []
    unknown_tasks: list[UnknownTask] = []
    resources: list[ResourceView] = []
    rates: list[RateView] = []


class LinesQuery(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`workflow.lines`: of which namespace; left out: of all."""

    namespace: str | None = None


class LineView(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`workflow.lines`: a key of a `concurrency` whose places are waited for."""

    namespace: str
    workflow: str
    key: str
    """What those have in common that count together."""
    of: Literal["runs", "steps"]
    """What counts: runs of the workflow, or steps of them."""
    limit: int
    """How many places there are."""
    taken: int
    """How many of them are taken."""
    waiting: int
    """How many wait for one."""
    since: str
    """Since when the one waits that has waited longest."""


class LinePage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The answer of `workflow.lines`."""

    lines: list[LineView] = []
    """Those with the most that wait first."""


class AttemptProgress(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What an attempt that is out last said of itself."""

    step: str
    attempt: int
    heard_at: str
    """When its last sign of life came."""
    progress: float | None = None
    """The share that is done, 0 to 1, as it says itself."""
    message: str | None = None
    worker: str | None = None


class StepProgress(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How far a step is. Items and rounds are summed up in the step that they belong to."""

    step: str
    status: str
    """`pending` for one that has not begun."""
    progress: float
    """The share that is done, 0 to 1."""
    weight: float
    """Its part of the work of the whole run, by past durations: all weights are 1 together."""
    left_ms: float | None = None
    """How long it is expected to take still; left out: nothing like it ran before."""
    usual_ms: float | None = None
    """How long it took in the past."""
    finished: int | None = None
    """Of a `for_each`: items that have ended."""
    total: int | None = None
    """Of a `for_each`: all its items."""
    message: str | None = None


class RunProgress(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`monitoring.progress`, and `stretto.estimate.<ns>.<run_id>`: how far a run is."""

    run_id: str
    workflow: str
    status: str
    progress: float
    """The share of the work that is done, 0 to 1: of its steps, weighted by past durations."""
    at: str
    """The instant that it was worked out for."""
    elapsed_ms: float = 0.0
    """Since it started."""
    left_ms: float | None = None
    """How long it is expected to take still; left out: nothing like it ran before, or it waits for
    a person or an instant that is not known."""
    past_runs: int = 0
    """Runs of the workflow that this was learnt from."""
    steps: list[StepProgress] = []
    attempts: list[AttemptProgress] = []


class DefinitionSummary(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One of `workflow.definitions`: the latest version of a workflow."""

    workflow: str
    version: int
    created_at: str | None = None
    description: str | None = None
    labels: dict[str, int] = {}
    """Labels and the versions that they point to."""


class Controls(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`workflow.controls`: the commands that would be carried out now."""

    run_id: str
    status: str
    commands: list[str]
    """First those that make it go on. Empty: nothing can be done any more, or a step of that path
    is not there."""
    step: str | None = None
    """Of this step; left out: of the run as a whole."""
