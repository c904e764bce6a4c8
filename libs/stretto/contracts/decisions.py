"""Decisions of a run, asked back: what was asked, and why the answer was what it was.

Nothing is kept for it. The workflow service folds the log up to the event that asked
(`workflow.decision`): that gives the plan and the values that went out then. The decision service
works the same question out again and tells the parts (`decision.explain`): a decision is a function
of plan and values, so it is the same one.
"""

from typing import Literal

import msgspec

from stretto.contracts.payload import NULL


class DecisionQuery(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`workflow.decision`: the last decision of a step that was made, or is being waited for."""

    run_id: str
    """Which run."""
    step: str
    """The path of the step; `output`: what the run gave."""


class AskedDecision(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A question that a run has asked, with the values as they were then.

    `values[i]` belongs to `paths[i]` of the plan; those of `absent` (indices) belong to steps that
    did not run. `event` is the fact that followed; None: it is still being waited for.
    """

    run_id: str
    """Of which run."""
    workflow: str
    """Its workflow."""
    version: int
    """And its version."""
    step: str
    """The path of the step."""
    kind: str
    """The kind of the step, or `output`."""
    asked_at: str
    """When it was asked, RFC 3339."""
    asked_seq: int
    """The event that asked."""
    plan: msgspec.Raw
    """What was asked: an `AskPlan`."""
    values: list[msgspec.Raw]
    """The values that it looks at."""
    absent: list[int] = []
    """Values of steps that did not run."""
    decided_at: str | None = None
    """When the answer was written into the log."""
    took_ms: float | None = None
    """From the one to the other."""
    event: str | None = None
    """The type of the event that followed."""
    outcome: msgspec.Raw = NULL
    """Its data."""


class ExplainRequest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`decision.explain`: a plan (an `AskPlan`) and its values."""

    plan: msgspec.Raw
    """What is asked: an `AskPlan`."""
    values: list[msgspec.Raw] = []
    """The values that it looks at."""
    absent: list[int] = []
    """Values of steps that did not run."""


class Seen(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A value that an expression looked at, shortened; or why there is none."""

    path: str
    """What was looked at."""
    value: str | None = None
    """As JSON, shortened."""
    error: str | None = None
    """Why there is no value."""


class Told(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A condition: what it is, what it gave, what it looked at. `result` None: it could not be
    worked out (`error`)."""

    source: str
    """The expression."""
    result: bool | None = None
    """What it gave."""
    error: str | None = None
    """Why it gave nothing."""
    saw: list[Seen] = []
    """What it looked at."""


class CaseTold(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A case of a switch. `condition` None: it is the `else`. `late`: an earlier one was taken, so
    that it did not matter."""

    number: int
    """From 0."""
    condition: Told | None = None
    """Left out: the `else`."""
    chosen: bool = False
    """It is the one that was taken."""
    late: bool = False
    """An earlier one was taken."""


class InputTold(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An input of a table, and its value as JSON, shortened."""

    name: str
    """Its name in the table."""
    expression: str
    """How it is worked out."""
    value: str | None = None
    """As JSON, shortened."""
    error: str | None = None
    """Why there is no value."""


class ConditionTold(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A condition of a rule that did not hold, or could not be worked out."""

    input: str
    """Of which input."""
    condition: str
    """As it is written."""
    error: str | None = None
    """Why it could not be worked out."""


class RuleTold(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A rule of a table. `fits`: all its conditions hold. `counts`: it is one of those that gave
    the output. `because`: the conditions that do not hold."""

    number: int
    """From 0."""
    fits: bool
    """All its conditions hold."""
    counts: bool = False
    """It gave the output, or a part of it."""
    because: list[ConditionTold] = []
    """Conditions that do not hold."""


class TableTold(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A decision table. `rules` are those that count, that fit, then those that came nearest;
    `more`: how many others there are, none of which fits."""

    hit: str
    """The hit policy."""
    inputs: list[InputTold]
    """What the rules look at."""
    rules: list[RuleTold]
    """Those that matter most."""
    more: int = 0
    """How many are not told."""
    otherwise: bool = False
    """No rule fits: it gave what it gives otherwise."""


class Explained(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The answer of `decision.explain`, worked out again.

    `took_us` is how long the working out took now, without the telling. Routes are told by
    `workflow.bindings`.
    """

    kind: Literal["switch", "table", "expression"]
    """What was decided."""
    took_us: int
    """How long it takes to work out."""
    skipped: bool = False
    """The `if` of the step is false."""
    condition: Told | None = None
    """The `if` of the step."""
    cases: list[CaseTold] = []
    """Of a switch."""
    branch: int = -1
    """The case that was taken; -1: none."""
    table: TableTold | None = None
    """Of a decision table."""
    rules: list[int] | None = None
    """The rules that counted, from 0."""
    output: msgspec.Raw = NULL
    """What it gives."""
    items: int | None = None
    """How many items a `for_each` has."""
    error: str | None = None
    """Why it cannot be worked out."""
    in_use: list[str] = []
    """How the instance that answered asks the table or switch now, with what it has measured; empty
    where it has not decided it yet."""
    of_devices: bool = False
    """Its items were the devices that were present then and fitted: the log has them."""


class DecisionStatsRequest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`monitoring.decisions`: of which; left out: of all."""

    namespace: str | None = None
    """Of this namespace."""
    workflow: str | None = None
    """Of this workflow."""
    version: int | None = None
    """Of this version."""
    step: str | None = None
    """Of this step: its path, `[]` in the place of the numbers of items and rounds."""


class Period(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An hour, or a day, in UTC."""

    at: str
    """When it begins, RFC 3339."""
    outcomes: dict[str, int]
    """How often each came out in it."""
    count: int = 0
    """How many decisions there were in it; 0: not known, an older service counted it."""
    mean_ms: float = 0.0
    """How long they took on average."""
    max_ms: float = 0.0
    """How long the slowest took."""


class RouteCounts(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is known of the choices of a route beyond who got the attempts."""

    fitting: float = 0.0
    """How many devices fitted on average."""
    first: float = 0.0
    """Share of the attempts that the best candidate got; the others went to the next with a free
    slot."""
    explored: float = 0.0
    """Share of the attempts for which the first was put in front to learn about it."""
    moved: float = 0.0
    """Share that was given to another device after the one before did not answer, or was gone."""
    stood: dict[str, int] = {}
    """How often each device was among the candidates (at most 16 are told), the most frequent
    first."""
    rank_p50_us: float = 0.0
    """Half of the rankings took at most so long."""
    rank_p99_us: float = 0.0
    """99 of 100 did."""


class DecisionCounts(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How the decisions of one step of one version came out.

    Outcomes are `case 0`, `rules[3]`, `device dock-7`, `queue manual`, `none` and `others`; a
    table whose rules count together has several a decision. Latencies are from the question to the
    answer, those of a route from when the attempt was scheduled to when a device got it.
    """

    namespace: str
    """Whose workflow."""
    workflow: str
    """Its name."""
    version: int
    """Its version."""
    step: str
    """Which step."""
    kind: str
    """`switch`, `table`, `route` or `cache` (`reused`: what an equal step gave; `done`)."""
    count: int
    """How many decisions."""
    outcomes: dict[str, int]
    """How often each came out, the most frequent first."""
    shares: dict[str, float] = {}
    """The same as shares of 1."""
    p50_ms: float = 0.0
    """Half were answered within this time."""
    p95_ms: float = 0.0
    """95 of 100 were."""
    p99_ms: float = 0.0
    """99 of 100 were."""
    hours: list[Period] = []
    """The last two days, by the hour; hours without a decision are left out."""
    days: list[Period] = []
    """The last three months, by the day."""
    route: RouteCounts | None = None
    """Of a route."""


class DecisionStats(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`monitoring.decisions`: the busiest first."""

    decisions: list[DecisionCounts]
    """One a step of a version."""
