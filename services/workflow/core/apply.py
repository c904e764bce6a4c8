"""What an event does to a run: the only place that changes one. Never refuses, O(1) an event."""

from typing import assert_never

from services.workflow.core import lines, places, reuse, rolling, signals, undoing
from services.workflow.core.forking import take_over
from services.workflow.core.instants import micros
from services.workflow.core.moving import move
from services.workflow.core.nodes import Node, Scope
from services.workflow.core.policy import child_id, turn_of
from services.workflow.core.rewinding import rewind
from services.workflow.core.scopes import (
    complete_items,
    drop_inside,
    each_todo,
    end,
    item_begun,
    open_scope,
    stop_scope,
    withdraw,
)
from services.workflow.core.state import Run
from services.workflow.core.statuses import NodeStatus, Role, RunPhase
from services.workflow.core.values import derived_output
from stretto.contracts import events as ev
from stretto.contracts.codec import json_encode
from stretto.contracts.events import HANDLER_SUFFIX
from stretto.contracts.graph import ScopePlan
from stretto.contracts.payload import NULL

_NOTHING = ScopePlan(steps=())


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
            node.turn = turn_of(seq, at_us)
        case ev.StepStarted():
            node = run.node(event.step)
            _enter(run, node, NodeStatus.STARTED, at_us)
            node.worker = event.worker
            node.queue_deadline_us = 0
            node.deadline_us = micros(event.deadline)
        case ev.StepBound() | ev.StepDiverted():
            _placed(run.node(event.step), event)
        case ev.StepFailed():
            _failed(run, event, at_us)
        case ev.StepSkipped():
            node = _begin(run, event.step, at_us)
            asked = event.reason == "by_request"
            if node.role is Role.COMPENSATION:
                undoing.given_up(run, node)
            end(run, node, NodeStatus.SKIPPED, at_us, None if asked else "need_skipped")
        case ev.StepCancelled():
            node = _begin(run, event.step, at_us)
            signals.unlisten(run, node)
            end(run, node, NodeStatus.CANCELLED, at_us, "need_failed")
        case ev.StepExpanded():
            _expanded(run, event, at_us)
        case ev.StepChosen():
            _chosen(run, event, at_us)
        case _:
            _apply_inside(run, event, seq, at_us)


def _apply_inside(run: Run, event: ev.Event, seq: int, at_us: int) -> None:
    """The arms of groups, loops, waits, signals and approvals."""
    match event:
        case ev.StepWaiting():
            _waiting(run, event, at_us)
        case ev.StepOpened():
            _opened(run, event, at_us)
        case ev.StepFinishing():
            node = _begin(run, event.step, at_us)
            node.finishing = True
            node.turn = turn_of(seq, at_us)
            _enter(run, node, NodeStatus.DECIDING, at_us)
        case ev.StepRepeated():
            node = _begin(run, event.step, at_us)
            assert node.round is not None
            node.output, node.round = node.round.output, None
            node.finishing = False
            node.until_us = micros(event.at)
            waits = event.at is not None
            if not waits:
                run.todo[node.path] = None
            _enter(run, node, NodeStatus.WAITING if waits else NodeStatus.OPEN, at_us)
        case ev.StepSignalled(asked=True):
            node = _begin(run, event.step, at_us)
            node.candidate = event.index
            node.turn = turn_of(seq, at_us)
            _enter(run, node, NodeStatus.DECIDING, at_us)
        case ev.StepSignalled():
            node = _begin(run, event.step, at_us)
            node.output = signals.take(run, node, event.index)
            end(run, node, NodeStatus.COMPLETED, at_us)
        case ev.StepApproved():
            node = _begin(run, event.step, at_us)
            answer = {"approved": True, "by": event.by, "reason": event.reason}
            node.output = json_encode(answer)
            end(run, node, NodeStatus.COMPLETED, at_us)
        case ev.StepEscalated():
            run.node(event.step).escalated = True
        case ev.StepHastened() | ev.StepLabelled():
            pass  # for people; what follows of it is an event of its own
        case ev.SignalReceived():
            run.signals.setdefault(event.name, []).append(bytes(event.payload))
            signals.offer(run, event.name)
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
            run.turn = turn_of(seq, at_us)
        case ev.RunFailing():
            undoing.fail(run, event)
        case ev.RunPaused():
            run.paused = True
            run.paused_us = at_us
            run.paused_why = ": ".join(filter(None, (event.by, event.reason)))
        case ev.RunResumed():
            run.paused = False
        case _:
            _apply_turn(run, event, seq, at_us)


