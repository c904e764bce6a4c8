"""`fail: "no stock for ${{ … }}"`: the step fails, with a message, a type and whether a retry could
help."""

from typing import Any

from stretto.contracts.failures import MAX_MESSAGE_CHARS, FailureType
from stretto.definition.kinds.spec import ANY_STEP, KindSpec
from stretto.definition.mistakes import Report
from stretto.definition.model import Body
from stretto.definition.nodes import Mapping, Node, Path, Scalar, mapping_of, scalar_at
from stretto.definition.policies import FAILURE_TYPE
from stretto.definition.records import read_fields, record_schema, unknown_keys
from stretto.definition.scalar_shapes import Flag, Text
from stretto.definition.shapes import Field, Located, Schema

_MESSAGE = Text("a message", MAX_MESSAGE_CHARS)

_FIELDS = {
    "message": Field(_MESSAGE, "What is wrong, for people.", required=True),
    "type": Field(FAILURE_TYPE, "A name that `retry` and `catch` know. Default FailStep."),
    "retryable": Field(Flag(), "Whether trying again could help. Default false."),
}


class _Fail:
    """A message, or a mapping of message, type and retryable."""

    def read(self, node: Node, path: Path, report: Report) -> Located[Node] | None:
        if not isinstance(node, Mapping):
            if _MESSAGE.read(node, path, report) is None:
                return None
            return Located(self._template(node, node, {}), node, path)
        unknown_keys(node, path, report, _FIELDS)
        values, complete = read_fields(node, path, report, _FIELDS, "a fail")
        if not complete:
            return None
        return Located(self._template(node, node.entries["message"], values), node, path)

    def _template(self, node: Node, message: Node, values: dict[str, Any]) -> Mapping:
        assert isinstance(message, Scalar)
        return mapping_of(
            node,
            type=scalar_at(node, values.get("type", FailureType.FAILED_BY_STEP)),
            message=message,
            retryable=scalar_at(node, values.get("retryable", False)),
        )

    def schema(self) -> Schema:
        return {"anyOf": [_MESSAGE.schema(), record_schema(_FIELDS)]}


def _body(template: Located[Node], _fields: dict[str, Any]) -> Body:
    return Body(template=template)


FAIL = KindSpec(
    name="fail",
    description="Fail, and with it the run.",
    shape=_Fail(),
    fields=ANY_STEP,
    body=_body,
)
