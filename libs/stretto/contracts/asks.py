"""Questions to the decision service, as a graph holds them: what is asked, with which values."""

from typing import Literal

import msgspec

from stretto.contracts.payload import NULL

RefRoot = Literal[
    "input", "step", "item", "index", "run", "error", "loop", "outcome", "output", "vars", "signal"
]
"""Where a value comes from. `outcome` is what `always() failed() cancelled() succeeded()` read;
`output` is the step's own output (in its compensation); `error` the failure that a `catch` handles;
`loop` is `{"index", "output"}` of a `repeat` (the output of the round that just ended, null in the
first); `signal` the payload that a signal's condition looks at."""


class Ref(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One value an expression needs, resolved: which root and, for a step, which one.

    `up` counts scopes outward from the scope of the asking step (0 = a sibling); `step` is its
    index
    in that scope; `part` is what of it.
    """

    root: RefRoot
    up: int = 0
    step: int = 0
    part: Literal["output", "status", "failure"] = "output"


class TableInput(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A column of a decision table: an expression, and the type by which its conditions are
    read."""

    name: str
    expression: str
    type: Literal["any", "string", "number", "integer", "boolean"] = "any"


class TableRule(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A rule: its conditions by input (left out: any), as text in their short form, and what it
    gives, a template."""

    when: dict[str, str] = msgspec.field(default_factory=dict)
    then: msgspec.Raw = NULL
    priority: int = 0


HitPolicy = Literal[
    "unique", "first", "priority", "any",
    "collect", "collect sum", "collect min", "collect max", "collect count",
]  # fmt: skip
"""Which of the rules that fit count: the only one; the first; the one of the highest `priority`;
any, for all give the same; all of them, as a list or worked into a number."""


class TablePlan(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A decision table. `otherwise` is what it gives when no rule fits."""

    inputs: tuple[TableInput, ...]
    rules: tuple[TableRule, ...]
    hit: HitPolicy = "unique"
    otherwise: msgspec.Raw = NULL


class DevicesPlan(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The items of a `for_each` that are devices: those that are present, know `task` (None:
    whatever they know) and fulfil the condition `where` (None: all); fewer than `at_least` are a
    failure."""

    where: str | None = None
    task: str | None = None
    at_least: int = 0


POLICY_RETRY = "retry"

POLICY_TIMEOUT = "timeout"

POLICY_PRIORITY = "priority"

POLICY_CONCURRENCY = "concurrency"

POLICY_ESCALATE = "escalate"

POLICY_PEOPLE = "people"

POLICY_CACHE = "cache"

POLICY_RATE = "rate"

POLICY_LABELS = "labels"
"""Among the `values` of a plan, the fields of a step's policies that are expressions."""


class AskPlan(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the decision service works out for one step, in the order of the fields.

    `paths[i]` is where value `i` of the ask goes in the scope, e.g. `["steps", "charge",
    "output"]`.
    A false `condition` ends it with "skip". `lenient`: a value that is missing because its step was
    skipped makes the template's place null instead of an error (the output of a run).
    """

    workflow: str
    version: int
    step: str
    paths: tuple[tuple[str, ...], ...] = ()
    condition: str | None = None
    template: msgspec.Raw = NULL
    items: str | None = None
    cases: tuple[str | None, ...] = ()
    values: dict[str, msgspec.Raw] = msgspec.field(default_factory=dict)
    lenient: bool = False
    table: TablePlan | None = None
    devices: DevicesPlan | None = None
    secret: tuple[str, ...] = ()
    """Names of fields whose values are not shown when something goes wrong."""


class Ask(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One question to the decision service: the encoded `AskPlan` and the values to send along."""

    plan: bytes
    refs: tuple[Ref, ...] = ()
