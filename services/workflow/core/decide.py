"""What follows from a command: events, or a rejection. Reads the run, never changes it."""

from typing import assert_never

import msgspec

from services.workflow.core import commands as cm
from services.workflow.core import reuse, rolling
from services.workflow.core.approvals import escalated_to
from services.workflow.core.commands import Rejection, TimerKind
from services.workflow.core.controlling import control
from services.workflow.core.failing import attempt_failed, failed, never_begun
from services.workflow.core.following import (
    after_round,
    begin,
    begin_item,
    follow,
    immediate,
    next_try,
    schedule,
    timed_out,
)
from services.workflow.core.instants import instant
from services.workflow.core.labelling import labels_of
from services.workflow.core.limits import limits_of
from services.workflow.core.lines import granted, stands
from services.workflow.core.migrating import migrate
from services.workflow.core.nodes import Node
from services.workflow.core.state import Run
from services.workflow.core.statuses import OUT, NodeStatus, Role, RunPhase
from stretto.contracts import events as ev
from stretto.contracts.asks import POLICY_CONCURRENCY, POLICY_LABELS
from stretto.contracts.failures import Failure, FailureType
from stretto.contracts.frames import DecidedRecord
from stretto.contracts.ids import run_id_text
from stretto.contracts.payload import NULL

Outcome = list[ev.Event] | Rejection


def decide(run: Run, command: cm.Command, now_us: int) -> Outcome:
    """Work out what `command` means for `run` at `now_us` (µs since the epoch)."""
    if run.closed and not cm.may_reopen(command):
        return Rejection(
            code="run_closed",
            message=f"expected run {run_id_text(run.id)} to be open, but it is {run.phase.word}",
        )
    match command:
        case cm.Continue():
            return follow(run, now_us)
        case cm.Result():
            return _result(run, command, now_us)
        case cm.Decided():
            return _decided(run, command, now_us)
        case cm.Accepted():
            return _accepted(run, command, now_us)
        case cm.Bound():
            return _bound(run, command)
        case cm.TimerFired():
            return _timer(run, command, now_us)
        case cm.Control():
            return control(run, command.request, now_us)
        case cm.Migrate():
            return migrate(run, command)
        case cm.Granted() | cm.Sought():
            return _given(run, command, now_us)
        case cm.Start():
            return _start(run, command, now_us)
        case _:
            assert_never(command)


def _start(run: Run, command: cm.Start, now_us: int) -> Outcome:
    if run.seq:
        return Rejection(
            code="run_exists",
            message=f"expected run {run_id_text(run.id)} to be new, but it was started before",
        )
    timeout = run.graph.timeout_s if command.timeout_s is None else command.timeout_s
    return [
        ev.RunStarted(
            namespace=command.namespace,
            workflow=run.workflow,
            version=run.version,
            input=msgspec.Raw(command.input),
            id=command.caller_id,
            labels={**run.graph.labels, **command.labels},
            deadline=None if timeout is None else instant(now_us, timeout),
            parent=command.parent,
            depth=command.depth,
            traceparent=command.traceparent,
            caller_traceparent=command.caller_traceparent,
        ),
        *([] if command.fork is None else [command.fork]),
        *([] if command.standing is None else [stands(command.standing)]),
    ]


def _result(run: Run, command: cm.Result, now_us: int) -> Outcome:
    node = _attempt_out(run, command.path, command.attempt)
    if isinstance(node, Rejection):
        return node
    if command.worker is not None and command.worker.startswith(cm.RUN_MARK):
        foreign = _foreign(node, command.worker)
        if foreign is not None:
            return foreign
    if command.failure is None:
        return [
            ev.StepCompleted(
                step=node.path,
                attempt=command.attempt,
                output=msgspec.Raw(command.output),
                worker=command.worker,
                started_at=command.started_at,
                finished_at=command.finished_at,
            )
        ]
    event = attempt_failed(run, node, command.failure, now_us)
    if command.worker or command.started_at or command.details is not NULL:
        event = msgspec.structs.replace(
            event,
            details=command.details,
            worker=command.worker,
            started_at=command.started_at,
            finished_at=command.finished_at,
        )
    return [event]


def _foreign(node: Node, worker: str) -> Rejection | None:
    """Refuse the answer of a run that the attempt does not wait for: anybody may publish a start
    that names a parent, and what becomes of the start is told to that."""
    child = node.child_run
    if child is not None and worker == cm.RUN_MARK + run_id_text(child):
        return None
    return Rejection(
        code="parent_invalid",
        message=f"expected the run that attempt {node.attempt} of step {node.path[:200]!r} waits "
        f"for, but {worker[:60]!r} answers",
    )


