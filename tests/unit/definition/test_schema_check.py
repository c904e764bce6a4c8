"""The input schema of a definition, where the tables of broken definitions do not reach."""

import pytest

from stretto.definition import check, load


@pytest.mark.parametrize(
    "dialect",
    [
        "https://json-schema.org/draft/2020-12/schema",
        "https://json-schema.org/draft/2019-09/schema",
        "http://json-schema.org/draft-07/schema#",
        "http://json-schema.org/draft-06/schema#",
        "http://json-schema.org/draft-04/schema#",
    ],
)
def test_a_schema_may_be_of_an_older_dialect(dialect: str) -> None:
    text = (
        f"workflow: w\ninput: {{$schema: '{dialect}', type: object}}\nsteps: {{a: {{task: t}}}}\n"
    )

    assert load(text).definition is not None
    assert len(check(text.replace("object", "objekt"))) == 1


def test_references_within_the_schema_are_followed() -> None:
    text = """
workflow: w
input:
  $defs: {a/b: {anyOf: [{type: string}, {$anchor: here}]}}
  properties:
    a: {$ref: "#/$defs/a~1b"}
    b: {$ref: "#/$defs/a~1b/anyOf/1"}
    c: {$ref: "#here"}
    d: {$ref: "#"}
steps: {a: {task: t}}
"""

    assert load(text).definition is not None


@pytest.mark.parametrize("target", ["#/$defs/a/anyOf/2", "#/$defs/a/anyOf/x", "#/$defs/a/type/b"])
def test_a_reference_to_nothing_is_a_mistake(target: str) -> None:
    text = (
        "workflow: w\ninput:\n  $defs: {a: {type: string, anyOf: [{}, {}]}}\n"
        f"  $ref: '{target}'\nsteps: {{a: {{task: t}}}}\n"
    )

    assert [(m.line, m.code) for m in check(text)] == [(4, "bad_schema")]


def test_an_anchor_that_is_not_there_is_a_mistake() -> None:
    text = "workflow: w\ninput: {$ref: '#nowhere'}\nsteps: {a: {task: t}}\n"

    assert [(m.path, m.code) for m in check(text)] == [("input", "bad_schema")]


def test_any_other_fault_is_told_as_the_meta_schema_says_it() -> None:
    text = "workflow: w\ninput: {minLength: -1}\nsteps: {a: {task: t}}\n"

    assert [str(m) for m in check(text, "f")] == [
        "f:2:20: input.minLength: expected a JSON Schema (2020-12), but -1 is less than the "
        "minimum of 0"
    ]


def test_a_wrong_schema_hides_no_other_mistake() -> None:
    text = "workflow: w\ninput: {type: x}\nsteps: {a: {task: t, with: {x: '${{ input.y + }}'}}}\n"

    assert [m.line for m in check(text)] == [2, 3]
