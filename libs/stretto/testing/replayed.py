"""A recorded history played by another definition: what is asked, and what would go otherwise."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from stretto.history import Difference, Fact
from stretto.history.comparing import NOT_REACHED
from stretto.testing.expecting import shown
from stretto.testing.outline import without_indices

Verdict = Literal["same", "otherwise", "refused", "not_replayed"]
"""`same`: the run would have gone the same way. `otherwise`: not. `refused`: it would not have been
started: its input does not fit. `not_replayed`: its history holds what cannot be played."""


@dataclass(frozen=True, kw_only=True)
class Recording:
    """A history as it was recorded: all events of a run, in order."""

    run_id: str
    facts: Sequence[Fact]


@dataclass(frozen=True, kw_only=True)
class Replayed:
    """What would have become of a run.

    In `differences`, left is what was recorded and right what would be. `beyond` are the attempts
    of which nothing is recorded: what comes after them is not known.
    """

    run_id: str
    verdict: Verdict
    differences: list[Difference] = field(default_factory=list)
    beyond: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    """What people did and what would have been refused."""
    why: str = ""
    events: int = 0
    notes: list[str] = field(default_factory=list)
    """What is to be known of it: that it was forked, or went over to another version."""

    @property
    def first(self) -> Difference | None:
        return self.differences[0] if self.differences else None


def sentence(difference: Difference, known: set[str]) -> str:
    """Say a difference in words. `known`: the steps of the definition, without indices."""
    step, left, right = difference.step, difference.left, difference.right
    if not step:
        return (
            f"the run would have another {difference.what}: {_json(right)} instead of {_json(left)}"
        )
    name = f"step {step}"
    match difference.what:
        case "way":
            return f"{name} {_way(step, str(left), str(right), known)}"
        case "branch":
            return f"{name} would choose {_names(right)} instead of {_names(left)}"
        case "items":
            return f"{name} would have {right} items instead of {left}"
        case "attempts":
            return f"{name} would be tried {right} times instead of {left}"
        case "failure":
            return f"{name} would fail with {right} instead of {left}"
        case what:
            return f"{name} would have another {what}: {_json(right)} instead of {_json(left)}"


def _way(step: str, left: str, right: str, known: set[str]) -> str:
    if without_indices(step) not in known:
        return f"was {left}, but is not in the definition any more"
    if right == NOT_REACHED:
        return f"was {left}, but the run would not come to it"
    before = "the run did not come to it" if left == NOT_REACHED else f"was {left}"
    if right in _OPEN:
        return f"would run, but {before}; what it gives is not known"
    return f"would be {right}, but {before}"


_OPEN = frozenset({"deciding", "scheduled", "started", "waiting", "open", "backoff", "handled"})


def _names(names: Any) -> str:
    return ", ".join(names) if isinstance(names, list) and names else "nothing"


def _json(value: Any) -> str:
    return shown(value)
