"""What a migration does to a run: its nodes move to the places of the other version's steps.

Called by `apply` only, when `decide` has found nothing against it. What was being decided is
decided again by the new version; what is out goes on. A `for_each` whose items are known keeps its
join.
"""

from services.workflow.core import rolling, signals
from services.workflow.core.instants import micros
from services.workflow.core.migrating import ScopePlans, has_begun, plan_of, scope_plans
from services.workflow.core.nodes import Node, Scope
from services.workflow.core.policy import turn_of
from services.workflow.core.rewinding import count_needs
from services.workflow.core.scopes import each_todo, scope_ended
from services.workflow.core.state import Run
from services.workflow.core.statuses import NodeStatus, Role, RunPhase
from stretto.contracts import events as ev
from stretto.contracts.graph import ScopePlan, StepPlan


def move(run: Run, event: ev.RunMigrated, seq: int, at_us: int) -> None:
    """Let a run follow version `event.to_version`, whose graph is in `run.graphs`."""
    assert run.graphs is not None, "the shell knows the versions before an event names them"
    graph = run.graphs[event.to_version]
    run.graphs[run.graph.version] = run.graph
    plans = scope_plans(run, graph)
    listening = [node for node in run.open.values() if node.listens]
    for node in listening:
        signals.unlisten(run, node)
    nodes = sorted(run.nodes.values(), key=lambda node: len(node.path))
    _decide_again(run, nodes, plans, set(listening), turn_of(seq, at_us))
    moved = [(node, plan_of(node, plans)) for node in nodes]
    for scope, plan in plans.items():
        if plan is not None:
            _rearrange(run, scope, plan)
    for node, new in moved:
        if new is not None:
            node.plan = new
            if not has_begun(node) and node.role in (Role.STEP, Role.EACH):
                node.role = Role.STEP if new.for_each is None else Role.EACH
    run.graph, run.version = graph, graph.version
    run.deadline_us = micros(event.deadline)
    run.undo = [path for path in run.undo if run.nodes[path].plan.compensate is not None]
    for scope in plans:
        _go_on(run, scope)
    for node in listening:
        signals.listen(run, node)
    for node in list(run.open.values()):
        if node.each is not None and node.handler < 0 and node.status is NodeStatus.OPEN:
            each_todo(run, node)
            rolling.offer_again(run, node)


def _decide_again(
    run: Run, nodes: list[Node], plans: ScopePlans, listening: set[Node], turn: int
) -> None:
    """Take back the questions that the old version has asked."""
    if run.phase is RunPhase.FINISHING:
        run.phase = RunPhase.RUNNING
        run.todo[""] = None
    for node in nodes:
        if node.status is not NodeStatus.DECIDING or plan_of(node, plans) is None:
            continue
        if node.finishing:
            node.finishing = False
            node.status = NodeStatus.OPEN
            run.todo[node.path] = None
        elif node in listening:
            node.status = NodeStatus.WAITING
        elif node.role is Role.ITEM:
            node.turn = turn
        else:
            node.status = NodeStatus.PENDING
            del run.open[node.path]


def _rearrange(run: Run, scope: Scope, plan: ScopePlan) -> None:
    """Put the nodes of a scope at the places of the new plan, and count what they need."""
    old = scope.plan
    before = {step.name: (index, step) for index, step in enumerate(old.steps)}
    chosen = _chosen(scope)
    waiting, hurt, arrivals = scope.waiting, scope.hurt, scope.arrivals
    nodes = {step.name: scope.nodes[index] for index, step in enumerate(old.steps)}
    scope.plan = plan
    scope.by_name = {step.name: index for index, step in enumerate(plan.steps)}
    scope.nodes = [nodes.get(step.name) for step in plan.steps]
    scope.waiting, scope.hurt, scope.arrivals = [0] * len(plan.steps), {}, {}
    for name, node in nodes.items():
        if node is not None and name in scope.by_name:
            node.index = scope.by_name[name]
        elif node is not None:
            run.nodes.pop(node.path, None)
            run.open.pop(node.path, None)
            run.todo.pop(node.path, None)
    scope.unchosen = {
        index
        for name, then in chosen.items()
        if name in scope.by_name
        for case in plan.steps[scope.by_name[name]].cases
        for index in case.then
        if plan.steps[index].name not in then
    }
    for index, step in enumerate(plan.steps):
        was = before.get(step.name)
        if was is None or _needs(old, was[1]) != _needs(plan, step):
            count_needs(scope, index)
            continue
        scope.waiting[index] = waiting[was[0]]
        if was[0] in hurt:
            scope.hurt[index] = hurt[was[0]]
        if was[0] in arrivals:
            scope.arrivals[index] = arrivals[was[0]]
    scope.open = sum(1 for n in scope.nodes if n is None or not n.ended or n.straggles)


def _needs(plan: ScopePlan, step: StepPlan) -> object:
    """What a step needs, by name."""
    some = step.some
    part = () if some is None else tuple(plan.steps[i].name for i in some.of)
    return (
        {plan.steps[i].name for i in step.needs},
        set(part),
        0 if some is None else some.count,
    )


def _chosen(scope: Scope) -> dict[str, set[str]]:
    """By each switch that has chosen: the steps that it led to."""
    steps = scope.plan.steps
    found: dict[str, set[str]] = {}
    for node in scope.nodes:
        if node is None or node.plan.kind != "switch" or node.status is not NodeStatus.COMPLETED:
            continue
        all_of_them = {index for case in node.plan.cases for index in case.then}
        found[node.plan.name] = {steps[i].name for i in all_of_them - scope.unchosen}
    return found


def _go_on(run: Run, scope: Scope) -> None:
    """Put on the todo of a scope that is under way what the new version lets begin."""
    outer = scope.outer
    if outer is not None and (outer.body is not scope or outer.status is not NodeStatus.OPEN):
        return
    for index in range(len(scope.nodes)):
        node = scope.nodes[index]
        if not scope.is_pending(index) or (node is not None and node.stop):
            continue
        if scope.waiting[index] == 0:
            run.todo[scope.path(index)] = None
        else:
            run.todo.pop(scope.path(index), None)
    if scope.open == 0:
        scope_ended(run, scope)
    else:
        run.todo.pop("" if outer is None else outer.path, None)
