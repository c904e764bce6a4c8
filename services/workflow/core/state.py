"""A run in memory: what it is as a whole, the line that it stands in, its nodes by path."""

from services.workflow.core.kept import Reuses
from services.workflow.core.nodes import Node, Place, Scope
from services.workflow.core.statuses import Role, RunPhase
from services.workflow.core.unwinding import Rollback, Undoing, root_step
from stretto.contracts.events import COMPENSATION_SUFFIX, HANDLER_SUFFIX
from stretto.contracts.failures import Failure
from stretto.contracts.graph import Graph


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

    def let_go(self) -> None:
        """Cut the nodes from one another, when nobody looks at the run any more: it is freed at
        once then, where it would wait for the collector of cycles, for minutes and tens of
        megabytes."""
        for node in self.nodes.values():
            node.scope.nodes.clear()
            node.target = node.each = node.body = node.round = None

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
