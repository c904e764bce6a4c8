"""Who may decide about a step that waits for a person: as its definition says, or as was worked out
for it."""

from services.workflow.core.nodes import Node


def deciders(node: Node) -> tuple[str, ...]:
    """Who may approve or reject now; empty: anybody."""
    plan, limits = node.plan.approval, node.limits
    assert plan is not None
    by = plan.by if limits is None or not limits.by else tuple(limits.by)
    return by + (escalated_to(node) if by and node.escalated else ())


def escalated_to(node: Node) -> tuple[str, ...]:
    """Who may decide too, once nobody has in time."""
    plan, limits = node.plan.approval, node.limits
    assert plan is not None
    return (
        plan.escalate_to if limits is None or not limits.escalate_to else tuple(limits.escalate_to)
    )
