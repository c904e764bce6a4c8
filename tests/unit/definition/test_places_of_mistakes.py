"""Mistakes that the tables of broken definitions do not reach, and their codes."""

import pytest

from stretto.definition import check

HEAD = "workflow: w\nsteps:\n"


def codes_of(text: str) -> list[tuple[str, str]]:
    return [(mistake.path, mistake.code) for mistake in check(text)]


@pytest.mark.parametrize("until", ["2030-13-01T00:00:00Z", "2030-01-01 00:00:00Z", "x", "5", "{}"])
def test_what_is_no_instant_is_a_mistake(until: str) -> None:
    assert codes_of(HEAD + f"  a: {{wait: {{until: {until}}}}}\n") == [
        ("steps.a.wait.until", "bad_value")
    ]


def test_a_number_beyond_64_bits_is_out_of_range() -> None:
    assert codes_of(HEAD + "  a: {task: t, with: {x: 1e999, y: -9223372036854775809}}\n") == [
        ("steps.a.with.x", "out_of_range"),
        ("steps.a.with.y", "out_of_range"),
    ]


def test_a_key_that_is_a_list_is_left_out() -> None:
    assert codes_of(HEAD + "  a:\n    task: t\n    with:\n      ? [x]\n      : 1\n") == [
        ("steps.a.with", "bad_key")
    ]


def test_a_mistake_inside_lists_has_the_index_in_its_path() -> None:
    assert codes_of(HEAD + "  a: {task: t, with: {x: [1, [2, {y: .inf, y: 1}]]}}\n") == [
        ("steps.a.with.x[1][1].y", "out_of_range"),
        ("steps.a.with.x[1][1].y", "duplicate_key"),
    ]
    assert ("[0]", "out_of_range") in codes_of("[.inf]")
    assert ("", "out_of_range") in codes_of(".inf")


def test_the_path_of_a_value_under_an_odd_key_ends_before_it() -> None:
    assert ("", "out_of_range") in codes_of("? [a]\n: .inf\n")
    assert ("b", "out_of_range") in codes_of("? [a]\n: {b: .inf}\n")


def test_brackets_are_suggested_only_where_such_a_step_exists() -> None:
    text = HEAD + "  a: {task: t}\n  b: {task: t, with: {x: '${{ steps.c-d.output }}'}}\n"

    [mistake] = check(text)

    assert "steps[" not in mistake.suggestion


def test_a_mapping_of_schemas_that_is_none_is_a_mistake_of_its_own() -> None:
    text = "workflow: w\ninput: {properties: 5, allOf: [], items: 3}\nsteps: {a: {task: t}}\n"

    assert {path for path, code in codes_of(text) if code == "bad_schema"} >= {"input.properties"}


def test_the_same_expression_is_told_at_each_of_its_places() -> None:
    text = HEAD + '  a: {task: t, with: {x: "${{ steps.b.output }}", y: "${{ steps.b.output }}"}}\n'

    assert [(m.path, m.column) for m in check(text)] == [
        ("steps.a.with.x", 31),
        ("steps.a.with.y", 59),
    ]
