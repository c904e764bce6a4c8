"""A compiled table, shown as a tree."""

import pytest

from stretto.table.tree import MAX_PARTS, MAX_TREE_LINES, changes, shown_set, table_lines
from stretto.table.values import EVERYTHING, OF_TYPE, just, united
from tests.unit.table.tables import table


def tree_of(shown: list[str]) -> list[str]:
    """The lines of the tree, without what comes before and after it."""
    return [line[2:] for line in shown[shown.index("tree:") + 1 : shown.index("changed:")]]


def test_a_column_that_all_possible_values_fit_is_a_dash() -> None:
    known = table({"x": "number"}, ({"x": "not(null)"}, 1))

    assert tree_of(list(table_lines(known))) == ["x - → rule 0"]


@pytest.mark.parametrize(
    ("type_", "condition", "lines"),
    [
        ("any", "<= 3, > 3", ["x not(any number) → otherwise", "x any number → rule 0"]),
        ("any", ">= ''", ["x not(any text) → otherwise", "x any text → rule 0"]),
        ("integer", "(5..6)", ["x not((5..6)) → otherwise"]),
        ("number", "[1..3)", ["x not([1..3)) → otherwise", "x [1..3) → rule 0"]),
        ("number", "> 3", ["x <= 3 → otherwise", "x > 3 → rule 0"]),
        ("number", ">= 3", ["x < 3 → otherwise", "x >= 3 → rule 0"]),
        ("boolean", "true", ["x false → otherwise", "x true → rule 0"]),
        ("any", "null", ["x null → rule 0", "x any other → otherwise"]),
        ("string", "eu, us", ['x not("eu", "us") → otherwise', 'x "eu", "us" → rule 0']),
    ],
)
def test_a_branch_names_its_values_in_the_short_forms(
    type_: str, condition: str, lines: list[str]
) -> None:
    shown = list(table_lines(table({"x": type_}, ({"x": condition}, 1))))

    assert tree_of(shown) == lines


def test_a_set_of_many_parts_is_cut() -> None:
    values = united(just(number) for number in range(MAX_PARTS + 3))

    assert shown_set(values) == "0, 1, 2, 3, 4, 5, … 3 more"
    assert shown_set(EVERYTHING) == "-"


def test_lists_and_maps_are_any_other() -> None:
    assert shown_set(OF_TYPE["array"]) == "any other"


def test_both_booleans_are_named() -> None:
    assert shown_set(OF_TYPE["boolean"]) == "false, true"


def test_rules_that_count_together_are_shown_as_they_are_written() -> None:
    rules = [({"x": "> 1"}, n) for n in range(14)]
    both = table({"x": "number"}, *rules, hit="collect")

    last = tree_of(list(table_lines(both)))[-1]

    assert last == "x > 1 → rules 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 and 2 more"


def test_a_large_tree_is_cut() -> None:
    rules = [({"x": str(n)}, n) for n in range(MAX_TREE_LINES + 1)]

    shown = tree_of(list(table_lines(table({"x": "number"}, *rules))))

    assert len(shown) == MAX_TREE_LINES + 1
    assert shown[-1] == f"… cut after {MAX_TREE_LINES} lines"


def test_a_table_that_there_is_nothing_to_gain_from_says_so() -> None:
    lines = list(table_lines(table({"x": "number"}, ({"x": "> 1"}, 1), ({}, 2), hit="first")))

    assert lines[lines.index("changed:") + 1 :] == [
        "  nothing: there was nothing to gain",
    ]


def test_what_is_changed_is_told() -> None:
    known = table(
        {"x": "number", "y": "any", "z": "any"},
        ({"x": "> 1", "y": "${{ value == input.a }}"}, 1),
        ({"x": "> 2", "y": "${{ value == input.a }}"}, 2),
        ({"x": "> 3", "y": "${{ value == input.b }}"}, 3),
        hit="collect",
    )

    told = changes(known)

    assert "3 conditions became 1 looks into an index" in told
    assert "`value == input.a` of rules 0, 1 is asked once at most" in told
    assert not any("input.b" in line for line in told)
    assert "z: no rule asks for it, it is worked out only if used" in told
