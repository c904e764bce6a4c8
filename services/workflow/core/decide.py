"""What follows from a command: events, or a rejection. Reads the run, never changes it."""

from typing import assert_never

import msgspec

from services.workflow.core import commands as cm
from services.workflow.core.commands import Rejection, TimerKind
from services.workflow.core.following import follow, schedule, timed_out
from services.workflow.core.instants import instant, wait_until
from services.workflow.core.policy import backoff_s, may_retry
from services.workflow.core.state import OUT, Node, NodeStatus, Role, Run, RunPhase
from stretto.contracts import events as ev
from stretto.contracts.failures import MAX_MESSAGE_CHARS, Failure, FailureType
from stretto.contracts.ids import run_id_text
from stretto.contracts.payload import NULL

Outcome = list[ev.Event] | Rejection


_decode_failure = msgspec.json.Decoder(Failure).decode


def decide(run: Run, command: cm.Command, now_us: int) -> Outcome:
    """Work out what `command` means for `run` at `now_us` (µs since the epoch)."""
    if run.closed:
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
        case cm.TimerFired():
            return _timer(run, command, now_us)
        case cm.Control():
            return _control(run, command)
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
    timeout = run.graph.timeout_s
    return [
        ev.RunStarted(
            namespace=command.namespace,
            workflow=run.workflow,
            version=run.version,
            input=msgspec.Raw(command.input),
            id=command.caller_id,
            labels={**run.graph.labels, **command.labels},
            deadline=None if timeout is None else instant(now_us, timeout),
            traceparent=command.traceparent,
            caller_traceparent=command.caller_traceparent,
        )
    ]


def _result(run: Run, command: cm.Result, now_us: int) -> Outcome:
    node = _attempt_out(run, command.path, command.attempt)
    if isinstance(node, Rejection):
        return node
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
    if command.worker or command.started_at:
        event = msgspec.structs.replace(
            event,
            worker=command.worker,
            started_at=command.started_at,
            finished_at=command.finished_at,
        )
    return [event]


