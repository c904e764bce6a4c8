"""What can be asked of a run, and the refusal."""

from enum import IntEnum

import msgspec

from stretto.contracts.events import RunForked
from stretto.contracts.failures import Failure
from stretto.contracts.frames import DecidedRecord
from stretto.contracts.graph import Graph
from stretto.contracts.payload import NULL
from stretto.contracts.public import ControlRequest

RUN_MARK = "run:"
"""Before the id of a run that answers for an attempt in place of a worker: its child."""


class Rejection(msgspec.Struct, frozen=True, kw_only=True):
    """A command that was understood and is not carried out: code and sentence (docs/errors.md)."""

    code: str
    message: str


class TimerKind(IntEnum):
    """What a timer is for."""

    RETRY = 1
    WAIT = 2
    QUEUE = 3
    ATTEMPT = 4
    STEP = 5
    RUN = 6
    ESCALATE = 7
    WAVE = 8

    @property
    def is_attempts(self) -> bool:
        """Whether it belongs to one attempt, and is void when there is another."""
        return self in (TimerKind.RETRY, TimerKind.QUEUE, TimerKind.ATTEMPT)


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """Where a run that begins stands in the line of its key. `ahead`: runs that hold the places;
    `cancels`: those that are cancelled to make room."""

    line: str
    key: str
    limit: int
    admitted: bool
    ahead: tuple[str, ...] = ()
    cancels: tuple[str, ...] = ()


class Start(msgspec.Struct, frozen=True, kw_only=True):
    """Begin the run. The graph is the run's own; `input` was checked against its schema."""

    namespace: str
    input: bytes
    caller_id: str | None = None
    labels: dict[str, str] = {}
    parent: str | None = None
    depth: int = 0
    traceparent: str | None = None
    caller_traceparent: str | None = None
    standing: Standing | None = None
    fork: RunForked | None = None
    timeout_s: float | None = None
    """Where the graph's own is an expression: what that gave."""


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """A worker's answer to an attempt. `failure` None: it completed with `output`."""

    path: str
    attempt: int
    output: bytes = b"null"
    failure: Failure | None = None
    worker: str | None = None
    started_at: str | None = None
    finished_at: str | None = None
    details: msgspec.Raw = NULL
    """Of a failure: what the next attempt may go on from."""


class Accepted(msgspec.Struct, frozen=True, kw_only=True):
    """A worker has begun an attempt."""

    path: str
    attempt: int
    worker: str | None = None


class Bound(msgspec.Struct, frozen=True, kw_only=True):
    """Execution gives an attempt to a device, or to a queue where no device fits."""

    path: str
    attempt: int
    device: str
    reason: str = ""
    ranked: bytes = b"null"
    queue: str | None = None


class Decided(msgspec.Struct, frozen=True, kw_only=True):
    """The decision service's answer to an ask."""

    record: DecidedRecord


class Granted(msgspec.Struct, frozen=True, kw_only=True):
    """There is a place in the line for the run, or the step `path` of it; `refused`: there is
    none, and the step does not wait; `superseded_by`: the step that asked for its place at
    `asked_us` (µs) ends, for that step, in words, takes it."""

    path: str = ""
    refused: bool = False
    superseded_by: str = ""
    asked_us: int = 0


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """What an equal step gave: in which run, as which step, when (µs)."""

    output: bytes
    run: str
    step: str
    at_us: int


class Sought(msgspec.Struct, frozen=True, kw_only=True):
    """What was found for a step that looks for what an equal one gave; None: there is none."""

    path: str
    turn: int
    task: str = ""
    found: Found | None = None


class TimerFired(msgspec.Struct, frozen=True, kw_only=True):
    """An instant that was waited for has come. `attempt` fences attempts' timers."""

    path: str
    kind: TimerKind
    attempt: int = 0


class Control(msgspec.Struct, frozen=True, kw_only=True):
    """A person's command."""

    request: ControlRequest


class Migrate(msgspec.Struct, frozen=True, kw_only=True):
    """A person's command to follow another version. `input_problems`: where the run's input does
    not fit its schema. Without `graph` there is no such version."""

    request: ControlRequest
    graph: Graph | None
    input_problems: tuple[str, ...] = ()


class Continue(msgspec.Struct, frozen=True, kw_only=True):
    """Decide what follows by itself: the first entry of `run.todo`."""


CONTINUE = Continue()

Command = (
    Start
    | Result
    | Accepted
    | Bound
    | Decided
    | Sought
    | TimerFired
    | Control
    | Granted
    | Migrate
    | Continue
)


_REOPENING = frozenset({"retry", "rewind", "rollback"})


def may_reopen(command: Command) -> bool:
    """Whether a command makes sense for a run that is closed."""
    return isinstance(command, Control) and command.request.command in _REOPENING
