"""Whether a run can follow another version of its workflow, what would change, and the event.

A run moves when every step that it has begun is in the other version too, of the same kind, with
all that it needs ended there as well. What it has not begun may vanish, come, or be anything else.
"""

from collections.abc import Iterator

import msgspec

from services.workflow.core.commands import Migrate, Rejection
from services.workflow.core.instants import instant
from services.workflow.core.nodes import Node, Scope
from services.workflow.core.state import Run
from services.workflow.core.statuses import OUT, NodeStatus, Role, RunPhase
from stretto.contracts import events as ev
from stretto.contracts.events import HANDLER_SUFFIX
from stretto.contracts.graph import Graph, ScopePlan, StepPlan

MAX_TOLD = 5
"""Reasons that a refusal names; the dry run gives all of them."""

ScopePlans = dict[Scope, ScopePlan | None]


class Finding(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A reason against a migration, or a change that it makes; `step` is a path, "" the run."""

    code: str
    step: str
    message: str


def migrate(run: Run, command: Migrate) -> list[ev.Event] | Rejection:
    """The event of a migration, or why there can be none."""
    request, graph = command.request, command.graph
    if graph is None:
        wanted = str(request.version or request.version_label or "latest")
        return Rejection(
            code="version_unknown",
            message=f"expected version {wanted} of {run.workflow!r} to be registered, but it is "
            "not",
        )
    found = problems(run, graph, command.input_problems)
    if found:
        told = "; ".join(each.message for each in found[:MAX_TOLD])
        more = f" (and {len(found) - MAX_TOLD} more)" if len(found) > MAX_TOLD else ""
        return Rejection(
            code="migration_refused",
            message=f"expected a run that can follow version {graph.version}, but {told}{more}",
        )
    deadline_us = run.deadline_us
    said = bytes(graph.timeout) == b"null"  # else it was worked out at the start
    if said and graph.timeout_s != run.graph.timeout_s:
        deadline_us = run.started_us + int((graph.timeout_s or 0) * 1e6) if graph.timeout_s else 0
    return [
        ev.RunMigrated(
            from_version=run.version,
            to_version=graph.version,
            deadline=instant(deadline_us) if deadline_us else None,
            by=request.by,
            reason=request.reason,
        )
    ]


def problems(run: Run, graph: Graph, input_problems: tuple[str, ...] = ()) -> list[Finding]:
    """Everything that keeps a run from following another version; [] when nothing does."""
    found = list(_of_run(run, graph))
    found += [
        Finding(code="input_unfit", step="", message=f"its input does not fit: {each}")
        for each in input_problems
    ]
    plans = scope_plans(run, graph)
    for scope, plan in plans.items():
        if plan is not None:
            found += _of_scope(scope, plan)
    for node in run.open.values():
        found += _of_open(node, plans)
    return found


def _of_run(run: Run, graph: Graph) -> Iterator[Finding]:
    if graph.version == run.version:
        text = f"it follows version {run.version} already"
        yield Finding(code="same_version", step="", message=text)
    if run.phase not in (RunPhase.RUNNING, RunPhase.FINISHING) or run.failure is not None:
        word = run.phase.word if run.phase is not RunPhase.RUNNING else "failing"
        yield Finding(code="run_not_running", step="", message=f"it is {word}")
    elif run.rollback is not None:
        text = f"it is on its way back to step {run.rollback.to!r}"
        yield Finding(code="rolling_back", step="", message=text)


def has_begun(node: Node | None) -> bool:
    """Whether something of a node has happened that another version has to know about."""
    if node is None or node.status is NodeStatus.PENDING:
        return False
    inside = node.body is not None or node.each is not None or node.rounds > 0
    if node.status is NodeStatus.DECIDING:
        return node.finishing or node.listens or inside or node.role is Role.ITEM
    if node.status in (NodeStatus.SKIPPED, NodeStatus.CANCELLED):
        return inside or node.attempt > node.base
    return True


def scope_plans(run: Run, graph: Graph) -> ScopePlans:
    """Every scope of a run, outer ones first, with its plan in another version; None: it has
    none."""
    scopes = {run.root: None}
    for node in run.nodes.values():
        scopes[node.scope] = None
        if node.body is not None:
            scopes[node.body] = None
    plans: ScopePlans = {}
    for scope in sorted(scopes, key=lambda each: len(each.prefix)):
        plans[scope] = graph.root if scope.outer is None else _inside_plan(scope, plans)
    return plans


def plan_of(node: Node, plans: ScopePlans) -> StepPlan | None:
    """The plan of a node's step in another version."""
    plan = plans.get(node.scope)
    if plan is None:
        return None
    return next((step for step in plan.steps if step.name == node.plan.name), None)


def _inside_plan(scope: Scope, plans: ScopePlans) -> ScopePlan | None:
    assert scope.outer is not None
    plan = plan_of(scope.outer, plans)
    if plan is None:
        return None
    if not scope.prefix.endswith(f"{HANDLER_SUFFIX}."):
        return plan.body
    handler = scope.outer.handler
    if not 0 <= handler < len(plan.catch):
        return None
    return plan.catch[handler].body or ScopePlan(steps=())


def _of_scope(scope: Scope, plan: ScopePlan) -> Iterator[Finding]:
    known = {step.name: step for step in plan.steps}
    outer = scope.outer
    if outer is not None and not outer.ended and outer.body is scope and scope.failure is not None:
        text = f"{outer.path!r} is failing: wait until it has ended"
        yield Finding(code="group_failing", step=outer.path, message=text)
    for node in scope.nodes:
        if node is None or not has_begun(node):
            continue
        there = known.get(node.plan.name)
        if there is None:
            text = f"step {node.path!r} has begun and would vanish"
            yield Finding(code="step_vanished", step=node.path, message=text)
            continue
        yield from _of_step(scope, plan, node, there)


def _of_step(scope: Scope, plan: ScopePlan, node: Node, there: StepPlan) -> Iterator[Finding]:
    here, path = node.plan, node.path
    if shape(here) != shape(there):
        text = f"step {path!r} has begun as {shape(here)!r} and would be {shape(there)!r}"
        yield Finding(code="kind_changed", step=path, message=text)
    if node.handler >= 0 and not _same_handler(here, there, node.handler):
        text = f"a handler of step {path!r} has taken over and would be another"
        yield Finding(code="handler_changed", step=path, message=text)
    part = () if there.some is None else there.some.of
    for need in there.needs:
        name = plan.steps[need].name
        index = scope.by_name.get(name)
        other = None if index is None else scope.nodes[index]
        if need not in part and (other is None or not other.ended):
            text = f"step {path!r} has begun and would need {name!r}, which has not ended"
            yield Finding(code="need_added", step=path, message=text)


def shape(plan: StepPlan) -> str:
    """What a step is, so far as what has begun depends on it."""
    return plan.kind if plan.for_each is None else f"for_each {plan.kind}"


def _same_handler(here: StepPlan, there: StepPlan, handler: int) -> bool:
    if handler >= len(there.catch):
        return False
    old, new = here.catch[handler], there.catch[handler]
    return old.on == new.on and (old.body is None) == (new.body is None)


def _of_open(node: Node, plans: ScopePlans) -> Iterator[Finding]:
    """What is out goes on as it is: it must be the same task, of the same workflow."""
    there = plan_of(node, plans)
    if there is None:
        return
    if node.status in OUT or node.status is NodeStatus.BACKOFF:
        before, after = _work(node.plan), _work(there)
        if before != after:
            text = f"step {node.path!r} is out as {before!r} and would be {after!r}"
            yield Finding(code="task_changed", step=node.path, message=text)
    if node.role is Role.ITEM and node.status is NodeStatus.DECIDING and there.ask is None:
        text = f"step {node.path!r} is being decided: try again in a moment"
        yield Finding(code="item_undecided", step=node.path, message=text)


def _work(plan: StepPlan) -> str:
    if plan.child is not None:
        return f"workflow {plan.child.workflow}"
    return "" if plan.task is None else plan.task.name


def changes(run: Run, graph: Graph) -> list[Finding]:
    """What would be otherwise for a run, by scope: steps that come, vanish, change, are not undone
    any more."""
    found: list[Finding] = []
    for scope, plan in scope_plans(run, graph).items():
        if plan is None or (scope.outer is not None and scope.outer.ended):
            continue
        there = {step.name: step for step in plan.steps}
        here = {step.name: step for step in scope.plan.steps}
        for name in there.keys() - here.keys():
            text = f"step {scope.prefix + name!r} comes and will run"
            found.append(Finding(code="step_added", step=scope.prefix + name, message=text))
        for name in here.keys() - there.keys():
            text = f"step {scope.prefix + name!r} vanishes"
            found.append(Finding(code="step_removed", step=scope.prefix + name, message=text))
        for name in here.keys() & there.keys():
            found += _changed(scope, scope.prefix + name, plan, there[name], here[name])
    for path in run.undo:
        node = run.nodes[path]
        new = plan_of(node, scope_plans(run, graph))
        if new is not None and new.compensate is None:
            text = f"step {path!r} would not be undone any more"
            found.append(Finding(code="not_undone", step=path, message=text))
    return sorted(found, key=lambda each: (each.step, each.code))


def _changed(
    scope: Scope, path: str, plan: ScopePlan, there: StepPlan, here: StepPlan
) -> Iterator[Finding]:
    needs = {plan.steps[i].name for i in there.needs}
    needed = {scope.plan.steps[i].name for i in here.needs}
    parts = []
    if shape(here) != shape(there):
        parts.append(f"is {shape(there)!r}")
    if _work(here) != _work(there):
        parts.append(f"runs {_work(there)!r}")
    if needs != needed:
        parts.append(f"needs {', '.join(sorted(needs)) or 'nothing'}")
    if (here.retry, here.timeouts) != (there.retry, there.timeouts):
        parts.append("has other retries or timeouts")
    if parts:
        text = f"step {path!r} {', '.join(parts)}"
        yield Finding(code="step_changed", step=path, message=text)
