"""From a plan and values to an answer."""

import json
from typing import Any

import pytest

from services.decision.core.evaluate import MAX_ITEMS, FrameValues, evaluate
from services.decision.core.plans import PlanCache
from stretto.contracts.frames import DecideRecord
from tests.unit.decision.plans import ABSENT_VALUE, RUN, decide, failure_of, plan


def test_the_answer_says_which_ask_it_is_for() -> None:
    answer = decide(plan("input", template={"a": "${{ input.x }}"}), {"x": 1})
    assert (answer.run_id, answer.path, answer.turn) == (RUN, "charge", 7)
    assert (answer.skip, answer.error, answer.items, answer.branch) == (False, None, None, -1)
    assert answer.values is None


def test_a_template_keeps_types_and_interpolates_text() -> None:
    template = {"amount": "${{ input.total }}", "ref": "order ${{ input.id }}", "fixed": [1, None]}
    answer = decide(plan("input", template=template), {"total": 12.5, "id": 42})
    assert answer.output == b'{"amount":12.5,"ref":"order 42","fixed":[1,null]}'


def test_values_are_put_where_the_plan_wants_them() -> None:
    template = ["${{ steps.charge.output.id }}", "${{ steps.pack.status }}", "${{ index }}"]
    asked = plan("steps.charge.output", "steps.pack.status", "index", template=template)
    answer = decide(asked, {"id": "c1"}, "completed", 4)
    assert answer.output == b'["c1","completed",4]'


@pytest.mark.parametrize(("x", "skip"), [(1, True), (5, False)])
def test_a_false_condition_skips_and_nothing_else_is_worked_out(x: int, skip: bool) -> None:
    asked = plan("input", condition="input.x > 3", template={"x": "${{ input.x }}"})
    answer = decide(asked, {"x": x})
    assert answer.skip is skip
    assert answer.output == (None if skip else b'{"x":5}')
    assert answer.error is None


def test_a_condition_may_be_written_with_or_without_braces() -> None:
    assert decide(plan("input", condition="${{ input.x > 3 }}"), {"x": 1}).skip
    assert decide(plan("outcome", condition="failed()"), {"failed": False}).skip
    assert not decide(plan(condition="true")).skip


def test_a_condition_that_gives_no_bool_is_an_error() -> None:
    code, message = failure_of(decide(plan("input", condition="input.x"), {"x": "yes"}))
    assert code == "type_mismatch"
    assert message == 'if: expected a bool, but got "yes", at 1:1 of `input.x`'


def test_a_plan_without_template_has_no_output() -> None:
    assert decide(plan("input", condition="true"), {}).output is None


def test_a_missing_path_is_an_error_that_names_the_place() -> None:
    asked = plan("input", template={"items": [{"sku": "${{ input.itm }}"}]})
    code, message = failure_of(decide(asked, {"item": 1}))
    assert code == "missing_path"
    assert message.startswith("items[0].sku: expected `input.itm`, but `input` has no `itm`")


def test_an_absent_value_is_an_error_that_says_that_the_step_did_not_run() -> None:
    asked = plan("steps.ship.output", template={"t": "${{ steps.ship.output.tracking }}"})
    code, message = failure_of(decide(asked, ABSENT_VALUE))
    assert code == "missing_path"
    assert message.endswith("(steps.ship did not run)")


def test_only_what_is_absent_gets_that_explanation() -> None:
    asked = plan("steps.a.output", "input", template=["${{ input.x }}"])
    _, message = failure_of(decide(asked, ABSENT_VALUE, {"y": 1}))
    assert "did not run" not in message
    asked = plan("steps.a.output", "input", template=["${{ input.x + 1 }}"])
    code, message = failure_of(decide(asked, ABSENT_VALUE, {"x": "a"}))
    assert code == "type_mismatch"
    assert "did not run" not in message


def test_an_expression_can_ask_whether_an_absent_value_is_there() -> None:
    asked = plan(
        "steps.a.output", template="${{ has(steps.a.output) ? steps.a.output.x : 'none' }}"
    )
    assert decide(asked, ABSENT_VALUE).output == b'"none"'
    assert decide(asked, {"x": 1}).output == b"1"


def test_lenient_makes_what_is_absent_null_and_leaves_the_rest() -> None:
    template = {"tracking": "${{ steps.ship.output.tracking }}", "id": "${{ input.id }}"}
    asked = plan("steps.ship.output", "input", template=template, lenient=True)
    assert decide(asked, ABSENT_VALUE, {"id": 1}).output == b'{"tracking":null,"id":1}'


def test_lenient_is_no_excuse_for_a_wrong_name() -> None:
    asked = plan("input", template="${{ input.itm }}", lenient=True)
    code, _ = failure_of(decide(asked, {"item": 1}))
    assert code == "missing_path"


