"""Facts of a run as a whole: how it begins, waits for a place, is paused, hears a signal, ends."""

from datetime import datetime
from typing import ClassVar

import msgspec

from stretto.contracts.events.event import Event
from stretto.contracts.failures import Failure
from stretto.contracts.payload import NULL


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


class RunFailing(Event, frozen=True, kw_only=True, omit_defaults=True):
    """The run will not complete: nothing new is begun, what is open is cancelled, what is to be
    undone is undone. `ending` is how it will end."""

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
