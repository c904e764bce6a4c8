"""How one step of a run stands, told in lines: the beginning of `stretto explain RUN --step X`."""

from __future__ import annotations

from collections.abc import Iterator

from stretto.contracts.failures import Failure
from stretto.contracts.step_told import ItemsTold, StepTold

_ALWAYS = ("done", "open", "failed")
"""Numbers of items that are told also where they are 0."""


def step_lines(told: StepTold) -> Iterator[str]:
    """Tell how a step stands: its attempts, its items, whose output it took."""
    yield f"{told.step}: {told.kind}, {_stands(told)}"
    if told.items is not None:
        yield f"  {_items(told.items)}"
    if told.reused_run is not None:
        yield (
            f"  not done again: what step {told.reused_step!r} of run {told.reused_run} gave was "
            "reused (`cache:`)"
        )


def failure_line(failure: Failure | None) -> str:
    """Write a failure as `Type: message`; empty for none."""
    if failure is None:
        return ""
    return f"{failure.type}: {failure.message}" if failure.message else failure.type


def _stands(told: StepTold) -> str:
    attempt = f", attempt {told.attempt}" if told.attempt else ""
    why = "" if told.failure is None else f": {failure_line(told.failure)}"
    status = "not begun" if told.status == "pending" else told.status
    return f"{status}{attempt}{why}"


def _items(items: ItemsTold) -> str:
    parts = {
        "done": items.completed,
        "open": items.open,
        "failed": items.failed,
        "cancelled or skipped": items.left_out,
        "to come": items.to_come,
    }
    shown = [f"{count} {word}" for word, count in parts.items() if count or word in _ALWAYS]
    return f"{items.count} {'item' if items.count == 1 else 'items'}: {', '.join(shown)}"
