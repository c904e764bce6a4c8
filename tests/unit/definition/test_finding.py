"""A failure of an expression, found again in the definition."""

import pytest

from stretto.definition.finding import position_of_failure
from stretto.expression import EvaluationError, compile_template

SOURCE = """\
workflow: order
steps:
  price:
    set: {each: "${{ input.total / input.parts }}"}
  group:
    steps:
      price:
        if: input.total / input.parts > 1
        task: t
        with:
          text: >-
            per part: ${{ input.total /
            input.parts }} EUR
          quoted: 'it''s ${{ input.total % input.parts }}'
output: {each: "${{ input.total / input.parts }}"}
"""


def at(line: int, piece: str) -> tuple[int, int]:
    return line, SOURCE.split("\n")[line - 1].index(piece) + 1


DIVIDED = "expected a divisor other than zero, at 1:13 of `input.total / input.parts"


@pytest.mark.parametrize(
    ("step", "message", "position"),
    [
        ("price", f"each: {DIVIDED}` [division_by_zero]", at(4, "/")),
        ("group.price", f"if: {DIVIDED} > 1` [division_by_zero]", at(8, "/")),
        ("group[3].price", f"if: {DIVIDED} > 1`", at(8, "/")),
        ("output", f"each: {DIVIDED}` [division_by_zero]", at(15, "/")),
        ("group.price", "quoted: no, at 1:13 of `input.total % input.parts` [x]", at(14, "%")),
        ("group.price", "text: no, at 1:7 of `input.total / input.parts` [x]", at(11, ">-")),
        ("price", "each: no, at 1:90 of `…total / input.parts` [x]", at(4, "total /")),
    ],
)
def test_the_place_is_found(step: str, message: str, position: tuple[int, int]) -> None:
    if position == at(11, ">-"):  # a folded text has one space where the document has a new line
        position = at(12, "total /")
        position = (12, position[1])
    assert position_of_failure(SOURCE, step, message) == position


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (SOURCE, "each: expected a divisor other than zero [division_by_zero]"),
        (SOURCE, "each: no, at 1:2 of `input.other` [x]"),
        ("a: [", "each: no, at 1:2 of `input.total` [x]"),
    ],
)
def test_what_is_not_there_has_no_place(source: str, message: str) -> None:
    assert position_of_failure(source, "price", message) is None


def test_what_an_error_says_of_its_place_is_understood() -> None:
    text = "${{ input.total / input.parts }}"
    with pytest.raises(EvaluationError) as raised:
        compile_template(text).evaluate({"input": {"total": 1, "parts": 0}})
    message = f"each: {raised.value.message}, at {raised.value.spot} [{raised.value.code}]"
    assert position_of_failure(SOURCE, "price", message) == at(4, "/")
