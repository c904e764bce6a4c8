"""Scopes and parts: what the end of a node means for those around it, and how things are stopped.

Called by `apply` only. Every function is O(1), but for stopping, which looks at each node of what
is
stopped once.
"""

from collections.abc import Iterable
from typing import assert_never

from services.workflow.core.nodes import Each, Node, Scope
from services.workflow.core.state import Run
from services.workflow.core.statuses import OUT, NodeStatus, Role


def open_scope(run: Run, scope: Scope) -> None:
    """Let the steps without needs run."""
    for index, count in enumerate(scope.waiting):
        if count == 0:
            run.todo[scope.path(index)] = None
    if scope.open == 0:
        scope_ended(run, scope)


def scope_ended(run: Run, scope: Scope) -> None:
    """Every step of the scope has ended: whose inside it is goes on."""
    run.todo["" if scope.outer is None else scope.outer.path] = None


def end(run: Run, node: Node, status: NodeStatus, at_us: int, hurt: str | None = None) -> None:
    """End a node and tell those around it. `hurt`: why steps that need it may not run."""
    node.status = status
    node.since_us = at_us
    run.open.pop(node.path, None)
    if run.places is not None:
        run.places.pop(node.path, None)
    if status is not NodeStatus.COMPLETED:
        drop_inside(run, node)
    match node.role:
        case Role.ITEM:
            _item_ended(run, node)
        case Role.ROUND:
            assert node.target is not None
            run.todo[node.target.path] = None
        case Role.COMPENSATION:
            _undone(run, node)
        case Role.STEP | Role.EACH:
            _step_ended(run, node.scope, node.index, hurt)
        case _:
            assert_never(node.role)


def drop_inside(run: Run, node: Node) -> None:
    """Forget what would be done next inside a node that ends, or is taken over, before it is."""
    if node.body is not None:
        for index, inner in enumerate(node.body.nodes):
            run.todo.pop(node.body.path(index), None)
            if inner is not None:
                drop_inside(run, inner)
    parts = [] if node.each is None else node.each.nodes
    for part in [*parts, *([] if node.round is None else [node.round])]:
        run.todo.pop(part.path, None)
        drop_inside(run, part)


def _step_ended(run: Run, scope: Scope, index: int, hurt: str | None) -> None:
    node = scope.nodes[index]
    if node is None or not node.straggles:
        scope.open -= 1
        if run.rollback is not None and node is not None:
            _no_more_waits(run, node)
    for dependent in scope.plan.steps[index].dependents:
        need_ended(run, scope, dependent, index, hurt)
        if scope.waiting[dependent] == 0 and scope.is_pending(dependent):
            run.todo[scope.path(dependent)] = None
    if scope.open == 0:
        scope_ended(run, scope)


def _straggler_ended(run: Run, outer: Node) -> None:
    """An item has ended whose for_each has completed before: the last one lets the scope end."""
    assert outer.each is not None
    if outer.each.active == 0:
        outer.scope.open -= 1
        if run.rollback is not None:
            _no_more_waits(run, outer)
        if outer.scope.open == 0:
            scope_ended(run, outer.scope)


def _no_more_waits(run: Run, node: Node) -> None:
    """A step has ended that a rollback may have waited for."""
    assert run.rollback is not None
    waits = run.rollback.waits
    if waits.pop(node.path, 0) is None and not waits:
        run.todo[""] = None


def need_ended(run: Run, scope: Scope, index: int, need: int, hurt: str | None) -> None:
    """A need of a step has ended, unless it was heeded already. `hurt`: it has not completed."""
    some = scope.plan.steps[index].some
    if some is None or need not in some.of:
        scope.waiting[index] -= 1
        if hurt is not None:
            scope.hurt[index] = hurt
        return
    arrivals = scope.arrivals[index]
    settled = arrivals.settled
    arrivals.left -= 1
    if hurt is None:
        arrivals.missing -= 1
    if settled or not arrivals.settled:
        return
    scope.waiting[index] -= 1
    if arrivals.missing > 0:
        scope.hurt[index] = hurt or "need_failed"
    elif some.cancel:
        withdraw(run, scope, (other for other in some.of if other != need))


def withdraw(run: Run, scope: Scope, indices: Iterable[int]) -> None:
    """Cancel steps of a scope, whatever they are at, also such as have not begun."""
    for index in indices:
        node = run.node(scope.path(index))
        if not node.ended:
            stop_node(run, node)


def complete_items(run: Run, scope: Scope, indices: Iterable[int]) -> None:
    """End steps with a for_each with the items that are done; those that have none are
    cancelled."""
    for index in indices:
        node = run.node(scope.path(index))
        if node.each is None or node.handler >= 0:
            withdraw(run, scope, (index,))
        elif not node.ended:
            node.each.needed = min(node.each.needed, node.each.completed)
            settle(run, node.each)
            each_todo(run, node)