def test_items_are_encoded_one_by_one() -> None:
    answer = decide(plan("input", items="input.items"), {"items": [{"sku": "a"}, 2, None, "x"]})
    assert answer.items == [b'{"sku":"a"}', b"2", b"null", b'"x"']
    assert decide(plan("input", items="input.items"), {"items": []}).items == []


@pytest.mark.parametrize(
    ("value", "shown"),
    [({"a": 1}, "a map of 1"), ("abc", '"abc"'), (None, "null"), (3, "3")],
)
def test_items_that_are_no_list_are_an_error_that_names_what_they_are(
    value: Any, shown: str
) -> None:
    code, message = failure_of(decide(plan("input", items="input.items"), {"items": value}))
    assert code == "type_mismatch"
    assert message == f"for_each: expected a list, but got {shown}, at 1:1 of `input.items`"


def test_too_many_items_are_an_error() -> None:
    asked = plan("input", items="input.items")
    assert len(decide(asked, {"items": [0] * MAX_ITEMS}).items or ()) == MAX_ITEMS
    code, message = failure_of(decide(asked, {"items": [0] * (MAX_ITEMS + 1)}))
    assert code == "too_large"
    assert message == "for_each: expected at most 10000 items, but got 10001"


@pytest.mark.parametrize(("x", "branch"), [(1, 0), (2, 1), (3, 2)])
def test_the_first_case_that_is_true_is_the_branch(x: int, branch: int) -> None:
    asked = plan("input", cases=("input.x == 1", "input.x <= 2", None))
    assert decide(asked, {"x": x}).branch == branch


def test_no_case_that_is_true_is_branch_minus_one() -> None:
    assert decide(plan("input", cases=("input.x == 1",)), {"x": 2}).branch == -1


def test_a_case_that_fails_names_its_number() -> None:
    asked = plan("input", cases=("input.x == 1", "input.missing"))
    _, message = failure_of(decide(asked, {"x": 2}))
    assert message.startswith("switch[1].if: expected `input.missing`")


def test_cases_after_the_first_that_is_true_are_not_evaluated() -> None:
    assert decide(plan("input", cases=("true", "input.missing")), {}).branch == 0


def test_further_values_are_given_by_name() -> None:
    asked = plan("input", values={"delay": "${{ input.s }}s", "n": "${{ input.s }}"})
    assert decide(asked, {"s": 5}).values == {"delay": b'"5s"', "n": b"5"}
    _, message = failure_of(decide(plan("input", values={"n": ["${{ input.t }}"]}), {"s": 5}))
    assert message.startswith("n[0]: expected `input.t`")
    _, message = failure_of(decide(plan("input", values={"n": {"m": "${{ input.t }}"}}), {"s": 5}))
    assert message.startswith("n.m: expected `input.t`")


def test_a_value_that_is_no_json_fails_only_who_needs_it() -> None:
    frame = FrameValues([b"{nonsense", b"1"])
    cache = PlanCache()
    asked = cache.get(plan("index", template="${{ index }}"))
    broken = evaluate(asked, frame, DecideRecord(RUN, "a", 1, 0, 0, (0,)))
    fine = evaluate(asked, frame, DecideRecord(RUN, "b", 1, 0, 0, (1,)))
    assert failure_of(broken)[0] == "invalid"
    assert "expected JSON, but" in failure_of(broken)[1]
    assert fine.output == b"1"


@pytest.mark.parametrize("index", [1, 99, -2])
def test_an_index_without_value_is_an_error(index: int) -> None:
    asked = PlanCache().get(plan("input", template="${{ input }}"))
    answer = evaluate(asked, FrameValues([b"1"]), DecideRecord(RUN, "a", 1, 0, 0, (index,)))
    assert failure_of(answer) == (
        "invalid",
        f"expected one of 1 values of the frame, but got {index}",
    )


def test_more_or_fewer_values_than_paths_are_an_error() -> None:
    asked = plan("input", template="${{ input }}")
    assert failure_of(decide(asked))[1] == "expected 1 values for the plan, but got 0"
    assert failure_of(decide(asked, 1, 2))[1] == "expected 1 values for the plan, but got 2"


def test_a_value_is_decoded_once_and_never_changed() -> None:
    frame = FrameValues([json.dumps({"a": {"b": [1]}}).encode()])
    asked = PlanCache().get(plan("input", template={"x": "${{ input.a }}", "y": "${{ input }}"}))
    first = evaluate(asked, frame, DecideRecord(RUN, "a", 1, 0, 0, (0,)))
    value = frame.get(0)
    second = evaluate(asked, frame, DecideRecord(RUN, "b", 1, 0, 0, (0,)))
    assert first.output == second.output == b'{"x":{"b":[1]},"y":{"a":{"b":[1]}}}'
    assert frame.get(0) is value
