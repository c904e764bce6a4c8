"""Routes: which device an attempt should go to. What the workflow service stores with a definition,
what execution asks the decision service, and what it answers.

Execution asks when it is about to bind an attempt, not earlier: a device that went meanwhile, or
one that came, is known then. Strategies:

============ ===============================================================================
least_loaded the smallest share of busy slots
round_robin  whoever was chosen longest ago
random       any, evenly
weighted     any, in proportion to a number that an expression gives for the device
sticky       the same device for the same key, as long as it is there (rendezvous hashing)
fastest      the shortest time seen for the task
learned      a contextual bandit: what has done best in situations like this one
============ ===============================================================================
"""

from typing import Any, Literal

import msgspec

from stretto.contracts.failures import Failure

Strategy = Literal[
    "least_loaded", "round_robin", "random", "weighted", "sticky", "fastest", "learned"
]
STRATEGIES: tuple[Strategy, ...] = (
    "least_loaded", "round_robin", "random", "weighted", "sticky", "fastest", "learned",
)  # fmt: skip

MAX_CANDIDATES = 16
"""Of the devices that fit, so many are told, the best first: execution asks again when all of them
are gone."""

FEATURES = ("load", "slots", "time_ms", "cost_ms")
"""What choices are learned from: the share of slots that is taken, the number of slots, the
smoothed time of the task there, the cost that `learned` expects. None: not known."""

FAILURE_COST_MS = 2_000.0
"""What a failure costs beside its time, where outcomes are learned from."""

MAX_QUESTIONS = 256
"""Attempts of one request."""


class Preference(msgspec.Struct, frozen=True, kw_only=True):
    """A soft condition over the device: when it holds, the device has `weight` more points."""

    condition: str
    weight: float


class Otherwise(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What happens when no device fits: one of wait (seconds), go to a queue, fail (a reason)."""

    wait_s: float | None = None
    """So long a device is waited for."""
    queue: str | None = None
    """Which queue the attempt goes to."""
    fail: str | None = None
    """What the attempt fails with."""


class RoutePlan(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where a task may run. Conditions are expressions over `device` and what the step knows.

    `paths[i]` is where value `i` of a question goes in their scope. No device fits and `otherwise`
    is used up, or empty: the attempt waits until one fits.
    """

    workflow: str = ""
    step: str = ""
    paths: tuple[tuple[str, ...], ...] = ()
    where: str | None = None
    prefer: tuple[Preference, ...] = ()
    strategy: Strategy = "least_loaded"
    by: str | None = None
    """The key of `sticky`, or what gives the weight of a device for `weighted`."""
    otherwise: tuple[Otherwise, ...] = ()
    scorer: str | None = None
    """The scorer that `learned` goes by; None: the one of the configuration, or none."""
    secret: tuple[str, ...] = ()
    """Names of fields whose values are not shown when something goes wrong."""


class RouteRecord(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The route of one attempt on its way to execution: the encoded plan, its values as JSON
    (None: absent), the device that the attempt before ran on, and the one that this attempt was
    given to already (sent again after a restart)."""

    plan: bytes
    values: tuple[bytes | None, ...] = ()
    avoid: str | None = None
    device: str | None = None


class RankQuestion(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Which devices fit an attempt. `id` is the attempt's: the seed of what is drawn. `absent`:
    which of the values are none (their steps did not run). `avoid`: they are taken last (the
    attempt before has failed there)."""

    id: str
    namespace: str
    task: str
    plan: msgspec.Raw
    values: list[msgspec.Raw] = []
    absent: list[int] = []
    avoid: list[str] = []


class RankRequest(msgspec.Struct, frozen=True, kw_only=True):
    """`stretto.api.decision.rank`."""

    questions: list[RankQuestion]


class Candidate(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A device that fits: its score (more is better), and why. `last`: only when no other fits (it
    is set aside, or the attempt before has failed there)."""

    device: str
    """Its name."""
    score: float
    """More is better."""
    why: str = ""
    last: bool = False
    """Only when no other fits."""
    features: list[float | None] | None = None
    """What was known of it, by the names of `FEATURES`; the log has it of the one that was taken.
    """


class Ranked(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The answer for one attempt.

    `present`: devices of the namespace; `knowing`: those that know the task; `fitting`: those that
    fit. `refused`: how many did not, by reason. `explored`: the first was chosen to learn about it.
    """

    candidates: list[Candidate] = []
    """The best first."""
    strategy: str = ""
    """How they were ordered."""
    present: int = 0
    """Devices of the namespace."""
    knowing: int = 0
    """Those that know the task."""
    fitting: int = 0
    """Those that fit."""
    refused: dict[str, int] = {}
    """How many did not fit, by reason."""
    explored: bool = False
    """The first was chosen to learn about it."""
    took_us: int = 0
    """How long it took to tell, in microseconds."""
    failure: Failure | None = None


class RankAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The answers, in the order of the questions."""

    answers: list[Ranked]


class Bound(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What execution tells the workflow service of a binding: `results` message, field `bound`."""

    id: str
    device: str
    """The device that it goes to; empty where it goes to a queue."""
    ranked: Ranked = Ranked()
    """Which devices fitted."""
    reason: str = ""
    queue: str | None = None
    """The queue that it goes to, because no device fits."""


class Outcome(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How an attempt went on a device."""

    device: str
    task: str
    took_ms: float
    failed: bool = False
    features: dict[str, Any] = {}


class Outcomes(msgspec.Struct, frozen=True, kw_only=True):
    """`stretto.outcomes.<ns>`, core NATS, execution → decision: what was seen lately."""

    outcomes: list[Outcome]
