"""What follows by itself: the entries of `run.todo`, and the events that begin and end steps."""

import msgspec

from services.workflow.core import places, reuse, rolling
from services.workflow.core.failing import failed, failure_of_items
from services.workflow.core.inside import cancelled_inside
from services.workflow.core.instants import instant, wait_until
from services.workflow.core.labelling import labels_of
from services.workflow.core.nodes import Node, Scope
from services.workflow.core.state import Run
from services.workflow.core.statuses import OUT, NodeStatus, Role, RunPhase
from services.workflow.core.undo_order import compensation_of
from services.workflow.core.unwinding import Rollback
from stretto.contracts import events as ev
from stretto.contracts.failures import Failure, FailureType
from stretto.contracts.ids import run_id_text
from stretto.contracts.payload import NULL

CHILD_TASK = "workflow:"
"""Prefix of the task of an attempt that is another run."""


def follow(run: Run, now_us: int) -> list[ev.Event]:
    """Turn one entry of the todo into events; [] when there is none, or the run is paused or
    waits for a place."""
    if run.rollback is not None:
        return _way_back(run, run.rollback, now_us)
    if not run.todo or ((run.paused or run.queued) and not run.failing):
        return []
    if "" in run.todo:
        return [_run_step(run)]
    return _node_step(run, next(iter(run.todo)), now_us)


def _node_step(run: Run, path: str, now_us: int) -> list[ev.Event]:
    """What follows for one node of the todo."""
    node = run.node(path)
    if node.status is NodeStatus.PENDING:
        if node.stop:
            return [cancelled(run, node)]
        event = begin(node, now_us)
        return _labelled(node, event) if node.plan.labels else [event]
    if node.status is NodeStatus.OPEN:
        return [_open_step(run, node, now_us)]
    if node.stop:
        return [cancelled(run, node)]
    if node.status is NodeStatus.QUEUED:
        assert node.place is not None and node.place.held
        return [immediate(node, node.place.value, now_us)]
    if node.status is NodeStatus.SEEKING:
        return [schedule(node, now_us, reuse.input_of(node))]
    if node.status is NodeStatus.WAITING and node.plan.signal is not None:
        asked = node.plan.signal.where is not None
        return [ev.StepSignalled(step=path, index=node.candidate, asked=asked)]
    if node.plan.child is not None and node.status in OUT:
        assert node.child_run is not None
        output = msgspec.json.encode({"run_id": run_id_text(node.child_run)})
        return [ev.StepCompleted(step=path, attempt=node.attempt, output=msgspec.Raw(output))]
    raise AssertionError(f"{path} is {node.status.word} and has nothing to do")


def _labelled(node: Node, event: ev.Event) -> list[ev.Event]:
    """The first event of a node with labels, and before it its labels, if it begins with that."""
    if isinstance(event, ev.StepSkipped | ev.StepActivated):
        return [event]
    labels = labels_of(node)
    assert not isinstance(labels, Failure), "labels that are constant were checked"
    return [event] if labels is None else [labels, event]


def _way_back(run: Run, back: Rollback, now_us: int) -> list[ev.Event]:
    """What follows in a run that goes back to a step: what is stopped ends, then it is undone, then
    it is pending again. The steps that it does not concern go on meanwhile."""
    for path in run.todo:
        if path and (not (run.paused or run.queued) or back.covers(path)):
            return _node_step(run, path, now_us)
    if back.waits:
        return []
    if run.undoing is None:
        paths = [path for path in run.undo if back.covers(path)]
        if paths:
            return [compensation_of(run, paths)]
    elif run.undoing.left:
        return []
    return [ev.RunRolledBack(steps=back.steps, paused=back.pause or run.paused)]


def cancelled(run: Run, node: Node) -> ev.StepCancelled:
    """The event of a node that is cancelled with what it belongs to."""
    reason = "run_failing" if run.failing else "settled"
    if run.rollback is not None and run.rollback.covers(node.path):
        reason = "rolled_back"
    attempt = node.attempt if node.status in OUT else 0
    return ev.StepCancelled(step=node.path, reason=reason, attempt=attempt)


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
            return compensation_of(run, run.undo)
        case RunPhase.FAILING | RunPhase.COMPENSATING:
            assert run.failure is not None
            if run.ending == "cancelled":
                return ev.RunCancelled(failure=run.failure, uncompensated=run.uncompensated[:])
            return ev.RunFailed(failure=run.failure, uncompensated=run.uncompensated[:])
        case phase:
            raise AssertionError(f"a run that is {phase.word} has nothing to do")


