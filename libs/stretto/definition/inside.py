"""The steps inside a step: the shape that groups, loops, handlers and the workflow itself share.

Kinds hold steps, and steps are of kinds: `steps.py` closes the ring, it binds its reader to
`STEPS`.
"""

from collections.abc import Callable
from typing import Any

from stretto.definition.container_shapes import Placed, Value
from stretto.definition.limits import MAX_STEPS
from stretto.definition.mistakes import Report
from stretto.definition.model import InsideText, StepText
from stretto.definition.nodes import Mapping, Node, Path
from stretto.definition.policies import STEP_NAME
from stretto.definition.shapes import Field, Schema, wrong_type

StepReader = Callable[[str, Node, Path, Report], StepText]

STEP_SCHEMA = {"$ref": "#/$defs/step"}
"""Steps hold steps: editors' schema names them once."""


class Steps:
    """Steps by name, in the order of the text."""

    def __init__(self) -> None:
        self._read_step: StepReader | None = None

    def bind(self, reader: StepReader) -> None:
        """Say how one step is read; once, before anything is read."""
        assert self._read_step is None
        self._read_step = reader

    def read(self, node: Node, path: Path, report: Report) -> tuple[StepText, ...] | None:
        assert self._read_step is not None, "the reader of steps is bound when it is imported"
        if not isinstance(node, Mapping):
            wrong_type(node, path, report, "steps by name (a mapping)")
            return None
        if not 0 < len(node.entries) <= MAX_STEPS:
            report.mistake(
                node,
                path,
                "out_of_range",
                f"expected from 1 to {MAX_STEPS} steps, but got {len(node.entries)}",
                "use for_each for what is done many times" if node.entries else "",
            )
            return None
        steps = []
        for name, value in node.entries.items():
            inner = (*path, name)
            STEP_NAME.check(name, node.key(name), inner, report)
            steps.append(self._read_step(name, value, inner, report))
        return tuple(steps)

    def schema(self) -> Schema:
        return {
            "type": "object",
            "minProperties": 1,
            "maxProperties": MAX_STEPS,
            "propertyNames": STEP_NAME.schema(),
            "additionalProperties": STEP_SCHEMA,
        }


STEPS = Steps()

OUTPUT = Field(
    Placed(Value()),
    "What the steps inside give together; values may hold ${{ expressions }} over them. "
    "Default: an object of their outputs.",
)


def inside_of(fields: dict[str, Any]) -> InsideText:
    """Make the inside of a step from its fields `steps` and `output`."""
    return InsideText(steps=fields.get("steps", ()), output=fields.get("output"))
