"""A run as a list and a page show it, and how each event changes it. O(1) an event.

Instants of steps and attempts are µs since the run started: small numbers, cheap to keep.
"""

from collections.abc import Callable

import msgspec

from services.monitoring.core.bound import BOUND, NO_DEVICE, refused
from services.monitoring.core.decided import Decided, chosen, looked_up
from services.monitoring.core.facts import (
    CompletedFact,
    FailedFact,
    decode_chosen,
    decode_completed,
    decode_ending,
    decode_expanded,
    decode_failed,
    decode_labelled,
    decode_scheduled,
    decode_signalled,
    decode_started,
    decode_step,
)
from services.monitoring.core.reused import REUSE, done
from services.monitoring.core.turns import BLOCKED, PENDING, TURNS, unblocked
from stretto.contracts.failures import Failure

CLOSED = frozenset({"completed", "failed", "cancelled", "terminated"})
ENDED = frozenset({"completed", "failed", "cancelled", "skipped"})

MAX_STEP_LABELS = 256
"""Different labels of steps by which a run is found: they are a row's, whatever its steps are."""

NEVER = -1
"""An instant that has not come."""

TaskTook = tuple[str, int]
"""A task that completed: its name, and µs from when it was sent out to its result."""

Took = TaskTook | Decided
"""What an event has ended: a task, or a decision."""


class Attempt(msgspec.Struct, array_like=True):
    """One try at a step, as it is kept; new fields go to the end. `started_at`: RFC 3339, by the
    clock of the worker."""

    number: int
    status: str
    scheduled: int
    accepted: int = NEVER
    ended: int = NEVER
    worker: str | None = None
    started_at: str | None = None
    failure: Failure | None = None
    retry_at: str | None = None


class Step(msgspec.Struct, array_like=True):
    """One step of a run, as it is kept in the column `steps`; new fields go to the end."""

    path: str
    status: str
    began: int
    ended: int = NEVER
    task: str | None = None
    queue: str | None = None
    reason: str | None = None
    attempts: list[Attempt] = []
    items: int = 0
    labels: dict[str, str] = {}
    reused_run: str | None = None
    reused_step: str | None = None
    by: str | None = None
    """Who approved, rejected or skipped it."""


class RunProjection:
    """One run. `counts` holds its steps by status, those that are open under `open`; `step_labels`
    the labels of its steps, each `name=value` once, in the order in which they came."""

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
        "step_labels",
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
        self.step_labels: dict[str, None] = {}
        self.status = "running"
        self.started_us = 0
        self.closed_us = 0
        self.last_seq = 0
        self.failure: Failure | None = None
        self.counts: dict[str, int] = {}
        self.steps: dict[str, Step] = {}

    @property
    def closed(self) -> bool:
        """Whether the run has ended."""
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
        if self.started_us == 0:
            self.started_us = at_us
        handler = _HANDLERS.get(type_)
        took = None if handler is None else handler(self, at_us, data)
        self.last_seq = seq
        return took

    def step(self, path: str, at: int) -> Step:
        """The step of a path; a new one begins now."""
        step = self.steps.get(path)
        if step is None:
            step = self.steps[path] = Step(path, "", at)
        return step

    def move(self, step: Step, status: str, at: int) -> None:
        """Give a step another status."""
        before, step.status = step.status, status
        if before == PENDING:
            step.began = at
        if status in ENDED:
            step.ended = at
            self._count(before, -1)
            self._count(status, 1)
        elif not before:
            self._count(status, 1)
        elif before in ENDED:  # it goes on: an item was added, or a person retried it
            step.ended, step.reason, step.by = NEVER, None, None
            self._count(before, -1)
            self._count(status, 1)

    def forget(self, path: str) -> None:
        """Leave a step out that will be told anew, or not at all."""
        self._count(self.steps.pop(path).status, -1)

    def _count(self, status: str, n: int) -> None:
        if not status:
            return
        key = status if status in ENDED else "open"
        left = self.counts.get(key, 0) + n
        if left:
            self.counts[key] = left
        else:
            del self.counts[key]


def _started(run: RunProjection, at_us: int, data: bytes) -> None:
    fact = decode_started(data)
    run.started_us = at_us
    run.namespace = fact.namespace
    run.workflow = fact.workflow
    run.version = fact.version
    run.key = fact.id
    run.labels = fact.labels


def _run_becomes(status: str) -> Callable[[RunProjection, int, bytes], None]:
    def become(run: RunProjection, at_us: int, data: bytes) -> None:
        fact = decode_ending(data)
        if fact.failure is not None:
            run.failure = fact.failure
        run.status = status
        if status in CLOSED:
            run.closed_us = at_us

    return become


_becomes_terminated = _run_becomes("terminated")


def _terminated(run: RunProjection, at_us: int, data: bytes) -> None:
    """Nothing goes on: what was open (a wait, what holds steps) is told by no event of its own."""
    _becomes_terminated(run, at_us, data)
    for step in run.steps.values():
        if step.status not in ENDED:
            step.reason = "terminated"
            run.move(step, "cancelled", at_us - run.started_us)


def _admitted(run: RunProjection, _at_us: int, _data: bytes) -> None:
    """The run has its place; it may be paused meanwhile."""
    if run.status == "queued":
        run.status = "running"


def _step_becomes(status: str) -> Callable[[RunProjection, int, bytes], None]:
    def become(run: RunProjection, at_us: int, data: bytes) -> None:
        fact = decode_step(data)
        at = at_us - run.started_us
        step = run.step(fact.step, at)
        if fact.reason is not None:
            step.reason = fact.reason
        if fact.by is not None:
            step.by = fact.by
        if status == "cancelled" and (attempt := _attempt(step, fact.attempt)) is not None:
            attempt.status, attempt.ended = status, at
        run.move(step, status, at)
        if run.status == BLOCKED:
            unblocked(run)

    return become


