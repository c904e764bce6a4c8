"""The events of failures: who tries again, who catches, who fails for good."""

import msgspec

from services.workflow.core.instants import instant
from services.workflow.core.nodes import Node
from services.workflow.core.policy import backoff_s, may_retry
from services.workflow.core.state import Run
from services.workflow.core.statuses import OUT, Role
from stretto.contracts import events as ev
from stretto.contracts.failures import MAX_MESSAGE_CHARS, Failure, FailureType


def attempt_failed(run: Run, node: Node, failure: Failure, now_us: int) -> ev.StepFailed:
    """The event of a failed attempt: with the instant of the next one, if there is to be one."""
    tries = node.attempt - node.base
    if node.place is not None:  # to be refused a place counts as a try
        tries += node.place.refused + (not node.place.held)
    if not node.stop and may_retry(node.retry, failure, tries):
        key = run.id + f":{node.path}:{node.attempt}".encode()
        retry_at = instant(now_us, backoff_s(node.retry, tries, key))
        return ev.StepFailed(
            step=node.path, attempt=node.attempt, failure=_cut(failure), retry_at=retry_at
        )
    return failed(node, failure)


def failed(node: Node, failure: Failure, *, may_catch: bool = True) -> ev.StepFailed:
    """The event of a step that has failed for good, or is taken over by a handler of its own; a
    compensation waits for a person then."""
    failure = _cut(failure)
    if failure.step is None and node.role is not Role.COMPENSATION:
        failure = msgspec.structs.replace(failure, step=node.path)
    return ev.StepFailed(
        step=node.path,
        attempt=node.attempt if node.status in OUT else 0,
        failure=failure,
        handler=handler_for(node, failure) if may_catch else -1,
        blocked=node.role is Role.COMPENSATION,
    )


def handler_for(node: Node, failure: Failure) -> int:
    """The first `catch` of a step that fits a failure, or -1."""
    if node.role not in (Role.STEP, Role.EACH) or node.stop or node.handler >= 0:
        return -1
    for index, handler in enumerate(node.plan.catch):
        if not handler.on or failure.type in handler.on:
            return index
    return -1


def never_begun(node: Node) -> str:
    """Say that nobody has begun an attempt in its time: what was to be done, and by whom."""
    task = node.work.task
    what = "" if task is None else f" {task.name!r}"
    who, place = "worker", ""
    if task is not None and task.route is not None:
        who = "device that fits its route"
    elif task is not None and task.queue is not None:
        place = f" on queue {task.queue!r}"
    limit = node.timeouts.queue_s
    within = "in time" if limit is None else f"within {limit:g} s"  # of another version, perhaps
    return f"expected a {who} to begin{what}{place} {within}, but none did"


def failure_of_items(node: Node) -> Failure:
    """Why a for_each failed: how many of its items, and the first of them."""
    each = node.each
    assert each is not None
    count = len(each.items)
    text = f"expected {each.needed} of {count} items to complete, but {each.completed} did"
    first = each.failure
    if first is None:
        return Failure(type=FailureType.ITEMS_FAILED, message=text, retryable=False)
    message = f"{text}; the first that failed: {first.message or first.type}"
    return Failure(type=first.type, message=message, retryable=False, step=first.step)


def _cut(failure: Failure) -> Failure:
    if len(failure.message) <= MAX_MESSAGE_CHARS:
        return failure
    return msgspec.structs.replace(failure, message=failure.message[:MAX_MESSAGE_CHARS])
