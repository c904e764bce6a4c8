"""The commands of people: what each means for a run, or why it cannot be done."""

import msgspec

from services.workflow.core import lines, returning, rolling
from services.workflow.core.approvals import deciders
from services.workflow.core.commands import Rejection
from services.workflow.core.failing import failed
from services.workflow.core.following import next_try
from services.workflow.core.inside import open_inside
from services.workflow.core.nodes import Node
from services.workflow.core.rewinding import closure
from services.workflow.core.signals import MAX_BUFFERED, buffered
from services.workflow.core.state import Run
from services.workflow.core.statuses import OUT, NodeStatus, Role
from stretto.contracts import events as ev
from stretto.contracts.failures import MAX_MESSAGE_CHARS, Failure, FailureType
from stretto.contracts.public import ControlRequest

COMMANDS = (
    "cancel", "terminate", "pause", "resume", "signal", "approve", "reject", "retry", "skip",
    "rewind", "rollback", "migrate",
)  # fmt: skip

Outcome = list[ev.Event] | Rejection


def control(run: Run, request: ControlRequest, now_us: int) -> Outcome:
    """Work out what a person's command means."""
    refusal = returning.held_off(run, request)
    if refusal is not None:
        return refusal
    match request.command:
        case "cancel":
            return _cancel(run, request)
        case "terminate":
            return _terminate(run, request)
        case "pause" | "resume":
            return _pause(run, request)
        case "signal":
            return _signal(run, request)
        case "approve" | "reject":
            return _approval(run, request)
        case "retry":
            return _retry(run, request, now_us)
        case "skip":
            return _skip(run, request)
        case "rewind":
            return _rewind(run, request)
        case "rollback":
            return returning.roll_back(run, request)
        case other:
            return Rejection(
                code="unknown_command",
                message=f"expected one of {', '.join(COMMANDS)}, but got {other[:60]!r}",
            )


def _asked(request: ControlRequest) -> Failure:
    reason = (request.reason or f"{request.command} was asked for")[:MAX_MESSAGE_CHARS]
    return Failure(type=FailureType.CANCELLED, message=reason, retryable=False)


def _cancel(run: Run, request: ControlRequest) -> Outcome:
    if run.failing or (run.rollback is not None and run.rollback.failing is not None):
        return Rejection(
            code="already_failing",
            message=f"expected the run to be running, but it is {run.phase.word} already",
        )
    return [ev.RunFailing(ending="cancelled", failure=_asked(request), by=request.by)]


def _terminate(run: Run, request: ControlRequest) -> Outcome:
    """End at once: attempts and children that are out are withdrawn, nothing is undone."""
    out: list[ev.Event] = [
        ev.StepCancelled(step=node.path, reason="terminated", attempt=node.attempt)
        for node in run.open.values()
        if node.status in OUT
    ]
    return [*out, ev.RunTerminated(failure=_asked(request), by=request.by)]


def _pause(run: Run, request: ControlRequest) -> Outcome:
    wanted = request.command == "pause"
    if run.failing:
        return Rejection(
            code="already_failing",
            message=f"expected the run to be running, but it is {run.phase.word}",
        )
    if run.paused is wanted:
        state, other = ("paused", "running") if run.paused else ("running", "paused")
        return Rejection(
            code=f"not_{other}", message=f"expected the run to be {other}, but it is {state}"
        )
    kind = ev.RunPaused if wanted else ev.RunResumed
    return [kind(by=request.by, reason=request.reason)]


def _signal(run: Run, request: ControlRequest) -> Outcome:
    if not request.name:
        return Rejection(
            code="signal_invalid", message="expected the `name` of the signal, but there is none"
        )
    if buffered(run) >= MAX_BUFFERED:
        return Rejection(
            code="signals_full",
            message=f"expected fewer than {MAX_BUFFERED} signals that no step has taken, but the "
            "run holds so many",
        )
    payload = msgspec.Raw(bytes(request.payload))
    return [
        ev.SignalReceived(name=request.name, payload=payload, by=request.by, reason=request.reason)
    ]


