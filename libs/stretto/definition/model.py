"""What was written: the model of a definition, before its names are resolved.

Expressions stay the text they were; a `Located` keeps its place for mistakes that are found later.
Kinds of step differ only in their `Body`: a new kind fills it in another way.
"""

from typing import Literal

import msgspec

from stretto.contracts.graph import Join, Kind, Retry, Timeouts
from stretto.definition.nodes import Mapping, Node, Path
from stretto.definition.shapes import Located


class RetryText(msgspec.Struct, frozen=True, kw_only=True):
    """`retry` as written: what is None was left out."""

    max_attempts: int | None = None
    interval: float | None = None
    backoff: float | None = None
    max_interval: float | None = None
    jitter: float | None = None
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
        """Fill in the defaults of the language. A longer `interval` raises `max_interval`."""
        default = Retry()
        interval = default.interval_s if self.interval is None else self.interval
        longest = self.max_interval
        return Retry(
            max_attempts=1 if self.max_attempts is None else self.max_attempts,
            interval_s=interval,
            backoff=default.backoff if self.backoff is None else self.backoff,
            max_interval_s=max(default.max_interval_s, interval) if longest is None else longest,
            jitter=default.jitter if self.jitter is None else self.jitter,
            never=self.never or (),
            only=self.only or (),
        )


class TimeoutText(msgspec.Struct, frozen=True, kw_only=True):
    """`timeout` as written, in seconds: what is None was left out."""

    run: float | None = None
    queue: float | None = None
    heartbeat: float | None = None
    total: float | None = None

    def over(self, base: "TimeoutText") -> Timeouts:
        """Take what is left out here from `base`."""
        return Timeouts(
            run_s=base.run if self.run is None else self.run,
            queue_s=base.queue if self.queue is None else self.queue,
            heartbeat_s=base.heartbeat if self.heartbeat is None else self.heartbeat,
            total_s=base.total if self.total is None else self.total,
        )


class Defaults(msgspec.Struct, frozen=True, kw_only=True):
    """What holds for every task of the workflow that does not say otherwise."""

    retry: RetryText = RetryText()
    timeout: TimeoutText = TimeoutText()
    queue: str | None = None


class TaskText(msgspec.Struct, frozen=True, kw_only=True):
    """A task and what it is given: a step's or a compensation's. `inputs` None: nothing."""

    name: str
    inputs: Located[Mapping] | None = None
    queue: str | None = None


class CompensateText(msgspec.Struct, frozen=True, kw_only=True):
    """What undoes a completed step."""

    task: TaskText
    retry: RetryText = RetryText()
    timeout: TimeoutText = TimeoutText()


class CaseText(msgspec.Struct, frozen=True, kw_only=True):
    """One way out of a `switch`; `condition` None is the `else`."""

    condition: Located[str | bool] | None
    then: tuple[Located[str], ...]


class Body(msgspec.Struct, frozen=True, kw_only=True):
    """What a kind of step makes of its own part.

    `template` is filled in when the step runs and is its output (or what it waits for, or how it
    fails); `task` is the work it asks for; `cases` are its ways out.
    """

    template: Located[Node] | None = None
    task: TaskText | None = None
    cases: tuple[CaseText, ...] = ()


class StepText(msgspec.Struct, frozen=True, kw_only=True):
    """A step as written. `kind` None: the step has no kind that this version knows (reported)."""

    name: str
    node: Node
    path: Path
    kind: Kind | None
    body: Body = Body()
    needs: tuple[Located[str], ...] = ()
    condition: Located[str | bool] | None = None
    for_each: Located[Node] | None = None
    max_parallel: int | None = None
    join: Join = Join()
    retry: RetryText = RetryText()
    timeout: TimeoutText = TimeoutText()
    compensate: CompensateText | None = None
    labels: dict[str, str] = {}
    description: str = ""


class WorkflowText(msgspec.Struct, frozen=True, kw_only=True):
    """A workflow as written."""

    workflow: str
    description: str = ""
    input: Located[Node] | None = None
    output: Located[Node] | None = None
    timeout: float | None = None
    defaults: Defaults = Defaults()
    on_failure: Literal["compensate", "stop"] = "stop"
    labels: dict[str, str] = {}
    steps: tuple[StepText, ...] = ()
