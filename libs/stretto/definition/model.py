"""What was written: the model of a definition, before its names are resolved.

Expressions stay the text they were; a `Located` keeps its place for mistakes that are found later.
Kinds of step differ only in their `Body`: a new kind fills it in another way.
"""

from typing import Literal, NamedTuple

import msgspec

from stretto.contracts.asks import HitPolicy
from stretto.contracts.graph import (
    ApprovalPlan,
    ChildPlan,
    Join,
    Kind,
    Rate,
    Retry,
    RolloutPlan,
    Timeouts,
)
from stretto.contracts.routes import Otherwise, Strategy
from stretto.definition.nodes import Mapping, Node, Path
from stretto.definition.shapes import Located

Expression = Located[Node]
"""A text with an expression in place of a constant: what it gives is read when the step runs."""


def _constant(value: "float | Expression | None") -> float | None:
    """What is known of a value when the definition is compiled."""
    return None if isinstance(value, Located) else value


class RetryText(msgspec.Struct, frozen=True, kw_only=True):
    """`retry` as written: what is None was left out."""

    max_attempts: int | Expression | None = None
    interval: float | Expression | None = None
    backoff: float | Expression | None = None
    max_interval: float | Expression | None = None
    jitter: float | Expression | None = None
    never: tuple[str, ...] | None = None
    only: tuple[str, ...] | None = None

    def over(self, base: "RetryText") -> "RetryText":
        """Take what is left out here from `base`."""
        return RetryText(
            **{
                name: getattr(base, name) if getattr(self, name) is None else getattr(self, name)
                for name in self.__struct_fields__
            }
        )

    def settled(self) -> Retry:
        """Fill in the defaults of the language, also for what expressions will say. A longer
        `interval` raises `max_interval`."""
        default = Retry()
        attempts, backoff = _constant(self.max_attempts), _constant(self.backoff)
        interval, longest = _constant(self.interval), _constant(self.max_interval)
        jitter = _constant(self.jitter)
        pause = default.interval_s if interval is None else interval
        return Retry(
            max_attempts=1 if attempts is None else int(attempts),
            interval_s=pause,
            backoff=default.backoff if backoff is None else backoff,
            max_interval_s=max(default.max_interval_s, pause) if longest is None else longest,
            jitter=default.jitter if jitter is None else jitter,
            never=self.never or (),
            only=self.only or (),
        )

    def asked(self) -> dict[str, Expression]:
        """What expressions say, by field."""
        return _asked(self, ("max_attempts", "interval", "backoff", "max_interval", "jitter"))


class TimeoutText(msgspec.Struct, frozen=True, kw_only=True):
    """`timeout` as written, in seconds: what is None was left out. `plain` is a duration alone: it
    limits each attempt of a task, and the whole of any other step."""

    plain: float | Expression | None = None
    run: float | Expression | None = None
    queue: float | Expression | None = None
    heartbeat: float | Expression | None = None
    total: float | Expression | None = None

    def over(self, base: "TimeoutText") -> Timeouts:
        """Take what is left out here from `base`."""
        runs = (self.run, self.plain, base.run, base.plain)
        return Timeouts(
            run_s=_constant(next((seconds for seconds in runs if seconds is not None), None)),
            queue_s=_constant(base.queue if self.queue is None else self.queue),
            heartbeat_s=_constant(base.heartbeat if self.heartbeat is None else self.heartbeat),
            total_s=_constant(base.total if self.total is None else self.total),
        )

    def whole(self) -> Timeouts:
        """The limits of a step that asks no worker: of all of it."""
        return Timeouts(total_s=_constant(self.plain if self.total is None else self.total))

    def asked(self, plain: str) -> dict[str, Expression]:
        """What expressions say, by field; a duration alone is the field `plain`."""
        found = _asked(self, ("run", "queue", "heartbeat", "total"))
        if isinstance(self.plain, Located):
            found.setdefault(plain, self.plain)
        return found


def _asked(text: msgspec.Struct, names: tuple[str, ...]) -> dict[str, Expression]:
    values = ((name, getattr(text, name)) for name in names)
    return {name: value for name, value in values if isinstance(value, Located)}


class Defaults(msgspec.Struct, frozen=True, kw_only=True):
    """What holds for every task of the workflow that does not say otherwise."""

    retry: RetryText = RetryText()
    timeout: TimeoutText = TimeoutText()
    queue: str | None = None
    priority: int | None = None


class PreferText(NamedTuple):
    """`prefer` as written. `by`: the expression of a strategy that has one; `scorer`: that of
    `learned`."""

    strategy: Strategy = "least_loaded"
    by: Located[str] | None = None
    soft: tuple[tuple[Located[str | bool], float], ...] = ()
    scorer: str | None = None


class RouteText(msgspec.Struct, frozen=True, kw_only=True):
    """`route` as written."""

    where: Located[str | bool] | None = None
    prefer: PreferText = PreferText()
    otherwise: tuple[Otherwise, ...] = ()


class RateText(msgspec.Struct, frozen=True, kw_only=True):
    """How many attempts of one key may go out in a time."""

    key: Located[Node]
    limit: Rate | None = None
    burst: int | None = None


class TaskText(msgspec.Struct, frozen=True, kw_only=True):
    """A task and what it is given: a step's or a compensation's. `inputs` None: nothing."""

    name: str
    inputs: Located[Mapping] | None = None
    queue: str | None = None
    route: RouteText | None = None
    priority: int | Expression | None = None
    resources: dict[str, int] | None = None
    rate: RateText | None = None


