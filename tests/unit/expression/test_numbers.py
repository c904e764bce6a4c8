"""Numbers: JSON has one kind, the language has several; terms of paths and literals mix them."""

from typing import Any

import pytest

from stretto.expression import EvaluationError, ScopeTypes, compile_expression

NUMBER = ScopeTypes.of(
    input={
        "type": "object",
        "properties": {
            "price": {"type": "number"},
            "tax": {"type": "number"},
            "count": {"type": "integer"},
            "other": {"type": "integer"},
        },
    }
)


@pytest.mark.parametrize("price", [5, 5.0])
@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("input.price > 0", True),
        ("input.price > 0.5", True),
        ("input.price == 5", True),
        ("input.price <= 4.9", False),
        ("input.price in [5]", True),
        ("[5.0].exists(x, x == input.price)", True),
        ("input.price * 1.5", 7.5),
        ("input.price * 2 + 0.5", 10.5),
        ("0.5 - input.price", -4.5),
        ("-input.price + 1.0", -4.0),
        ("input.price * 2 == 10", True),
        ("input.price + input.price == 10", True),
        ("input.price + input.half == 5.5", True),
        ("input.half * 2 + input.price == 6", True),
        ("size('ab') + size([1])", 3),
        ("size(input.list) * input.price", 15),
        ("input.list.size() * input.half", 1.5),
        ("size(input.list) / 2", 1),
        ("size(input.list) / 2.0", 1.5),
        ("input.price * 2 > 9 && input.price * 2 < 11", True),
    ],
)
def test_a_whole_number_may_come_as_int_or_float(source: str, expected: Any, price: float) -> None:
    value = compile_expression(source).evaluate(
        {"input": {"price": price, "half": 0.5, "list": [1, 2, 3]}}
    )

    assert value == expected


@pytest.mark.parametrize("price", [5, 5.0])
@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("input.price / 2", 2.5),
        ("input.price * 2", 10.0),
        ("input.price * input.count", 15.0),
        ("(input.price + input.tax) * 2 - 1", 13.0),
        ("input.count / 2", 1),
        ("input.count * input.other", 12),
        ("input.count + 1", 4),
        ("input.count % 2", 1),
    ],
)
def test_a_schema_decides_the_kind_of_a_calculation(
    source: str, expected: float, price: float
) -> None:
    # Given integers that another writer of JSON gave a fraction of zero
    scope = {"input": {"price": price, "tax": 2, "count": 3.0, "other": 4}}

    value = compile_expression(source, NUMBER).evaluate(scope)

    assert value == expected
    assert type(value) is type(expected)


def test_a_term_of_ints_stays_one() -> None:
    program = compile_expression("input.a / 2 + input.b")

    assert program.evaluate({"input": {"a": 5, "b": 1}}) == 3
    assert program.evaluate({"input": {"a": 5.0, "b": 1}}) == 3.5


def test_a_term_may_be_of_texts_or_lists() -> None:
    program = compile_expression("input.a + input.b")

    assert program.evaluate({"input": {"a": "x", "b": "y"}}) == "xy"
    assert program.evaluate({"input": {"a": [1], "b": [2.5]}}) == [1, 2.5]


def test_a_term_names_the_path_that_is_missing() -> None:
    program = compile_expression("input.a * 2 + input.b")

    with pytest.raises(EvaluationError) as raised:
        program.evaluate({"input": {"a": 1.5}})

    assert raised.value.message == "expected `input.b`, but `input` has no `b`"


def test_a_double_path_that_is_no_number_is_an_error_not_a_conversion() -> None:
    program = compile_expression("input.price * 2", NUMBER)

    with pytest.raises(EvaluationError) as raised:
        program.evaluate({"input": {"price": "5"}})

    assert raised.value.code == "type_mismatch"


@pytest.mark.parametrize(
    ("value", "source", "expected"),
    [
        (2**63 - 1, "[input.n]", [2**63 - 1]),
        (-(2**63), "[input.n]", [-(2**63)]),
        (2**63, "[input.n]", [2**63]),
        (2**64 - 1, "input.n > 5", True),
    ],
)
def test_integers_of_64_bits_are_handed_through(value: int, source: str, expected: Any) -> None:
    assert compile_expression(source).evaluate({"input": {"n": value}}) == expected


@pytest.mark.parametrize("value", [2**64, -(2**63) - 1, 10**40])
@pytest.mark.parametrize("source", ["input.n > 5", "[input]", "input.n + 1"])
def test_larger_integers_are_an_overflow(value: int, source: str) -> None:
    with pytest.raises(EvaluationError) as raised:
        compile_expression(source).evaluate({"input": {"n": value}})

    assert raised.value.code == "overflow"


def test_booleans_are_not_numbers() -> None:
    with pytest.raises(EvaluationError) as raised:
        compile_expression("input.yes + 1.5").evaluate({"input": {"yes": True}})

    assert raised.value.code == "type_mismatch"
