"""The log: one type a fact, past tense. `apply` in the workflow core is the only reader that
matters.

The tag is the `type` column of `workflow.event` and the `type` of an event on the bus; the struct
is
its `data`. A shipped tag keeps its shape and its meaning for ever; a new meaning gets a new tag
(`step.failed.v2`): `tests/golden/` holds histories that a test replays.

A step is named by its path: `reserve`, `scan[3]`, `ship.pack`, `poll[2].read` for a step of a
loop's
round, `charge~compensate` for the compensation of `charge`, `charge~catch.notify` for a handler's.
Payloads are JSON as it came (`msgspec.Raw`).
"""

from datetime import datetime
from typing import ClassVar

import msgspec

from stretto.contracts.failures import Failure
from stretto.contracts.graph import Retry, Timeouts
from stretto.contracts.payload import NULL

COMPENSATION_SUFFIX = "~compensate"
HANDLER_SUFFIX = "~catch"


class Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What all facts share: the tag, by which the log knows them."""

    type: ClassVar[str]


class RunStarted(Event, frozen=True, kw_only=True, omit_defaults=True):
    """`parent` is the attempt of another run that started this one, `depth` how deep it is
    nested."""

    type: ClassVar[str] = "run.started"
    namespace: str
    workflow: str
    version: int
    input: msgspec.Raw
    id: str | None = None
    labels: dict[str, str] = {}
    deadline: datetime | None = None
    parent: str | None = None
    depth: int = 0
    traceparent: str | None = None
    caller_traceparent: str | None = None


class RunQueued(Event, frozen=True, kw_only=True, omit_defaults=True):
    """The run waits for a place: as many runs of its `key` as may be are under way. `ahead`: runs
    that held the places then; `cancels`: runs that are cancelled to make room."""

    type: ClassVar[str] = "run.queued"
    line: str
    """Whose places they are: the workflow."""
    key: str
    """The key that was worked out for the run."""
    limit: int
    """How many runs of the key may be under way."""
    ahead: list[str] = []
    """Runs that held the places then."""
    cancels: list[str] = []
    """Runs that are cancelled to make room."""


class RunAdmitted(Event, frozen=True, kw_only=True, omit_defaults=True):
    """The run has a place among those of its `key`, and begins; the place is free when it ends."""

    type: ClassVar[str] = "run.admitted"
    line: str
    """Whose places they are: the workflow."""
    key: str
    """The key that was worked out for the run."""
    limit: int
    """How many runs of the key may be under way."""


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
    """What becomes of it when there is none: `queue` or `reject`."""
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


class RunFailing(Event, frozen=True, kw_only=True, omit_defaults=True):
    """The run will not complete: nothing new is begun, what is open is cancelled, what is to be
    undone
    is undone. `ending` is how it will end."""

    type: ClassVar[str] = "run.failing"
    ending: str
    failure: Failure
    by: str | None = None


class RunCompleted(Event, frozen=True, kw_only=True, omit_defaults=True):
    """The run has ended as it should."""

    type: ClassVar[str] = "run.completed"
    output: msgspec.Raw = NULL


class RunFailed(Event, frozen=True, kw_only=True, omit_defaults=True):
    """`uncompensated` names the steps whose compensation failed for good."""

    type: ClassVar[str] = "run.failed"
    failure: Failure
    uncompensated: list[str] = []


class RunCancelled(Event, frozen=True, kw_only=True, omit_defaults=True):
    """The run was cancelled, and what was to be undone is undone."""

    type: ClassVar[str] = "run.cancelled"
    failure: Failure
    uncompensated: list[str] = []


class RunTerminated(Event, frozen=True, kw_only=True, omit_defaults=True):
    """Ended at once by a person, nothing undone."""

    type: ClassVar[str] = "run.terminated"
    failure: Failure
    by: str | None = None


class RunFinishing(Event, frozen=True, kw_only=True, omit_defaults=True):
    """Every step has ended; the run's output is being worked out."""

    type: ClassVar[str] = "run.finishing"


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


class StepStarted(Event, frozen=True, kw_only=True, omit_defaults=True):
    """A worker has accepted the attempt (only where the attempt asked to be told)."""

    type: ClassVar[str] = "step.started"
    step: str
    attempt: int
    worker: str | None = None
    deadline: datetime | None = None


class StepCompleted(Event, frozen=True, kw_only=True, omit_defaults=True):
    """The step has its output. For a `for_each` the output is left out: it is the list of its
    items'
    outputs. `derived`: of a group, the object of its steps' outputs; of a loop, its last
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
    bounds
    it."""

    type: ClassVar[str] = "step.waiting"
    step: str
    until: datetime | None = None


class StepFailed(Event, frozen=True, kw_only=True, omit_defaults=True):
    """An attempt failed. With `retry_at` there will be another; with `handler` (an index from 0)
    that
    `catch` of the step takes over; without either, the step has failed. `by`: the person who
    rejected an approval. `blocked`: a compensation has failed for good and waits for a person."""

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


class SignalReceived(Event, frozen=True, kw_only=True, omit_defaults=True):
    """A signal came from outside; it is kept until a step takes it."""

    type: ClassVar[str] = "signal.received"
    name: str
    payload: msgspec.Raw = NULL
    by: str | None = None
    reason: str | None = None


class RunPaused(Event, frozen=True, kw_only=True, omit_defaults=True):
    """Nothing new begins until the run is resumed; what is out goes on."""

    type: ClassVar[str] = "run.paused"
    by: str | None = None
    reason: str | None = None