def _step_expanded(run: RunProjection, at_us: int, data: bytes) -> None:
    fact = decode_expanded(data)
    at = at_us - run.started_us
    step = run.step(fact.step, at)
    step.items = len(fact.items)
    run.move(step, "running", at)


def _step_signalled(run: RunProjection, at_us: int, data: bytes) -> None:
    fact = decode_signalled(data)
    at = at_us - run.started_us
    run.move(run.step(fact.step, at), "deciding" if fact.asked else "completed", at)


def _rewound(run: RunProjection, at_us: int, data: bytes) -> None:
    """The run is open again; what runs again is told by the events that follow."""
    run.status = "running"
    run.closed_us = 0
    run.failure = None


def _step_labelled(run: RunProjection, at_us: int, data: bytes) -> None:
    """The step is about to begin: what it does is told by the event after."""
    fact = decode_labelled(data)
    run.step(fact.step, at_us - run.started_us).labels = fact.labels
    for name, value in fact.labels.items():
        if len(run.step_labels) == MAX_STEP_LABELS:
            return
        run.step_labels[f"{name}={value}"] = None


def _step_scheduled(run: RunProjection, at_us: int, data: bytes) -> Decided | None:
    fact = decode_scheduled(data)
    at = at_us - run.started_us
    step = run.step(fact.step, at)
    step.task, step.queue = fact.task, fact.queue
    step.attempts.append(Attempt(fact.attempt, "scheduled", at))
    looked = done(step, at)
    run.move(step, "scheduled", at)
    return looked


def _step_started(run: RunProjection, at_us: int, data: bytes) -> None:
    fact = decode_step(data)
    at = at_us - run.started_us
    step = run.step(fact.step, at)
    attempt = _attempt(step, fact.attempt)
    if attempt is not None:
        attempt.status, attempt.accepted, attempt.worker = "running", at, fact.worker
    run.move(step, "running", at)


def _step_completed(run: RunProjection, at_us: int, data: bytes) -> Took | None:
    fact = decode_completed(data)
    at = at_us - run.started_us
    step = run.step(fact.step, at)
    attempt = _end_attempt(step, "completed", at, fact)
    run.move(step, "completed", at)
    if fact.rules is not None:
        return looked_up(fact.step, fact.rules, at - step.began)
    if attempt is None or step.task is None:
        return None
    return step.task, at - attempt.scheduled


def _step_chosen(run: RunProjection, at_us: int, data: bytes) -> Took:
    fact = decode_chosen(data)
    at = at_us - run.started_us
    step = run.step(fact.step, at)
    run.move(step, "completed", at)
    if run.status == BLOCKED:
        unblocked(run)
    return chosen(fact.step, fact.branch, at - step.began)


def _step_failed(run: RunProjection, at_us: int, data: bytes) -> Took | None:
    fact = decode_failed(data)
    at = at_us - run.started_us
    step = run.step(fact.step, at)
    attempt = _end_attempt(step, "failed", at, fact)
    if attempt is not None:
        attempt.failure, attempt.retry_at = fact.failure, fact.retry_at
    if fact.by is not None:
        step.by = fact.by
    if fact.blocked:
        run.status = BLOCKED
        run.move(step, BLOCKED, at)
    else:
        run.move(step, "failed" if fact.retry_at is None else "retrying", at)
    if attempt is None or fact.failure is None or fact.failure.type != NO_DEVICE:
        return None
    return refused(run, fact.step, attempt, at_us)


def _attempt(step: Step, number: int) -> Attempt | None:
    """The attempt of a number; nearly always the last one."""
    if not step.attempts:
        return None
    last = step.attempts[-1]
    if last.number == number:
        return last
    for attempt in step.attempts:
        if attempt.number == number:
            return attempt
    return None


def _end_attempt(
    step: Step, status: str, at: int, fact: CompletedFact | FailedFact
) -> Attempt | None:
    attempt = _attempt(step, fact.attempt)
    if attempt is not None:
        attempt.status, attempt.ended = status, at
        if fact.worker is not None:
            attempt.worker = fact.worker
        attempt.started_at = fact.started_at
    return attempt


_HANDLERS: dict[str, Callable[[RunProjection, int, bytes], Took | None]] = {
    "run.started": _started,
    "run.failing": _run_becomes("failing"),
    "run.queued": _run_becomes("queued"),
    "run.admitted": _admitted,
    "run.completed": _run_becomes("completed"),
    "run.failed": _run_becomes("failed"),
    "run.cancelled": _run_becomes("cancelled"),
    "run.terminated": _terminated,
    "step.activated": _step_becomes("deciding"),
    "step.expanded": _step_expanded,
    "step.opened": _step_becomes("running"),
    "step.finishing": _step_becomes("running"),
    "step.repeated": _step_becomes("running"),
    "step.signalled": _step_signalled,
    "step.approved": _step_becomes("completed"),
    "run.paused": _run_becomes("paused"),
    "run.resumed": _run_becomes("running"),
    "run.rewound": _rewound,
    "step.labelled": _step_labelled,
    "step.waiting": _step_becomes("waiting"),
    "step.queued": _step_becomes("queued"),
    "step.admitted": _step_becomes("running"),
    "step.chosen": _step_chosen,
    "step.skipped": _step_becomes("skipped"),
    "step.cancelled": _step_becomes("cancelled"),
    "step.scheduled": _step_scheduled,
    "step.started": _step_started,
    "step.completed": _step_completed,
    "step.failed": _step_failed,
    **BOUND,
    **REUSE,
    **TURNS,
}
