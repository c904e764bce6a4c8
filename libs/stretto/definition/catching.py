"""`catch: [{on, steps, output}]`: what happens instead when a step has failed for good."""

from typing import Any

from stretto.definition.container_shapes import ListOf, Record
from stretto.definition.inside import OUTPUT, STEPS, inside_of
from stretto.definition.limits import MAX_HANDLERS
from stretto.definition.mistakes import Report
from stretto.definition.model import CatchText
from stretto.definition.nodes import Mapping, Node, Path, quoted
from stretto.definition.policies import FAILURE_TYPES
from stretto.definition.records import record_schema
from stretto.definition.shapes import Field, Schema

_FIELDS = {
    "on": Field(FAILURE_TYPES, "The types of failure that it takes. Default: any."),
    "steps": Field(STEPS, "What is done instead; `error` is the failure."),
    "output": OUTPUT,
}


def _fields(**values: Any) -> dict[str, Any]:
    return values


_RECORD = Record("a handler (a mapping)", _fields, _FIELDS)


class _Handler:
    """A handler: steps, an output, or both."""

    def read(self, node: Node, path: Path, report: Report) -> CatchText | None:
        values = _RECORD.read(node, path, report)
        if values is None:
            return None
        assert isinstance(node, Mapping)
        if not {"steps", "output"} & set(node.entries):
            report.mistake(
                node, path, "missing",
                f"expected a handler to have {quoted('steps')} or {quoted('output')}, but it has "
                "neither",
                "to go on with nothing, write output: null",
            )  # fmt: skip
            return None
        return CatchText(
            inside=inside_of(values), on=tuple(values.get("on", ())), node=node, path=path
        )

    def schema(self) -> Schema:
        either = {"anyOf": [{"required": ["steps"]}, {"required": ["output"]}]}
        return record_schema(_FIELDS) | either


CATCH = ListOf("a list of handlers", _Handler(), MAX_HANDLERS)
