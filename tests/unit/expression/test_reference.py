"""The reference of the functions is what the table of them says."""

from pathlib import Path
from typing import Any

import pytest

from stretto.expression import FUNCTIONS, compile_expression
from stretto.expression.functions.reference import OF_THE_LANGUAGE, reference

DOCS = Path(__file__).resolve().parents[3] / "docs" / "functions.md"


def test_the_reference_is_up_to_date() -> None:
    assert DOCS.read_text(encoding="utf-8") == reference(), (
        "write it anew: python -m stretto.expression.functions.reference > docs/functions.md"
    )


@pytest.mark.parametrize("function", FUNCTIONS.values(), ids=lambda function: function.name)
def test_every_function_is_in_the_reference(function: Any) -> None:
    assert f"`{function.signature}`" in reference()


@pytest.mark.parametrize(("source", "expected"), OF_THE_LANGUAGE)
def test_an_example_of_the_language_itself_is_true(source: str, expected: Any) -> None:
    assert compile_expression(source).evaluate({}) == expected