def attempt_failed(run: Run, node: Node, failure: Failure, now_us: int) -> ev.StepFailed:
    """The event of a failed attempt: with the instant of the next one, if there is to be one."""
    if len(failure.message) > MAX_MESSAGE_CHARS:
        failure = msgspec.structs.replace(failure, message=failure.message[:MAX_MESSAGE_CHARS])
    retry_at = None
    alone = node.role is Role.COMPENSATION or not run.failing
    if alone and may_retry(node.work.retry, failure, node.attempt):
        key = run.id + f":{node.path}:{node.attempt}".encode()
        retry_at = instant(now_us, backoff_s(node.work.retry, node.attempt, key))
    return ev.StepFailed(step=node.path, attempt=node.attempt, failure=failure, retry_at=retry_at)


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
    run_s = node.work.timeouts.run_s
    deadline = None if run_s is None else instant(now_us, run_s)
    return [
        ev.StepStarted(
            step=node.path, attempt=node.attempt, worker=command.worker, deadline=deadline
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
        return [ev.StepFailed(step=node.path, failure=record.error)]
    if record.skip:
        return [ev.StepSkipped(step=node.path, reason="condition")]
    if node.role is Role.EACH:
        items = [msgspec.Raw(item) for item in record.items or []]
        return [ev.StepExpanded(step=node.path, items=items)]
    output = b"null" if record.output is None else record.output
    if node.role is Role.COMPENSATION:
        return [schedule(node, 1, now_us, output)]
    match node.plan.kind:
        case "task":
            return [schedule(node, 1, now_us, output)]
        case "set":
            return [ev.StepCompleted(step=node.path, output=msgspec.Raw(output))]
        case "switch":
            return [_choice(node, record.branch)]
        case "wait":
            return _wait(node, output, now_us)
        case "fail":
            return _fail(node, output)
        case kind:
            raise AssertionError(f"a step of kind {kind!r} was activated in {run.workflow!r}")


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


def _wait(node: Node, value: bytes, now_us: int) -> Outcome:
    try:
        until = wait_until(value, now_us)
    except (ValueError, OverflowError) as error:
        text = f"expected an instant or a number of seconds to wait for, but got {value[:120]!r}"
        failure = Failure(type=FailureType.EXPRESSION, message=f"{text}: {error}", retryable=False)
        return [ev.StepFailed(step=node.path, failure=failure)]
    return [ev.StepWaiting(step=node.path, until=until)]


def _fail(node: Node, value: bytes) -> Outcome:
    try:
        failure = _decode_failure(value)
    except msgspec.MsgspecError as error:
        text = f"expected a type and a message to fail with, but got {value[:120]!r}: {error}"
        failure = Failure(type=FailureType.EXPRESSION, message=text, retryable=False)
    return [ev.StepFailed(step=node.path, failure=failure)]


def _timer(run: Run, command: cm.TimerFired, now_us: int) -> Outcome:
    if command.kind is TimerKind.RUN:
        return _run_timed_out(run, now_us)
    node = run.open.get(command.path)
    stale = Rejection(code="timer_stale", message=f"nobody waits for {command.kind.name} any more")
    if node is None or node.attempt != command.attempt:
        return stale
    match command.kind:
        case TimerKind.RETRY if node.status is NodeStatus.BACKOFF and node.until_us <= now_us:
            return [schedule(node, node.attempt + 1, now_us, None)]
        case TimerKind.WAIT if node.status is NodeStatus.WAITING and node.until_us <= now_us:
            return [ev.StepCompleted(step=node.path)]
        case TimerKind.QUEUE if 0 < node.queue_deadline_us <= now_us and node.status in OUT:
            limit = node.work.timeouts.queue_s
            text = f"expected a worker to begin within {limit} s, but none did"
            failure = Failure(type=FailureType.QUEUE_TIMEOUT, message=text)
            return [attempt_failed(run, node, failure, now_us)]
        case TimerKind.ATTEMPT if 0 < node.deadline_us <= now_us and node.status in OUT:
            limit = node.work.timeouts.run_s
            text = f"expected a result within {limit} s, but there was none"
            failure = Failure(type=FailureType.RUN_TIMEOUT, message=text)
            return [attempt_failed(run, node, failure, now_us)]
        case TimerKind.STEP if total_deadline_us(node) <= now_us:
            return timed_out(node)
        case _:
            return stale


def total_deadline_us(node: Node) -> int:
    """When a step with a `total` timeout must have ended, in µs since the epoch."""
    total = node.work.timeouts.total_s
    return node.first_us + int((total or 0.0) * 1_000_000)


def _run_timed_out(run: Run, now_us: int) -> Outcome:
    if run.failing or not 0 < run.deadline_us <= now_us:
        return Rejection(code="timer_stale", message="the run does not wait for its deadline")
    text = f"expected the run to end within {run.graph.timeout_s} s, but it did not"
    failure = Failure(type=FailureType.WORKFLOW_TIMEOUT, message=text, retryable=False)
    return [ev.RunFailing(ending="failed", failure=failure)]


def _control(run: Run, command: cm.Control) -> Outcome:
    request = command.request
    reason = (request.reason or f"{request.command} was asked for")[:MAX_MESSAGE_CHARS]
    failure = Failure(type=FailureType.CANCELLED, message=reason, retryable=False)
    match request.command:
        case "cancel" if run.failing:
            return Rejection(
                code="already_failing",
                message=f"expected the run to be running, but it is {run.phase.word} already",
            )
        case "cancel":
            return [ev.RunFailing(ending="cancelled", failure=failure, by=request.by)]
        case "terminate":
            return [ev.RunTerminated(failure=failure, by=request.by)]
        case other:
            return Rejection(
                code="unknown_command",
                message=f"expected a command that runs know (cancel, terminate), but got "
                f"{other[:60]!r}",
            )
