"""Which uses of a payload that is too large may pass it on."""

import msgspec
import pytest

from services.workflow.resolving import touches, uses_of
from stretto.contracts.asks import AskPlan
from stretto.contracts.codec import json_encode

REF = {"$payload": "0" * 64, "bytes": 9}
INPUT = {"image": REF, "name": "x", "list": [REF, 1], "plain": {"a": {"b": 1}}}


@pytest.mark.parametrize(
    ("reference", "passes", "touched"),
    [
        (("input", "image"), True, False),
        (("input", "image"), False, True),
        (("input", "image", "width"), True, True),
        (("input",), True, False),
        (("input",), False, True),
        (("input", "name"), False, False),
        (("input", "plain", "a", "b"), False, False),
        (("input", "gone"), False, False),
        (("input", "list"), False, True),
        (("input", "list"), True, False),
        (("input", "name", "first"), False, False),
        (("steps", "a", "output"), False, False),
    ],
)
def test_what_is_passed_on_whole_is_not_looked_into(
    reference: tuple[str, ...], passes: bool, touched: bool
) -> None:
    assert touches(reference, ("input",), INPUT, passes=passes) is touched


def test_a_plan_reads_with_conditions_and_writes_with_templates() -> None:
    plan = AskPlan(
        workflow="w",
        version=1,
        step="s",
        paths=(("input",),),
        condition="input.name == 'x'",
        cases=("input.plain.a.b > 0", None),
        template=msgspec.Raw(b'{"a":"${{ input.image }}","b":"${{ size(input.name) }}"}'),
    )
    uses = uses_of(json_encode(plan))
    assert [p.references for p in uses.read] == [
        (("input", "name"),),
        (("input", "plain", "a", "b"),),
    ]
    assert [(p.references, p.is_path) for p in uses.written] == [
        ((("input", "image"),), True),
        ((("input", "name"),), False),
    ]


def test_a_plan_that_cannot_be_compiled_is_left_to_the_decision_service() -> None:
    plan = AskPlan(workflow="w", version=1, step="s", paths=(("input",),), condition="1 +")
    assert uses_of(json_encode(plan)) == ((("input",),), (), ())
