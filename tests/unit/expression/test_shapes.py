"""Shapes: what a JSON Schema says about values before there are any, and never more."""

from typing import Any

import pytest

from stretto.expression import ScopeTypes
from stretto.expression.shapes import ANYTHING, Shape, inside, shape_at, shape_of

TEXT = Shape(types=frozenset({"string"}))
WHOLE = Shape(types=frozenset({"integer"}))


@pytest.mark.parametrize(
    ("schema", "types"),
    [
        ({"type": "string"}, {"string"}),
        ({"type": ["string", "null"]}, {"string", "null"}),
        ({"type": "string", "nullable": True}, {"string", "null"}),
        ({"const": "a"}, {"string"}),
        ({"const": None}, {"null"}),
        ({"enum": ["a", 1, 2.5, True, None, [], {}]}, {
            "string", "number", "boolean", "null", "array", "object",
        }),
        ({"anyOf": [{"type": "string"}, {"type": "integer"}]}, {"string", "integer"}),
        ({"oneOf": [{"type": "string"}, {}]}, set()),
        ({"allOf": [{"type": ["string", "null"]}, {"type": "string"}]}, {"string"}),
        ({"allOf": [{"type": "number"}, {"type": "integer"}]}, {"integer"}),
        ({"allOf": [{"type": "number"}, {"type": "number"}]}, {"number"}),
        ({"$ref": "#/$defs/a", "$defs": {"a": {"type": "boolean"}}}, {"boolean"}),
        ({"$ref": "#/$defs/a~1b", "$defs": {"a/b": {"type": "null"}}}, {"null"}),
        ({"type": "nonsense"}, set()),
        ({"type": ["string", "nonsense"]}, set()),
        ({"$ref": "https://example.org/schema"}, set()),
        ({"$ref": "#/$defs/missing"}, set()),
        ({"allOf": "nonsense"}, set()),
        ({"anyOf": []}, set()),
        ({"type": 5}, set()),
        (True, set()),
        (None, set()),
        ("nonsense", set()),
    ],
)  # fmt: skip
def test_a_schema_tells_types(schema: Any, types: set[str]) -> None:
    assert shape_of(schema).types == types


def test_a_schema_tells_fields() -> None:
    shape = shape_of(
        {
            "type": "object",
            "required": ["a", 5],
            "additionalProperties": False,
            "properties": {"a": {"type": "string"}, "b": {}},
        }
    )

    assert shape.fields == {"a": TEXT, "b": ANYTHING}
    assert shape.required == {"a"}
    assert shape.closed
    assert shape.listed
    assert shape.only == "object"


def test_patterns_of_names_leave_an_object_open() -> None:
    shape = shape_of({"additionalProperties": False, "patternProperties": {"^x-": {}}})

    assert not shape.closed


def test_other_fields_may_have_a_shape() -> None:
    shape = shape_of({"additionalProperties": {"type": "string"}})

    assert shape.rest == TEXT
    assert inside(shape, "any") == TEXT


def test_items_have_a_shape_where_they_are_all_alike() -> None:
    assert shape_of({"items": {"type": "string"}}).items == TEXT
    assert shape_of({"items": [{"type": "string"}]}).items is None
    assert shape_of({"items": {}, "prefixItems": [{}]}).items is None


def test_a_union_knows_what_all_its_members_know() -> None:
    shape = shape_of(
        {
            "oneOf": [
                {
                    "type": "object",
                    "additionalProperties": False,
                    "required": ["kind", "a"],
                    "properties": {"kind": {"type": "string"}, "a": {"type": "integer"}},
                },
                {
                    "type": "object",
                    "additionalProperties": False,
                    "required": ["kind"],
                    "properties": {"kind": {"type": "string"}},
                },
                {"type": "null"},
            ]
        }
    )

    assert shape.types == {"object", "null"}
    assert shape.fields["kind"] == TEXT
    assert shape.fields["a"] == ANYTHING
    assert shape.required == {"kind"}
    assert shape.closed


def test_a_union_of_lists_knows_its_items() -> None:
    lists = [{"type": "array", "items": {"type": "string"}}] * 2

    assert shape_of({"anyOf": lists}).items == TEXT
    assert shape_of({"anyOf": [*lists, {"type": "array"}]}).items is None


def test_an_intersection_has_the_fields_of_both() -> None:
    shape = shape_of(
        {
            "properties": {"a": {"type": "string"}},
            "required": ["a"],
            "allOf": [
                {"properties": {"b": {"type": "integer"}, "a": {}}, "required": ["b"]},
                {"items": {"type": "string"}},
            ],
        }
    )

    assert shape.fields == {"a": TEXT, "b": WHOLE}
    assert shape.required == {"a", "b"}
    assert shape.items == TEXT


def test_a_recursive_schema_is_followed_to_a_depth() -> None:
    schema = {
        "$ref": "#/$defs/tree",
        "$defs": {
            "tree": {
                "type": "object",
                "properties": {"child": {"$ref": "#/$defs/tree"}, "name": {"type": "string"}},
            }
        },
    }

    shape = shape_of(schema)

    assert shape_at({"input": shape}, ("input", "child", "child", "name")) == TEXT
    assert shape_at({"input": shape}, ("input", *["child"] * 30)) == ANYTHING


def test_a_reference_to_itself_ends() -> None:
    assert shape_of({"$ref": "#"}) == ANYTHING


def test_a_path_has_the_shape_of_what_stands_there() -> None:
    shape = shape_of(
        {
            "properties": {
                "items": {"type": "array", "items": {"properties": {"n": {"type": "integer"}}}}
            }
        }
    )

    assert shape_at({"input": shape}, ("input", "items", 3, "n")) == WHOLE
    assert shape_at({"input": shape}, ("input", "other", 3, "n")) == ANYTHING
    assert shape_at({}, ("input",)) == ANYTHING


def test_a_fingerprint_does_not_depend_on_order() -> None:
    one = ScopeTypes.of("run", input={"properties": {"a": {}, "b": {"type": "string"}}})
    same = ScopeTypes.of("run", input={"properties": {"b": {"type": "string"}, "a": {}}})
    other = ScopeTypes.of(
        "run", input={"properties": {"b": {"type": "string"}, "a": True, "c": {}}}
    )

    assert one.fingerprint == same.fingerprint
    assert one.fingerprint != other.fingerprint


def test_a_scope_has_only_known_roots() -> None:
    with pytest.raises(ValueError, match="expected a root among input, steps"):
        ScopeTypes.of("inptu")


def test_steps_may_be_open() -> None:
    closed = ScopeTypes.of(steps={"a": None})
    opened = ScopeTypes.of(steps={"a": None}, open_steps=True)

    assert closed.roots["steps"].closed
    assert not opened.roots["steps"].closed
