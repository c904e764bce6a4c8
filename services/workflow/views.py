"""A run as the outside sees it: its fold, and why it is still open. Pure functions over a run."""

from collections.abc import Iterator

import msgspec

from services.workflow.core.decide import total_deadline_us
from services.workflow.core.state import Node, NodeStatus, Role, Run, RunPhase, Scope
from services.workflow.slots import Slot, public_status
from stretto.contracts.ids import run_id_text
from stretto.runtime.clock import rfc3339

MAX_STEPS_SHOWN = 10_000


class Cause(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Why an open run is still open: what it waits for, since when, until when, who wakes it."""

    step: str
    cause: str
    owner: str
    since: str
    sentence: str
    until: str | None = None


def causes(run: Run) -> Iterator[Cause]:
    """Everything that an open run waits for. None at all is a fault of ours."""
    if run.closed:
        return
    if run.phase is RunPhase.FINISHING:
        yield Cause(
            step="",
            cause="output",
            owner="decision",
            since=rfc3339(run.touched_us),
            sentence="Every step has ended; the decision service works out the run's output.",
        )
    if run.paused:
        yield Cause(
            step="",
            cause="paused",
            owner="person",
            since=rfc3339(run.touched_us),
            sentence="The run is paused; `resume` makes it go on.",
        )
    for node in run.open.values():
        cause = cause_of(node)
        if cause is not None:
            yield cause


def cause_of(node: Node) -> Cause | None:
    """What one open node waits for; None for a for_each, which waits for its items."""
    name = f"Step {node.path!r}"
    match node.status:
        case NodeStatus.DECIDING:
            return _cause(node, "decision", "decision", f"{name} waits for the decision service.")
        case NodeStatus.SCHEDULED if node.child_run is not None:
            text = f"{name} waits for run {run_id_text(node.child_run)} of {_child(node)!r}."
            return _cause(node, "child", "workflow", text)
        case NodeStatus.SCHEDULED:
            assert node.work.task is not None
            task = node.work.task
            queue = f"queue {task.queue!r}" if task.queue else "a queue whose workers know it"
            who = f"{name}, attempt {node.attempt},"
            text = f"{who} waits for a worker to finish {task.name!r} on {queue}."
            return _cause(node, "attempt", "worker", text, node.queue_deadline_us)
        case NodeStatus.STARTED:
            text = f"{name}, attempt {node.attempt}, is being run by {node.worker or 'a worker'}."
            return _cause(node, "attempt", "worker", text, node.deadline_us)
        case NodeStatus.BACKOFF:
            why = "" if node.failure is None else f" after {node.failure.type}"
            text = (
                f"{name} failed attempt {node.attempt}{why} and is tried again at the given time."
            )
            return _cause(node, "retry", "timer", text, node.until_us)
        case NodeStatus.WAITING if node.plan.signal is not None:
            text = f"{name} waits for the signal {node.plan.signal.name!r}."
            return _cause(node, "signal", "person", text, total_deadline_us(node))
        case NodeStatus.WAITING if node.plan.approval is not None:
            who = ", ".join(node.plan.approval.by) or "anybody"
            text = f"{name} waits for the approval of {who}."
            return _cause(node, "approval", "person", text, total_deadline_us(node))
        case NodeStatus.WAITING:
            return _cause(node, "timer", "timer", f"{name} waits for its time.", node.until_us)
        case _:
            return None


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


def state(slot: Slot) -> dict[str, object]:
    """The fold of a run as JSON."""
    run, row = slot.run, slot.row
    view: dict[str, object] = {
        "run_id": slot.text,
        "namespace": run.namespace,
        "workflow": run.workflow,
        "version": run.version,
        "status": public_status(run),
        "phase": run.phase.word,
        "seq": run.seq,
        "started_at": rfc3339(run.started_us),
        "input": msgspec.Raw(run.input),
        "labels": run.labels,
        "steps": steps(run),
        "pending": list(causes(run)),
    }
    if run.caller_id is not None:
        view["id"] = run.caller_id
    if run.closed:
        view["closed_at"] = rfc3339(row.closed_us or run.touched_us)
        view["output"] = msgspec.Raw(run.output)
    if run.failure is not None:
        view["failure"] = run.failure
    if run.uncompensated:
        view["uncompensated"] = run.uncompensated
    return view


def steps(run: Run) -> list[dict[str, object]]:
    """Every step of the definition, in its order, each with its items and compensation."""
    shown: list[dict[str, object]] = []
    for node in _in_order(run.root):
        if len(shown) == MAX_STEPS_SHOWN:
            return shown
        shown.append(node if isinstance(node, dict) else _step(node))
    shown.extend(_step(n) for n in run.nodes.values() if n.role is Role.COMPENSATION)
    return shown[:MAX_STEPS_SHOWN]


def _in_order(scope: Scope) -> Iterator[Node | dict[str, object]]:
    """The steps of a scope in the order of the text, each followed by what is inside it."""
    for index, step in enumerate(scope.plan.steps):
        node = scope.nodes[index]
        if node is None:
            yield {"step": scope.path(index), "kind": step.kind, "status": "pending"}
        else:
            yield from _with_inside(node)


def _with_inside(node: Node) -> Iterator[Node | dict[str, object]]:
    yield node
    if node.each is not None:
        for item in node.each.nodes:
            yield from _with_inside(item)
    if node.round is not None:
        yield from _with_inside(node.round)
    if node.body is not None:
        yield from _in_order(node.body)


def _step(node: Node) -> dict[str, object]:
    kind = "compensation" if node.role is Role.COMPENSATION else node.plan.kind
    view: dict[str, object] = {"step": node.path, "kind": kind, "status": node.status.word}
    if node.attempt:
        view["attempt"] = node.attempt
    if node.first_us:
        view["started_at"] = rfc3339(node.first_us)
    if node.ended and node.since_us:
        view["ended_at"] = rfc3339(node.since_us)
    if node.output is not None:
        view["output"] = msgspec.Raw(node.output)
    if node.failure is not None and node.status is not NodeStatus.COMPLETED:
        view["failure"] = node.failure
    if node.worker is not None:
        view["worker"] = node.worker
    if node.each is not None:
        view["items"] = {
            "count": len(node.each.items),
            "begun": len(node.each.nodes),
            "completed": node.each.completed,
        }
    return view
