"""`priority` and `resources` of a task: in which order attempts go, and what they need
meanwhile."""

from collections.abc import Iterable
from collections.abc import Mapping as Map

from stretto.contracts.admission import (
    DEFAULT_PRIORITY,
    MAX_AMOUNT,
    MAX_PRIORITY,
    MAX_RESOURCES,
    RESOURCE_PATTERN,
)
from stretto.definition.container_shapes import MapOf
from stretto.definition.mistakes import Report
from stretto.definition.model import StepText, WorkflowText
from stretto.definition.nodes import Mapping, Node, Path, Scalar
from stretto.definition.retry_timeout import OrExpression
from stretto.definition.scalar_shapes import Name, Number
from stretto.definition.shapes import Field
from stretto.definition.texts import MARK

PRIORITY = Number("a priority", 0, MAX_PRIORITY, whole=True)
"""Of defaults and compensations: a constant."""

_WORDS = (
    f"From 0 to {MAX_PRIORITY}: of what waits for a worker, the higher goes first. "
    f"Default {DEFAULT_PRIORITY}."
)

PRIORITY_FIELD = Field(PRIORITY, _WORDS)
STEP_PRIORITY_FIELD = Field(OrExpression(PRIORITY), _WORDS)

_NAME = Name(
    "the name of a resource",
    RESOURCE_PATTERN,
    "letters, digits and _ . / -",
    lambda text: "-".join(text.split()),
)

RESOURCES_FIELD = Field(
    MapOf(
        "resources (a mapping of amounts)",
        _NAME,
        Number("an amount", 1, MAX_AMOUNT, whole=True),
        MAX_RESOURCES,
    ),
    "What an attempt needs of named resources, all at once, until it has ended.",
)


def check_resources(node: Mapping, path: Path, task: str, report: Report) -> None:
    """Report resources of a task that no worker does."""
    if "resources" in node.entries and task.startswith("std."):
        report.mistake(
            node.key("resources"), (*path, "resources"), "not_for_kind",
            f"expected resources of a task that workers do, but {task} is done by the service",
            "take a task of your own, or limit the runs by concurrency",
        )  # fmt: skip


def check_capacities(steps: Iterable[StepText], capacities: Map[str, int], report: Report) -> None:
    """Report demands above all that there is. What `capacities` does not name devices may bring."""
    for step in steps:
        if step.body.task is not None:
            _check(step.body.task.resources, step.node, step.path, capacities, report)
        undo = step.compensate
        if undo is not None and isinstance(step.node, Mapping):
            at, path = step.node.entries["compensate"], (*step.path, "compensate")
            _check(undo.task.resources, at, path, capacities, report)
        if step.body.inside is not None:
            check_capacities(step.body.inside.steps, capacities, report)
        for handler in step.catch:
            check_capacities(handler.inside.steps, capacities, report)


def _check(
    demand: Map[str, int] | None,
    node: Node,
    path: Path,
    capacities: Map[str, int],
    report: Report,
) -> None:
    if not demand or not isinstance(node, Mapping):
        return
    written = node.entries["resources"]
    assert isinstance(written, Mapping)
    for name, amount in demand.items():
        there = capacities.get(name, amount)
        if amount > there:
            report.mistake(
                written.entries[name],
                (*path, "resources", name),
                "out_of_range",
                f"expected an amount that there is, but needs {amount} {name}, and there "
                f"{'is' if there == 1 else 'are'} {there} in all",
            )


def warn_of_rings(workflow: WorkflowText, report: Report) -> None:
    """Warn of a run that waits for a child of the same workflow, which waits for its only place."""
    limit = workflow.concurrency
    if limit is None or limit.limit > 1 or limit.when_full != "queue":
        return
    key = limit.key.node
    if isinstance(key, Scalar) and MARK not in str(key.value):
        _warn_of_rings(workflow.steps, workflow.workflow, report)


def _warn_of_rings(steps: Iterable[StepText], name: str, report: Report) -> None:
    for step in steps:
        child = step.body.child
        if child is not None and child.wait and child.workflow == name:
            report.warn(
                step.node,
                (*step.path, "workflow"),
                "deadlock",
                "expected a child that can begin, but it needs the only place (`concurrency`), "
                "which this run has until the child ends",
                "do not wait for it (wait: false), or give the key an expression",
            )
        if step.body.inside is not None:
            _warn_of_rings(step.body.inside.steps, name, report)
        for handler in step.catch:
            _warn_of_rings(handler.inside.steps, name, report)
