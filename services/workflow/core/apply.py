"""What an event does to a run: the only place that changes one. Never refuses, O(1) an event."""

from typing import assert_never

from services.workflow.core.instants import micros
from services.workflow.core.policy import needed
from services.workflow.core.state import OUT, Each, Node, NodeStatus, Role, Run, RunPhase, Scope
from stretto.contracts import events as ev
from stretto.contracts.events import COMPENSATION_SUFFIX


def apply(run: Run, event: ev.Event, seq: int, at_us: int) -> None:
    """Change `run` by one event, number `seq`, that happened at `at_us` (µs since the epoch)."""
    run.seq = seq
    run.touched_us = at_us
    match event:
        case ev.StepCompleted():
            _completed(run, event, at_us)
        case ev.StepScheduled():
            _scheduled(run, event, at_us)
        case ev.StepActivated():
            node = _begin(run, event.step, at_us)
            _enter(run, node, NodeStatus.DECIDING, at_us)
            node.turn = seq
        case ev.StepStarted():
            node = run.node(event.step)
            _enter(run, node, NodeStatus.STARTED, at_us)
            node.worker = event.worker
            node.queue_deadline_us = 0
            node.deadline_us = micros(event.deadline)
        case ev.StepFailed():
            _failed(run, event, at_us)
        case ev.StepSkipped():
            node = run.node(event.step)
            run.todo.pop(event.step, None)
            _end(run, node, NodeStatus.SKIPPED, at_us, hurt="need_skipped")
        case ev.StepCancelled():
            node = run.node(event.step)
            run.todo.pop(event.step, None)
            _end(run, node, NodeStatus.CANCELLED, at_us, hurt="need_failed")
        case ev.StepExpanded():
            _expanded(run, event, at_us)
        case ev.StepChosen():
            _chosen(run, event, at_us)
        case ev.StepWaiting():
            node = _begin(run, event.step, at_us)
            _enter(run, node, NodeStatus.WAITING, at_us)
            node.until_us = micros(event.until)
        case _:
            _apply_to_run(run, event, seq, at_us)


def _apply_to_run(run: Run, event: ev.Event, seq: int, at_us: int) -> None:
    """The arms of the events of the run itself."""
    match event:
        case ev.RunStarted():
            _started(run, event, at_us)
        case ev.RunFinishing():
            run.todo.pop("", None)
            run.phase = RunPhase.FINISHING
            run.turn = seq
        case ev.RunFailing():
            _failing(run, event)
        case ev.CompensationStarted():
            run.phase = RunPhase.COMPENSATING
            run.undoing = list(reversed(event.steps))
            run.todo.pop("", None)
            _undo_next(run)
        case ev.RunCompleted():
            run.output = bytes(event.output)
            _close(run, RunPhase.COMPLETED)
        case ev.RunFailed():
            run.failure = event.failure
            _close(run, RunPhase.FAILED)
        case ev.RunCancelled():
            run.failure = event.failure
            _close(run, RunPhase.CANCELLED)
        case ev.RunTerminated():
            run.failure = event.failure
            run.by = event.by
            _close(run, RunPhase.TERMINATED)
        case _:
            assert_never(event)  # type: ignore[arg-type]  # Event has no other children


def _started(run: Run, event: ev.RunStarted, at_us: int) -> None:
    run.namespace = event.namespace
    run.caller_id = event.id
    run.labels = event.labels
    run.input = bytes(event.input)
    run.started_us = at_us
    run.deadline_us = micros(event.deadline)
    run.traceparent = event.traceparent
    run.caller_traceparent = event.caller_traceparent
    _open_scope(run, run.root)


def _open_scope(run: Run, scope: Scope) -> None:
    for index, count in enumerate(scope.waiting):
        if count == 0:
            run.todo[scope.prefix + scope.plan.steps[index].name] = None
    if scope.open == 0:
        _scope_ended(run, scope)


def _begin(run: Run, path: str, at_us: int) -> Node:
    """Take a node out of the todo; the first time, it and what it belongs to become open."""
    run.todo.pop(path, None)
    node = run.node(path)
    if node.status is NodeStatus.PENDING:
        node.first_us = at_us
        if node.role is Role.ITEM:
            _item_begun(run, node)
    return node


def _enter(run: Run, node: Node, status: NodeStatus, at_us: int) -> None:
    node.status = status
    node.since_us = at_us
    run.open[node.path] = node


def _scheduled(run: Run, event: ev.StepScheduled, at_us: int) -> None:
    node = _begin(run, event.step, at_us)
    node.attempt = event.attempt
    if event.attempt == 1:
        node.input = bytes(event.input)
    node.worker = None
    node.queue_deadline_us = micros(event.queue_deadline)
    node.deadline_us = micros(event.deadline)
    _enter(run, node, NodeStatus.SCHEDULED, at_us)


def _completed(run: Run, event: ev.StepCompleted, at_us: int) -> None:
    node = _begin(run, event.step, at_us)
    if node.each is not None:
        outputs = [b"null" if n.output is None else n.output for n in node.each.nodes]
        outputs += [b"null"] * (len(node.each.items) - len(outputs))
        node.output = b"[" + b",".join(outputs) + b"]"
    else:
        node.output = bytes(event.output)
        if node.plan.compensate is not None and node.role is not Role.COMPENSATION:
            run.undo.append(node.path)
    node.input = node.input if node.plan.compensate is not None else None
    _end(run, node, NodeStatus.COMPLETED, at_us)


