"""The input of a run against the schema of its workflow."""

import json
from typing import Any

import msgspec
import pytest

from stretto.definition import Problem, SchemaError, compile_graph, load, validate_input
from stretto.definition.input_validation import MAX_PROBLEMS


def problems(schema: Any, value: Any) -> list[str]:
    return [str(problem) for problem in validate_input(schema)(json.dumps(value).encode())]


@pytest.mark.parametrize(
    ("schema", "value", "said"),
    [
        ({"type": "string"}, 3, "input: expected a string, but got 3"),
        ({"type": ["null", "object"]}, [1], "input: expected null or an object, but got a list"),
        ({"type": "array"}, {}, "input: expected a list, but got an object"),
        ({"type": "integer"}, 1.5, "input: expected an integer, but got 1.5"),
        ({"type": "number"}, True, "input: expected a number, but got true"),
        ({"type": "boolean"}, "yes", 'input: expected true or false, but got "yes"'),
        ({"required": ["a"]}, {}, 'input: expected the property "a", but it is not there'),
        (
            {"additionalProperties": False, "properties": {"a": {}}},
            {"a": 1, "b": 2, "c": 3},
            'input: expected only properties that the schema names, but got "b", "c"',
        ),
        ({"enum": ["a", "b"]}, "c", 'input: expected "a" or "b", but got "c"'),
        ({"const": 1}, 2, "input: expected 1, but got 2"),
        ({"minimum": 1}, 0, "input: expected at least 1, but got 0"),
        ({"maximum": 1}, 2, "input: expected at most 1, but got 2"),
        ({"pattern": "^a"}, "b", 'input: expected text that matches ^a, but got "b"'),
        (
            {"format": "date-time"},
            "today",
            'input: expected text in the format date-time, but got "today"',
        ),
        ({"minLength": 2}, "a", "input: expected at least 2 characters, but got 1"),
        ({"maxLength": 2}, "abc", "input: expected at most 2 characters, but got 3"),
        ({"minItems": 1}, [], "input: expected at least 1 items, but got 0"),
        ({"maxItems": 1}, [1, 2], "input: expected at most 1 items, but got 2"),
        (
            {"multipleOf": 2},
            3,
            "input: expected a value that fits its schema, but 3 is not a multiple of 2",
        ),
        (
            {"properties": {"l": {"items": {"type": "object", "required": ["sku"]}}}},
            {"l": [{"sku": 1}, {}]},
            'input.l[1]: expected the property "sku", but it is not there',
        ),
        (
            {"type": "integer"},
            "x" * 500,
            'input: expected an integer, but got "' + "x" * 59 + '…"',
        ),
    ],
)
def test_a_problem_has_a_path_and_says_what_was_expected(
    schema: Any, value: Any, said: str
) -> None:
    assert problems(schema, value) == [said]


def test_all_problems_are_told_up_to_a_limit() -> None:
    schema = {"items": {"type": "integer"}}

    assert problems(schema, [1, "a", 2, "b"]) == [
        'input[1]: expected an integer, but got "a"',
        'input[3]: expected an integer, but got "b"',
    ]
    assert len(problems(schema, ["a"] * 100)) == MAX_PROBLEMS


def test_an_input_that_fits_has_none() -> None:
    assert problems({"type": "object", "required": ["a"]}, {"a": 1}) == []


def test_the_schema_of_a_graph_is_taken_as_it_is() -> None:
    loaded = load("workflow: w\ninput: {required: [a]}\nsteps: {a: {task: t}}\n")
    assert loaded.definition is not None
    graph = compile_graph(loaded.definition, 1)

    assert validate_input(graph.input_schema)(b'{"a": 1}') == []
    assert len(validate_input(bytes(graph.input_schema))(b"{}")) == 1


def test_no_schema_takes_any_json() -> None:
    validate = validate_input(msgspec.Raw(b"null"))

    assert validate(b"[1, 2]") == []
    assert [problem.path for problem in validate(b"{")] == ["input"]


@pytest.mark.parametrize("data", [b"", b"{", b"nan", b'"\xff"', b"[" * 100_000])
def test_what_is_no_json_is_a_problem(data: bytes) -> None:
    [problem] = validate_input({"type": "object"})(data)

    assert isinstance(problem, Problem)
    assert problem.message.startswith("expected JSON, but got something else: ")


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "strng"},
        {"$ref": "http://127.0.0.1/x"},
        {"$ref": "file:///etc/passwd"},
        [1],
        5,
        "x",
    ],
)
def test_what_is_no_schema_is_refused_and_nothing_is_fetched(schema: Any) -> None:
    with pytest.raises(SchemaError) as caught:
        validate_input(schema)

    assert caught.value.message


def test_a_hostile_pattern_takes_linear_time() -> None:
    assert problems({"pattern": "^(a+)+$"}, "a" * 50_000 + "b") != []


def test_a_schema_that_refers_to_itself_is_followed_with_the_input() -> None:
    schema = {
        "$defs": {"tree": {"type": "object", "properties": {"child": {"$ref": "#/$defs/tree"}}}},
        "$ref": "#/$defs/tree",
    }

    assert problems(schema, {"child": {"child": {}}}) == []
    assert problems(schema, {"child": {"child": 1}}) == [
        "input.child.child: expected an object, but got 1"
    ]
