"""What a step gives that is written out in the definition is checked where others use it."""

import pytest

from stretto.definition import load

TEXT = """workflow: w
steps:
  a: {set: {flag: true, whole: 3, number: 1.5, text: x, none: null}}
  b: {needs: a, set: {x: "${{ steps.a.output.%s.deep }}"}}
"""


@pytest.mark.parametrize(
    ("name", "type_"),
    [("flag", "boolean"), ("whole", "integer"), ("number", "number"), ("text", "string")],
)
def test_a_field_of_a_fixed_value_that_is_no_map_is_a_mistake(name: str, type_: str) -> None:
    [mistake] = load(TEXT % name).mistakes

    assert str(mistake).endswith(
        f"expected `steps.a.output.{name}` to be a map with `deep`, but its schema says {type_}"
    )


def test_a_field_of_null_may_be_anything() -> None:
    assert load(TEXT % "none").mistakes == []
