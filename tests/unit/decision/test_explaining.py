"""A decision told part by part."""

import json
from itertools import count
from typing import Any

import msgspec
import pytest

from services.decision.core.explaining import MAX_RULES_TOLD, explain
from services.decision.core.plans import PlanCache
from stretto.contracts.asks import AskPlan, DevicesPlan, TableInput, TablePlan, TableRule
from stretto.contracts.codec import json_encode
from stretto.contracts.decisions import Explained, ExplainRequest


def told(plan: AskPlan, *values: Any, absent: tuple[int, ...] = ()) -> Explained:
    clock = count(0, 5_000)
    request = ExplainRequest(
        plan=msgspec.Raw(json_encode(plan)),
        values=[msgspec.Raw(json.dumps(value).encode()) for value in values],
        absent=list(absent),
    )
    return explain(request, PlanCache(), lambda: next(clock))


def ask(**fields: Any) -> AskPlan:
    return AskPlan(workflow="w", version=1, step="s", paths=(("input",),), **fields)


def table(*rules: TableRule, hit: Any = "first", otherwise: bytes = b"null") -> AskPlan:
    inputs = (
        TableInput(name="x", expression="input.x", type="number"),
        TableInput(name="t", expression="input.t"),
    )
    plan = TablePlan(inputs=inputs, rules=rules, hit=hit, otherwise=msgspec.Raw(otherwise))
    return ask(table=plan)


def rule(then: Any = 1, **when: str) -> TableRule:
    return TableRule(when=when, then=msgspec.Raw(json.dumps(then).encode()))


def test_a_switch_tells_every_case_and_what_it_looked_at() -> None:
    found = told(ask(cases=("input.x > 5", "input.x > 1", "input.gone", None)), {"x": 3})

    assert (found.kind, found.branch, found.took_us, found.error) == ("switch", 1, 5, None)
    first, second, third, last = found.cases
    assert first.condition is not None
    assert (first.condition.result, first.chosen, first.late) == (False, False, False)
    assert [(s.path, s.value) for s in first.condition.saw] == [("input.x", "3")]
    assert (second.chosen, second.late) == (True, False)
    assert third.condition is not None
    assert (third.late, third.condition.result) == (True, None)
    assert "input.gone" in (third.condition.error or "")
    assert third.condition.saw[0].error is not None
    assert (last.condition, last.late) == (None, True)


def test_who_was_there_is_not_worked_out_again() -> None:
    devices = DevicesPlan(where="device.attributes.site == input.site", task="t", at_least=1)

    found = told(ask(condition="input.on", devices=devices), {"on": True, "site": "n"})
    skipped = told(ask(condition="input.on", devices=devices), {"on": False, "site": "n"})

    assert (found.of_devices, found.items, found.error) == (True, None, None)
    assert found.condition is not None and found.condition.result is True
    assert skipped.skipped


def test_a_false_condition_ends_it() -> None:
    found = told(ask(condition="input.x > 5", cases=("true",)), {"x": 3})

    assert found.skipped
    assert found.cases == []
    assert found.condition is not None
    assert found.condition.result is False


def test_a_template_tells_its_output_and_a_list_its_length() -> None:
    found = told(ask(template=msgspec.Raw(b'{"a":"${{ input.x }}"}'), items="[1, 2, 3]"), {"x": 3})

    assert (found.kind, bytes(found.output), found.items) == ("expression", b'{"a":3}', 3)


def test_a_table_tells_the_rules_that_count_then_those_that_came_nearest() -> None:
    found = told(
        table(
            rule(x="> 100", t="b"),
            rule(x="> 100", t="a"),
            rule(x="> 1"),
            rule(x="> 2"),
            rule(x="${{ value > 100 }}"),
            rule(x="${{ 1 / (value - 10) > 0 }}"),
        ),
        {"x": 10, "t": "a"},
    )

    assert found.table is not None
    assert found.rules == [2]
    numbers = [(r.number, r.counts, r.fits) for r in found.table.rules]
    assert numbers == [
        (2, True, True), (3, False, True), (1, False, False), (4, False, False),
        (5, False, False), (0, False, False),
    ]  # fmt: skip
    because = {r.number: [(c.input, c.condition) for c in r.because] for r in found.table.rules}
    assert because[0] == [("x", "> 100"), ("t", "b")]
    assert because[4] == [("x", "${{ value > 100 }}")]
    broken = next(r for r in found.table.rules if r.number == 5)
    assert "divisor" in (broken.because[0].error or "")
    assert [(i.name, i.value) for i in found.table.inputs] == [("x", "10"), ("t", '"a"')]


def test_an_input_that_is_missing_is_told() -> None:
    found = told(table(rule(x="> 5", t="a"), rule(t="-")), {"x": 3})

    assert found.table is not None
    assert found.rules == [1]
    assert found.table.inputs[1].error is not None
    error = next(c.error for r in found.table.rules for c in r.because if c.input == "t")
    assert error is not None


def test_no_rule_is_told_as_otherwise() -> None:
    found = told(table(rule(x="> 5"), otherwise=b'"none"'), {"x": 3, "t": ""})

    assert found.table is not None
    assert found.table.otherwise
    assert (bytes(found.output), found.rules) == (b'"none"', [])


def test_of_many_rules_the_nearest_are_told() -> None:
    found = told(table(*(rule(x=str(n)) for n in range(MAX_RULES_TOLD + 20))), {"x": 3, "t": ""})

    assert found.table is not None
    assert (len(found.table.rules), found.table.more) == (MAX_RULES_TOLD, 20)
    assert found.table.rules[0].number == 3


def test_secrets_are_not_told() -> None:
    plan = table(rule(t="${{ value + 1 > 0 }}"))
    secret = {"x": 3, "t": "hunter2-hunter2", "password": "hunter2-hunter2"}

    assert "hunter2" not in json_encode(told(plan, secret)).decode()
    assert "hunter2" not in json_encode(told(ask(cases=("input.password",)), secret)).decode()


@pytest.mark.parametrize(
    ("plan", "error"),
    [
        (ask(cases=("input.x ==",)), "switch[0].if"),
        (table(rule(x="< y")), "decide.rules[0].when.x"),
    ],
)
def test_a_plan_that_cannot_be_compiled_is_told_so(plan: AskPlan, error: str) -> None:
    found = told(plan, {"x": 1})

    assert error in (found.error or "")


def test_values_that_do_not_fit_the_plan_are_told_so() -> None:
    found = told(ask(cases=("true",)))

    assert "expected 1 values for the plan, but got 0" in (found.error or "")


def test_what_is_no_plan_is_refused() -> None:
    with pytest.raises(msgspec.DecodeError):
        explain(ExplainRequest(plan=msgspec.Raw(b"[]")), PlanCache(), lambda: 0)


def test_a_value_of_a_step_that_did_not_run_is_absent() -> None:
    plan = AskPlan(
        workflow="w", version=1, step="s", paths=(("steps", "a", "output"),),
        cases=("steps.a.output.x == 1",),
    )  # fmt: skip

    found = told(plan, None, absent=(0,))

    assert "steps.a did not run" in (found.error or "")
