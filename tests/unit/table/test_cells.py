"""Conditions in their short forms: which values fit them."""

from typing import Any

import pytest

from stretto.table.cells import ConditionError, literal, read_cell
from stretto.table.limits import MAX_CONDITION_CHARS, MAX_TESTS
from stretto.table.values import EVERYTHING, OTHER, complement, contains, example, is_empty, united

FITS: list[tuple[str, str, list[Any], list[Any]]] = [
    ("-", "any", [None, True, 1, "x", OTHER], []),
    ("", "any", [None, 0], []),
    ("< 10", "number", [9.99, -1e300, 9], [10, 11, "9", None, True]),
    ("<= 10", "number", [10, 10.0], [10.001]),
    ("> 10", "number", [10.5, 1e300], [10]),
    (">= 10", "any", [10, 11], [9, "11"]),
    ("= 10", "any", [10, 10.0], [9, "10"]),
    ("== 10", "any", [10], [True]),
    ("!= 10", "any", [9, "10", None, True, OTHER], [10, 10.0]),
    ("10", "any", [10], ["10"]),
    ("10", "string", ["10"], [10]),
    ("true", "boolean", [True], [False, 1]),
    ("true", "string", ["true"], [True]),
    ("null", "string", [None], ["null"]),
    ("'null'", "string", ["null"], [None]),
    ("eu, us", "string", ["eu", "us"], ["asia", "", "eu, us"]),
    ("'eu, us'", "string", ["eu, us"], ["eu", "us"]),
    ('"it\'s", x', "any", ["it's", "x"], []),
    ("it's", "any", ["it's"], []),
    ("not(eu, us)", "string", ["asia", None, 3], ["eu", "us"]),
    ("not(< 10)", "number", [10, 11], [9]),
    ("not(not(eu))", "any", ["eu"], ["us"]),
    ("[1..5)", "number", [1, 4.99], [0.99, 5]),
    ("(1..5]", "number", [5, 1.01], [1, 5.01]),
    ("]1..5[", "number", [2], [1, 5]),
    ("[1..1]", "number", [1], [2]),
    ("[..5]", "number", [-1e9, 5], [6]),
    ("[5..]", "number", [5, 1e9], [4]),
    ("[-2.5..1e3]", "number", [-2.5, 1000], [-3, 1001]),
    ("[a..c)", "string", ["a", "b", "bzz"], ["c", "A", 1]),
    (">= 2026-01-01", "string", ["2026-01-01", "2027-05-05T00:00:00Z"], ["2025-12-31"]),
    ("< 10, > 20, 15", "number", [9, 15, 21], [10, 16, 20]),
    ("[1..3], [2..5]", "number", [1, 4], [0, 6]),
    ("[1..9], [2..3]", "number", [1, 3, 9], [0, 10]),
    ("1, -", "number", [1, None, "x"], []),
]


@pytest.mark.parametrize(("text", "type_", "fitting", "others"), FITS)
def test_a_condition_is_a_set_of_values(
    text: str, type_: str, fitting: list[Any], others: list[Any]
) -> None:
    admits = read_cell(text, type_).admits

    assert admits is not None
    assert [v for v in fitting if not contains(admits, v)] == []
    assert [v for v in others if contains(admits, v)] == []
    assert [v for v in others if not contains(complement(admits), v)] == []
    assert united((admits, complement(admits))) == EVERYTHING
    assert contains(admits, example(admits))


WRONG = [
    ("[5..1]", "number", "expected an interval that something lies in, but nothing is in `[5..1]`"),
    ("(1..1)", "number", "expected an interval that something lies in, but nothing is in `(1..1)`"),
    ("< true", "any", "expected a number or a text to compare with, but got `< true`"),
    ("> null", "any", "expected a number or a text to compare with, but got `> null`"),
    ("ten", "number", "expected a value of type number, but got `ten`"),
    ("ten", "boolean", "expected a value of type boolean, but got `ten`"),
    ("'1'", "integer", "expected a value of type integer, but got `'1'`"),
    ("a,,b", "any", "expected a value between the commas, but there is none"),
    ("<", "number", "expected a value, but there is none"),
    ("'x", "any", "expected a closing ', but `'x` has none"),
    ("'x'y'", "any", "expected one text in quotes, but got `'x'y'`"),
    ("[..]", "any", "expected a bound at least on one side, but got `[..]`"),
    ("[1..b]", "any", "expected two numbers or two texts, but got `[1..b]`"),
    ("1e999", "any", "expected a number that a double can hold, but got `1e999`"),
    (
        "eu, ${{ value }}",
        "any",
        "expected an expression to be the whole condition, but there is more around it",
    ),
    (
        "x" * (MAX_CONDITION_CHARS + 1),
        "any",
        f"expected a condition of at most {MAX_CONDITION_CHARS} characters, "
        f"but got {MAX_CONDITION_CHARS + 1}",
    ),
    (
        ",".join("1" * (MAX_TESTS + 1)),
        "any",
        f"expected at most {MAX_TESTS} alternatives, but got {MAX_TESTS + 1}",
    ),
]


@pytest.mark.parametrize(("text", "type_", "said"), WRONG, ids=[w[0][:20] for w in WRONG])
def test_what_is_no_condition_is_told(text: str, type_: str, said: str) -> None:
    with pytest.raises(ConditionError) as caught:
        read_cell(text, type_)

    assert caught.value.message == said


def test_an_expression_is_kept_as_it_is() -> None:
    cell = read_cell(" ${{ value % 2 == 0 }} ")

    assert (cell.admits, cell.source, cell.is_any) == (None, "value % 2 == 0", False)


@pytest.mark.parametrize("value", [None, True, False, 3, -2.5, "eu", "it's", "a, b", "10", ""])
def test_a_literal_is_fitted_by_its_value_alone(value: Any) -> None:
    admits = read_cell(literal(value)).admits

    assert admits is not None
    assert contains(admits, value)
    assert not contains(admits, "another")


def test_between_five_and_six_is_a_number_but_no_integer() -> None:
    between = read_cell("(5..6)", "number").admits

    assert between is not None
    assert not is_empty(between)
    assert is_empty(between, whole=True)
    assert example(between) == 5.5
    with pytest.raises(LookupError):
        example(between, whole=True)
