"""Facts of a step: it is asked for, given out, waits, is retried, ends."""

from datetime import datetime
from typing import ClassVar

import msgspec

from stretto.contracts.events.event import Event
from stretto.contracts.failures import Failure
from stretto.contracts.graph import Retry, Timeouts
from stretto.contracts.payload import NULL


class StepQueued(Event, frozen=True, kw_only=True, omit_defaults=True):
    """The step (an item of a `for_each`) asks for a place: as many steps of its `key` as may be
    at once have one, over all runs of the workflow. It begins when it has one. `value`: what was
    worked out for it, where `given`."""

    type: ClassVar[str] = "step.queued"
    step: str
    key: str
    """The key that was worked out for the step."""
    limit: int
    """How many steps of the key may have a place."""
    when_full: str = "queue"
    """What becomes of it when there is none: `queue`, `reject` or `cancel_running`."""
    given: bool = False
    """Whether something was worked out for it."""
    value: msgspec.Raw = NULL
    """What was worked out for it: its input."""


class StepAdmitted(Event, frozen=True, kw_only=True, omit_defaults=True):
    """The step has a place among those of its `key`, and begins; the place is free when it ends."""

    type: ClassVar[str] = "step.admitted"
    step: str
    key: str
    """The key that was worked out for the step."""
    limit: int
    """How many steps of the key may have a place."""


class StepLimited(Event, frozen=True, kw_only=True, omit_defaults=True):
    """Timeouts, retry policy and priority that were worked out for a step, whole; left out: those
    of its definition hold."""

    type: ClassVar[str] = "step.limited"
    step: str
    retry: Retry | None = None
    """When a failed attempt is tried again."""
    timeouts: Timeouts | None = None
    """The limits of time."""
    priority: int | None = None
    """Of the step's attempts: 0 to 9."""
    escalate_s: float | None = None
    """Of an approval: the seconds after which others may decide, too."""
    cache_key: str | None = None
    """The key under which what the step gives is kept and looked for."""
    rate_key: str | None = None
    """The key for whose rate the step's attempts count."""
    by: list[str] = []
    """Of an approval: who may decide."""
    escalate_to: list[str] = []
    """Of an approval: who may decide, too, when it is escalated."""


class StepLabelled(Event, frozen=True, kw_only=True, omit_defaults=True):
    """The step has begun and has labels: the run is found by them."""

    type: ClassVar[str] = "step.labelled"
    step: str
    labels: dict[str, str]


class StepActivated(Event, frozen=True, kw_only=True, omit_defaults=True):
    """The step may run; its decision is asked for."""

    type: ClassVar[str] = "step.activated"
    step: str


class StepExpanded(Event, frozen=True, kw_only=True, omit_defaults=True):
    """A `for_each` knows its items."""

    type: ClassVar[str] = "step.expanded"
    step: str
    items: list[msgspec.Raw]


class StepScheduled(Event, frozen=True, kw_only=True, omit_defaults=True):
    """An attempt is out. `input` is left out where it equals that of the attempt before."""

    type: ClassVar[str] = "step.scheduled"
    step: str
    attempt: int
    task: str
    queue: str | None = None
    input: msgspec.Raw = NULL
    queue_deadline: datetime | None = None
    deadline: datetime | None = None


class StepBound(Event, frozen=True, kw_only=True, omit_defaults=True):
    """An attempt with a route goes to a device. `ranked`: which fitted, in which order, and why
    (`contracts.routes.Ranked`); `reason`: why it goes there."""

    type: ClassVar[str] = "step.bound"
    step: str
    attempt: int
    device: str
    """The device that it goes to."""
    reason: str = ""
    ranked: msgspec.Raw = NULL
    """Which devices fitted, in which order, and why."""


class StepDiverted(Event, frozen=True, kw_only=True, omit_defaults=True):
    """No device fits an attempt with a route: it goes to a queue, as its route asks. `ranked`: why
    none fits (`contracts.routes.Ranked`)."""

    type: ClassVar[str] = "step.diverted"
    step: str
    attempt: int
    queue: str
    """The queue that it goes to."""
    ranked: msgspec.Raw = NULL
    """Which devices there were, and why they did not fit."""


class StepStarted(Event, frozen=True, kw_only=True, omit_defaults=True):
    """A worker has accepted the attempt (only where the attempt asked to be told)."""

    type: ClassVar[str] = "step.started"
    step: str
    attempt: int
    worker: str | None = None
    deadline: datetime | None = None


