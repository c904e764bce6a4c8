"""The name that was probably meant."""

import pytest

from stretto.definition.suggestions import Suggestions

STEPS = ("reserve", "charge", "ship", "charge-card", "a", "ab")


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("reserv", "reserve"), ("resrve", "reserve"), ("rseerve", "reserve"), ("Charge", "charge"),
        ("charge_card", "charge-card"), ("chrage", "charge"), ("shop", "ship"), ("xyz", None),
        ("b", None), ("", None), ("a" * 50, None), ("reserves", "reserve"), ("charges", "charge"),
    ],
)  # fmt: skip
def test_the_nearest_name_is_meant(name: str, meant: str | None) -> None:
    assert Suggestions().nearest(name, STEPS) == meant


def test_words_of_other_systems_are_understood_where_they_fit() -> None:
    fields = ("task", "needs", "with", "if")

    assert Suggestions().nearest("depends_on", fields) == "needs"
    assert Suggestions().nearest("uses", fields) == "task"
    assert Suggestions().nearest("undo", fields) is None


def test_names_that_share_all_but_the_end_are_near() -> None:
    assert Suggestions().nearest("retries", ("retry", "task")) == "retry"


def test_the_work_is_bounded() -> None:
    suggestions = Suggestions(budget=1)

    assert suggestions.nearest("reserve1", ["reserve2", "reserve"]) == "reserve2"
    assert suggestions.nearest("shop", ["ship"]) is None
