"""A run as a list and a page show it, and how each event changes it. O(1) an event."""

import msgspec

from services.monitoring.core.facts import RunFact, StepFact, decode_run_fact, decode_step_fact
from stretto.contracts.failures import Failure

CLOSED = frozenset({"completed", "failed", "cancelled", "terminated"})
ENDED = frozenset({"completed", "failed", "cancelled", "skipped"})

_ENDING_OF = {
    "run.completed": "completed",
    "run.failed": "failed",
    "run.cancelled": "cancelled",
    "run.terminated": "terminated",
}

_STATUS_AFTER = {
    "step.activated": "deciding",
    "step.expanded": "running",
    "step.waiting": "waiting",
    "step.chosen": "completed",
}


class Attempt(msgspec.Struct, array_like=True):
    """One try at a step. Instants are µs since the epoch, 0: not yet; those of the worker RFC
    3339."""

    number: int
    status: str
    scheduled_us: int
    accepted_us: int = 0
    ended_us: int = 0
    worker: str | None = None
    started_at: str | None = None
    finished_at: str | None = None
    failure: Failure | None = None
    retry_at: str | None = None


class Step(msgspec.Struct, array_like=True):
    """One step of a run, as it is kept in the column `steps`; new fields go to the end."""

    path: str
    status: str
    began_us: int
    ended_us: int = 0
    task: str | None = None
    queue: str | None = None
    reason: str | None = None
    attempts: list[Attempt] = []


class Took(msgspec.Struct, frozen=True):
    """A task that completed: how long it took from being sent out to its result."""

    task: str
    us: int


class RunProjection:
    """One run. `counts` holds its steps by status, those that are open under `open`."""

    __slots__ = (
        "closed_us",
        "counts",
        "failure",
        "key",
        "labels",
        "last_seq",
        "namespace",
        "run_id",
        "started_us",
        "status",
        "steps",
        "version",
        "workflow",
    )

    def __init__(
        self, run_id: bytes, namespace: str, workflow: str, version: int, key: str | None
    ) -> None:
        self.run_id = run_id
        self.namespace = namespace
        self.workflow = workflow
        self.version = version
        self.key = key
        self.labels: dict[str, str] = {}
        self.status = "running"
        self.started_us = 0
        self.closed_us = 0
        self.last_seq = 0
        self.failure: Failure | None = None
        self.counts: dict[str, int] = {}
        self.steps: dict[str, Step] = {}

    @property
    def closed(self) -> bool:
        return self.status in CLOSED

    def restore(self, steps: list[Step], seq: int) -> None:
        """Take the steps as they were after event `seq`."""
        self.steps = {step.path: step for step in steps}
        self.counts = {}
        for step in steps:
            self._count(step.status, 1)
        self.last_seq = seq

    def apply(self, seq: int, type_: str, at_us: int, data: bytes) -> Took | None:
        """Apply the event after `last_seq`; tell if a task completed by it.

        Raises `msgspec.DecodeError` if the data is no event of that type.
        """
        took = None
        if type_.startswith("step."):
            took = self._apply_step(type_, at_us, decode_step_fact(data))
        elif type_.startswith("run."):
            self._apply_run(type_, at_us, decode_run_fact(data))
        if self.started_us == 0:
            self.started_us = at_us
        self.last_seq = seq
        return took

    def _apply_run(self, type_: str, at_us: int, fact: RunFact) -> None:
        if type_ == "run.started":
            self.started_us = at_us
            self.namespace = fact.namespace
            self.workflow = fact.workflow
            self.version = fact.version
            self.key = fact.id
            self.labels = fact.labels
            return
        if fact.failure is not None:
            self.failure = fact.failure
        ending = _ENDING_OF.get(type_)
        if ending is not None:
            self.status = ending
            self.closed_us = at_us
        elif type_ == "run.failing":
            self.status = "failing"

    def _apply_step(self, type_: str, at_us: int, fact: StepFact) -> Took | None:
        step = self.steps.get(fact.step)
        if step is None:
            step = self.steps[fact.step] = Step(fact.step, "", at_us)
        took = None
        match type_:
            case "step.scheduled":
                status = "scheduled"
                step.ended_us = 0
                step.task, step.queue = fact.task, fact.queue
                step.attempts.append(Attempt(fact.attempt, "scheduled", at_us))
            case "step.completed":
                status = "completed"
                attempt = _end_attempt(step, status, at_us, fact)
                if attempt is not None and step.task is not None:
                    took = Took(step.task, at_us - attempt.scheduled_us)
            case "step.failed":
                status = "failed" if fact.retry_at is None else "retrying"
                _end_attempt(step, "failed", at_us, fact)
            case "step.started":
                status = "running"
                attempt = _attempt(step, fact.attempt)
                if attempt is not None:
                    attempt.status, attempt.accepted_us = status, at_us
                    attempt.worker = fact.worker
            case "step.skipped" | "step.cancelled":
                status, step.reason = type_[len("step.") :], fact.reason
                _end_attempt(step, status, at_us, fact)
            case _:
                status = _STATUS_AFTER.get(type_, step.status)
        self._move(step, status, at_us)
        return took

    def _move(self, step: Step, status: str, at_us: int) -> None:
        if status in ENDED:
            step.ended_us = at_us
        if step.status:
            self._count(step.status, -1)
        if status:
            self._count(status, 1)
        step.status = status

    def _count(self, status: str, n: int) -> None:
        key = status if status in ENDED else "open"
        left = self.counts.get(key, 0) + n
        if left:
            self.counts[key] = left
        else:
            del self.counts[key]


def _attempt(step: Step, number: int) -> Attempt | None:
    """The attempt of a number; nearly always the last one."""
    for attempt in reversed(step.attempts):
        if attempt.number == number:
            return attempt
    return None


def _end_attempt(step: Step, status: str, at_us: int, fact: StepFact) -> Attempt | None:
    attempt = _attempt(step, fact.attempt)
    if attempt is not None:
        attempt.status, attempt.ended_us = status, at_us
        if fact.worker is not None:
            attempt.worker = fact.worker
        attempt.started_at, attempt.finished_at = fact.started_at, fact.finished_at
        attempt.failure, attempt.retry_at = fact.failure, fact.retry_at
    return attempt
