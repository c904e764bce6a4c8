"""Going back: steps and all that needs them become pending again."""

from services.workflow.core.kept import Reuses
from services.workflow.core.nodes import Arrivals, Scope
from services.workflow.core.scopes import scope_ended
from services.workflow.core.state import Run
from services.workflow.core.statuses import NodeStatus, RunPhase
from services.workflow.core.unwinding import root_step

_HURTS = {
    NodeStatus.SKIPPED: "need_skipped",
    NodeStatus.FAILED: "need_failed",
    NodeStatus.CANCELLED: "need_failed",
}


def closure(scope: Scope, roots: set[int]) -> set[int]:
    """Some steps of a scope and all that need them, directly or not."""
    found: set[int] = set()
    left = list(roots)
    while left:
        index = left.pop()
        if index not in found:
            found.add(index)
            left.extend(scope.plan.steps[index].dependents)
    return found


def dropped(scope: Scope) -> set[int]:
    """Steps that never ran because the run failed first."""
    return {
        index
        for index, node in enumerate(scope.nodes)
        if node is not None and node.status is NodeStatus.CANCELLED
    }


def rewind(run: Run, paths: list[str]) -> None:
    """Make some steps of the run's own scope, and what needs them, pending; the run runs again."""
    scope = run.root
    go_back(run, closure(scope, {scope.by_name[path] for path in paths}) | dropped(scope))


def go_back(run: Run, again: set[int]) -> None:
    """Make steps of the run's own scope pending, and count what they need; the run runs again."""
    scope = run.root
    names = {scope.plan.steps[index].name for index in again}
    for index in again:
        _reset(run, scope, index)
    for index in again:
        count_needs(scope, index)
    scope.open = sum(1 for n in scope.nodes if n is None or not n.ended or n.straggles)
    run.undo = [path for path in run.undo if path in run.nodes and run.nodes[path].ended]
    run.failure = None
    run.ending = ""
    run.phase = RunPhase.RUNNING
    for path in [path for path in run.todo if not path or root_step(path) in names]:
        del run.todo[path]
    for index in sorted(again):
        if scope.waiting[index] == 0:
            run.todo[scope.path(index)] = None
    if scope.open == 0:
        scope_ended(run, scope)


def count_needs(scope: Scope, index: int) -> None:
    """Look at what a step needs as if all of it had ended just now."""
    plan = scope.plan.steps[index]
    part = () if plan.some is None else plan.some.of
    nodes = [scope.nodes[need] for need in plan.needs if need not in part]
    scope.waiting[index] = sum(1 for n in nodes if n is None or not n.ended)
    hurts = [_HURTS[n.status] for n in nodes if n is not None and n.status in _HURTS]
    if plan.some is not None:
        parts = [n for n in (scope.nodes[need] for need in part) if n is not None and n.ended]
        done = sum(1 for n in parts if n.status is NodeStatus.COMPLETED)
        arrivals = Arrivals(plan.some.count - done, len(part) - len(parts))
        scope.arrivals[index] = arrivals
        scope.waiting[index] += not arrivals.settled
        if arrivals.settled and arrivals.missing > 0:
            hurts.append("need_failed")
    if hurts:
        scope.hurt[index] = hurts[-1]


def again_anew(run: Run, name: str) -> None:
    """Note that a step of the run's own scope is to be done, with all inside it, not reused."""
    if run.reuses is None:
        run.reuses = Reuses()
    run.reuses.anew.add(name)


def _forget(run: Run, path: str) -> None:
    """Drop a node; the numbers of its attempts are not given a second time."""
    node = run.nodes.pop(path)
    if node.attempt:
        if run.tries is None:
            run.tries = {}
        run.tries[path] = node.attempt


def _reset(run: Run, scope: Scope, index: int) -> None:
    node = scope.nodes[index]
    scope.hurt.pop(index, None)
    for case in scope.plan.steps[index].cases:
        scope.unchosen.difference_update(case.then)
    if node is None:
        return
    inside = (f"{node.path}.", f"{node.path}[", f"{node.path}~")
    for path in [p for p in run.nodes if p.startswith(inside)]:
        _forget(run, path)
    run.open.pop(node.path, None)
    if node.first_us:
        again_anew(run, node.path)
        node.anew = True
    node.reset()
