"""What people may ask about undoing: roll back to a step, try a compensation again, do without."""

from services.workflow.core import lines
from services.workflow.core.commands import Rejection
from services.workflow.core.nodes import Node
from services.workflow.core.rewinding import closure
from services.workflow.core.state import Run
from services.workflow.core.statuses import NodeStatus, Role, RunPhase
from stretto.contracts import events as ev
from stretto.contracts.public import ControlRequest

Outcome = list[ev.Event] | Rejection

_WHILE_RETURNING = frozenset(
    {"cancel", "terminate", "signal", "approve", "reject", "retry", "skip"}
)
"""What may be asked of a run that is on its way back to a step."""


def held_off(run: Run, request: ControlRequest) -> Rejection | None:
    """The refusal of what has to wait until the run is back where it was sent, or None."""
    if run.rollback is None or request.command in _WHILE_RETURNING:
        return None
    return Rejection(
        code="rolling_back",
        message=f"expected the run to be back at step {run.rollback.to!r}, but it is on its way: "
        "wait for it, or terminate it",
    )


def roll_back(run: Run, request: ControlRequest) -> Outcome:
    """Go back to the end of a step: undo all that came of it, make that pending, go on."""
    to = request.to if request.to is not None else request.step
    scope = run.root
    index = None if to is None else scope.by_name.get(to)
    if to is None or index is None:
        known = ", ".join(list(scope.by_name)[:20])
        return Rejection(
            code="step_unknown",
            message=f"expected the step to go back `to`, but got {str(to)[:60]!r}; steps: {known}",
        )
    refusal = cannot_return(run, RunPhase.FINISHING)
    if refusal is not None:
        return refusal
    node = scope.nodes[index]
    if node is None or node.status is not NodeStatus.COMPLETED:
        state = "pending" if node is None else node.status.word
        return Rejection(
            code="step_not_completed",
            message=f"expected a completed step to go back to, but {to!r} is {state}",
        )
    again = closure(scope, set(scope.plan.steps[index].dependents))
    if run.closed:  # what failed is tried again
        failed = {n.index for n in scope.nodes if n is not None and n.status is NodeStatus.FAILED}
        again |= closure(scope, failed)
    again.discard(index)
    names = [scope.plan.steps[i].name for i in sorted(again)]
    event = ev.RunRollingBack(
        to=to, steps=names, pause=request.pause, by=request.by, reason=request.reason
    )
    return [event, *lines.again(run)]


def cannot_return(run: Run, *also: RunPhase) -> Rejection | None:
    """The refusal of going back where the run has ended for good or was undone, or None. `also`:
    phases from which a way back is open beside those of all."""
    if run.phase not in (RunPhase.RUNNING, RunPhase.FAILED, RunPhase.CANCELLED, *also):
        return Rejection(
            code="run_not_resumable",
            message=f"expected a run that is running, failed or cancelled, but it is "
            f"{run.phase.word}",
        )
    if any(node.role is Role.COMPENSATION for node in run.nodes.values()):
        return Rejection(
            code="run_compensated",
            message="expected a run of which nothing was undone, but steps were compensated: "
            "fork it, or start it anew",
        )
    return None


def compensations(run: Run, step: str | None, *, blocked: bool) -> list[Node]:
    """The compensations that are open (or only those that wait for a person) of a step, which may
    be named by its own path or that of its compensation; None: of all."""
    if run.undoing is None:
        return []
    return [
        node
        for node in run.open.values()
        if node.role is Role.COMPENSATION
        and (node.status is NodeStatus.BLOCKED or not blocked)
        and (step is None or step == node.path or (node.target and step == node.target.path))
    ]


def retry(request: ControlRequest, nodes: list[Node]) -> list[ev.Event]:
    """Have compensations that failed for good tried again."""
    by, reason = request.by, request.reason
    return [ev.CompensationRetried(step=node.path, by=by, reason=reason) for node in nodes]


def skip(request: ControlRequest, nodes: list[Node]) -> list[ev.Event]:
    """Do without compensations."""
    by, why = request.by, request.reason
    return [ev.StepSkipped(step=node.path, reason="by_request", by=by, why=why) for node in nodes]
