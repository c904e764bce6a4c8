"""`switch: [{if, then}, …, {else}]`: the first case that fits decides which steps go on.

A step that is named by a case runs only when the case is chosen; it needs the switch without saying
so. Where no case fits and there is no `else`, none of them runs.
"""

from typing import Any

from stretto.definition.container_shapes import Placed, Record
from stretto.definition.kinds.spec import ANY_STEP, KindSpec
from stretto.definition.limits import MAX_CASES
from stretto.definition.mistakes import Report
from stretto.definition.model import Body, CaseText
from stretto.definition.nodes import Mapping, Node, Path, Sequence, quoted
from stretto.definition.policies import STEP_NAMES
from stretto.definition.records import record_schema
from stretto.definition.shapes import Field, Located, Schema, wrong_type
from stretto.definition.texts import Condition


def _chosen(condition: Located[str | bool], then: list[Located[str]]) -> CaseText:
    return CaseText(condition=condition, then=tuple(then))


def _make_case(**values: Any) -> CaseText:
    return _chosen(values["if"], values["then"])


def _make_else(**values: Any) -> CaseText:
    return CaseText(condition=None, then=tuple(values["else"]))


_CASE_FIELDS = {
    "if": Field(Placed(Condition()), "When this case is chosen.", required=True),
    "then": Field(STEP_NAMES, "The step or steps that go on then.", required=True),
}
_ELSE_FIELDS = {
    "else": Field(STEP_NAMES, "The step or steps that go on when no case fits.", required=True)
}
_CASE = Record("a case", _make_case, _CASE_FIELDS)
_ELSE = Record("an else", _make_else, _ELSE_FIELDS)


class _Cases:
    """A list of cases, at most one `else`, which stands last."""

    def read(self, node: Node, path: Path, report: Report) -> tuple[CaseText, ...] | None:
        if not isinstance(node, Sequence):
            wrong_type(node, path, report, "a list of cases", "begin each case with - if:")
            return None
        if not 0 < len(node.items) <= MAX_CASES:
            report.mistake(
                node,
                path,
                "out_of_range",
                f"expected from 1 to {MAX_CASES} cases, but got {len(node.items)}",
            )
            return None
        read = [
            self._read_case(item, (*path, index), report, last=index == len(node.items) - 1)
            for index, item in enumerate(node.items)
        ]
        return tuple(case for case in read if case is not None)

    def _read_case(self, node: Node, path: Path, report: Report, *, last: bool) -> CaseText | None:
        if not isinstance(node, Mapping):
            wrong_type(node, path, report, "a case (a mapping of if and then, or of else)")
            return None
        if "else" not in node.entries or "if" in node.entries:
            return _CASE.read(node, path, report)
        if not last:
            report.mistake(
                node,
                path,
                "bad_value",
                f"expected {quoted('else')} to be the last case, but others follow",
            )
        return _ELSE.read(node, path, report)

    def schema(self) -> Schema:
        cases = [record_schema(_CASE_FIELDS), record_schema(_ELSE_FIELDS)]
        return {"type": "array", "minItems": 1, "maxItems": MAX_CASES, "items": {"anyOf": cases}}


def _body(cases: tuple[CaseText, ...], _fields: dict[str, Any]) -> Body:
    return Body(cases=cases)


SWITCH = KindSpec(
    name="switch",
    description="Go on with the steps of the first case that fits; the others are skipped.",
    shape=_Cases(),
    fields=ANY_STEP,
    body=_body,
)
