"""What the services answer to reads (`stretto.api.*`), in JSON. Additive changes only.

Instants are RFC 3339 in UTC, durations milliseconds. Lists are bounded; `next`, where it is there,
is what to ask with to get the page after.
"""

from typing import Any

import msgspec

from stretto.contracts.failures import Failure
from stretto.contracts.payload import NULL

MAX_PAGE = 1000
"""Rows of a list, events of a history at most in one answer: it stays below a megabyte or so."""

DEFAULT_PAGE = 50


class ListRequest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`monitoring.list`: runs, the latest first. `before` is the `next` of the page before.

    `status` takes several with commas between; `open` stands for those that are not closed. `id` is
    the caller's own key; `search` finds the beginnings of run ids and keys.
    """

    namespace: str | None = None
    workflow: str | None = None
    status: str | None = None
    id: str | None = None
    search: str | None = None
    limit: int = DEFAULT_PAGE
    before: str | None = None


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


class DefinitionSummary(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One of `workflow.definitions`: the latest version of a workflow."""

    workflow: str
    version: int
    created_at: str | None = None
    description: str | None = None