def begin(node: Node, now_us: int) -> ev.Event:
    """The first event of a node whose needs have ended."""
    if node.role in (Role.STEP, Role.EACH):
        skip = skip_reason(node.scope, node.index)
        if skip is not None:
            return ev.StepSkipped(step=node.path, reason=skip)
        if node.role is Role.EACH:
            return ev.StepActivated(step=node.path)
    if node.work.ask is not None and node.role is not Role.ROUND:
        return ev.StepActivated(step=node.path)
    return immediate(node, None, now_us)


def skip_reason(scope: Scope, index: int) -> str | None:
    """Say why a step whose needs have ended does not run, or None."""
    if index in scope.unchosen:
        return "not_chosen"
    if scope.plan.steps[index].runs_on == "success":
        return scope.hurt.get(index)
    return None


def immediate(
    node: Node,
    value: bytes | None,
    now_us: int,
    limits: ev.StepLimited | None = None,
    key: bytes | None = None,
) -> ev.Event:
    """What a node does when there is nothing (more) to decide; `value` is what was decided, with
    the policies `limits` and the `key` of its concurrency."""
    if node.role is Role.COMPENSATION:
        return schedule(node, now_us, value, limits)
    if node.plan.concurrency is not None and places.wants(node):
        return places.ask(node, value, key)
    if node.plan.cache is not None and reuse.wants(node):
        return reuse.seek(node, value, limits)
    if node.is_group or node.is_loop:
        return ev.StepOpened(step=node.path)
    plan = node.plan
    said = value if value is not None else plan.value
    match plan.kind:
        case "task" | "workflow":
            return schedule(node, now_us, value, limits)
        case "set" | "emit" | "cancel":
            return ev.StepCompleted(step=node.path, output=msgspec.Raw(said or b"{}"))
        case "wait":
            return _wait(node, said or b"{}", now_us)
        case "signal" | "approval":
            return ev.StepWaiting(step=node.path)
        case "fail":
            return failed(node, _failure_said(said or b"{}"))
        case kind:
            raise AssertionError(f"a step of kind {kind!r} has something to decide")


def _wait(node: Node, value: bytes, now_us: int) -> ev.Event:
    try:
        return ev.StepWaiting(step=node.path, until=wait_until(value, now_us))
    except (ValueError, OverflowError) as error:
        text = f"expected an instant or a number of seconds to wait for, but got {value[:120]!r}"
        why = Failure(type=FailureType.EXPRESSION, message=f"{text}: {error}", retryable=False)
        return failed(node, why)


_decode_failure = msgspec.json.Decoder(Failure).decode


def _failure_said(value: bytes) -> Failure:
    try:
        return _decode_failure(value)
    except msgspec.MsgspecError as error:
        text = f"expected a type and a message to fail with, but got {value[:120]!r}: {error}"
        return Failure(type=FailureType.EXPRESSION, message=text, retryable=False)


def _open_step(run: Run, node: Node, now_us: int) -> ev.Event:
    """The next step of a for_each, a loop, a group, or a handler."""
    if node.handler >= 0:
        return _inside_ended(node, *_handler_output(node), may_catch=False)
    if node.each is not None:
        return _each_step(run, node, now_us)
    if node.is_loop:
        return _loop_step(run, node)
    return _inside_ended(node, node.plan.output is not None, node.plan.output_value)


def _handler_output(node: Node) -> tuple[bool, bytes | None]:
    handler = node.plan.catch[node.handler]
    nothing = b"null" if handler.body is None else None
    return handler.output is not None, handler.output_value or nothing


def _inside_ended(
    node: Node, asks: bool, value: bytes | None, *, may_catch: bool = True
) -> ev.Event:
    """All steps inside a group, a round or a handler have ended."""
    assert node.body is not None and node.body.open == 0
    if node.body.failure is not None:
        why = msgspec.structs.replace(node.body.failure, retryable=False)
        return failed(node, why, may_catch=may_catch)
    if node.stop:
        return ev.StepCancelled(step=node.path, reason="settled")
    if asks:
        return ev.StepFinishing(step=node.path)
    if value is not None:
        return ev.StepCompleted(step=node.path, output=msgspec.Raw(value))
    return ev.StepCompleted(step=node.path, derived=True)


