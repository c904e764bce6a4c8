"""What is known of the outputs of steps before there is a run: of those that the definition itself
writes out (`set`, `emit`, groups with an `output`), and of those that are always the same.

A task's output is not known; nor is that of a step whose failure is handled by something else.
"""

from collections.abc import Sequence as Many
from typing import Final

from stretto.definition.model import InsideText, StepText
from stretto.definition.nodes import Mapping, Node, Scalar, Sequence
from stretto.definition.texts import MARK
from stretto.expression.interpolation import is_template
from stretto.expression.shapes import ANYTHING, Shape

_MAX_DEPTH = 8
"""Outputs are followed this deep; below is anything."""

_TEXT = Shape(types=frozenset({"string"}))
_TEXT_OR_NULL = Shape(types=frozenset({"string", "null"}))


def _object(**fields: Shape) -> Shape:
    return Shape(types=frozenset({"object"}), fields=fields, closed=True)


_OF_KINDS: Final = {
    "switch": _object(branch=Shape(types=frozenset({"integer"}))),
    "approval": _object(
        approved=Shape(types=frozenset({"boolean"})), by=_TEXT_OR_NULL, reason=_TEXT_OR_NULL
    ),
    "wait": Shape(types=frozenset({"null"})),
}
"""Kinds whose output always has one shape."""


def steps_shape(steps: Many[StepText], around: Shape) -> Shape | None:
    """The shape of `steps` inside a scope, where `around` is that of the scope outside; None: it is
    the same."""
    known = {step.name: _output(step, 0) for step in steps}
    if not around.fields and all(shape is ANYTHING for shape in known.values()):
        return None
    fields = dict(around.fields)
    for name, shape in known.items():
        fields[name] = ANYTHING if shape is ANYTHING else _step(shape)
    return Shape(types=frozenset({"object"}), fields=fields, rest=ANYTHING)


def but_for(steps: Shape, name: str) -> Shape:
    """The shape of some steps, where nothing is known of one of them."""
    return Shape(types=steps.types, fields={**steps.fields, name: ANYTHING}, rest=ANYTHING)


def _step(output: Shape) -> Shape:
    """What can be said of a step; other parts are refused where references are resolved."""
    fields = {"output": output, "status": _TEXT}
    return Shape(types=frozenset({"object"}), fields=fields, rest=ANYTHING)


def _output(step: StepText, depth: int) -> Shape:
    if step.catch or depth > _MAX_DEPTH:
        return ANYTHING
    each = _of_one(step, depth)
    if step.for_each is None:
        return each
    whole = step.join.mode == "all" and step.rollout is None  # else what was cancelled is null
    items = each if whole and each is not ANYTHING else None
    return Shape(types=frozenset({"array"}), items=items)


def _of_one(step: StepText, depth: int) -> Shape:
    body = step.body
    if step.kind in ("set", "emit") and body.template is not None:
        return _value(body.template.node, depth)
    if body.inside is not None:
        return _inside(body.inside, depth)
    if body.child is not None and not body.child.wait:
        return _object(run_id=_TEXT)
    return _OF_KINDS.get(step.kind or "", ANYTHING)


def _inside(inside: InsideText, depth: int) -> Shape:
    """What a group or a round gives: what it says, or an object of the outputs of its steps."""
    if inside.output is not None:
        return _value(inside.output.node, depth)
    return _object(**{step.name: _output(step, depth + 1) for step in inside.steps})


def _value(node: Node, depth: int) -> Shape:
    """The shape of a value that may hold expressions: what these give is not looked at."""
    if depth > _MAX_DEPTH:
        return ANYTHING
    if isinstance(node, Mapping):
        return _object(**{name: _value(value, depth + 1) for name, value in node.entries.items()})
    if isinstance(node, Sequence):
        return Shape(types=frozenset({"array"}))
    assert isinstance(node, Scalar)
    return _scalar(node.value)


def _scalar(value: str | int | float | bool | None) -> Shape:
    match value:
        case str() if MARK in value and is_template(value):
            return ANYTHING
        case str():
            return _TEXT
        case bool():
            return Shape(types=frozenset({"boolean"}))
        case int():
            return Shape(types=frozenset({"integer"}))
        case float():
            return Shape(types=frozenset({"number"}))
        case _:
            return ANYTHING
