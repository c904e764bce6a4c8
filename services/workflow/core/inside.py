"""What is open inside a step that ends before its time."""

from services.workflow.core.nodes import Node
from services.workflow.core.statuses import OUT, NodeStatus
from stretto.contracts import events as ev


def cancelled_inside(node: Node, reason: str) -> list[ev.Event]:
    """The events with which what is open inside a node ends, the innermost first."""
    return [
        ev.StepCancelled(
            step=each.path, reason=reason, attempt=each.attempt if each.status in OUT else 0
        )
        for each in open_inside(node)
    ]


def open_inside(node: Node) -> list[Node]:
    """What is open inside a node, the innermost first."""
    found: list[Node] = []
    parts: list[Node] = []
    if node.body is not None:
        parts += [n for n in node.body.nodes if n is not None]
    if node.each is not None:
        parts += node.each.nodes
    if node.round is not None:
        parts.append(node.round)
    for part in parts:
        if part.straggles:
            found += open_inside(part)
        elif part.status is not NodeStatus.PENDING and not part.ended:
            found += [*open_inside(part), part]
    return found
