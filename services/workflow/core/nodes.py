"""The nodes of a run and the scopes that they stand in."""

from services.workflow.core.kept import Reuse
from services.workflow.core.statuses import NodeStatus, Role
from services.workflow.core.waves import Rollout
from stretto.contracts.events import StepLimited
from stretto.contracts.failures import Failure
from stretto.contracts.graph import Compensation, Retry, ScopePlan, StepPlan, Timeouts


class Place:
    """The place of a step among those of its key: that it asks for, or has."""

    __slots__ = ("held", "key", "limit", "refused", "since_us", "value", "when_full")

    def __init__(self, key: str, limit: int, when_full: str, since_us: int) -> None:
        self.key = key
        self.limit = limit
        self.when_full = when_full
        self.since_us = since_us
        self.held = False
        """It has one."""
        self.refused = 0
        """How often there was none."""
        self.value: bytes | None = None
        """What was worked out for the step: its input."""


class Node:
    """One step, item, round, for_each or compensation of a run."""

    __slots__ = (
        "anew", "attempt", "avoid", "base", "body", "candidate", "child_run", "deadline_us",
        "details", "each", "escalated",
        "failure", "finishing", "first_us", "handler", "index", "input", "limits", "listens",
        "output", "path", "place", "plan", "queue_deadline_us", "reuse", "role", "round", "rounds",
        "scope",
        "since_us", "status", "stop", "target", "turn", "until_us", "worker",
    )  # fmt: skip

    def __init__(self, path: str, plan: StepPlan, scope: "Scope", index: int, role: Role) -> None:
        self.path = path
        self.plan = plan
        self.scope = scope
        self.index = index
        """Position in the scope; for an item, in its for_each; for a round, in its loop."""
        self.role = role
        self.target: Node | None = None
        """ITEM: its for_each. ROUND: its loop. COMPENSATION: the node that it undoes."""
        self.attempt = 0
        self.base = 0
        """Attempts before the run was last rewound: they do not count for the retry policy."""
        self.first_us = 0
        self.turn = 0
        self.avoid: str | None = None
        """Who had the attempt before: another device is preferred."""
        self.anew = False
        """The run went back to it: it is done, whatever could be reused."""
        self.reset()

    def reset(self) -> None:
        """Make the node pending; its attempts are still counted, so that late ones stay fenced."""
        self.status = NodeStatus.PENDING
        self.base = self.attempt
        self.since_us = 0
        self.until_us = 0
        self.deadline_us = 0
        self.queue_deadline_us = 0
        self.input: bytes | None = None
        self.output: bytes | None = None
        self.failure: Failure | None = None
        self.details: bytes | None = None
        """What an attempt that failed said to go on from."""
        self.worker: str | None = None
        self.each: Each | None = None
        self.body: Scope | None = None
        """The steps inside: of a group, of a round, of the handler that took over."""
        self.handler = -1
        """Which `catch` took over, or -1."""
        self.round: Node | None = None
        self.rounds = 0
        self.finishing = False
        """DECIDING what the group gives, or whether the loop ends."""
        self.candidate = 0
        """Which signal of the buffer a waiting step looks at next."""
        self.listens = False
        self.child_run: bytes | None = None
        """The run that the attempt that is out is, for a step of kind `workflow`."""
        self.escalated = False
        self.limits: StepLimited | None = None
        """What expressions have worked out of its timeouts and retry policy."""
        self.place: Place | None = None
        """Its place among the steps of a key: that it asks for, or has."""
        self.reuse: Reuse | None = None
        """What it looked for, where its output may be that of an equal step."""
        self.stop = False
        """To be cancelled: the run or what the node belongs to has failed or is settled."""

    @property
    def work(self) -> "StepPlan | Compensation":
        """Who gives the task, the retry policy and the timeouts: the step or its compensation."""
        if self.role is Role.COMPENSATION:
            assert self.plan.compensate is not None
            return self.plan.compensate
        return self.plan

    @property
    def retry(self) -> Retry:
        limits = self.limits
        return self.work.retry if limits is None or limits.retry is None else limits.retry

    @property
    def timeouts(self) -> Timeouts:
        limits = self.limits
        return self.work.timeouts if limits is None or limits.timeouts is None else limits.timeouts

    @property
    def is_loop(self) -> bool:
        return self.plan.repeat is not None and self.role in (Role.STEP, Role.ITEM)

    @property
    def is_group(self) -> bool:
        """Whether it has steps inside: a group, a round, or a step whose handler took over."""
        inside = self.plan.kind == "steps" and self.role in (Role.STEP, Role.ITEM)
        return inside or self.role is Role.ROUND

    @property
    def ended(self) -> bool:
        return self.status >= NodeStatus.COMPLETED

    @property
    def straggles(self) -> bool:
        """Whether it is a for_each that has completed while items of it run on."""
        return self.each is not None and self.each.active > 0 and self.ended


class Each:
    """The items of a for_each and how far it is."""

    __slots__ = (
        "active", "completed", "failure", "items", "lost", "needed", "nodes", "passed", "rollout",
        "stopping",
    )  # fmt: skip

    def __init__(self, items: list[bytes], needed: int, rollout: Rollout | None = None) -> None:
        self.items = items
        self.needed = needed
        """How many items must complete."""
        self.rollout = rollout
        """How far its waves are, where it has any."""
        self.nodes: list[Node] = []
        """The items begun so far, in order: the next one to begin is `len(nodes)`."""
        self.active = 0
        self.completed = 0
        self.lost = 0
        """Items that ended otherwise."""
        self.stopping = False
        """The outcome is settled: no item begins, those that are out are cancelled."""
        self.passed = False
        """Enough have completed, and those that are out run on."""
        self.failure: Failure | None = None


class Arrivals:
    """How many of the steps that another needs in part have still to complete, and can."""

    __slots__ = ("left", "missing")

    def __init__(self, missing: int, left: int) -> None:
        self.missing = missing
        self.left = left

    @property
    def settled(self) -> bool:
        """Whether enough have completed, or too few can."""
        return self.missing <= 0 or self.left < self.missing


class Scope:
    """Steps that see one another, in one of their lives."""

    __slots__ = (
        "arrivals", "by_name", "failure", "hurt", "nodes", "open", "outer", "plan", "prefix",
        "unchosen", "waiting",
    )  # fmt: skip

    def __init__(self, plan: ScopePlan, prefix: str = "", outer: Node | None = None) -> None:
        count = len(plan.steps)
        self.plan = plan
        self.prefix = prefix
        self.outer = outer
        """The node whose inside this is; None for the run itself."""
        self.nodes: list[Node | None] = [None] * count
        self.waiting = [len(step.needs) for step in plan.steps]
        self.arrivals: dict[int, Arrivals] = {}
        """Of the steps that need others in part; such needs wait as one."""
        for index, step in enumerate(plan.steps):
            if step.some is not None:
                self.waiting[index] -= len(step.some.of) - 1
                self.arrivals[index] = Arrivals(step.some.count, len(step.some.of))
        self.hurt: dict[int, str] = {}
        """Steps of which a need was skipped or failed, with the reason."""
        self.unchosen: set[int] = set()
        self.open = count
        """Steps that have not ended."""
        self.failure: Failure | None = None
        self.by_name = {step.name: i for i, step in enumerate(plan.steps)}

    def path(self, index: int) -> str:
        return self.prefix + self.plan.steps[index].name

    def is_pending(self, index: int) -> bool:
        node = self.nodes[index]
        return node is None or node.status is NodeStatus.PENDING
