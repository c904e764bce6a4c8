"""`wait: 5s`, `wait: {for: …}`, `wait: {until: …}`: nothing happens for a while.

The body's template is `{"for": seconds}` or `{"until": "RFC 3339"}`; either may be an expression.
"""

from datetime import datetime
from typing import Any

from stretto.definition.durations import Duration
from stretto.definition.kinds.spec import ANY_STEP, CATCHING, PER_ITEM, PLACED, UNDOABLE, KindSpec
from stretto.definition.mistakes import Report
from stretto.definition.model import Body
from stretto.definition.nodes import (
    Mapping,
    Node,
    Path,
    Scalar,
    describe,
    mapping_of,
    quoted,
    scalar_at,
)
from stretto.definition.records import read_fields, record_schema, unknown_keys
from stretto.definition.shapes import Field, Located, Schema
from stretto.definition.texts import MARK


def _is_expression(node: Node) -> bool:
    return isinstance(node, Scalar) and isinstance(node.value, str) and MARK in node.value


class _For:
    """A duration, or an expression that gives one (or seconds)."""

    _constant = Duration(0.0)

    def read(self, node: Node, path: Path, report: Report) -> Node | None:
        if _is_expression(node):
            return node
        seconds = self._constant.read(node, path, report)
        return None if seconds is None else scalar_at(node, seconds)

    def schema(self) -> Schema:
        return {"anyOf": [{"type": "string", "pattern": r"\$\{\{"}, self._constant.schema()]}


class _Until:
    """An instant as RFC 3339 writes it, or an expression that gives one."""

    def read(self, node: Node, path: Path, report: Report) -> Node | None:
        if _is_expression(node):
            return node
        if isinstance(node, Scalar) and isinstance(node.value, str) and _is_instant(node.value):
            return node
        report.mistake(
            node,
            path,
            "bad_value",
            f"expected an instant like 2030-01-31T09:00:00Z, but got {describe(node)}",
        )
        return None

    def schema(self) -> Schema:
        return {"type": "string", "examples": ["2030-01-31T09:00:00Z", "${{ input.due }}"]}


def _is_instant(text: str) -> bool:
    """Tell whether a text is an instant with its offset from UTC (RFC 3339)."""
    try:
        return "T" in text and datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False


_FIELDS = {
    "for": Field(_For(), "How long: a duration, seconds, or an expression that gives one."),
    "until": Field(_Until(), "Until when: RFC 3339, or an expression that gives it."),
}


class _Wait:
    """A duration, or one of `for` and `until`."""

    def read(self, node: Node, path: Path, report: Report) -> Located[Node] | None:
        if not isinstance(node, Mapping):
            seconds = _FIELDS["for"].shape.read(node, path, report)
            return None if seconds is None else _located(node, path, "for", seconds)
        strange = unknown_keys(node, path, report, _FIELDS)
        values, _ = read_fields(node, path, report, _FIELDS, "a wait")
        given = [name for name in _FIELDS if name in node.entries]
        if not given and strange:
            return None
        if len(given) != 1:
            but = "got both" if given else "it has neither"
            report.mistake(
                node,
                path,
                "bad_value",
                f"expected a wait to have either {quoted('for')} or {quoted('until')}, but {but}",
            )
            return None
        return None if not values else Located(mapping_of(node, **values), node, path)

    def schema(self) -> Schema:
        one = record_schema(_FIELDS) | {"minProperties": 1, "maxProperties": 1}
        return {"anyOf": [_FIELDS["for"].shape.schema(), one]}


def _located(node: Node, path: Path, name: str, value: Node) -> Located[Node]:
    return Located(mapping_of(node, **{name: value}), node, path)


def _body(template: Located[Node], _fields: dict[str, Any]) -> Body:
    return Body(template=template)


WAIT = KindSpec(
    name="wait",
    description="Wait for a time, or until an instant.",
    shape=_Wait(),
    fields=ANY_STEP | PER_ITEM | PLACED | UNDOABLE | CATCHING,
    body=_body,
)
