"""Why a run is still open: every cause with who will wake it, since when and until when (law 7)."""

from collections.abc import Iterator

import msgspec

from services.workflow.core.approvals import deciders
from services.workflow.core.decide import total_deadline_us
from services.workflow.core.effects import rate_key_of
from services.workflow.core.nodes import Node
from services.workflow.core.rolling import progress
from services.workflow.core.state import Line, Run
from services.workflow.core.statuses import OUT, NodeStatus, RunPhase
from services.workflow.core.waves import Rollout
from stretto.contracts.ids import run_id_text
from stretto.runtime.clock import rfc3339

FAULT = "fault"
"""The cause of a run that has none: a fault of ours."""

_UNBOUNDED = (
    "It has no timeout: nothing but its result ends it (`timeout:` of the step sets a limit)."
)


class Cause(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Why an open run is still open: what it waits for, since when, until when, who wakes it.

    `signal`: the name of the one that is waited for. `task`, `queue`, `attempt`, `worker`: of an
    attempt that is out; `resources`: what it needs of them; `rate_key`: for whose rate it counts;
    `unbounded`: that it has no timeout of any kind. `by`: who may approve; empty: anybody.
    `heartbeat_s`: so long it may give no sign of life once it runs.
    """

    step: str
    cause: str
    owner: str
    since: str
    sentence: str
    until: str | None = None
    signal: str | None = None
    task: str | None = None
    queue: str | None = None
    attempt: int = 0
    worker: str | None = None
    routed: bool = False
    """It goes to a device that fits, by a route."""
    child: str | None = None
    unbounded: bool = False
    resources: dict[str, int] = {}
    rate_key: str | None = None
    sent: bool = False
    by: tuple[str, ...] = ()
    heartbeat_s: float | None = None


def causes(run: Run) -> Iterator[Cause]:
    """Everything that an open run waits for. A run without a cause gets the one that says so."""
    if run.closed:
        return
    told = 0
    for cause in _of_run(run):
        told += 1
        yield cause
    for node in run.open.values():
        found = cause_of(node, run.deadline_us)
        if found is not None:
            told += 1
            yield found
    if not told:
        yield _none(run)


def _of_run(run: Run) -> Iterator[Cause]:
    if run.phase is RunPhase.FINISHING:
        text = "Every step has ended; the decision service works out the run's output."
        yield _own(run, "output", "decision", text, run.touched_us)
    if run.queued and run.line is not None:
        yield queued_cause(run.line, list(run.line.ahead), 0)
    if run.paused:
        said = f" ({run.paused_why})" if run.paused_why else ""
        text = f"The run is paused{said}; `resume` makes it go on."
        yield _own(run, "paused", "person", text, run.paused_us or run.touched_us)


def _none(run: Run) -> Cause:
    if run.todo:
        names = ", ".join(repr(path) for path in list(run.todo)[:5] if path) or "its end"
        text = f"The workflow service goes on by itself with {names}, within a moment."
        return _own(run, "own", "workflow", text, run.touched_us)
    text = (
        "The run is open and waits for nothing: a fault of ours. It is reported as an alert; "
        "please report it too, with `stretto history RUN`."
    )
    return _own(run, FAULT, "workflow", text, run.touched_us)


def _own(run: Run, cause: str, owner: str, sentence: str, since_us: int) -> Cause:
    return Cause(step="", cause=cause, owner=owner, since=rfc3339(since_us), sentence=sentence)


def queued_cause(line: Line, holders: list[str], before: int) -> Cause:
    """That a run waits for a place in its line, and who has it."""
    many = "run is" if line.limit == 1 else "runs are"
    text = f"At most {line.limit} {many} under way at once for the key {line.key!r}"
    if line.cancels:
        text += f"; {', '.join(line.cancels)} cancelled to make room"
    elif holders:
        text += f"; {', '.join(holders)} {'has the place' if line.limit == 1 else 'have places'}"
    if before:
        text += f", and {before} {'waits' if before == 1 else 'wait'} before this one"
    return Cause(
        step="", cause="concurrency", owner="run", since=rfc3339(line.since_us), sentence=f"{text}."
    )


def place_cause(node: Node, holders: list[str], before: int) -> Cause:
    """That a step waits for a place among those of its key, and who has it."""
    place = node.place
    assert place is not None
    name = f"Step {node.path!r}"
    if place.held:
        return _cause(node, "concurrency", "workflow", f"{name} has a place, and begins.")
    many = "step is" if place.limit == 1 else "steps are"
    text = (
        f"{name} waits for a place: at most {place.limit} {many} under way at once for the key "
        f"{place.key!r}"
    )
    if holders:
        text += f"; {', '.join(holders)} {'has the place' if place.limit == 1 else 'have places'}"
    if before:
        text += f", and {before} {'waits' if before == 1 else 'wait'} before this one"
    return _cause(node, "concurrency", "run", f"{text}.", total_deadline_us(node))


def cause_of(node: Node, run_deadline_us: int = 0) -> Cause | None:
    """What one open node waits for; None for a for_each or group, which waits for its parts.

    `run_deadline_us`: when the run as a whole is ended, 0: never.
    """
    name = f"Step {node.path!r}"
    match node.status:
        case NodeStatus.DECIDING:
            return _cause(node, "decision", "decision", f"{name} waits for the decision service.")
        case NodeStatus.SCHEDULED if node.child_run is not None:
            child = run_id_text(node.child_run)
            text = f"{name} waits for run {child} of {_child(node)!r}."
            return msgspec.structs.replace(_cause(node, "child", "workflow", text), child=child)
        case NodeStatus.SCHEDULED | NodeStatus.STARTED:
            return _attempt(node, name, run_deadline_us)
        case NodeStatus.QUEUED:
            return place_cause(node, [], 0)
        case NodeStatus.SEEKING:
            text = f"{name} looks for what an equal step gave."
            return _cause(node, "reuse", "workflow", text, total_deadline_us(node))
        case NodeStatus.BLOCKED:
            return _cause(node, "compensation_failed", "person", _blocked(node))
        case NodeStatus.BACKOFF:
            why = "" if node.failure is None else f" ({node.failure.type})"
            text = f"{name} failed attempt {node.attempt}{why}; the next one is made by itself."
            return _cause(node, "retry", "timer", text, node.until_us)
        case NodeStatus.WAITING if node.plan.signal is not None:
            signal = node.plan.signal.name
            text = f"{name} waits for the signal {signal!r}."
            cause = _cause(node, "signal", "person", text, total_deadline_us(node))
            return msgspec.structs.replace(cause, signal=signal)
        case NodeStatus.WAITING if node.plan.approval is not None:
            by = deciders(node)
            text = f"{name} waits for the approval of {', '.join(by) or 'anybody'}."
            cause = _cause(node, "approval", "person", text, total_deadline_us(node))
            return msgspec.structs.replace(cause, by=by)
        case NodeStatus.WAITING:
            return _cause(node, "timer", "timer", f"{name} waits for its time.", node.until_us)
        case NodeStatus.OPEN if node.each is not None and node.each.rollout is not None:
            return _rollout(node, node.each.rollout, name)
        case _:
            return None


def _rollout(node: Node, rollout: Rollout, name: str) -> Cause | None:
    """How far a rollout is, and who lets it go on; None where a handler has taken over."""
    if node.handler >= 0:
        return None
    halt = rollout.plan.halt
    owner, signal = "worker", None
    if rollout.paused and halt is not None:
        signal = halt.signal
        owner = "person" if halt.for_s is None else "timer"
    elif rollout.until_us:
        owner = "timer"
    text = f"{name} is in {progress(node)}."
    cause = _cause(node, "rollout", owner, text, rollout.until_us or total_deadline_us(node))
    since_us = rollout.since_us if rollout.paused else node.since_us
    return msgspec.structs.replace(cause, signal=signal, since=rfc3339(since_us))


def _blocked(node: Node) -> str:
    assert node.target is not None
    why = "" if node.failure is None else f" ({node.failure.type}: {node.failure.message})"
    return (
        f"Step {node.target.path!r} could not be undone{why}: a person has to `retry` or `skip` "
        "it, or `terminate` the run."
    )


def _attempt(node: Node, name: str, run_deadline_us: int) -> Cause:
    """An attempt that is out: with execution, in a queue, or at a worker."""
    task = node.work.task
    assert task is not None and node.status in OUT
    who = f"{name}, attempt {node.attempt},"
    total_us = total_deadline_us(node)
    if node.status is NodeStatus.STARTED:
        text = f"{who} is being run by {node.worker or 'a worker'}."
        until_us = _earliest(node.deadline_us, total_us)
    else:
        place = f"queue {task.queue!r}" if task.queue else "a queue whose workers know it"
        if task.route is not None:
            place = node.worker or "a device that fits its route"
        text = f"{who} waits for a worker to finish {task.name!r} on {place}."
        until_us = _earliest(node.queue_deadline_us, node.deadline_us, total_us)
    timeouts = node.work.timeouts
    limits = (timeouts.run_s, timeouts.queue_s, timeouts.total_s, timeouts.heartbeat_s)
    unbounded = not any(limits)
    if unbounded and run_deadline_us:
        text = f"{text} It has no timeout of its own; that of the run ends it."
        until_us = run_deadline_us
    elif unbounded:
        text = f"{text} {_UNBOUNDED}"
    return msgspec.structs.replace(
        _cause(node, "attempt", "worker", text, until_us),
        task=task.name,
        queue=task.queue,
        attempt=node.attempt,
        worker=node.worker,
        routed=task.route is not None,
        unbounded=unbounded and not run_deadline_us,
        resources=task.resources,
        rate_key=rate_key_of(node),
        sent=node.worker is not None and node.status is not NodeStatus.STARTED,
        heartbeat_s=timeouts.heartbeat_s or None,
    )


def _earliest(*instants_us: int) -> int:
    return min((at for at in instants_us if at), default=0)


def _child(node: Node) -> str:
    return "" if node.plan.child is None else node.plan.child.workflow


def _cause(node: Node, cause: str, owner: str, sentence: str, until_us: int = 0) -> Cause:
    return Cause(
        step=node.path,
        cause=cause,
        owner=owner,
        since=rfc3339(node.since_us),
        sentence=sentence,
        until=rfc3339(until_us) if until_us else None,
    )
