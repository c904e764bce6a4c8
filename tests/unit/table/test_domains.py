"""What values an input can have, as far as a JSON Schema or its author tells."""

from typing import Any

import pytest

from stretto.table.domains import (
    UNKNOWN,
    Domain,
    domain_of_choices,
    domain_of_schema,
    domain_of_types,
)
from stretto.table.values import contains

SCHEMAS: list[tuple[Any, str, list[Any], list[Any]]] = [
    ({"type": "integer", "minimum": 0, "exclusiveMaximum": 9}, "integer", [0, 8], [-1, 9, "8"]),
    ({"type": "number", "exclusiveMinimum": 0, "maximum": 9}, "number", [0.1, 9], [0, 9.1]),
    ({"type": "string", "nullable": True}, "string", ["", None], [0]),
    ({"type": ["integer", "number"]}, "number", [1, 1.5], ["1", None]),
    ({"type": ["string", "null"]}, "string", ["x", None], [1]),
    ({"type": ["string", "boolean"]}, "any", ["x", True], [1]),
    ({"enum": ["eu", "us", None]}, "string", ["eu", None], ["asia"]),
    ({"enum": [1, 2.5]}, "number", [1, 2.5], [2]),
    ({"enum": [True, None]}, "boolean", [True, None], [False]),
    ({"enum": [["a"], {"b": 1}]}, "any", [["a"], [], {}], ["a"]),
    ({"const": 3}, "integer", [3], [4]),
    ({"type": "integer", "minimum": True}, "integer", [-5], []),
]


@pytest.mark.parametrize(("schema", "type_", "inside", "outside"), SCHEMAS)
def test_a_schema_tells_what_an_input_can_be(
    schema: Any, type_: str, inside: list[Any], outside: list[Any]
) -> None:
    domain = domain_of_schema(schema)

    assert (domain.type, domain.known) == (type_, True)
    assert [value for value in inside if not contains(domain.values, value)] == []
    assert [value for value in outside if contains(domain.values, value)] == []


@pytest.mark.parametrize(
    "schema", [True, None, {}, {"type": "date"}, {"type": []}, {"enum": []}, {"pattern": "x"}]
)
def test_a_schema_that_tells_nothing_leaves_everything_possible(schema: Any) -> None:
    assert domain_of_schema(schema) == UNKNOWN


def test_only_a_domain_of_integers_is_whole() -> None:
    domains = (domain_of_types(["integer", "null"]), domain_of_types(["number", "integer"]))
    choices = (domain_of_choices([1, 2]), domain_of_choices([1, 2.0]))

    assert [domain.whole for domain in (*domains, *choices)] == [True, False, True, False]


def test_a_column_of_different_types_reads_its_conditions_as_of_any() -> None:
    assert domain_of_choices([1, "one"]) == Domain("any", domain_of_choices(["one", 1]).values)
