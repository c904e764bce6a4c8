"""What is played in virtual time, and what came of it: plain data, without any engine.

A `Scene` is a workflow with an input, mocked tasks and what happens from outside at given instants;
an `Outcome` is the run as it stood when nothing was due any more.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from stretto.contracts.durations import parse_duration
from stretto.contracts.failures import Failure
from stretto.contracts.public import Presence
from stretto.testing.replies import Attempt, Reply

REFUSED = "refused"
"""The status of a run that was not started: its input does not fit the schema."""


@dataclass(frozen=True, kw_only=True)
class Act:
    """Something that happens from outside, `at_s` seconds after the start of the run: a person's
    command with its fields (`signal` with `name` and `payload`, `approve` with `step` and `by`,
    `cancel`, `pause`, `skip` …)."""

    at_s: float
    command: str
    fields: Mapping[str, Any] = field(default_factory=dict)


class After:
    """An instant of a run, to say what happens then: `After("2h").signal("paid", {"by": "card"})`.

    `when` is a length of time since the start of the run: `200ms`, `1h30m`, `3d`, or seconds.
    """

    def __init__(self, when: str | float) -> None:
        self.at_s = parse_duration(when) if isinstance(when, str) else float(when)

    def signal(self, name: str, payload: Any = None, by: str | None = None) -> Act:
        """Send a signal."""
        return self.command("signal", name=name, payload=payload, by=by)

    def approve(self, step: str | None = None, *, by: str | None = None, reason: str = "") -> Act:
        """Approve; `step` may be left out where only one waits."""
        return self.command("approve", step=step, by=by, reason=reason or None)

    def reject(self, step: str | None = None, *, by: str | None = None, reason: str = "") -> Act:
        """Reject."""
        return self.command("reject", step=step, by=by, reason=reason or None)

    def cancel(self, reason: str = "") -> Act:
        """Cancel the run."""
        return self.command("cancel", reason=reason or None)

    def command(self, command: str, **fields: Any) -> Act:
        """Give any command that runs know, with its fields; those that are None are left out."""
        given = {name: value for name, value in fields.items() if value is not None}
        return Act(at_s=self.at_s, command=command, fields=given)


@dataclass(frozen=True, kw_only=True)
class Scene:
    """What is to be played.

    `definitions` are texts, the first one is the workflow that is started unless `workflow` names
    another; `tasks` and `steps` say what mocked tasks answer, by task, or by the step (without the
    indices of items and rounds) that asks, which comes first; `until_s` ends it early.
    """

    definitions: tuple[str, ...]
    workflow: str | None = None
    input: Any = None
    tasks: Mapping[str, Reply] = field(default_factory=dict)
    steps: Mapping[str, Reply] = field(default_factory=dict)
    acts: tuple[Act, ...] = ()
    devices: tuple[Presence, ...] = ()
    """Who is present; none: routes are not looked at."""
    until_s: float | None = None


@dataclass(kw_only=True)
class StepOutcome:
    """What became of a step. Seconds are counted from the start of the run."""

    step: str
    status: str
    kind: str
    attempts: int = 0
    task: str | None = None
    device: str | None = None
    """Where its last attempt went, with a route."""
    input: Any = None
    output: Any = None
    failure: Failure | None = None
    reason: str | None = None
    """Why it was skipped or cancelled."""
    began_s: float = 0.0
    ended_s: float | None = None


@dataclass(frozen=True)
class Coverage:
    """Of one workflow: all its steps and branches, and those that were run through."""

    workflow: str
    steps: frozenset[str] = frozenset()
    branches: frozenset[str] = frozenset()
    steps_hit: frozenset[str] = frozenset()
    branches_hit: frozenset[str] = frozenset()

    def joined(self, other: "Coverage") -> "Coverage":
        """Add what another test has run through."""
        return Coverage(
            self.workflow,
            self.steps | other.steps,
            self.branches | other.branches,
            self.steps_hit | other.steps_hit,
            self.branches_hit | other.branches_hit,
        )

    @property
    def count(self) -> int:
        return len(self.steps) + len(self.branches)

    @property
    def hit(self) -> int:
        return len(self.steps_hit) + len(self.branches_hit)

    @property
    def percent(self) -> float:
        """Steps and branches that were run through, of all; 100 where there are none."""
        return 100.0 * self.hit / self.count if self.count else 100.0

    @property
    def missed(self) -> list[str]:
        """The steps and branches that no test has run through, sorted."""
        steps = [f"step {name}" for name in sorted(self.steps - self.steps_hit)]
        return steps + sorted(self.branches - self.branches_hit)


@dataclass(kw_only=True)
class Outcome:
    """How a run went."""

    workflow: str
    status: str
    """`completed`, `failed`, `cancelled`, `terminated`; `running` or `paused` where it is still
    open; `refused` where the input does not fit."""
    output: Any = None
    failure: Failure | None = None
    steps: dict[str, StepOutcome] = field(default_factory=dict)
    """By path, in the order in which they began; items are `scan[3]`, rounds `poll[0]`."""
    path: list[str] = field(default_factory=list)
    """The steps that ran (not those that were skipped), in the order in which they began."""
    skipped: list[str] = field(default_factory=list)
    compensated: list[str] = field(default_factory=list)
    """Steps that were undone, in the order in which that was done."""
    uncompensated: list[str] = field(default_factory=list)
    """Steps whose compensation failed for good."""
    calls: list[Attempt] = field(default_factory=list)
    """Every attempt that was sent out, in order, those of child runs too."""
    emitted: list[tuple[str, Any]] = field(default_factory=list)
    rejections: list[str] = field(default_factory=list)
    """Commands and results that were refused: code and sentence."""
    waits_for: list[str] = field(default_factory=list)
    """Why the run is still open, in sentences."""
    took_s: float = 0.0
    """Virtual seconds from the start to the end, or to the last thing that happened."""
    story: list[tuple[float, str]] = field(default_factory=list)
    """Seconds and events: `(0.0, "completed reserve")`."""
    children: list["Outcome"] = field(default_factory=list)
    coverage: list[Coverage] = field(default_factory=list)

    def step(self, path: str) -> StepOutcome:
        """Give what became of a step.

        Raises:
            KeyError: the run did not come to it; the message lists the steps that it came to.
        """
        found = self.steps.get(path)
        if found is None:
            known = ", ".join(self.steps) or "none"
            raise KeyError(f"expected the run to come to step {path!r}, but it came to: {known}")
        return found
