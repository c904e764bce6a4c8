"""`task: payment.charge`: an attempt at a piece of work goes to a worker."""

from typing import Any

from stretto.definition.kinds.spec import (
    ANY_STEP,
    CATCHING,
    PER_ITEM,
    PLACED,
    REUSABLE,
    UNDOABLE,
    WORK,
    KindSpec,
)
from stretto.definition.model import Body, TaskText
from stretto.definition.policies import TASK_NAME


def _body(name: str, fields: dict[str, Any]) -> Body:
    task = TaskText(
        name=name,
        inputs=fields.get("with"),
        queue=fields.get("queue"),
        route=fields.get("route"),
        priority=fields.get("priority"),
        resources=fields.get("resources"),
        rate=fields.get("rate"),
    )
    return Body(task=task)


TASK = KindSpec(
    name="task",
    description="Ask a worker to do this task; its result is the step's output.",
    shape=TASK_NAME,
    fields=ANY_STEP | PER_ITEM | PLACED | UNDOABLE | CATCHING | WORK | REUSABLE,
    body=_body,
)
