"""What is said of a table that is wrong, and of one that is too large to look at to the end."""

from collections.abc import Sequence

import pytest

from stretto.table import check
from stretto.table.cells import read_cell
from stretto.table.check import Dimension, Findings, check_table
from stretto.table.domains import UNKNOWN, domain_of_types

NUMBERS = domain_of_types(["number"])
WHOLE = domain_of_types(["integer"])


def checked(*rules: Sequence[str], whole: bool = False, one_counts: bool = True) -> Findings:
    """A table of numbers, checked: the conditions by rule, of columns x, y, …"""
    domain = WHOLE if whole else NUMBERS
    dimensions = [Dimension(name, domain) for name in "xyz"[: len(rules[0])]]
    cells = [[read_cell(text, domain.type) for text in rule] for rule in rules]
    return check_table(dimensions, cells, ranks=range(len(rules)), one_counts=one_counts)


def test_a_gap_has_an_example() -> None:
    found = checked(["< 1"], ["> 3"])

    assert [gap.row for gap in found.gaps] == [{"x": 2}]
    assert not checked(["< 1"], [">= 1"]).gaps


def test_between_two_integers_there_is_no_gap() -> None:
    assert not checked(["<= 1"], [">= 2"], whole=True).gaps
    assert [gap.row for gap in checked(["<= 1"], [">= 2"]).gaps] == [{"x": 1.5}]


@pytest.mark.parametrize(
    ("rule", "example"), [("> 1e308", 10**308 - 1), ("< -1.5e308, > 1.5e308", 0)]
)
def test_the_largest_numbers_do_not_stop_the_check(rule: str, example: int) -> None:
    [gap] = checked([rule]).gaps

    assert gap.row["x"] == pytest.approx(example)


def test_an_interval_around_the_largest_numbers_is_looked_into() -> None:
    found = checked(["< -1.5e308"], ["(-1.5e308..1.5e308)"], ["> 1.5e308"])

    assert [abs(gap.row["x"]) for gap in found.gaps] == [1.5e308]


def test_a_table_without_conditions_has_no_gap() -> None:
    assert checked(["-", "-"]) == Findings([], [], 0, [], 0, [])


def test_a_rule_that_nothing_fits_is_told_with_its_input() -> None:
    found = checked(["-", "-"], ["-", "(5..6)"], whole=True, one_counts=False)

    assert [(dead.rule, dead.why, dead.input) for dead in found.dead] == [(1, "impossible", "y")]


def test_an_input_of_which_nothing_is_known_is_taken_for_what_its_conditions_name() -> None:
    cells = [[read_cell("eu")], [read_cell("not(eu)")]]

    found = check_table([Dimension("x", UNKNOWN)], cells, ranks=[0, 1], one_counts=True)

    assert not found.gaps
    assert found.overlap_count == 0


def test_overlaps_that_are_not_shown_are_counted() -> None:
    rules = [["> 0"] for _ in range(6)]

    found = checked(*rules, one_counts=False)

    assert (len(found.overlaps), found.overlap_count) == (check.MAX_EXAMPLES, 15)


def test_a_check_of_too_many_combinations_says_what_it_gave_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(check, "MAX_CHECK_NODES", 1)

    found = checked(["1", "-"], ["-", "2"], ["1", "2"])

    assert found.gave_up == ["gaps", "rules that never count"]
    assert found.overlap_count == 3


def test_a_check_of_too_many_rules_gives_up_overlaps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check, "MAX_PAIR_WORK", 1)

    found = checked(["< 5"], ["< 3"], ["${{ value > 1 }}"])

    assert (found.gave_up, found.overlap_count, found.by_expression) == (["overlaps"], 0, 1)
    assert found.gaps


def test_an_input_that_nothing_is_known_and_nothing_asked_of_makes_no_gap() -> None:
    open_ = [Dimension("x", UNKNOWN), Dimension("y", NUMBERS)]
    cells = [[read_cell("-"), read_cell("> 1")]]

    found = check_table(open_, cells, ranks=[0], one_counts=True)

    assert [gap.row for gap in found.gaps] == [{"y": 1}]
