"""`cancel: [a, b]`: steps beside this one are ended, whatever they are at.

A step that has ended already stays as it is; one that has not begun never begins.
"""

from typing import Any

from stretto.definition.container_shapes import Record
from stretto.definition.kinds.spec import ANY_STEP, KindSpec
from stretto.definition.mistakes import Report
from stretto.definition.model import Body, CancelText
from stretto.definition.nodes import Mapping, Node, Path
from stretto.definition.policies import STEP_NAMES
from stretto.definition.scalar_shapes import Flag
from stretto.definition.shapes import Field, Located, Schema


def _make(steps: list[Located[str]], *, complete: bool = False) -> CancelText:
    return CancelText(steps=tuple(steps), complete=complete)


_RECORD = Record(
    "steps to cancel (a name, a list of names, or a mapping)",
    _make,
    {
        "steps": Field(STEP_NAMES, "The steps.", required=True),
        "complete": Field(
            Flag(),
            "A step with for_each is completed with the items that are done. Default false.",
        ),
    },
)


class _Cancel:
    """Names of steps, or a mapping."""

    def read(self, node: Node, path: Path, report: Report) -> CancelText | None:
        if isinstance(node, Mapping):
            return _RECORD.read(node, path, report)
        names = STEP_NAMES.read(node, path, report)
        return None if names is None else CancelText(steps=tuple(names))

    def schema(self) -> Schema:
        return {"anyOf": [STEP_NAMES.schema(), _RECORD.schema()]}


def _body(cancel: CancelText, _fields: dict[str, Any]) -> Body:
    return Body(cancel=cancel)


CANCEL = KindSpec(
    name="cancel",
    description="Cancel other steps of the same group.",
    shape=_Cancel(),
    fields=ANY_STEP,
    body=_body,
)
