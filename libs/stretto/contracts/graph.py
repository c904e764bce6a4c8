"""A compiled workflow: what the core walks and what the decision service evaluates.

The `definition` package makes a `Graph` from YAML once, at registration; it is stored with the
version and never changes. Names are resolved then: a need is an index, a reference knows its place.

Two readers, two halves: the core reads kinds, needs, policies and references; it never reads an
expression. The decision service reads the bytes of an `Ask.plan` (an `AskPlan`, `asks.py`) and
nothing else.
"""

from typing import Literal

import msgspec

from stretto.contracts.admission import DEFAULT_PRIORITY
from stretto.contracts.asks import Ask
from stretto.contracts.payload import NULL

RunsOn = Literal["success", "always"]
"""`success`: only if no need was skipped or failed. `always`: whatever became of the needs; the
condition (`always()`, `failed()` …) decides."""

Kind = Literal[
    "task", "set", "switch", "decide", "wait", "signal", "approval", "workflow", "steps",
    "repeat", "emit", "fail", "cancel",
]  # fmt: skip


class Retry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """When a failed attempt is tried again: `interval_s * backoff ** (attempt - 1)`, up to
    `max_interval_s`, plus or minus the share `jitter`; not for the failure types in `never`, only
    for those in `only` where given."""

    max_attempts: int = 1
    """How many attempts at most."""
    interval_s: float = 1.0
    """Seconds before the second attempt."""
    backoff: float = 2.0
    """How much longer each wait is than the one before."""
    max_interval_s: float = 60.0
    """The longest wait, in seconds."""
    jitter: float = 0.1
    """The share by which a wait is longer or shorter."""
    never: tuple[str, ...] = ()
    """Types of failure after which it is not tried again."""
    only: tuple[str, ...] = ()
    """The types after which alone it is tried again; empty: all."""