def _failed(run: Run, event: ev.StepFailed, at_us: int) -> None:
    node = _begin(run, event.step, at_us)
    node.failure = event.failure
    node.worker = event.worker
    if event.retry_at is not None:
        _enter(run, node, NodeStatus.BACKOFF, at_us)
        node.until_us = micros(event.retry_at)
        return
    _end(run, node, NodeStatus.FAILED, at_us, hurt="need_failed")
    if node.role is Role.COMPENSATION:
        assert node.target is not None
        run.uncompensated.append(node.target.path)
    elif node.role is not Role.ITEM and not run.failing:
        run.failure = event.failure
        run.todo[""] = None


def _expanded(run: Run, event: ev.StepExpanded, at_us: int) -> None:
    node = run.node(event.step)
    assert node.plan.for_each is not None
    items = [bytes(item) for item in event.items]
    node.each = Each(items, needed(node.plan.for_each.join, len(items)))
    _enter(run, node, NodeStatus.OPEN, at_us)
    _each_todo(run, node)


def _item_begun(run: Run, node: Node) -> None:
    outer = node.target
    assert outer is not None and outer.each is not None
    assert node.index == len(outer.each.nodes), "items begin in order"
    outer.each.nodes.append(node)
    outer.each.active += 1
    _each_todo(run, outer)


def _item_ended(run: Run, node: Node) -> None:
    outer = node.target
    assert outer is not None and outer.each is not None
    each = outer.each
    each.active -= 1
    if node.status is NodeStatus.COMPLETED:
        each.completed += 1
    else:
        each.lost += 1
        each.failure = each.failure or node.failure
    settled = each.completed >= each.needed or len(each.items) - each.lost < each.needed
    if settled and each.active and not each.stopping:
        for item in each.nodes:
            if not (item.ended or awaited(run, item)):
                run.todo[item.path] = None
    each.stopping = each.stopping or settled
    _each_todo(run, outer)


def _each_todo(run: Run, node: Node) -> None:
    """Put the for_each on the todo exactly while it can begin an item, or must end."""
    each = node.each
    assert each is not None
    if each.stopping or run.failing or len(each.nodes) == len(each.items):
        wanted = each.active == 0
    else:
        limit = node.plan.for_each.max_parallel if node.plan.for_each is not None else None
        wanted = limit is None or each.active < limit
    if wanted and not node.ended:
        run.todo[node.path] = None
    else:
        run.todo.pop(node.path, None)


def awaited(run: Run, node: Node) -> bool:
    """Tell whether an attempt is waited for rather than cancelled when the run fails: its step can
    be
    undone, so it must be known whether there is something to undo."""
    return run.compensates and node.status in OUT and node.plan.compensate is not None


def _chosen(run: Run, event: ev.StepChosen, at_us: int) -> None:
    node = _begin(run, event.step, at_us)
    cases = node.plan.cases
    chosen = set(cases[event.branch].then) if event.branch >= 0 else set()
    for case in cases:
        node.scope.unchosen.update(i for i in case.then if i not in chosen)
    node.output = b'{"branch":%d}' % event.branch
    _end(run, node, NodeStatus.COMPLETED, at_us)


def _end(run: Run, node: Node, status: NodeStatus, at_us: int, hurt: str | None = None) -> None:
    node.status = status
    node.since_us = at_us
    run.open.pop(node.path, None)
    if node.role is Role.ITEM:
        _item_ended(run, node)
    elif node.role is Role.COMPENSATION:
        _undo_next(run)
    else:
        _step_ended(run, node.scope, node.index, hurt)


def _step_ended(run: Run, scope: Scope, index: int, hurt: str | None) -> None:
    """Tell the steps that need this one."""
    scope.open -= 1
    for dependent in scope.plan.steps[index].dependents:
        scope.waiting[dependent] -= 1
        if hurt is not None:
            scope.hurt[dependent] = hurt
        if scope.waiting[dependent] == 0 and _is_pending(scope, dependent):
            run.todo[scope.prefix + scope.plan.steps[dependent].name] = None
    if scope.open == 0:
        _scope_ended(run, scope)


def _is_pending(scope: Scope, index: int) -> bool:
    node = scope.nodes[index]
    return node is None or node.status is NodeStatus.PENDING


def _scope_ended(run: Run, scope: Scope) -> None:
    assert scope.outer is None
    run.todo[""] = None


def _failing(run: Run, event: ev.RunFailing) -> None:
    """Nothing new begins: what is pending and does not ask for it is dropped, what is open is to be
    cancelled, except attempts whose step can be undone: those are waited for, then undone."""
    run.phase = RunPhase.FAILING
    run.ending = event.ending
    run.failure = event.failure
    run.by = event.by
    run.todo.clear()
    for node in run.open.values():
        holds_items = node.each is not None and node.each.active > 0
        if not holds_items and not awaited(run, node):
            run.todo[node.path] = None
    _drop_pending(run, run.root)
    if run.root.open == 0 and not run.todo:
        run.todo[""] = None


def _drop_pending(run: Run, scope: Scope) -> None:
    steps = scope.plan.steps
    for index, step in enumerate(steps):
        if not _is_pending(scope, index):
            continue
        if step.runs_on == "always" and index not in scope.unchosen:
            if scope.waiting[index] == 0:
                run.todo[scope.prefix + step.name] = None
            continue
        run.node(scope.prefix + step.name).status = NodeStatus.CANCELLED
        scope.open -= 1
        for dependent in step.dependents:
            scope.waiting[dependent] -= 1
            scope.hurt[dependent] = "need_failed"
            ready = scope.waiting[dependent] == 0 and steps[dependent].runs_on == "always"
            if ready and _is_pending(scope, dependent):
                run.todo[scope.prefix + steps[dependent].name] = None


def _undo_next(run: Run) -> None:
    if run.undoing:
        run.todo[run.undoing.pop() + COMPENSATION_SUFFIX] = None
    else:
        run.todo[""] = None


def _close(run: Run, phase: RunPhase) -> None:
    run.phase = phase
    run.todo.clear()
    run.open.clear()