def _apply_turn(run: Run, event: ev.Event, seq: int, at_us: int) -> None:
    """The arms of what makes a run go back, elsewhere, or by another version."""
    match event:
        case ev.CompensationStarted():
            undoing.begin(run, event)
        case ev.CompensationRetried():
            undoing.retry(run, run.node(event.step))
        case ev.RunRollingBack():
            undoing.roll_back(run, event)
        case ev.RunRolledBack():
            undoing.rolled_back(run, event, at_us)
        case ev.RunRewound():
            rewind(run, event.steps)
        case ev.RunForked():
            take_over(run, event, at_us)
        case ev.RunMigrated():
            move(run, event, seq, at_us)
        case _:
            _apply_reuse(run, event, seq, at_us)


def _apply_reuse(run: Run, event: ev.Event, seq: int, at_us: int) -> None:
    """The arms of a step that looks for what an equal one gave, and takes it."""
    match event:
        case ev.StepSeeking():
            node = _begin(run, event.step, at_us)
            reuse.begin_seeking(run, node, event)
            node.turn = turn_of(seq, at_us)
            _enter(run, node, NodeStatus.SEEKING, at_us)
        case ev.StepReused():
            node = _begin(run, event.step, at_us)
            reuse.found(node, event)
            end(run, node, NodeStatus.COMPLETED, at_us)
        case _:
            _apply_place_or_end(run, event, at_us)


def _apply_place_or_end(run: Run, event: ev.Event, at_us: int) -> None:
    """The arms of limits that were worked out, of a run's place in a line, and of its ends."""
    match event:
        case ev.StepLimited():
            run.node(event.step).limits = event
        case (
            ev.RolloutThrottled() | ev.RolloutPaused() | ev.RolloutAdvanced() | ev.RolloutAborted()
        ):
            rolling.roll(run, event, at_us)
        case ev.StepQueued():
            node = _begin(run, event.step, at_us)
            places.queue(run, node, event, at_us)
            _enter(run, node, NodeStatus.QUEUED, at_us)
        case ev.StepAdmitted():
            places.admit(run, run.node(event.step))
        case ev.RunQueued():
            lines.queue(run, event, at_us)
        case ev.RunAdmitted():
            lines.admit(run, event, at_us)
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
    run.parent = event.parent
    run.depth = event.depth
    run.traceparent = event.traceparent
    run.caller_traceparent = event.caller_traceparent
    open_scope(run, run.root)


def _begin(run: Run, path: str, at_us: int) -> Node:
    """Take a node out of the todo; the first time, it begins for those around it too."""
    run.todo.pop(path, None)
    node = run.node(path)
    if node.status is NodeStatus.PENDING:
        node.first_us = at_us
        if node.role is Role.ITEM:
            item_begun(run, node)
        elif node.role is Role.ROUND:
            assert node.target is not None
            node.target.round = node
            node.target.rounds += 1
            node.target.status = NodeStatus.OPEN
            run.todo.pop(node.target.path, None)
    return node


def _enter(run: Run, node: Node, status: NodeStatus, at_us: int) -> None:
    node.status = status
    node.since_us = at_us
    run.open[node.path] = node


def _scheduled(run: Run, event: ev.StepScheduled, at_us: int) -> None:
    node = _begin(run, event.step, at_us)
    node.attempt = event.attempt
    if event.attempt <= node.base + 1:  # less in old logs: a way back forgot the attempts of items
        node.base = event.attempt - 1
        node.input = bytes(event.input)
    if node.reuse is not None:
        node.reuse.value = None
    node.avoid, node.worker = node.worker, None
    node.queue_deadline_us = micros(event.queue_deadline)
    node.deadline_us = micros(event.deadline)
    _enter(run, node, NodeStatus.SCHEDULED, at_us)
    child = node.plan.child
    if child is not None and node.role is not Role.COMPENSATION:
        node.child_run = child_id(run.id, node.path, node.attempt, at_us)
        if not child.wait:
            run.todo[node.path] = None  # detached: it has done its part