def _approval(run: Run, request: ControlRequest) -> Outcome:
    waiting = [
        node
        for node in run.open.values()
        if node.plan.approval is not None
        and node.status is NodeStatus.WAITING
        and request.step in (None, node.path)
    ]
    paused = rolling.waiting(run, request.step)
    if len(paused) == 1 and not waiting:
        return rolling.decided_by(request, paused[0])
    if len(waiting) + len(paused) != 1:
        count = len(waiting) + len(paused)
        which = f"{count} steps wait; name one"
        if not count:
            which = "no step waits" if request.step is None else f"{request.step!r} does not wait"
        return Rejection(
            code="approval_not_open",
            message=f"expected one step that waits for approval, but {which}",
        )
    node = waiting[0]
    allowed = deciders(node)
    if allowed and request.by not in allowed:
        return Rejection(
            code="not_allowed",
            message=f"expected one of {', '.join(allowed)} to decide about {node.path!r}, but "
            f"{request.by or 'nobody named'} did",
        )
    if request.command == "approve":
        return [ev.StepApproved(step=node.path, by=request.by, reason=request.reason)]
    why = request.reason or f"{request.by or 'somebody'} rejected it"
    event = failed(node, Failure(type=FailureType.REJECTED, message=why, retryable=False))
    return [msgspec.structs.replace(event, by=request.by)]


def _retry(run: Run, request: ControlRequest, now_us: int) -> Outcome:
    """Go back to the steps that failed; or try those that wait for their next attempt now; or
    compensations that wait for a person."""
    blocked = returning.compensations(run, request.step, blocked=True)
    if blocked:
        return returning.retry(request, blocked)
    late = [
        node
        for node in run.open.values()
        if node.status is NodeStatus.BACKOFF and request.step in (None, node.path)
    ]
    failed_steps = [
        node.plan.name
        for node in run.root.nodes
        if node is not None and node.status is NodeStatus.FAILED
    ]
    if late and (request.step is not None or not failed_steps):
        return _hasten(run, request, late, now_us)
    steps = failed_steps if request.step is None else [request.step]
    if not steps or any(step not in failed_steps for step in steps):
        which = "none did" if request.step is None else f"{request.step[:60]!r} did not"
        return Rejection(
            code="step_not_failed",
            message=f"expected a step that failed or waits for its next attempt, but {which}; "
            f"failed: {', '.join(failed_steps) or 'none'}",
        )
    return _go_back(run, request, steps)


def _hasten(run: Run, request: ControlRequest, nodes: list[Node], now_us: int) -> Outcome:
    if run.paused:
        return Rejection(
            code="not_running", message="expected the run to be running, but it is paused"
        )
    out: list[ev.Event] = []
    for node in nodes:
        out.append(ev.StepHastened(step=node.path, by=request.by, reason=request.reason))
        out.append(next_try(node, now_us))
    return out


def _rewind(run: Run, request: ControlRequest) -> Outcome:
    if request.step is None or request.step not in run.root.by_name:
        known = ", ".join(list(run.root.by_name)[:20])
        return Rejection(
            code="step_unknown",
            message=f"expected a step of the workflow, but got {str(request.step)[:60]!r}; steps: "
            f"{known}",
        )
    if not run.closed and run.root.is_pending(run.root.by_name[request.step]):
        return Rejection(
            code="step_not_begun",
            message=f"expected a step that the run has come to, but {request.step!r} has not begun",
        )
    return _go_back(run, request, [request.step])


def _go_back(run: Run, request: ControlRequest, steps: list[str]) -> Outcome:
    refusal = returning.cannot_return(run)
    if refusal is not None:
        return refusal
    scope = run.root
    again = closure(scope, {scope.by_name[step] for step in steps})
    cancelled: list[ev.Event] = []
    for index in sorted(again):
        node = scope.nodes[index]
        if node is not None and node.straggles:
            cancelled += [_cancelled(n) for n in open_inside(node)]
        elif node is not None and node.path in run.open:
            cancelled += [_cancelled(n) for n in [*open_inside(node), node]]
    return [
        *cancelled,
        ev.RunRewound(steps=steps, by=request.by, reason=request.reason),
        *lines.again(run),
    ]


def _cancelled(node: Node) -> ev.StepCancelled:
    attempt = node.attempt if node.status in OUT else 0
    return ev.StepCancelled(step=node.path, reason="rewound", attempt=attempt)


def _skip(run: Run, request: ControlRequest) -> Outcome:
    undone = returning.compensations(run, request.step, blocked=False)
    if undone and request.step is not None:
        return returning.skip(request, undone)
    if run.failing:
        return Rejection(
            code="already_failing",
            message=f"expected the run to be running, but it is {run.phase.word}",
        )
    node = None if request.step is None else run.open.get(request.step)
    if node is None or node.role in (Role.COMPENSATION, Role.ROUND):
        named = "none is named" if request.step is None else f"{request.step[:60]!r} is none"
        return Rejection(
            code="step_not_open",
            message=f"expected an open step to skip, but {named}; open: "
            f"{', '.join(list(run.open)[:20]) or 'none'}",
        )
    inside = [_cancelled(n) for n in open_inside(node)]
    skipped = ev.StepSkipped(step=node.path, reason="by_request", by=request.by, why=request.reason)
    return [*inside, skipped]
