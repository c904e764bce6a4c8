"""A compiled table: hit policies, expressions, inputs that cannot be worked out."""

from typing import Any

import pytest

from stretto.contracts.asks import HitPolicy
from stretto.expression import ExpressionError
from stretto.table.limits import MAX_HITS
from stretto.table.measuring import MAX_COUNTED, SAMPLE_EVERY, Measured
from tests.unit.table.tables import ask, refusal, table

NUMBER = {"x": "number"}


def test_unique_gives_what_the_only_rule_gives() -> None:
    fees = table(NUMBER, ({"x": "< 10"}, {"fee": 5}), ({"x": ">= 10"}, {"fee": 0}))

    assert ask(fees, x=3) == ({"fee": 5}, [0])
    assert ask(fees, x=10.0) == ({"fee": 0}, [1])


def test_unique_refuses_two_rules_that_only_the_run_shows_to_overlap() -> None:
    two = table(NUMBER, ({"x": "${{ value > 1 }}"}, 1), ({"x": "${{ value > 2 }}"}, 2))

    assert ask(two, x=2) == (1, [0])
    assert refusal(two, x=3) == (
        "expected one rule to fit (hit: unique), but rules[0] and rules[1] do [invalid]"
    )


def test_first_gives_what_the_first_rule_gives() -> None:
    rules: list[Any] = [({"x": "> 5"}, "a"), ({"x": "> 1"}, "b"), ({}, "c")]

    first = table(NUMBER, *rules, hit="first")

    assert [ask(first, x=x) for x in (6, 2, 0)] == [("a", [0]), ("b", [1]), ("c", [2])]


def test_priority_gives_what_the_highest_gives_and_among_equals_the_first() -> None:
    ranked = table(NUMBER, ({}, "low"), ({"x": "> 1"}, "b", 5), ({"x": "> 0"}, "c", 5),
                   hit="priority")  # fmt: skip

    assert [ask(ranked, x=x) for x in (2, 1, 0)] == [("b", [1]), ("c", [2]), ("low", [0])]


def test_any_gives_what_all_give_alike_and_refuses_to_choose() -> None:
    alike = table(NUMBER, ({"x": "> 1"}, {"a": 1}), ({"x": "> 2"}, {"a": 1}), ({"x": "> 3"}, 3),
                  hit="any")  # fmt: skip

    assert ask(alike, x=3) == ({"a": 1}, [0, 1])
    assert refusal(alike, x=4) == (
        "expected the rules that fit to give the same (hit: any), but rules[0] and rules[2] "
        "differ [invalid]"
    )


@pytest.mark.parametrize(
    ("hit", "all_three", "none"),
    [
        ("collect", [3, 1.5, 2], []),
        ("collect sum", 6.5, 0),
        ("collect min", 1.5, None),
        ("collect max", 3, None),
        ("collect count", 3, 0),
    ],
)
def test_collect_takes_all(hit: HitPolicy, all_three: Any, none: Any) -> None:
    rules = (({"x": "> 0"}, 3), ({"x": "> 1"}, 1.5), ({"x": "> 2"}, 2))

    collects = table(NUMBER, *rules, hit=hit)

    assert ask(collects, x=3) == (all_three, [0, 1, 2])
    assert ask(collects, x=0) == (none, [])


def test_collect_works_mappings_field_by_field() -> None:
    sums = table(NUMBER, ({}, {"a": 1, "b": 10}), ({"x": "> 1"}, {"b": 5, "a": 2}),
                 hit="collect sum")  # fmt: skip

    assert ask(sums, x=2) == ({"a": 3, "b": 15}, [0, 1])


def test_collect_refuses_what_is_no_number() -> None:
    sums = table(NUMBER, ({}, 1), ({"x": "> 1"}, "${{ inputs.x > 2 }}"), hit="collect sum")
    uneven = table(NUMBER, ({}, {"a": 1}), ({}, {"b": 1}), hit="collect max")

    assert refusal(sums, x=2) == "expected a number from rules[1].then, but got false " \
        "[type_mismatch]"  # fmt: skip
    assert refusal(uneven, x=2) == (
        "expected the rules that fit to give the same fields, but rules[0] and rules[1] do not "
        "[type_mismatch]"
    )


def test_no_rule_gives_otherwise_or_null() -> None:
    assert ask(table(NUMBER, ({"x": "1"}, 1), otherwise={"no": "${{ input.x }}"}), x=2) == (
        {"no": 2},
        [],
    )
    assert ask(table(NUMBER, ({"x": "1"}, 1)), x=2) == (None, [])


def test_rules_know_the_inputs_and_conditions_their_own_value() -> None:
    sums = table(
        {"x": "number", "y": "any"},
        ({"x": "${{ value > inputs.y }}"}, {"over": "${{ inputs.x - inputs.y }}"}),
    )

    assert ask(sums, x=5, y=3) == ({"over": 2}, [0])
    assert ask(sums, x=1, y=3) == (None, [])


