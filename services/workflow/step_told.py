"""How one step of a run stands: from the fold. Pure."""

from services.workflow.core.nodes import Each, Node
from services.workflow.core.state import Run
from services.workflow.core.statuses import NodeStatus, Role
from stretto.bus.service import Refusal
from stretto.contracts.events import COMPENSATION_SUFFIX
from stretto.contracts.ids import run_id_text
from stretto.contracts.step_told import ItemsTold, StepTold

_LEFT_OUT = (NodeStatus.CANCELLED, NodeStatus.SKIPPED)


def step_told(run: Run, path: str) -> StepTold:
    """Tell how a step stands.

    Args:
        run: folded for this question: a step that it has not come to is made in it.

    Raises:
        Refusal: there is no such step (`step_unknown`).
    """
    node = _node(run, path)
    source = None if node.reuse is None else node.reuse.source
    compensates = node.role is Role.COMPENSATION
    return StepTold(
        run_id=run_id_text(run.id),
        step=path,
        kind="compensation" if compensates else node.plan.kind,
        status=status_told(run, node).word,
        attempt=node.attempt,
        failure=None if node.status is NodeStatus.COMPLETED else node.failure,
        items=None if node.each is None else _items(run, node.each),
        reused_run=None if source is None else source[0],
        reused_step=None if source is None else source[1],
    )


def status_told(run: Run, node: Node) -> NodeStatus:
    """How a node stands, or ended: what was open at the end of its run is cancelled, though no
    event of its own says so."""
    left_open = NodeStatus.PENDING < node.status < NodeStatus.COMPLETED
    return NodeStatus.CANCELLED if run.closed and left_open else node.status


def _node(run: Run, path: str) -> Node:
    found = run.nodes.get(path)
    if found is not None:
        return found
    if not path.endswith(("]", COMPENSATION_SUFFIX)):  # those are there once they have begun
        try:
            return run.node(path)
        except KeyError:
            pass
    names = ", ".join(step.name for step in run.root.plan.steps[:20])
    raise Refusal(
        "step_unknown",
        f"expected {path[:200]!r} to be a step of {run.workflow} v{run.version} that the run has "
        f"come to, or one at the top ({names[:500]}), but it is neither",
    )


def _items(run: Run, each: Each) -> ItemsTold:
    statuses = [status_told(run, node) for node in each.nodes]
    failed = statuses.count(NodeStatus.FAILED)
    completed = statuses.count(NodeStatus.COMPLETED)
    left_out = sum(statuses.count(status) for status in _LEFT_OUT)
    return ItemsTold(
        count=len(each.items),
        completed=completed,
        open=len(statuses) - completed - failed - left_out,
        failed=failed,
        left_out=left_out,
        to_come=len(each.items) - len(statuses),
    )
