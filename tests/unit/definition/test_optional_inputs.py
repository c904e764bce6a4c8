"""Fields of the input that may be left out, and are read as if they were always there."""

import pytest

from stretto.definition import load

HEAD = """\
workflow: w
input:
  type: object
  required: [a]
  properties: {a: {}, b: {}, c: {default: 3}, "d-e": {}}
"""


def warned(steps: str, head: str = HEAD) -> list[str]:
    loaded = load(head + f"steps:\n{steps}\n")
    assert not loaded.mistakes
    return [str(w) for w in loaded.warnings if w.code == "optional_input"]


def test_a_field_that_may_be_left_out_is_warned_of_once_with_its_place_and_a_remedy() -> None:
    steps = (
        '  x: {task: t, with: {a: "${{ input.a }}", b: "n ${{ input.b }}", c: "${{ input.b }}"}}'
    )

    assert warned(steps) == [
        '<definition>:7:54: steps.x.with.b: expected "b" to be a required field of the input, or '
        "to be asked for, but a run may be started without it, and this fails then; put it into "
        "`required`, or write default(input.b, …)"
    ]


def test_a_default_in_the_schema_is_said_not_to_be_filled_in() -> None:
    [told] = warned('  x: {task: t, if: "input.c > 1"}')

    assert "(its default in the schema is not filled in)" in told


@pytest.mark.parametrize(
    "asks",
    [
        "has(input.b)",
        "default(input.b, 1) == 1",
        "has( input.b.c )",
        "input.?b.orValue(1) == 1",
        "'b' in input",
        "'b' in input && input.a == 1",
    ],
)
def test_nothing_is_said_where_it_is_asked_for_anywhere(asks: str) -> None:
    assert (
        warned(f'  x: {{task: t, if: "{asks}"}}\n  y: {{set: {{b: "${{{{ input.b }}}}"}}}}') == []
    )


def test_a_name_that_needs_brackets_can_be_asked_for() -> None:
    reads = "  y: {set: {b: '${{ input[\"d-e\"] }}'}}"

    assert len(warned(reads)) == 1
    assert warned(reads + "\n  x: {task: t, if: 'default(input[\"d-e\"], 1) == 1', needs: y}") == []


@pytest.mark.parametrize(
    "schema",
    [
        "{type: object, properties: {b: {}}}",
        "{type: object, required: [], properties: {b: {}}}",
        "{type: object, required: [b], properties: {b: {}}}",
        "{type: object, required: [a]}",
    ],
)
def test_a_schema_that_does_not_tell_which_fields_are_required_tells_nothing(schema: str) -> None:
    assert warned('  x: {set: {b: "${{ input.b }}"}}', f"workflow: w\ninput: {schema}\n") == []


def test_the_whole_of_the_input_is_no_field() -> None:
    assert warned('  x: {set: {all: "${{ input }}"}}') == []
