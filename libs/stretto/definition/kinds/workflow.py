"""`workflow: billing`, `workflow: {name, version, wait, cancel}`: another run, `with` its input.

The child's output is the step's; with `wait: false` it is `{"run_id"}`, and the step ends at once.
"""

from typing import Any

from stretto.contracts.graph import ChildPlan
from stretto.definition.container_shapes import Record, Short
from stretto.definition.kinds.spec import (
    ANY_STEP,
    CATCHING,
    CHILD,
    PER_ITEM,
    TIMED,
    UNDOABLE,
    KindSpec,
)
from stretto.definition.model import Body
from stretto.definition.policies import WORKFLOW_NAME
from stretto.definition.scalar_shapes import Flag, Number
from stretto.definition.shapes import Field

MAX_VERSION = 2**31 - 1
"""Versions are integers of the log."""


def _make(name: str, **fields: Any) -> ChildPlan:
    return ChildPlan(workflow=name, **fields)


_SHAPE = Short(
    Record(
        "a workflow (a name, or a mapping)",
        _make,
        {
            "name": Field(WORKFLOW_NAME, "The workflow.", required=True),
            "version": Field(
                Number("a version", 1, MAX_VERSION, whole=True),
                "Its version. Default: the latest when the step runs.",
            ),
            "wait": Field(Flag(), "Whether the step waits for the end of the run. Default true."),
            "cancel": Field(
                Flag(), "Whether cancelling the step cancels the run, too. Default true."
            ),
        },
    ),
    WORKFLOW_NAME,
    lambda name: ChildPlan(workflow=name),
)


def _body(child: ChildPlan, fields: dict[str, Any]) -> Body:
    return Body(child=child, template=fields.get("with"))


WORKFLOW = KindSpec(
    name="workflow",
    description="Start a run of a workflow; what it gives is the step's output.",
    shape=_SHAPE,
    fields=ANY_STEP | PER_ITEM | CATCHING | UNDOABLE | CHILD | TIMED,
    body=_body,
)
