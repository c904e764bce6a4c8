"""Facts of reuse: what an equal step has given is looked for, and found."""

from datetime import datetime
from typing import ClassVar

import msgspec

from stretto.contracts.events.event import Event
from stretto.contracts.payload import NULL


class StepSeeking(Event, frozen=True, kw_only=True, omit_defaults=True):
    """What a step of the same task and `key` has given is looked for, at most `for_s` seconds old;
    where there is none the step begins. `value`: its input, where `given`."""

    type: ClassVar[str] = "step.seeking"
    step: str
    key: str
    """The key that was worked out for the step, or that stands for its input."""
    for_s: float
    """How old what is found may be, in seconds; what the step gives is kept so long."""
    anew: bool = False
    """Nothing is looked for: the run went back to the step, which is done again."""
    given: bool = False
    """Whether something was worked out for it."""
    value: msgspec.Raw = NULL
    """What was worked out for it: its input."""


class StepReused(Event, frozen=True, kw_only=True, omit_defaults=True):
    """The step has completed without being done: with what an equal one gave in another run (or in
    this one). What it did is that one's: this step is never undone."""

    type: ClassVar[str] = "step.reused"
    step: str
    from_run: str
    """The run that did it."""
    from_step: str
    """The step of it."""
    kept_at: datetime
    """When that one completed."""
    output: msgspec.Raw = NULL