def _attempt_out(run: Run, path: str, attempt: int) -> Node | Rejection:
    node = run.open.get(path)
    if node is None or node.status not in OUT or node.attempt != attempt:
        known = run.nodes.get(path)
        state = "is not known" if known is None else f"is {known.status.word} at {known.attempt}"
        return Rejection(
            code="attempt_not_open",
            message=f"expected attempt {attempt} of step {path[:200]!r} to be out, but it {state}",
        )
    return node


def _accepted(run: Run, command: cm.Accepted, now_us: int) -> Outcome:
    node = _attempt_out(run, command.path, command.attempt)
    if isinstance(node, Rejection):
        return node
    if node.status is NodeStatus.STARTED:
        return Rejection(
            code="attempt_started",
            message=f"expected attempt {command.attempt} of step {command.path!r} to wait for "
            f"a worker, but {node.worker or 'one'} has begun it",
        )
    run_s = node.timeouts.run_s
    deadline = None if run_s is None else instant(now_us, run_s)
    return [
        ev.StepStarted(
            step=node.path, attempt=node.attempt, worker=command.worker, deadline=deadline
        )
    ]


def _bound(run: Run, command: cm.Bound) -> Outcome:
    node = _attempt_out(run, command.path, command.attempt)
    if isinstance(node, Rejection):
        return node
    ranked = msgspec.Raw(command.ranked)
    if command.queue is not None:
        attempt, queue = node.attempt, command.queue
        return [ev.StepDiverted(step=node.path, attempt=attempt, queue=queue, ranked=ranked)]
    return [
        ev.StepBound(
            step=node.path,
            attempt=node.attempt,
            device=command.device,
            reason=command.reason,
            ranked=ranked,
        )
    ]


def _decided(run: Run, command: cm.Decided, now_us: int) -> Outcome:
    record = command.record
    if record.path == "":
        return _output_decided(run, command)
    node = run.open.get(record.path)
    if node is None or node.status is not NodeStatus.DECIDING or node.turn != record.turn:
        return Rejection(
            code="decision_not_open",
            message=f"expected step {record.path!r} to wait for decision {record.turn}, but it "
            "does not",
        )
    if record.error is not None:
        return [failed(node, record.error, may_catch=node.handler < 0)]
    if node.finishing:
        return [_finished(node, command, now_us)]
    if node.listens:
        return [_signal_looked_at(node, record.skip)]
    if record.skip:
        return [ev.StepSkipped(step=node.path, reason="condition")]
    if node.plan.labels or (record.values is not None and POLICY_LABELS in record.values):
        return _labelled(node, record, now_us)
    return _begun(node, record, now_us)


def _labelled(node: Node, record: DecidedRecord, now_us: int) -> list[ev.Event]:
    """What a node with labels does once it is decided, and before it its labels."""
    labels = labels_of(node, record.values)
    if isinstance(labels, Failure):
        return [failed(node, labels)]
    begun = _begun(node, record, now_us)
    return begun if labels is None else [labels, *begun]


def _begun(node: Node, record: DecidedRecord, now_us: int) -> list[ev.Event]:
    """What a node does once it is decided."""
    if node.role is Role.EACH:
        items = [msgspec.Raw(item) for item in record.items or []]
        return [ev.StepExpanded(step=node.path, items=items)]
    if node.plan.kind == "switch" and node.role is not Role.COMPENSATION:
        return [_choice(node, record.branch)]
    if record.rules is not None and node.role is not Role.COMPENSATION:
        output = msgspec.Raw(record.output or b"null")
        return [ev.StepCompleted(step=node.path, output=output, rules=record.rules)]
    if record.values:
        return _limited(node, record, now_us)
    return [immediate(node, record.output, now_us)]


def _given(run: Run, command: cm.Granted | cm.Sought, now_us: int) -> Outcome:
    if isinstance(command, cm.Granted):
        return granted(run, command, now_us)
    return _sought(run, command, now_us)


def _sought(run: Run, command: cm.Sought, now_us: int) -> Outcome:
    node = run.open.get(command.path)
    if node is None or node.status is not NodeStatus.SEEKING or node.turn != command.turn:
        return Rejection(
            code="seeking_not_open",
            message=f"expected step {command.path!r} to look for what an equal one gave, but it "
            "does not",
        )
    found, task = command.found, node.plan.task
    assert task is not None
    if found is None or command.task != task.name:  # of another version that the run followed
        return [schedule(node, now_us, reuse.input_of(node))]
    return [
        ev.StepReused(
            step=node.path,
            from_run=found.run,
            from_step=found.step,
            kept_at=instant(found.at_us),
            output=msgspec.Raw(found.output),
        )
    ]


def _limited(node: Node, record: DecidedRecord, now_us: int) -> list[ev.Event]:
    """Record the policies that were worked out with the input, then go on by them."""
    assert record.values is not None
    limits = limits_of(node, record.values)
    if isinstance(limits, Failure):
        return [failed(node, limits)]
    key = record.values.get(POLICY_CONCURRENCY)
    event = immediate(node, record.output, now_us, limits, key)
    return [event] if limits is None else [limits, event]