class Timeouts(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Limits in seconds; None is no limit. `queue`: scheduled → accepted by a worker. `run`:
    accepted
    → result of one attempt. `heartbeat`: between two signs of life. `total`: the step, all
    attempts."""

    run_s: float | None = None
    """Seconds of one attempt, from when a worker begins."""
    queue_s: float | None = None
    """Seconds until a worker begins."""
    heartbeat_s: float | None = None
    """Seconds between two signs of life."""
    total_s: float | None = None
    """Seconds of the step, all attempts together."""


class Join(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How many items or branches must complete: all of them, or `count`, or `share` (0–1] of
    them."""

    mode: Literal["all", "any", "count", "share"] = "all"
    count: int = 0
    share: float = 0.0


class Amount(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """So many items: `count` of them, or (where it is 0) the share (0–1] of all."""

    count: int = 0
    share: float = 0.0


class Halt(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a rollout waits for between two waves: so many seconds, or a signal, or a person, one of
    `by` (empty: anybody). A person may also shorten the wait for the other two."""

    for_s: float | None = None
    signal: str | None = None
    by: tuple[str, ...] = ()


class Rate(msgspec.Struct, frozen=True, kw_only=True):
    """At most `count` in `per_s` seconds."""

    count: int
    per_s: float


class RolloutPlan(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The items of a `for_each` one wave after another.

    `waves` says how many items have begun with each wave, those of the waves before included; the
    last is all. A wave is a success when the share `success` of its items completes: then, after
    the `halt`, the next begins. It is aborted when a wave cannot be one any more, or when `abort`
    items of all have failed. `quorum`: the `join` was asked for; when so many have completed, the
    outcome is settled.
    """

    waves: tuple[Amount, ...]
    success: float = 1.0
    abort: Amount | None = None
    halt: Halt | None = None
    rate: Rate | None = None
    quorum: bool = False


class ForEach(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A step per item of a list. `ask` gives the items; the step's own ask is put for each item.
    `runs_on`: when enough items have completed, those that have begun run on, unheeded (else they
    are cancelled). `devices`: the items are devices."""

    ask: Ask
    max_parallel: int | None = None
    join: Join = Join()
    runs_on: bool = False
    devices: bool = False
    rollout: RolloutPlan | None = None


class KeyRate(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How many attempts of one key may go out in a time. `key` None: an expression gives it.
    `limit` None: what is configured for the keys of its queue; `burst` None: a second's worth."""

    key: str | None = None
    limit: Rate | None = None
    burst: int | None = None


class TaskPlan(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The work that an attempt asks for. `queue=None`: execution finds one whose workers know the
    task."""

    name: str
    queue: str | None = None
    input: bytes = b"{}"
    """The `with` of a step that has no expression in it, as JSON."""
    route: Ask | None = None
    """On which device it may run: the encoded `RoutePlan` and its values; None: by its queue."""
    priority: int = DEFAULT_PRIORITY
    """0 to 9: of what waits for a worker, the higher goes first."""
    resources: dict[str, int] = msgspec.field(default_factory=dict)
    """What it needs of named resources, all at once."""
    rate: KeyRate | None = None
    """For which key it counts, and how many of that may go out in a time."""

    @property
    def charged(self) -> bool:
        """Whether its attempts go to the one lane that counts, over all runs."""
        return bool(self.resources) or self.rate is not None


class Compensation(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What undoes a completed step."""

    task: TaskPlan
    ask: Ask | None = None
    retry: Retry = Retry()
    timeouts: Timeouts = Timeouts()


class Case(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One way out of a `switch`: the indices of the steps that it leads to."""

    then: tuple[int, ...] = ()


class Repeat(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A loop over the body: after each round `until` is asked (its condition true: the loop ends
    with
    the round's output); at most `limit` rounds, with `every_s` seconds between them."""

    until: Ask
    limit: int = 1_000
    every_s: float = 0.0


class Catch(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What happens instead when the step has failed for good: the first handler whose `on` holds
    the
    failure's type (empty: any). Its body is run as a scope `<path>~catch.`; the step then completes
    with the handler's output."""

    on: tuple[str, ...] = ()
    body: "ScopePlan | None" = None
    output: Ask | None = None
    output_value: bytes | None = None


class SignalPlan(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a step of kind `signal` waits for. `buffered`: one that came earlier is taken
    (persistent
    trigger); else it must come while the step waits (transient). `where`: its payload must fit."""

    name: str
    buffered: bool = True
    where: Ask | None = None


class ApprovalPlan(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Who may approve (empty: anybody), and who may too after `escalate_s` seconds."""

    by: tuple[str, ...] = ()
    escalate_s: float | None = None
    escalate_to: tuple[str, ...] = ()


class ChildPlan(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The run that a step of kind `workflow` starts. `wait=False`: the step completes with
    `{"run_id": …}` when it is started. `cancel`: cancelling the step cancels the child."""

    workflow: str
    version: int | None = None
    wait: bool = True
    cancel: bool = True
    version_label: str | None = None
    """Instead of a version: a label, looked up when the step runs."""


class Concurrency(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How many runs of one key may be under way at once, and what becomes of one more: it waits
    (`queue`), is refused (`reject`), or the oldest make room for it (`cancel_running`). `key` is a
    template over `input` and `run`. Of a step: how many steps; `key` is that of a step whose key
    is constant, else its ask works it out; of `cancel_running` the oldest steps fail."""

    key: msgspec.Raw
    limit: int = 1
    when_full: Literal["queue", "reject", "cancel_running"] = "queue"


class Cache(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the step gives is kept for `for_s` seconds, and a step of the same namespace, task and
    key takes it instead of being done. `key`: where it is constant; else the step's ask works it
    out, or (where that does not either) a digest of the step's input stands for it."""

    for_s: float
    key: str | None = None


class SomeOf(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Needs of which not all have to complete: the step may run as soon as `count` of the steps
    `of` have completed, and is hurt when so many cannot any more. `cancel`: those of them that
    have not ended by then are cancelled; else they run on, unheeded."""

    of: tuple[int, ...]
    count: int = 1
    cancel: bool = False


class CancelPlan(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The steps that a step of kind `cancel` ends, whatever they are at. `complete`: a `for_each`
    is completed with the items that are done instead, and the others are cancelled."""

    steps: tuple[int, ...]
    complete: bool = False


class StepPlan(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One step. Indices are positions in the `ScopePlan.steps` that holds it."""

    name: str
    kind: Kind
    needs: tuple[int, ...] = ()
    dependents: tuple[int, ...] = ()
    runs_on: RunsOn = "success"
    ask: Ask | None = None
    """None: there is nothing to decide. With `for_each` it is asked for every item."""
    for_each: ForEach | None = None
    task: TaskPlan | None = None
    value: bytes | None = None
    """What a step of kind `set`, `wait`, `fail` or `emit` says, as JSON, when it holds no
    expression."""
    cases: tuple[Case, ...] = ()
    body: "ScopePlan | None" = None
    """The steps of a group or of a loop's round."""
    output: Ask | None = None
    """What a group or round gives; None with `output_value` None: an object of its steps'
    outputs."""
    output_value: bytes | None = None
    repeat: Repeat | None = None
    catch: tuple[Catch, ...] = ()
    signal: SignalPlan | None = None
    approval: ApprovalPlan | None = None
    child: ChildPlan | None = None
    some: SomeOf | None = None
    """Which of the `needs` are needed only in part."""
    cancel: CancelPlan | None = None
    retry: Retry = Retry()
    timeouts: Timeouts = Timeouts()
    compensate: Compensation | None = None
    labels: dict[str, str] = msgspec.field(default_factory=dict)
    concurrency: Concurrency | None = None
    cache: Cache | None = None


class ScopePlan(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Steps that see one another: the workflow itself or the body of a nested group."""

    steps: tuple[StepPlan, ...]


class Graph(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A compiled workflow version."""

    name: str
    version: int
    root: ScopePlan
    input_schema: msgspec.Raw = NULL
    output: Ask | None = None
    """The run's `output`, asked for when every step has ended; None with `output_value` None:
    null."""
    output_value: bytes | None = None
    timeout_s: float | None = None
    on_failure: Literal["compensate", "stop"] = "stop"
    labels: dict[str, str] = msgspec.field(default_factory=dict)
    concurrency: Concurrency | None = None
    timeout: msgspec.Raw = NULL
    """Instead of `timeout_s`: a template over `input` and `run`, worked out at the start."""