def test_an_input_that_is_missing_matters_only_to_rules_that_ask_for_it() -> None:
    two = table({"x": "number", "y": "any"}, ({"x": "1"}, "a"), ({"x": "2", "y": "z"}, "b"))

    assert ask(two, x=1) == ("a", [0])
    assert ask(two, x=3, y="z") == (None, [])
    assert ask(two, x=3) == (None, [])
    assert refusal(two, x=2).startswith("decide.inputs.y: expected `input.y`, but `input` has no")


def test_for_first_an_input_that_is_missing_matters_only_before_the_rule_that_fits() -> None:
    rules: list[Any] = [({"x": "1"}, "a"), ({"y": "z"}, "b"), ({}, "c")]

    first = table({"x": "number", "y": "any"}, *rules, hit="first")

    assert ask(first, x=1) == ("a", [0])
    assert "decide.inputs.y" in refusal(first, x=2)


def test_a_condition_that_cannot_be_worked_out_is_an_error_unless_another_says_no() -> None:
    broken = table(
        {"x": "any", "y": "any"},
        ({"x": "${{ 1 / value > 0 }}", "y": "${{ value == 1 }}"}, "a"),
    )

    assert ask(broken, x=0, y=2) == (None, [])
    assert refusal(broken, x=0, y=1).startswith("decide.rules[0].when.x: ")


def test_what_is_equal_to_a_number_is_the_number() -> None:
    exact = table({"x": "any"}, ({"x": "1"}, "int"), ({"x": "true"}, "bool"), ({"x": "'1'"}, "s"))

    assert [ask(exact, x=x)[0] for x in (1, 1.0, True, "1", [1], None)] == [
        "int", "int", "bool", "s", None, None,
    ]  # fmt: skip


def test_an_event_names_a_hundred_rules_at_most() -> None:
    many = table(NUMBER, *[({}, 1) for _ in range(MAX_HITS + 5)], hit="collect count")

    output, rules = ask(many, x=1)

    assert (output, rules) == (MAX_HITS + 5, list(range(MAX_HITS)))


@pytest.mark.parametrize(
    ("when", "then", "place"),
    [
        ({"x": "< y"}, 1, "decide.rules[0].when.x"),
        ({"x": "${{ value + }}"}, 1, "decide.rules[0].when.x"),
        ({}, {"a": "${{ 1 + }}"}, "decide.rules[0].then.a"),
    ],
)
def test_a_plan_with_a_mistake_names_its_place(when: Any, then: Any, place: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        table(NUMBER, (when, then))

    assert caught.value.place == place


def test_the_order_of_the_columns_follows_what_they_were_seen_to_leave() -> None:
    rules = [({"x": str(n % 2), "y": str(n)}, n) for n in range(200)]
    learns = table({"x": "any", "y": "any"}, *rules, hit="first")

    for n in range(SAMPLE_EVERY * 16):
        assert ask(learns, x=n % 2, y=n % 200) == (n % 200, [n % 200])

    assert learns.order == [1, 0]
    assert learns.measured[1].share_kept < learns.measured[0].share_kept


def test_counters_are_bounded() -> None:
    seen = Measured(1.0, 1.0)

    for _ in range(MAX_COUNTED * 10):
        seen.count(100, 10, 5)

    assert seen.asked <= MAX_COUNTED
    assert seen.cost_ns == pytest.approx(100, rel=0.1)
    assert seen.share_kept == pytest.approx(0.5, rel=0.1)


def test_a_condition_of_two_rules_has_the_same_answer_for_both() -> None:
    same = {"x": "${{ 6 / value > 1 }}"}
    twice = table(NUMBER, (same, "a"), (same, "b"), ({"x": "> 1"}, "c"), hit="collect")

    assert ask(twice, x=3) == (["a", "b", "c"], [0, 1, 2])
    assert ask(twice, x=6) == (["c"], [2])
    assert refusal(twice, x=0).startswith("decide.rules[0].when.x: ")


def test_for_first_a_rule_whose_expression_says_no_leaves_the_next_to_count() -> None:
    first = table(NUMBER, ({"x": "${{ value > 5 }}"}, "a"), ({"x": "> 1"}, "b"), hit="first")

    assert [ask(first, x=x) for x in (6, 2)] == [("a", [0]), ("b", [1])]


def test_an_output_sees_the_inputs_that_can_be_worked_out() -> None:
    known = table(
        {"x": "number", "y": "any"},
        ({"x": "1"}, {"y": "${{ has(inputs.y) ? inputs.y : 'none' }}"}),
    )

    assert ask(known, x=1, y=2) == ({"y": 2}, [0])
    assert ask(known, x=1) == ({"y": "none"}, [0])
