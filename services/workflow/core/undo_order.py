"""In which order completed steps are undone: backwards along what they needed, else all at once.

The run is walked from its end: a step is undone when all that needed it is undone, also by way of
steps that have nothing to undo. Inside a step that holds others the same holds again: what a
handler did is undone before what it handled, later rounds of a loop before earlier ones, the items
of a `for_each` at the same time, as many as its `max_parallel` allows.
"""

from services.workflow.core.nodes import Node, Scope
from services.workflow.core.state import Run
from services.workflow.core.statuses import Role
from stretto.contracts import events as ev
from stretto.contracts.events import HANDLER_SUFFIX

MAX_EDGES = 8
"""A step that waits for more than so many others waits for one meeting point of theirs instead, so
that the event stays proportional to the steps."""


def compensation_of(run: Run, paths: list[str]) -> ev.CompensationStarted:
    """The event that begins to undo `paths` (completed nodes, in the order of completion)."""
    steps = paths[::-1]
    walk = _Walk(steps)
    for place, path in enumerate(steps):
        walk.add(run.nodes[path], place)
    walk.scope(run.root, [])
    joins = walk.edges[len(steps) :]
    return ev.CompensationStarted(steps=steps, after=walk.edges[: len(steps)], joins=joins)


class _Inside:
    """What is to be undone of a node: itself, scopes, items, rounds."""

    __slots__ = ("parts", "place", "scopes")

    def __init__(self) -> None:
        self.place: int | None = None
        self.scopes: list[Scope] = []
        self.parts: list[Node] = []


class _Walk:
    """Places of steps, then of meeting points; `edges[p]` is what place `p` waits for."""

    def __init__(self, steps: list[str]) -> None:
        self.edges: list[list[int]] = [[] for _ in steps]
        self._nodes: dict[Node, _Inside] = {}
        self._scopes: dict[Scope, dict[int, Node]] = {}

    def add(self, node: Node, place: int) -> None:
        """Take a node that is to be undone, and note what it is inside of."""
        self._inside(node).place = place

    def _inside(self, node: Node) -> _Inside:
        found = self._nodes.get(node)
        if found is not None:
            return found
        found = self._nodes[node] = _Inside()
        if node.role in (Role.ITEM, Role.ROUND):
            assert node.target is not None
            self._inside(node.target).parts.append(node)
            return found
        known = self._scopes.get(node.scope)
        if known is None:
            known = self._scopes[node.scope] = {}
            if node.scope.outer is not None:
                self._inside(node.scope.outer).scopes.append(node.scope)
        known[node.index] = node
        return found

    def scope(self, scope: Scope, before: list[int]) -> list[int]:
        """Order what is to be undone in a scope, all of it after `before`; what its end waits
        for."""
        wanted = self._scopes.get(scope, {})
        steps = scope.plan.steps
        ends: list[list[int]] = [[] for _ in steps]
        for index in _backwards(scope):
            later = [ends[i] for i in steps[index].dependents]
            first = self._joined(later) if later else before
            node = wanted.get(index)
            ends[index] = first if node is None else self._node(node, first)
        return self._joined([ends[i] for i, step in enumerate(steps) if not step.needs])

    def _node(self, node: Node, before: list[int]) -> list[int]:
        inside = self._nodes[node]
        at = before
        if inside.place is not None:
            self.edges[inside.place] = at
            at = [inside.place]
        for scope in sorted(inside.scopes, key=_is_handlers, reverse=True):
            at = self.scope(scope, at)
        parts = sorted(inside.parts, key=lambda part: part.index, reverse=True)
        if node.role is not Role.EACH:  # rounds
            for part in parts:
                at = self._node(part, at)
            return at
        return self._items(node, parts, at)

    def _items(self, node: Node, parts: list[Node], before: list[int]) -> list[int]:
        fan = node.plan.for_each
        limit = None if fan is None else fan.max_parallel
        ends: list[list[int]] = []
        for number, part in enumerate(parts):
            waits = limit is not None and number >= limit
            ends.append(self._node(part, ends[number - (limit or 0)] if waits else before))
        return self._joined(ends) if ends else before

    def _joined(self, lists: list[list[int]]) -> list[int]:
        """What several ends wait for, in one list; a meeting point where it would be long."""
        if len(lists) == 1:
            return lists[0]
        union = sorted({place for each in lists for place in each})
        if len(union) <= MAX_EDGES:
            return union
        self.edges.append(union)
        return [len(self.edges) - 1]


def _is_handlers(scope: Scope) -> bool:
    return scope.prefix.endswith(f"{HANDLER_SUFFIX}.")


def _backwards(scope: Scope) -> list[int]:
    """The steps of a scope, each after all that need it."""
    steps = scope.plan.steps
    left = [len(step.dependents) for step in steps]
    found = [index for index, count in enumerate(left) if not count]
    for index in found:  # grows while it is walked
        for need in steps[index].needs:
            left[need] -= 1
            if not left[need]:
                found.append(need)
    return found