class RunResumed(Event, frozen=True, kw_only=True, omit_defaults=True):
    """What was held back begins."""

    type: ClassVar[str] = "run.resumed"
    by: str | None = None
    reason: str | None = None


class RunRewound(Event, frozen=True, kw_only=True, omit_defaults=True):
    """The run goes back to `steps`: they and all that needs them are pending again."""

    type: ClassVar[str] = "run.rewound"
    steps: list[str]
    by: str | None = None
    reason: str | None = None


class CompensationStarted(Event, frozen=True, kw_only=True, omit_defaults=True):
    """The completed steps will be undone, one after another in this order.

    With `after` (one entry a step) those that do not depend on one another are undone at the same
    time: `after[i]` are the positions in `steps` that have to be undone before step `i` is. A
    position past the end of `steps` is a meeting point: number `p - len(steps)` of `joins`, which
    is reached when all that it names is.
    """

    type: ClassVar[str] = "compensation.started"
    steps: list[str]
    after: list[list[int]] | None = None
    joins: list[list[int]] = []


class CompensationRetried(Event, frozen=True, kw_only=True, omit_defaults=True):
    """A person had a compensation that failed for good tried again, with all of its attempts.
    `step` is the path of the compensation."""

    type: ClassVar[str] = "compensation.retried"
    step: str
    by: str | None = None
    reason: str | None = None


class RunRollingBack(Event, frozen=True, kw_only=True, omit_defaults=True):
    """The run goes back to the end of step `to`: `steps`, all that needs it, are stopped, undone
    where they have completed, and then pending again (`run.rolled_back`). `pause`: the run is
    paused then."""

    type: ClassVar[str] = "run.rolling_back"
    to: str
    """The step whose end the run goes back to."""
    steps: list[str]
    pause: bool = False
    by: str | None = None
    reason: str | None = None


class RunRolledBack(Event, frozen=True, kw_only=True, omit_defaults=True):
    """Everything that was to be undone is; `steps` are pending and the run goes on from there, or
    is `paused`."""

    type: ClassVar[str] = "run.rolled_back"
    steps: list[str]
    paused: bool = False


class TakenOver(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How a step stood in the run that another was forked from: `completed` with its output, or
    `skipped` by a person. `chosen`: of a switch, the steps that it led to."""

    status: str
    output: msgspec.Raw = NULL
    chosen: list[str] | None = None


class RunForked(Event, frozen=True, kw_only=True, omit_defaults=True):
    """The run begins where another one stood after its event `at_seq`: `taken` are the steps that
    are not run again. What they did belongs to that run: it is not undone by this one."""

    type: ClassVar[str] = "run.forked"
    from_run: str
    from_version: int
    at_seq: int
    step: str | None = None
    taken: dict[str, TakenOver] = {}
    signals: dict[str, list[msgspec.Raw]] = {}
    by: str | None = None
    reason: str | None = None


class RunMigrated(Event, frozen=True, kw_only=True, omit_defaults=True):
    """From here on the run follows another version of its workflow. `deadline`: of the run, by the
    new version."""

    type: ClassVar[str] = "run.migrated"
    from_version: int
    to_version: int
    deadline: datetime | None = None
    by: str | None = None
    reason: str | None = None


class RolloutThrottled(Event, frozen=True, kw_only=True, omit_defaults=True):
    """So many items as may begin at a time have begun: the next ones begin at `until`."""

    type: ClassVar[str] = "rollout.throttled"
    step: str
    until: datetime


class RolloutPaused(Event, frozen=True, kw_only=True, omit_defaults=True):
    """Wave `wave` (from 1) of `waves` was a success: `completed` of its `size` items. The next one
    begins at `until`, with the signal `signal`, or when a person says so."""

    type: ClassVar[str] = "rollout.paused"
    step: str
    wave: int
    waves: int
    size: int
    completed: int
    until: datetime | None = None
    signal: str | None = None


class RolloutAdvanced(Event, frozen=True, kw_only=True, omit_defaults=True):
    """Wave `wave` (from 1) of `waves` begins: with it `upto` items have begun. `by`: who let it go
    on; `signal`: the one that did, taken from those that have come."""

    type: ClassVar[str] = "rollout.advanced"
    step: str
    wave: int
    waves: int
    upto: int
    by: str | None = None
    reason: str | None = None
    signal: str | None = None


class RolloutAborted(Event, frozen=True, kw_only=True, omit_defaults=True):
    """No further item begins, and those that are out are cancelled, or waited for where they can
    be undone; then the step fails with `failure`. `by`: the person who wanted it."""

    type: ClassVar[str] = "rollout.aborted"
    step: str
    wave: int
    failure: Failure
    by: str | None = None


EVENT_TYPES: tuple[type[Event], ...] = (
    RunStarted,
    RunFailing,
    RunCompleted,
    RunFailed,
    RunCancelled,
    RunTerminated,
    RunFinishing,
    StepActivated,
    StepExpanded,
    StepScheduled,
    StepBound,
    StepStarted,
    StepCompleted,
    StepChosen,
    StepWaiting,
    StepFailed,
    StepSkipped,
    StepCancelled,
    StepOpened,
    StepFinishing,
    StepRepeated,
    StepSignalled,
    StepApproved,
    StepEscalated,
    SignalReceived,
    RunPaused,
    RunResumed,
    RunRewound,
    CompensationStarted,
    RunQueued,
    RunAdmitted,
    StepLimited,
    StepHastened,
    CompensationRetried,
    RunRollingBack,
    RunRolledBack,
    RunForked,
    RunMigrated,
    RolloutThrottled,
    RolloutPaused,
    RolloutAdvanced,
    RolloutAborted,
    StepQueued,
    StepAdmitted,
)