def item_begun(run: Run, node: Node) -> None:
    """An item begins: the for_each may have room for another."""
    outer = node.target
    assert outer is not None and outer.each is not None
    assert node.index == len(outer.each.nodes), "items begin in order"
    outer.each.nodes.append(node)
    outer.each.active += 1
    if outer.each.rollout is not None:
        outer.each.rollout.begun(node.first_us)
    each_todo(run, outer)


def _item_ended(run: Run, node: Node) -> None:
    outer = node.target
    assert outer is not None and outer.each is not None
    each = outer.each
    each.active -= 1
    if outer.ended:
        _straggler_ended(run, outer)
        return
    if node.status is NodeStatus.COMPLETED:
        each.completed += 1
    else:
        each.lost += 1
        each.failure = each.failure or node.failure
    if each.rollout is not None:
        each.rollout.ended(completed=node.status is NodeStatus.COMPLETED)
        if not each.rollout.plan.quorum:
            each_todo(run, outer)
            return
    settled = each.completed >= each.needed or len(each.items) - each.lost < each.needed
    plan = outer.plan.for_each
    if settled and plan is not None and plan.runs_on and each.completed >= each.needed:
        each.stopping = each.passed = True
    elif settled:
        settle(run, each)
    each_todo(run, outer)


def settle(run: Run, each: Each) -> None:
    """The outcome of a for_each is clear: no item begins, those that are out are cancelled."""
    if not each.stopping:
        each.stopping = True
        for item in each.nodes:
            if not item.ended:
                stop_node(run, item)


def each_todo(run: Run, node: Node) -> None:
    """Put a for_each on the todo exactly while it can begin an item, or must end."""
    each = node.each
    assert each is not None
    limit = node.plan.for_each.max_parallel if node.plan.for_each is not None else None
    if each.rollout is not None and not each.stopping and not node.stop:
        wanted = each.rollout.wants(len(each.nodes), each.active, each.lost, limit)
    elif each.stopping or node.stop or len(each.nodes) == len(each.items):
        wanted = each.active == 0 or each.passed
    else:
        wanted = limit is None or each.active < limit
    if wanted and not node.ended:
        run.todo[node.path] = None
    else:
        run.todo.pop(node.path, None)


def awaited(run: Run, node: Node) -> bool:
    """Tell whether an attempt is waited for rather than cancelled when the run fails: its step can
    be undone, so it must be known whether there is something to undo."""
    undoes = run.compensates or run.rollback is not None
    return undoes and node.status in OUT and node.plan.compensate is not None


def stop_node(run: Run, node: Node) -> None:
    """Cancel a node that has not ended, and all inside it first."""
    node.stop = True
    if node.body is not None and node.status is NodeStatus.OPEN:
        stop_scope(run, node.body)
    elif node.each is not None:
        for item in node.each.nodes:
            if not item.ended:
                stop_node(run, item)
        each_todo(run, node)
    elif node.round is not None and not node.round.ended:
        stop_node(run, node.round)
    elif not awaited(run, node):
        run.todo[node.path] = None


def stop_scope(run: Run, scope: Scope) -> None:
    """Nothing new begins in the scope, but for what asks for it; what is open is cancelled."""
    for node in scope.nodes:
        begun = node is not None and node.status is not NodeStatus.PENDING
        if node is not None and begun and (not node.ended or node.straggles):
            stop_node(run, node)
    _drop_pending(run, scope)
    if scope.open == 0:
        scope_ended(run, scope)


def _drop_pending(run: Run, scope: Scope) -> None:
    steps = scope.plan.steps
    for index, step in enumerate(steps):
        if not scope.is_pending(index):
            continue
        if step.runs_on == "always" and index not in scope.unchosen:
            if scope.waiting[index] == 0:
                run.todo[scope.path(index)] = None
            continue
        run.todo.pop(scope.path(index), None)
        run.node(scope.path(index)).status = NodeStatus.CANCELLED
        scope.open -= 1
        for dependent in step.dependents:
            need_ended(run, scope, dependent, index, "need_failed")
            waits = scope.waiting[dependent] > 0 or steps[dependent].runs_on != "always"
            if not waits and scope.is_pending(dependent) and dependent < index:
                run.todo[scope.path(dependent)] = None


def _undone(run: Run, node: Node) -> None:
    """A compensation has ended: those that waited for it may run, or the run goes on."""
    assert run.undoing is not None and node.target is not None
    for path in run.undoing.ended(node.target.path):
        run.todo[path] = None
    if not run.undoing.left:
        run.todo[""] = None
