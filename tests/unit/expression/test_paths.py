"""Paths: how they are written, and what is shown of a value."""

from typing import Any

import pytest

from stretto.expression import EvaluationError
from stretto.expression.paths import Segments, getter_of, show_path, show_value


@pytest.mark.parametrize(
    ("segments", "text"),
    [
        (("input",), "input"),
        (("steps", "a", "output"), "steps.a.output"),
        (("steps", "a-b", "output", 3, "x"), 'steps["a-b"].output[3].x'),
        (("input", "9x"), 'input["9x"]'),
    ],
)
def test_a_path_is_written_as_the_language_does(segments: Segments, text: str) -> None:
    assert show_path(segments) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (True, "true"),
        (False, "false"),
        (5, "5"),
        (2.5, "2.5"),
        ("a", '"a"'),
        ([1, 2], "a list of 2"),
        ({"a": 1}, "a map of 1"),
        (b"x", "a bytes"),
        ("x" * 100, '"' + "x" * 38 + "…"),
        (10**100, "1" + "0" * 38 + "…"),
    ],
)
def test_a_value_is_shown_bounded(value: Any, text: str) -> None:
    assert show_value(value) == text


@pytest.mark.parametrize("length", range(1, 8))
def test_a_getter_of_any_length_gives_the_very_value(length: int) -> None:
    names = tuple(f"n{index}" for index in range(length))
    value = ["the value"]
    scope: Any = value
    for name in reversed(names):
        scope = {name: scope}

    assert getter_of(names)(scope) is value


def test_a_long_path_names_what_is_missing() -> None:
    get = getter_of(("a", "b", "c", "d", "e", "f"))

    with pytest.raises(EvaluationError) as raised:
        get({"a": {"b": {"c": {"d": {}}}}})

    assert raised.value.message == "expected `a.b.c.d.e`, but `a.b.c.d` has no `e`"