def _each_step(run: Run, node: Node, now_us: int) -> ev.Event:
    """Begin the next item of a for_each, or end it."""
    each = node.each
    assert each is not None
    if each.rollout is not None and not each.stopping and not node.stop:
        event = rolling.next_of(run, node, now_us)
        if event is not None:
            return event
    settled = each.stopping or node.stop or len(each.nodes) == len(each.items)
    if each.passed or (each.active == 0 and settled):
        if each.rollout is not None and each.rollout.failure is not None:
            return failed(node, each.rollout.failure)
        if each.completed >= each.needed:
            return ev.StepCompleted(step=node.path)
        if node.stop and each.failure is None:
            return ev.StepCancelled(step=node.path, reason="run_failing")
        return failed(node, failure_of_items(node))
    return begin_item(run, node, now_us)


def begin_item(run: Run, node: Node, now_us: int) -> ev.Event:
    """The first event of the next item of a for_each."""
    assert node.each is not None
    index = len(node.each.nodes)
    item = run.known(Node(f"{node.path}[{index}]", node.plan, node.scope, index, Role.ITEM))
    return begin(item, now_us)


def _loop_step(run: Run, node: Node) -> ev.Event:
    """Begin the next round of a loop, ask whether it ends, or end it."""
    done = node.round
    if node.stop:
        return ev.StepCancelled(step=node.path, reason="settled")
    if done is None:
        return ev.StepOpened(step=f"{node.path}[{node.rounds}]")
    if done.status is NodeStatus.COMPLETED:
        return ev.StepFinishing(step=node.path)
    assert done.failure is not None, "a round that was cancelled belongs to a loop that is stopped"
    return failed(node, msgspec.structs.replace(done.failure, retryable=False))


def after_round(node: Node, ends: bool, now_us: int) -> ev.Event:
    """What follows from the answer to a loop's `until`."""
    repeat = node.plan.repeat
    assert repeat is not None
    if ends:
        return ev.StepCompleted(step=node.path, derived=True)
    if node.rounds >= repeat.limit:
        text = f"expected the loop to end within {repeat.limit} rounds, but it did not"
        why = Failure(type=FailureType.LIMIT_REACHED, message=text, retryable=False)
        return failed(node, why)
    at = instant(now_us, repeat.every_s) if repeat.every_s else None
    return ev.StepRepeated(step=node.path, at=at)


def schedule(
    node: Node, now_us: int, value: bytes | None, limits: ev.StepLimited | None = None
) -> ev.StepScheduled:
    """The event that sends the next attempt out. `value` None: the plan's constant input, or, but
    for the first attempt, the same input as before (left out of the event)."""
    work = node.work
    first = node.attempt == node.base
    queue: str | None = None
    if node.plan.child is not None and node.role is not Role.COMPENSATION:
        name = CHILD_TASK + node.plan.child.workflow
        constant = node.plan.value or b"{}"
    else:
        assert work.task is not None
        name, queue, constant = work.task.name, work.task.queue, work.task.input
    timeouts = node.timeouts if limits is None or limits.timeouts is None else limits.timeouts
    queue_s = timeouts.queue_s
    return ev.StepScheduled(
        step=node.path,
        attempt=node.attempt + 1,
        task=name,
        queue=queue,
        input=msgspec.Raw(constant if value is None else value) if first else NULL,
        queue_deadline=None if queue_s is None else instant(now_us, queue_s),
    )


def next_try(node: Node, now_us: int) -> ev.Event:
    """The event of the next try of a step that waits for one: at its task, or at a place."""
    if node.place is not None and not node.place.held:
        return places.again(node)
    return schedule(node, now_us, None)


def timed_out(node: Node) -> list[ev.Event]:
    """A step ran out of its total time: it fails for good, whatever its retries."""
    total = node.timeouts.total_s
    text = f"expected the step to end within {total} s in all, but it did not"
    failure = Failure(type=FailureType.RUN_TIMEOUT, message=text, retryable=False)
    return [*cancelled_inside(node, "timeout"), failed(node, failure)]