class CompensateText(msgspec.Struct, frozen=True, kw_only=True):
    """What undoes a completed step."""

    task: TaskText
    retry: RetryText = RetryText()
    timeout: TimeoutText = TimeoutText()


class CaseText(msgspec.Struct, frozen=True, kw_only=True):
    """One way out of a `switch`; `condition` None is the `else`."""

    condition: Located[str | bool] | None
    then: tuple[Located[str], ...]


class NeedsText(msgspec.Struct, frozen=True, kw_only=True):
    """What ends before a step begins: `all`, and `count` of the steps `of`; `cancel` the others of
    them then."""

    all: tuple[Located[str], ...] = ()
    of: tuple[Located[str], ...] = ()
    count: int = 0
    cancel: bool = False


class CancelText(msgspec.Struct, frozen=True, kw_only=True):
    """Steps that a step ends; `complete`: with what is done of their items."""

    steps: tuple[Located[str], ...]
    complete: bool = False


class InsideText(msgspec.Struct, frozen=True, kw_only=True):
    """Steps inside a step: of a group, of a round, of a handler; and what they give together.
    `output` None: an object of the outputs of the steps."""

    steps: tuple["StepText", ...] = ()
    output: Located[Node] | None = None


class RepeatText(msgspec.Struct, frozen=True, kw_only=True):
    """When a loop ends, how many rounds it has at most, and the seconds between them."""

    until: Located[str | bool]
    limit: int
    every: float = 0.0


class SignalText(msgspec.Struct, frozen=True, kw_only=True):
    """Which signal a step waits for."""

    name: str
    buffered: bool = True
    where: Located[str | bool] | None = None


class CatchText(msgspec.Struct, frozen=True, kw_only=True):
    """What happens instead when a step has failed with one of the types `on` (empty: any)."""

    inside: InsideText
    on: tuple[str, ...] = ()
    node: Node
    path: Path


class InputText(msgspec.Struct, frozen=True, kw_only=True):
    """A column of a decision table: its expression, and what its author tells of its values."""

    expression: Located[str]
    type: str | None = None
    values: tuple[object, ...] | None = None


class RuleText(msgspec.Struct, frozen=True, kw_only=True):
    """A rule of a decision table. `when` and `then` are read when the columns are known."""

    when: Located[Mapping] | None = None
    then: Located[Node]
    priority: int = 0
    node: Node
    path: Path


class TableText(msgspec.Struct, frozen=True, kw_only=True):
    """A decision table as written."""

    inputs: dict[str, InputText]
    rules: tuple[RuleText, ...]
    hit: HitPolicy = "unique"
    otherwise: Located[Node] | None = None
    node: Node
    path: Path


class Body(msgspec.Struct, frozen=True, kw_only=True):
    """What a kind of step makes of its own part.

    `template` is filled in when the step runs and is its output (or what it waits for, what a child
    is given, or how it fails); `task` is the work it asks for; `cases` are its ways out; `inside`
    are the steps of a group, or of each round with `repeat`; `total` limits the whole step;
    `escalate`: after how long an approval is escalated, where an expression says it; `people`: who
    may decide (`by`, `to`), where expressions do.
    """

    template: Located[Node] | None = None
    task: TaskText | None = None
    cases: tuple[CaseText, ...] = ()
    inside: InsideText | None = None
    repeat: RepeatText | None = None
    signal: SignalText | None = None
    approval: ApprovalPlan | None = None
    child: ChildPlan | None = None
    cancel: CancelText | None = None
    table: TableText | None = None
    total: float | Expression | None = None
    escalate: Expression | None = None
    people: dict[str, Located[Node]] = {}


class DevicesText(msgspec.Struct, frozen=True, kw_only=True):
    """`for_each: {devices}` as written."""

    where: Located[str | bool]
    at_least: int = 0


class ConcurrencyText(msgspec.Struct, frozen=True, kw_only=True):
    """How many runs, or steps, of one key at once."""

    key: Located[Node]
    limit: int = 1
    when_full: Literal["queue", "reject", "cancel_running"] = "queue"


class CacheText(msgspec.Struct, frozen=True, kw_only=True):
    """For how many seconds an output may be reused, and by which steps: those of the same key."""

    for_s: float
    key: Located[Node] | None = None


class StepText(msgspec.Struct, frozen=True, kw_only=True):
    """A step as written. `kind` None: the step has no kind that this version knows (reported)."""

    name: str
    node: Node
    path: Path
    kind: Kind | None
    body: Body = Body()
    needs: NeedsText = NeedsText()
    condition: Located[str | bool] | None = None
    for_each: Located[Node] | None = None
    max_parallel: int | None = None
    join: Join = Join()
    rest: Literal["cancel", "run"] = "cancel"
    devices: DevicesText | None = None
    """The `for_each` is over these devices."""
    rollout: RolloutPlan | None = None
    retry: RetryText = RetryText()
    timeout: TimeoutText = TimeoutText()
    compensate: CompensateText | None = None
    catch: tuple[CatchText, ...] = ()
    labels: dict[str, str | Expression] = {}
    description: str = ""
    concurrency: ConcurrencyText | None = None
    cache: CacheText | None = None


class WorkflowText(msgspec.Struct, frozen=True, kw_only=True):
    """A workflow as written."""

    workflow: str
    description: str = ""
    input: Located[Node] | None = None
    output: Located[Node] | None = None
    timeout: float | Expression | None = None
    defaults: Defaults = Defaults()
    on_failure: Literal["compensate", "stop"] = "stop"
    labels: dict[str, str] = {}
    concurrency: ConcurrencyText | None = None
    steps: tuple[StepText, ...] = ()
