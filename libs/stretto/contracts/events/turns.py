"""Facts that turn a run's course: it is undone, goes back, is forked, follows another version."""

from datetime import datetime
from typing import ClassVar

import msgspec

from stretto.contracts.events.event import Event
from stretto.contracts.payload import NULL


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
