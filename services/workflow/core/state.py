"""The state of a run in memory: nodes, scopes and what is to be done next."""

from enum import IntEnum

from services.workflow.core.kept import Reuse, Reuses
from services.workflow.core.unwinding import Rollback, Undoing, root_step
from services.workflow.core.waves import Rollout
from stretto.contracts.events import COMPENSATION_SUFFIX, HANDLER_SUFFIX, StepLimited
from stretto.contracts.failures import Failure
from stretto.contracts.graph import Compensation, Graph, Retry, ScopePlan, StepPlan, Timeouts


class NodeStatus(IntEnum):
    """Where a node stands. The order matters: from COMPLETED on it has ended."""

    PENDING = 0
    DECIDING = 1
    SCHEDULED = 2
    STARTED = 3
    BACKOFF = 4
    WAITING = 5
    OPEN = 6
    BLOCKED = 7
    QUEUED = 8
    SEEKING = 9
    COMPLETED = 10
    FAILED = 11
    SKIPPED = 12
    CANCELLED = 13

    @property
    def word(self) -> str:
        return self.name.lower()


class Role(IntEnum):
    """What a node is."""

    STEP = 0
    EACH = 1
    ITEM = 2
    ROUND = 3
    COMPENSATION = 4


class RunPhase(IntEnum):
    """Where a run stands. From COMPLETED on it is closed."""

    RUNNING = 0
    FINISHING = 1
    FAILING = 2
    COMPENSATING = 3
    COMPLETED = 4
    FAILED = 5
    CANCELLED = 6
    TERMINATED = 7

    @property
    def word(self) -> str:
        return self.name.lower()


OUT = (NodeStatus.SCHEDULED, NodeStatus.STARTED)
"""An attempt is out with execution or a worker."""


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


class Line:
    """The line that a run stands in: its name, the run's key, how many places there are."""

    __slots__ = ("ahead", "cancels", "key", "limit", "name", "since_us")

    def __init__(self, name: str, key: str, limit: int, since_us: int) -> None:
        self.name = name
        self.key = key
        self.limit = limit
        self.since_us = since_us
        self.ahead: tuple[str, ...] = ()
        """Runs that held the places when this one came."""
        self.cancels: tuple[str, ...] = ()
        """Runs that are cancelled to make room for this one."""


class Run:
    """A run: the fold of its events."""

    __slots__ = (
        "by",
        "caller_id",
        "caller_traceparent",
        "deadline_us",
        "depth",
        "ending",
        "failure",
        "graph",
        "graphs",
        "id",
        "input",
        "labels",
        "line",
        "listeners",
        "namespace",
        "nodes",
        "open",
        "output",
        "parent",
        "paused",
        "paused_us",
        "paused_why",
        "phase",
        "places",
        "queued",
        "reuses",
        "rollback",
        "root",
        "seq",
        "signals",
        "started_us",
        "todo",
        "touched_us",
        "traceparent",
        "tries",
        "turn",
        "uncompensated",
        "undo",
        "undoing",
        "version",
        "workflow",
    )  # fmt: skip

    def __init__(self, run_id: bytes, graph: Graph) -> None:
        self.id = run_id
        self.graph = graph
        self.namespace = ""
        self.workflow = graph.name
        self.version = graph.version
        self.caller_id: str | None = None
        self.labels: dict[str, str] = {}
        self.input = b"{}"
        self.output = b"null"
        self.failure: Failure | None = None
        self.ending = ""
        self.by: str | None = None
        self.phase = RunPhase.RUNNING
        self.seq = self.turn = self.started_us = self.touched_us = self.deadline_us = 0
        self.traceparent: str | None = None
        self.caller_traceparent: str | None = None
        self.root = Scope(graph.root)
        self.nodes: dict[str, Node] = {}
        self.open: dict[str, Node] = {}
        self.todo: dict[str, None] = {}
        self.undo: list[str] = []
        """Completed nodes that can be undone, in order of completion."""
        self.undoing: Undoing | None = None
        """What is being undone; it stays when that is done, but for a rollback's."""
        self.uncompensated: list[str] = []
        """Steps that were not undone: a person decided so, or (in old logs) it failed."""
        self.rollback: Rollback | None = None
        """The run is on its way back to a step."""
        self.tries: dict[str, int] | None = None
        """Attempts of items, rounds' steps and compensations that a way back has forgotten: their
        numbers are not given a second time."""
        self.graphs: dict[int, Graph] | None = None
        """Other versions that the run has followed, or will: the shell puts them here before an
        event that names them is applied."""
        self.parent: str | None = None
        """The attempt of another run that waits for this one, as its id."""
        self.depth = 0
        self.paused = False
        self.paused_us = 0
        self.paused_why = ""
        """Why and by whom, for people."""
        self.queued = False
        """Nothing begins until there is a place in the `line`."""
        self.line: Line | None = None
        self.places: dict[str, Place] | None = None
        """Of steps with a limit of concurrency: those that ask for a place or have one."""
        self.reuses: Reuses | None = None
        """What steps have kept for others, and which are done anew; None: none."""
        self.signals: dict[str, list[bytes]] = {}
        """Signals that no step has taken yet, by name, oldest first."""
        self.listeners: dict[str, dict[str, None]] = {}
        """Paths of the steps that wait for a signal, by its name."""

    @property
    def closed(self) -> bool:
        return self.phase >= RunPhase.COMPLETED

    @property
    def failing(self) -> bool:
        return self.phase >= RunPhase.FAILING

    @property
    def compensates(self) -> bool:
        return self.graph.on_failure == "compensate"

    def node(self, path: str) -> Node:
        """Find the node of a path, or make it, pending, where the run has not come to it yet.

        Raises KeyError when the workflow has no such step.
        """
        found = self.nodes.get(path)
        return found if found is not None else self._make(path)

    def _make(self, path: str) -> Node:
        if path.endswith(COMPENSATION_SUFFIX):
            undone = self.nodes[path.removesuffix(COMPENSATION_SUFFIX)]
            node = Node(path, undone.plan, undone.scope, undone.index, Role.COMPENSATION)
            node.target = undone
            self.known(node)
        elif path.endswith("]"):
            node = self._make_part(path)
        else:
            outer, _, name = path.rpartition(".")
            scope = self.root if not outer else self._inside(outer)
            position = scope.by_name[name]
            plan = scope.plan.steps[position]
            role = Role.STEP if plan.for_each is None else Role.EACH
            node = self.known(Node(path, plan, scope, position, role))
            scope.nodes[position] = node
        self.nodes[path] = node
        return node

    def _make_part(self, path: str) -> Node:
        """An item of a for_each, or a round of a loop."""
        outer, _, index = path[:-1].rpartition("[")
        whole = self.nodes[outer]
        role = Role.ITEM if whole.role is Role.EACH else Role.ROUND
        node = Node(path, whole.plan, whole.scope, int(index), role)
        node.target = whole
        return self.known(node)

    def known(self, node: Node) -> Node:
        """Give a node that is made anew the attempts that it has had."""
        if self.tries is not None:
            node.attempt = node.base = self.tries.get(node.path, 0)
        if self.reuses is not None:
            node.anew = root_step(node.path) in self.reuses.anew
        return node

    def _inside(self, outer: str) -> Scope:
        body = self.nodes[outer.removesuffix(HANDLER_SUFFIX)].body
        if body is None:
            raise KeyError(outer)
        return body
