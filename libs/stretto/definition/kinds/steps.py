"""`steps: {…}`: a group. Its steps see one another and the names outside; it ends when they have
ended, with its `output`."""

from typing import Any

from stretto.definition.inside import STEPS
from stretto.definition.kinds.spec import (
    ANY_STEP,
    CATCHING,
    GROUP,
    PER_ITEM,
    PLACED,
    TIMED,
    KindSpec,
)
from stretto.definition.model import Body, InsideText, StepText


def _body(steps: tuple[StepText, ...], fields: dict[str, Any]) -> Body:
    return Body(inside=InsideText(steps=steps, output=fields.get("output")))


GROUP_OF_STEPS = KindSpec(
    name="steps",
    description="Do the steps inside; a group of steps is a step.",
    shape=STEPS,
    fields=ANY_STEP | PER_ITEM | PLACED | CATCHING | TIMED | GROUP,
    body=_body,
)
