"""How one step of a run stands, asked for by a person: `workflow.step`."""

import msgspec

from stretto.contracts.failures import Failure


class StepQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which step of which run."""

    run_id: str
    """Which run."""
    step: str
    """The path of the step."""


class ItemsTold(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How far the items of a `for_each` are: the numbers add up to `count`."""

    count: int
    """How many there are."""
    completed: int = 0
    """Those that are done."""
    open: int = 0
    """Those that have begun and have not ended."""
    failed: int = 0
    """Those that failed for good."""
    left_out: int = 0
    """Those that were cancelled or skipped."""
    to_come: int = 0
    """Those that have not begun."""


class StepTold(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How a step stands."""

    run_id: str
    """Of which run."""
    step: str
    """The path of the step."""
    kind: str
    """Its kind, or `compensation`."""
    status: str
    """As the fold of the run has it: `pending`, `open`, `scheduled`, `completed`, …"""
    attempt: int = 0
    """The number of its last attempt; 0: it has had none."""
    failure: Failure | None = None
    """Why it failed, or the attempt before this one did."""
    items: ItemsTold | None = None
    """Of a `for_each` whose items are known."""
    reused_run: str | None = None
    """It was not done: this run did it, as its step `reused_step`."""
    reused_step: str | None = None
    """The step of that run."""