def _completed(run: Run, event: ev.StepCompleted, at_us: int) -> None:
    node = _begin(run, event.step, at_us)
    if node.each is not None and node.handler < 0:
        outputs = [b"null" if n.output is None else n.output for n in node.each.nodes]
        outputs += [b"null"] * (len(node.each.items) - len(outputs))
        node.output = b"[" + b",".join(outputs) + b"]"
    elif event.derived:
        node.output = derived_output(node)
    else:
        node.output = bytes(event.output)
    if node.reuse is not None and node.handler < 0:
        reuse.keep(run, node)
    if node.plan.compensate is None or node.handler >= 0:
        node.input = None  # what a handler did instead is not undone as the step
    elif node.role is not Role.COMPENSATION and node.each is None:
        run.undo.append(node.path)
    end(run, node, NodeStatus.COMPLETED, at_us)
    cancel = node.plan.cancel
    if cancel is not None:
        stop = complete_items if cancel.complete else withdraw
        stop(run, node.scope, cancel.steps)


def _placed(node: Node, event: ev.StepBound | ev.StepDiverted) -> None:
    if isinstance(event, ev.StepBound):
        node.worker = event.device
    elif node.status is NodeStatus.SCHEDULED:
        node.worker = None  # the device that had it is gone


def _failed(run: Run, event: ev.StepFailed, at_us: int) -> None:
    node = _begin(run, event.step, at_us)
    signals.unlisten(run, node)
    node.failure = event.failure
    if event.details is not NULL:  # else what an earlier one said still holds
        node.details = bytes(event.details)
    if event.worker is not None:  # else who had it stays known: the next attempt avoids it
        node.worker = event.worker
    if node.place is not None:
        places.after_failure(run, node, event)
    if event.retry_at is not None:
        _enter(run, node, NodeStatus.BACKOFF, at_us)
        node.until_us = micros(event.retry_at)
        return
    if event.handler >= 0:
        _handle(run, node, event.handler, at_us)
        return
    if event.blocked:
        undoing.block(run, node, at_us)
        return
    end(run, node, NodeStatus.FAILED, at_us, hurt="need_failed")
    if node.role is Role.COMPENSATION:
        assert node.target is not None
        run.uncompensated.append(node.target.path)
    elif node.role in (Role.STEP, Role.EACH):
        _scope_failed(run, node, event)


def _scope_failed(run: Run, node: Node, event: ev.StepFailed) -> None:
    """A step has failed for good: its group fails, or the run."""
    scope = node.scope
    if scope.outer is None:
        back = run.rollback
        if not run.failing and (back is None or node.index not in back.indices):
            run.failure = event.failure
            run.todo[""] = None
    elif scope.failure is None:
        scope.failure = event.failure
        stop_scope(run, scope)


def _handle(run: Run, node: Node, handler: int, at_us: int) -> None:
    """A `catch` takes over: its steps are the node's inside from now on."""
    drop_inside(run, node)
    node.handler = handler
    node.finishing = False
    body = node.plan.catch[handler].body or _NOTHING
    node.body = Scope(body, f"{node.path}{HANDLER_SUFFIX}.", node)
    _enter(run, node, NodeStatus.OPEN, at_us)
    open_scope(run, node.body)


def _expanded(run: Run, event: ev.StepExpanded, at_us: int) -> None:
    node = run.node(event.step)
    assert node.plan.for_each is not None
    items = [bytes(item) for item in event.items]
    node.each = rolling.each_of(node.plan.for_each, items)
    _enter(run, node, NodeStatus.OPEN, at_us)
    each_todo(run, node)


def _opened(run: Run, event: ev.StepOpened, at_us: int) -> None:
    node = _begin(run, event.step, at_us)
    _enter(run, node, NodeStatus.OPEN, at_us)
    if node.is_loop:
        run.todo[node.path] = None
        return
    assert node.plan.body is not None
    node.body = Scope(node.plan.body, f"{node.path}.", node)
    open_scope(run, node.body)


def _waiting(run: Run, event: ev.StepWaiting, at_us: int) -> None:
    node = _begin(run, event.step, at_us)
    looked_at = node.listens and node.status is NodeStatus.DECIDING
    _enter(run, node, NodeStatus.WAITING, at_us)
    node.until_us = micros(event.until)
    if node.plan.signal is not None:
        if looked_at:
            node.candidate += 1
        signals.listen(run, node)


def _chosen(run: Run, event: ev.StepChosen, at_us: int) -> None:
    node = _begin(run, event.step, at_us)
    cases = node.plan.cases
    chosen = set(cases[event.branch].then) if event.branch >= 0 else set()
    for case in cases:
        node.scope.unchosen.update(i for i in case.then if i not in chosen)
    node.output = b'{"branch":%d}' % event.branch
    end(run, node, NodeStatus.COMPLETED, at_us)


def _close(run: Run, phase: RunPhase) -> None:
    run.phase = phase
    run.queued = False
    run.places = None
    run.todo.clear()
    run.open.clear()
