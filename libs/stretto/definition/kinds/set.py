"""`set: {total: "${{ … }}"}`: values are worked out and are the step's output."""

from typing import Any

from stretto.definition.container_shapes import Placed, Value
from stretto.definition.kinds.spec import ANY_STEP, CATCHING, PER_ITEM, UNDOABLE, KindSpec
from stretto.definition.model import Body
from stretto.definition.nodes import Node
from stretto.definition.shapes import Located


def _body(values: Located[Node], _fields: dict[str, Any]) -> Body:
    return Body(template=values)


SET = KindSpec(
    name="set",
    description="Work values out; the mapping, filled in, is the step's output.",
    shape=Placed(Value("a mapping of values")),
    fields=ANY_STEP | PER_ITEM | UNDOABLE | CATCHING,
    body=_body,
)
