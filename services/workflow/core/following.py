"""What follows by itself: the entries of `run.todo`, and the events that begin and end steps."""

import msgspec

from services.workflow.core.instants import instant, wait_until
from services.workflow.core.state import Node, NodeStatus, Role, Run, RunPhase, Scope
from stretto.contracts import events as ev
from stretto.contracts.failures import Failure, FailureType
from stretto.contracts.payload import NULL


def follow(run: Run, now_us: int) -> list[ev.Event]:
    """Turn one entry of the todo into events; [] when there is none."""
    if not run.todo:
        return []
    if "" in run.todo:
        return [_run_step(run)]
    path = next(iter(run.todo))
    node = run.nodes.get(path)
    if node is None or node.status is NodeStatus.PENDING:
        return [_begin(run, run.node(path), now_us)]
    if node.role is Role.EACH and node.each is not None:
        return [_each_step(run, node, now_us)]
    return [ev.StepCancelled(step=path, reason=_why_cancelled(run), attempt=node.attempt)]


def _why_cancelled(run: Run) -> str:
    return "run_failing" if run.failing else "join_settled"


def _run_step(run: Run) -> ev.Event:
    """The next step of the run itself."""
    match run.phase:
        case RunPhase.RUNNING if run.failure is not None:
            return ev.RunFailing(ending="failed", failure=run.failure)
        case RunPhase.RUNNING if run.graph.output is not None:
            return ev.RunFinishing()
        case RunPhase.RUNNING:
            value = run.graph.output_value
            return ev.RunCompleted(output=NULL if value is None else msgspec.Raw(value))
        case RunPhase.FAILING if run.compensates and run.undo:
            return ev.CompensationStarted(steps=list(reversed(run.undo)))
        case RunPhase.FAILING | RunPhase.COMPENSATING:
            assert run.failure is not None
            if run.ending == "cancelled":
                return ev.RunCancelled(failure=run.failure, uncompensated=run.uncompensated[:])
            return ev.RunFailed(failure=run.failure, uncompensated=run.uncompensated[:])
        case phase:
            raise AssertionError(f"a run that is {phase.word} has nothing to do")


def _begin(run: Run, node: Node, now_us: int) -> ev.Event:
    """The first event of a node whose needs have ended."""
    if node.role in (Role.STEP, Role.EACH):
        skip = skip_reason(node.scope, node.index)
        if skip is not None:
            return ev.StepSkipped(step=node.path, reason=skip)
        if node.role is Role.EACH:
            return ev.StepActivated(step=node.path)
    if node.work.ask is not None:
        return ev.StepActivated(step=node.path)
    return _immediate(node, now_us)


def skip_reason(scope: Scope, index: int) -> str | None:
    """Say why a step whose needs have ended does not run, or None."""
    if index in scope.unchosen:
        return "not_chosen"
    if scope.plan.steps[index].runs_on == "success":
        return scope.hurt.get(index)
    return None


def _immediate(node: Node, now_us: int) -> ev.Event:
    """The first event of a node that has nothing to decide."""
    if node.role is Role.COMPENSATION:
        return schedule(node, 1, now_us, None)
    plan = node.plan
    match plan.kind:
        case "task":
            return schedule(node, 1, now_us, None)
        case "set":
            return ev.StepCompleted(step=node.path, output=msgspec.Raw(plan.value or b"{}"))
        case "wait":
            return ev.StepWaiting(step=node.path, until=wait_until(plan.value or b"{}", now_us))
        case "fail":
            failure = msgspec.json.decode(plan.value or b"{}", type=Failure)
            return ev.StepFailed(step=node.path, failure=failure)
        case kind:
            raise AssertionError(f"a step of kind {kind!r} has nothing to decide")


def _each_step(run: Run, node: Node, now_us: int) -> ev.Event:
    """Begin the next item of a for_each, or end it."""
    each = node.each
    assert each is not None
    if each.active == 0 and (each.stopping or run.failing or len(each.nodes) == len(each.items)):
        if each.completed >= each.needed:
            return ev.StepCompleted(step=node.path)
        if run.failing and each.failure is None:
            return ev.StepCancelled(step=node.path, reason="run_failing")
        return ev.StepFailed(step=node.path, failure=_items_failure(node))
    return _begin(run, run.node(f"{node.path}[{len(each.nodes)}]"), now_us)


def _items_failure(node: Node) -> Failure:
    each = node.each
    assert each is not None
    count = len(each.items)
    text = f"expected {each.needed} of {count} items to complete, but {each.completed} did"
    first = each.failure
    if first is None:
        return Failure(type=FailureType.ITEMS_FAILED, message=text, retryable=False)
    return Failure(
        type=first.type,
        message=f"{text}; the first that failed: {first.message}",
        retryable=False,
        step=first.step,
    )


def schedule(node: Node, attempt: int, now_us: int, value: bytes | None) -> ev.StepScheduled:
    """The event that sends an attempt out. `value` None: the plan's constant input, or, from the
    second attempt on, the same input as before (left out of the event)."""
    work = node.work
    task = work.task
    assert task is not None
    queue_s = work.timeouts.queue_s
    payload = NULL if attempt > 1 else msgspec.Raw(task.input if value is None else value)
    return ev.StepScheduled(
        step=node.path,
        attempt=attempt,
        task=task.name,
        queue=task.queue,
        input=payload,
        queue_deadline=None if queue_s is None else instant(now_us, queue_s),
    )


def timed_out(node: Node) -> list[ev.Event]:
    """A step ran out of its total time: it fails for good, whatever its retries."""
    total = node.work.timeouts.total_s
    failure = Failure(
        type=FailureType.RUN_TIMEOUT,
        message=f"expected the step to end within {total} s in all, but it did not",
        retryable=False,
    )
    cancelled: list[ev.Event] = []
    if node.each is not None:
        cancelled = [
            ev.StepCancelled(step=item.path, reason="timeout", attempt=item.attempt)
            for item in node.each.nodes
            if not item.ended
        ]
    return [*cancelled, ev.StepFailed(step=node.path, attempt=node.attempt, failure=failure)]