def _signal_looked_at(node: Node, skip: bool) -> ev.Event:
    if skip:
        return ev.StepWaiting(step=node.path)
    return ev.StepSignalled(step=node.path, index=node.candidate)


def _finished(node: Node, command: cm.Decided, now_us: int) -> ev.Event:
    """The answer to what a group gives, or to whether a loop ends."""
    if node.is_loop and node.handler < 0:
        return after_round(node, not command.record.skip, now_us)
    output = command.record.output
    return ev.StepCompleted(step=node.path, output=NULL if output is None else msgspec.Raw(output))


def _output_decided(run: Run, command: cm.Decided) -> Outcome:
    record = command.record
    if run.phase is not RunPhase.FINISHING or run.turn != record.turn:
        return Rejection(
            code="decision_not_open",
            message=f"expected the run to wait for its output, but it is {run.phase.word}",
        )
    if record.error is not None:
        return [ev.RunFailing(ending="failed", failure=record.error)]
    output = NULL if record.output is None else msgspec.Raw(record.output)
    return [ev.RunCompleted(output=output)]


def _choice(node: Node, branch: int) -> ev.StepChosen:
    steps = node.scope.plan.steps
    then = node.plan.cases[branch].then if branch >= 0 else ()
    return ev.StepChosen(step=node.path, branch=branch, then=[steps[i].name for i in then])


def _timer(run: Run, command: cm.TimerFired, now_us: int) -> Outcome:
    if command.kind is TimerKind.RUN:
        return _run_timed_out(run, now_us)
    node = run.open.get(command.path)
    stale = Rejection(code="timer_stale", message=f"nobody waits for {command.kind.name} any more")
    if node is None or (node.attempt != command.attempt and command.kind.is_attempts):
        return stale
    paused = run.paused and not run.failing
    match command.kind:
        case TimerKind.RETRY | TimerKind.WAIT | TimerKind.WAVE if paused:
            return stale  # set again when the run is resumed
        case TimerKind.RETRY if node.status is NodeStatus.BACKOFF and node.until_us <= now_us:
            return [next_try(node, now_us)]
        case TimerKind.WAIT if node.status is NodeStatus.WAITING and 0 < node.until_us <= now_us:
            return [_waited(node, now_us)]
        case TimerKind.QUEUE if 0 < node.queue_deadline_us <= now_us and node.status in OUT:
            failure = Failure(type=FailureType.QUEUE_TIMEOUT, message=never_begun(node))
            return [attempt_failed(run, node, failure, now_us)]
        case TimerKind.ATTEMPT if 0 < node.deadline_us <= now_us and node.status in OUT:
            limit = node.timeouts.run_s
            text = f"expected a result within {limit} s, but there was none"
            failure = Failure(type=FailureType.RUN_TIMEOUT, message=text)
            return [attempt_failed(run, node, failure, now_us)]
        case TimerKind.STEP if node.status is NodeStatus.BLOCKED:
            return stale
        case TimerKind.STEP if 0 < total_deadline_us(node) <= now_us and node.handler < 0:
            return timed_out(node)
        case TimerKind.WAVE if rolling.is_due(node, now_us):
            return [rolling.goes_on(node) or begin_item(run, node, now_us)]
        case TimerKind.ESCALATE if not node.escalated and node.plan.approval is not None:
            return [ev.StepEscalated(step=node.path, to=list(escalated_to(node)))]
        case _:
            return stale


def _waited(node: Node, now_us: int) -> ev.Event:
    if node.is_loop:
        path = f"{node.path}[{node.rounds}]"
        return begin(Node(path, node.plan, node.scope, node.rounds, Role.ROUND), now_us)
    return ev.StepCompleted(step=node.path)


def total_deadline_us(node: Node) -> int:
    """When a step with a `total` timeout must have ended, in µs since the epoch; 0: never."""
    total = node.timeouts.total_s
    return 0 if total is None else node.first_us + int(total * 1_000_000)


def _run_timed_out(run: Run, now_us: int) -> Outcome:
    settled = run.rollback is not None and run.rollback.failing is not None
    if run.failing or settled or not 0 < run.deadline_us <= now_us:
        return Rejection(code="timer_stale", message="the run does not wait for its deadline")
    limit = run.graph.timeout_s
    seconds = (run.deadline_us - run.started_us) / 1e6 if limit is None else limit
    text = f"expected the run to end within {seconds} s, but it did not"
    failure = Failure(type=FailureType.WORKFLOW_TIMEOUT, message=text, retryable=False)
    return [ev.RunFailing(ending="failed", failure=failure)]
