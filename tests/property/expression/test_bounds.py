"""Bounds: estimates are never too low, trees survive writing, schemas never refuse what works."""

from typing import Any

import msgspec
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from stretto.expression import (
    EvaluationError,
    ExpressionError,
    ScopeTypes,
    compile_expression,
    native,
)
from stretto.expression.cost import guard_of
from stretto.expression.rewrite import rewrite
from stretto.expression.sizes import measure
from stretto.expression.syntax import read_parsed, write_parsed
from stretto.expression.values import admit
from tests.property.expression.reference import outcome_of_ours
from tests.property.expression.strategies import expressions, json_values, scopes


@settings(max_examples=80, deadline=None)
@given(expressions())
def test_a_tree_is_read_as_it_was_written(source: str) -> None:
    root = native.parse(source).root

    assert read_parsed(write_parsed(root)).root == root


@settings(max_examples=80, deadline=None)
@given(json_values)
def test_json_is_admitted_as_it_is(value: Any) -> None:
    assert admit(value, "input") is value


@settings(max_examples=80, deadline=None)
@given(json_values)
def test_a_value_is_measured_at_least_as_large_as_it_is(value: Any) -> None:
    size = measure(value)

    assert size.total >= (len(value) if isinstance(value, str) else 1)
    if isinstance(value, list | dict):
        assert size.length == len(value)
        assert size.total == len(msgspec.json.encode(value))
        items = list(value.values()) if isinstance(value, dict) else value
        assert all(size.largest >= len(msgspec.json.encode(item)) for item in items)
        assert all(size.longest >= len(item) for item in items if isinstance(item, list | dict))


@settings(max_examples=80, deadline=None)
@given(expressions(), scopes)
def test_what_is_small_is_never_too_costly(source: str, scope: dict[str, Any]) -> None:
    outcome = outcome_of_ours(source, scope)

    assert outcome not in [("error", "cost_exceeded"), ("error", "too_large")]


@settings(max_examples=80, deadline=None)
@given(expressions())
def test_a_guard_lets_an_evaluation_without_values_pass(source: str) -> None:
    try:
        part, _ = rewrite(native.parse(source), source, ScopeTypes.anything())
    except ExpressionError:
        assume(False)
    guard = guard_of(part)

    assert guard is None or guard({}) >= 0


def schema_of(value: Any) -> dict[str, Any]:
    """A schema that the value fits, as tight as we can read."""
    match value:
        case None:
            return {"type": "null"}
        case bool():
            return {"type": "boolean"}
        case int():
            return {"type": "integer"}
        case float():
            return {"type": "number"}
        case str():
            return {"type": "string"}
        case list():
            return {"type": "array", "items": {"anyOf": [schema_of(item) for item in value]}}
    return {
        "type": "object",
        "properties": {name: schema_of(item) for name, item in value.items()},
        "additionalProperties": False,
    }


@settings(max_examples=100, deadline=None)
@given(expressions(), st.tuples(json_values, json_values))
def test_a_schema_refuses_only_what_fails(source: str, samples: tuple[Any, Any]) -> None:
    # Refused though they would not fail: comparing different types, asking for what cannot be.
    assume(not any(word in source for word in ("==", " in ", "has(", ".?")))
    scope = ScopeTypes.of("steps", "item", input={"anyOf": [schema_of(one) for one in samples]})
    try:
        compile_expression(source)
    except ExpressionError:
        assume(False)

    try:
        compile_expression(source, scope)
    except ExpressionError:
        for sample in samples:
            # Only paths and operators that are reached can fail, so ask for all of them.
            assert fails_somewhere(source, {"input": sample, "steps": {}, "item": {}})


def fails_somewhere(source: str, scope: dict[str, Any]) -> bool:
    try:
        compile_expression(source).evaluate(scope)
    except EvaluationError:
        return True
    return any(word in source for word in ("&&", "||", " ? ", "map", "all", "exists", "filter"))
