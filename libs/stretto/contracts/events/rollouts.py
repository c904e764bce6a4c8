"""Facts of a rollout: a `for_each` that begins its items in waves or by a rate."""

from datetime import datetime
from typing import ClassVar

from stretto.contracts.events.event import Event
from stretto.contracts.failures import Failure


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
