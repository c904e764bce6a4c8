"""A run as the outside sees it: its fold. Pure functions over a run."""

from collections.abc import Iterator

import msgspec

from services.workflow.causes import causes
from services.workflow.claims import STEP_LINE, Waited
from services.workflow.core.nodes import Node, Scope
from services.workflow.core.state import Run
from services.workflow.core.statuses import NodeStatus, Role
from services.workflow.slots import Slot, public_status
from services.workflow.step_told import status_told
from stretto.contracts.answers import LineView
from stretto.contracts.failures import Failure, FailureType
from stretto.runtime.clock import rfc3339

MAX_STEPS_SHOWN = 10_000


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
    if run.rollback is not None:
        view["rolling_back_to"] = run.rollback.to
    return view


def steps(run: Run) -> list[dict[str, object]]:
    """Every step of the definition, in its order, each with its items and compensation."""
    shown: list[dict[str, object]] = []
    for node in _in_order(run.root):
        if len(shown) == MAX_STEPS_SHOWN:
            return shown
        shown.append(node if isinstance(node, dict) else _step(run, node))
    shown.extend(_step(run, n) for n in run.nodes.values() if n.role is Role.COMPENSATION)
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


def _step(run: Run, node: Node) -> dict[str, object]:
    kind = "compensation" if node.role is Role.COMPENSATION else node.plan.kind
    status = status_told(run, node)
    view: dict[str, object] = {"step": node.path, "kind": kind, "status": status.word}
    if node.plan.labels:
        view["labels"] = node.plan.labels
    if node.attempt:
        view["attempt"] = node.attempt
    if node.first_us:
        view["started_at"] = rfc3339(node.first_us)
    if node.ended and node.since_us:
        view["ended_at"] = rfc3339(node.since_us)
    elif status is NodeStatus.CANCELLED:
        view["ended_at"] = rfc3339(run.touched_us)
    if node.output is not None:
        view["output"] = msgspec.Raw(node.output)
    if node.failure is not None and node.status is not NodeStatus.COMPLETED:
        view["failure"] = node.failure
    if node.reuse is not None and node.reuse.source is not None:
        view["reused_run"], view["reused_step"] = node.reuse.source
    if node.worker is not None:
        view["worker"] = node.worker
    if node.each is not None:
        view["items"] = {
            "count": len(node.each.items),
            "begun": len(node.each.nodes),
            "completed": node.each.completed,
        }
    return view


def never_begun_told(run: Run, failure: Failure) -> dict[str, str]:
    """The task, and its queue where it names one, that no worker began in time: of a run that
    failed for that; else nothing."""
    node = run.nodes.get(failure.step or "") if failure.type == FailureType.QUEUE_TIMEOUT else None
    task = None if node is None else node.plan.task
    if task is None or task.route is not None:
        return {}
    return {"task": task.name} if task.queue is None else {"task": task.name, "queue": task.queue}


def line_view(found: Waited) -> LineView:
    """A line in which somebody waits."""
    at = found.at
    return LineView(
        namespace=at.namespace,
        workflow=at.line.partition(" ")[2],
        key=at.key,
        of="steps" if at.line.startswith(STEP_LINE) else "runs",
        limit=found.places,
        taken=found.taken,
        waiting=found.waiting,
        since=rfc3339(found.since_us),
    )