class StepCompleted(Event, frozen=True, kw_only=True, omit_defaults=True):
    """The step has its output. For a `for_each` the output is left out: it is the list of its
    items' outputs. `derived`: of a group, the object of its steps' outputs; of a loop, its last
    round's. `rules`: of a decision table, the rules that counted, from 0 (the first hundred)."""

    type: ClassVar[str] = "step.completed"
    step: str
    attempt: int = 0
    output: msgspec.Raw = NULL
    worker: str | None = None
    started_at: str | None = None
    finished_at: str | None = None
    derived: bool = False
    rules: list[int] | None = None


class StepChosen(Event, frozen=True, kw_only=True, omit_defaults=True):
    """A switch took branch `branch` (-1: none fitted and there is no `else`) and is completed."""

    type: ClassVar[str] = "step.chosen"
    step: str
    branch: int
    then: list[str] = []


class StepWaiting(Event, frozen=True, kw_only=True, omit_defaults=True):
    """The step waits: for an instant, a signal or a person. `until` is left out where nothing
    bounds it."""

    type: ClassVar[str] = "step.waiting"
    step: str
    until: datetime | None = None


class StepFailed(Event, frozen=True, kw_only=True, omit_defaults=True):
    """An attempt failed. With `retry_at` there will be another; with `handler` (an index from 0)
    that `catch` of the step takes over; without either, the step has failed. `by`: the person who
    rejected an approval. `blocked`: a compensation has failed for good and waits for a person.
    `details`: what the attempt said last, for the next one to go on from."""

    type: ClassVar[str] = "step.failed"
    step: str
    failure: Failure
    attempt: int = 0
    retry_at: datetime | None = None
    handler: int = -1
    worker: str | None = None
    started_at: str | None = None
    finished_at: str | None = None
    by: str | None = None
    blocked: bool = False
    details: msgspec.Raw = NULL


class StepHastened(Event, frozen=True, kw_only=True, omit_defaults=True):
    """A person asked that the next attempt of a step that waits for it begins now: it follows."""

    type: ClassVar[str] = "step.hastened"
    step: str
    by: str | None = None
    reason: str | None = None


class StepSkipped(Event, frozen=True, kw_only=True, omit_defaults=True):
    """`reason`: `condition`, `need_skipped`, `need_failed`, `not_chosen`, `run_failing`,
    `by_request`: then `by` says who asked for it, and `why`."""

    type: ClassVar[str] = "step.skipped"
    step: str
    reason: str
    by: str | None = None
    why: str | None = None


class StepCancelled(Event, frozen=True, kw_only=True, omit_defaults=True):
    """The step was open and is not wanted any more."""

    type: ClassVar[str] = "step.cancelled"
    step: str
    reason: str
    attempt: int = 0


class StepOpened(Event, frozen=True, kw_only=True, omit_defaults=True):
    """A group, or the next round of a loop, begins: its steps may run."""

    type: ClassVar[str] = "step.opened"
    step: str


class StepFinishing(Event, frozen=True, kw_only=True, omit_defaults=True):
    """All steps inside have ended; what the group gives, or whether the loop ends, is asked for."""

    type: ClassVar[str] = "step.finishing"
    step: str


class StepRepeated(Event, frozen=True, kw_only=True, omit_defaults=True):
    """A loop goes on: its next round begins now, or at `at`."""

    type: ClassVar[str] = "step.repeated"
    step: str
    at: datetime | None = None


class StepSignalled(Event, frozen=True, kw_only=True, omit_defaults=True):
    """A waiting step looks at a signal of its name: number `index` of those in the buffer. Without
    `asked` it takes it and completes."""

    type: ClassVar[str] = "step.signalled"
    step: str
    index: int = 0
    asked: bool = False


class StepApproved(Event, frozen=True, kw_only=True, omit_defaults=True):
    """A person approved; the step completes with `{"approved": true, "by", "reason"}`."""

    type: ClassVar[str] = "step.approved"
    step: str
    by: str | None = None
    reason: str | None = None


class StepEscalated(Event, frozen=True, kw_only=True, omit_defaults=True):
    """Nobody decided in time: others may now, too."""

    type: ClassVar[str] = "step.escalated"
    step: str
    to: list[str] = []
