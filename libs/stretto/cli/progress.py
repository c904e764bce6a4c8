"""What a run has done so far, from its events. Pure: a model to draw.

A row is a step as a person sees it. The items of a `for_each` are one row that counts them, the
compensation of a step is a row of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from stretto.cli.printing import because
from stretto.client import RunEvent
from stretto.contracts.answers import RunProgress
from stretto.contracts.events import COMPENSATION_SUFFIX

DONE = frozenset({"completed", "failed", "skipped", "cancelled"})

BEGINNINGS = frozenset(
    f"step.{what}"
    for what in (
        "activated",
        "expanded",
        "labelled",
        "limited",
        "opened",
        "queued",
        "scheduled",
        "seeking",
        "waiting",
    )
)
"""What a step that has ended is told of only when it is done once more."""


@dataclass
class Row:
    """One line. `total` is the number of items of a `for_each`; 0 for a step of its own."""

    name: str
    began: datetime
    status: str = "waiting"
    ended: datetime | None = None
    attempt: int = 0
    note: str = ""
    total: int = 0
    finished: int = 0
    failed: int = 0
    retries: int = 0

    @property
    def done(self) -> bool:
        return self.status in DONE

    def seconds(self, now: datetime) -> float:
        """How long it took, or has taken until now."""
        return max(0.0, ((self.ended or now) - self.began).total_seconds())


@dataclass
class Progress:
    """The rows of a run in the order in which they began."""

    run_id: str
    workflow: str = ""
    version: int = 0
    status: str = "running"
    began: datetime | None = None
    ended: datetime | None = None
    output: Any = None
    failure: Mapping[str, Any] | None = None
    rows: dict[str, Row] = field(default_factory=dict)
    estimate: RunProgress | None = None
    """How far it is, as far as that is known."""
    estimated_at: datetime | None = None

    @property
    def over(self) -> bool:
        return self.ended is not None

    def seconds(self, now: datetime) -> float:
        """How long the run took, or has taken until now."""
        return max(0.0, ((self.ended or now) - (self.began or now)).total_seconds())

    def left_s(self, now: datetime) -> float | None:
        """How long it will take still; None where nobody knows."""
        if self.estimate is None or self.estimate.left_ms is None or self.estimated_at is None:
            return None
        since_s = (now - self.estimated_at).total_seconds()
        return max(0.0, self.estimate.left_ms / 1000 - since_s)

    def take(self, event: RunEvent) -> Row | None:
        """Take the next event; return the row that changed by it, None if it was the run."""
        if event.step is None:
            self._take_run(event)
            return None
        return self._take_step(event, event.step)

    def _take_run(self, event: RunEvent) -> None:
        data = event.data
        match event.type:
            case "run.started":
                self.workflow, self.version = data["workflow"], data["version"]
                self.began = event.at
            case "run.rewound":
                self.status, self.ended, self.failure = "running", None, None
            case "run.rolling_back":
                self.status, self.ended, self.failure = "rolling back", None, None
            case "run.rolled_back":
                self.status = "paused" if data.get("paused") else "running"
                for name in data.get("steps", ()):  # they are told anew, from when they begin
                    self.rows.pop(name, None)
            case "run.migrated":
                self.version = data["to_version"]
            case "run.failing":
                self.status, self.failure = "failing", data.get("failure")
            case "run.paused" | "run.queued":
                self.status = event.type.removeprefix("run.")
            case "run.resumed" | "run.admitted":
                self.status = "running"
            case "run.completed":
                self._end(event, "completed")
                self.output = data.get("output")
            case "run.failed" | "run.cancelled" | "run.terminated":
                self._end(event, event.type.removeprefix("run."))
                self.failure = data.get("failure")
            case _:
                pass  # a fact that changes nothing that is drawn

    def _end(self, event: RunEvent, status: str) -> None:
        self.status, self.ended = status, event.at

    def _take_step(self, event: RunEvent, path: str) -> Row:
        name = row_name(path)
        row = self.rows.setdefault(name, Row(name, event.at))
        if row.done and name == path and event.type in BEGINNINGS:  # a person went back to it
            row = self.rows[name] = Row(name, event.at, retries=row.retries)
        if is_item(path):
            self._take_item(row, event)
        else:
            _change(row, event)
        return row

    @staticmethod
    def _take_item(row: Row, event: RunEvent) -> None:
        if row.status == "waiting":
            row.status = "running"
        match event.type:
            case "step.completed" | "step.reused" | "step.skipped" | "step.cancelled":
                row.finished += 1
            case "step.failed" if event.data.get("retry_at"):
                row.retries += 1
                row.note = failure_text(event.data.get("failure"))
            case "step.failed":
                row.finished += 1
                row.failed += 1
                row.note = failure_text(event.data.get("failure"))
            case _:
                pass
        if row.total == 0 or row.finished >= row.total:
            row.ended = event.at  # compensations have no event of their own for the whole


def _change(row: Row, event: RunEvent) -> None:
    data = event.data
    match event.type:
        case "step.expanded":
            row.total, row.status = len(data["items"]), "running"
        case "step.scheduled":
            row.attempt, row.status = data["attempt"], "scheduled"
            row.note = data["task"] if row.attempt == 1 else f"{data['task']}, try {row.attempt}"
        case "step.started":
            row.status = "running"
        case "step.completed" | "step.chosen":
            _end(row, event, "completed")
            row.note = ", ".join(data.get("then", ())) and "→ " + ", ".join(data["then"])
        case "step.failed":
            if data.get("retry_at"):
                row.status, row.retries = "retrying", row.retries + 1
            else:
                _end(row, event, "failed")
            row.note = failure_text(data.get("failure"))
        case "step.skipped" | "step.cancelled":
            _end(row, event, event.type.removeprefix("step."))
            row.note = because(str(data.get("reason", "")))
        case "step.waiting":
            until = data.get("until")
            row.status, row.note = "waiting", f"until {until}" if until else ""
        case _:
            _change_inside(row, event)


def _change_inside(row: Row, event: RunEvent) -> None:
    """What happens to groups, loops and what waits for a person."""
    match event.type:
        case "step.approved":
            _end(row, event, "completed")
        case "step.signalled" if not event.data.get("asked"):
            _end(row, event, "completed")
        case "step.reused":
            _end(row, event, "completed")
            row.note = f"reused from {event.data['from_run']}"
        case "step.opened":
            row.status = "running"
        case "step.queued":
            row.status, row.note = "queued", f"for a place for the key {event.data['key']!r}"
        case "step.admitted":
            row.status, row.note = "running", ""
        case _:
            pass


def _end(row: Row, event: RunEvent, status: str) -> None:
    row.status, row.ended, row.note = status, event.at, ""


def row_name(path: str) -> str:
    """Return the row of a step: `scan[3]` and `scan[4].read` are in that of `scan`."""
    outer, bracket, _ = path.partition("[")
    undone = COMPENSATION_SUFFIX if path.endswith(COMPENSATION_SUFFIX) else ""
    return outer + undone if bracket else path


def is_item(path: str) -> bool:
    """Tell whether a path is inside of a `for_each`."""
    return "[" in path


def failure_text(failure: object) -> str:
    """Write a failure on one line."""
    if not isinstance(failure, Mapping):
        return ""
    message = " ".join(str(failure.get("message", "")).split())
    return f"{failure.get('type', 'failed')}: {message}" if message else str(failure.get("type"))
