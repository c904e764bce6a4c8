"""`emit: {…}`: the mapping, filled in, is published for who listens, and is the step's output."""

from typing import Any

from stretto.definition.container_shapes import Placed, Value
from stretto.definition.kinds.spec import ANY_STEP, CATCHING, PER_ITEM, UNDOABLE, KindSpec
from stretto.definition.model import Body
from stretto.definition.nodes import Node
from stretto.definition.shapes import Located


def _body(values: Located[Node], _fields: dict[str, Any]) -> Body:
    return Body(template=values)


EMIT = KindSpec(
    name="emit",
    description="Publish the mapping on stretto.emitted.<namespace>.<workflow>.",
    shape=Placed(Value("a mapping of values")),
    fields=ANY_STEP | PER_ITEM | UNDOABLE | CATCHING,
    body=_body,
)
