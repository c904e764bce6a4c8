"""Decisions of a run, told in lines."""

from typing import Any

import msgspec
import pytest

from stretto.cli.decision_story import decision_lines
from stretto.client.decisions import Decision
from stretto.contracts.codec import json_encode
from stretto.contracts.decisions import (
    AskedDecision,
    CaseTold,
    ConditionTold,
    Explained,
    InputTold,
    RuleTold,
    Seen,
    TableTold,
    Told,
)

ASKED = AskedDecision(
    run_id="r",
    workflow="w",
    version=3,
    step="fee",
    kind="decide",
    asked_at="2026-01-01T00:00:00Z",
    asked_seq=4,
    plan=msgspec.Raw(b"{}"),
    values=[],
)
HOLDS = Told(source="input.n > 3", result=False, saw=[Seen(path="input.n", value="2")])


def lines(asked: AskedDecision = ASKED, **told: Any) -> list[str]:
    explained = Explained(**{"kind": "expression", "took_us": 12} | told)
    return list(decision_lines(Decision(asked, explained, None, None)))[2:]


def test_what_was_asked_and_how_long_it_took_comes_first() -> None:
    for took_ms, text in (
        (None, "still waiting"),
        (1.25, "answered after 1.2 ms"),
        (0.0, "answered at once"),
    ):
        asked = msgspec.structs.replace(ASKED, took_ms=took_ms)
        told = decision_lines(Decision(asked, Explained(kind="table", took_us=12), None, None))
        assert list(told)[:2] == [
            "fee: a decision of w v3, a decision table",
            f"asked at 2026-01-01T00:00:00Z (event 4), {text}; 12 µs to work out",
        ]


def test_a_step_that_was_skipped_says_what_its_condition_saw() -> None:
    assert lines(condition=HOLDS, skipped=True) == [
        "  if input.n > 3  →  false",
        "      input.n = 2",
        "→ skipped: its condition is false",
    ]


def test_what_cannot_be_worked_out_says_why() -> None:
    broken = Told(source="input.m", error="there is no m", saw=[Seen(path="input", error="gone")])
    assert lines(condition=broken, error="input.m: there is no m", output=json_encode(1)) == [
        "  if input.m  →  error: there is no m",
        "      input = ? gone",
        "→ it cannot be worked out: input.m: there is no m",
    ]


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"items": 3}, ["→ 3 items"]),
        (
            {"of_devices": True},
            ["→ the devices that were present then and fitted: event step.expanded has them"],
        ),
        ({"output": msgspec.Raw(b'{"a":1}')}, ['→ output {"a":1}']),
        ({"kind": "switch"}, ["→ no case fits"]),
        ({"kind": "switch", "branch": 1}, ["→ case 1"]),
        ({}, []),
    ],
)
def test_the_outcome_comes_last(told: dict[str, Any], said: list[str]) -> None:
    assert lines(**told) == said


def test_the_cases_of_a_switch_are_told_up_to_the_one_that_fits_and_beyond() -> None:
    cases = [
        CaseTold(number=0, condition=HOLDS),
        CaseTold(number=1, condition=Told(source="true", result=True), chosen=True),
        CaseTold(number=2, condition=Told(source="true", result=True), late=True),
        CaseTold(number=3, late=True),
    ]
    assert lines(kind="switch", cases=cases, branch=1) == [
        "  case 0: if input.n > 3  →  false",
        "      input.n = 2",
        "* case 1: if true  →  true",
        "  case 2: if true  →  true (not asked: case 1 came first)",
        "  case 3: else  →  not asked: case 1 fits",
        "→ case 1",
    ]
    nothing = [CaseTold(number=0, chosen=True)]
    assert "nothing before it fits" in lines(kind="switch", cases=nothing, branch=0)[0]


def test_the_rules_of_a_table_say_why_they_count_or_not() -> None:
    because = [
        ConditionTold(input="n", condition="< 3"),
        ConditionTold(input="t", condition="${{ value.x }}", error="no x"),
    ]
    table = TableTold(
        hit="first",
        inputs=[
            InputTold(name="n", expression="input.n", value="5"),
            InputTold(name="t", expression="input.t", error="missing"),
        ],
        rules=[
            RuleTold(number=0, fits=True, counts=True),
            RuleTold(number=1, fits=True),
            RuleTold(number=2, fits=False, because=because),
        ],
        more=40,
        otherwise=True,
    )
    assert lines(kind="table", table=table) == [
        "  hit: first",
        "  n = 5   (input.n)",
        "  t = ? missing   (input.t)",
        "* rules[0] fits",
        "  rules[1] fits, but does not count",
        "  rules[2]: n does not fit `< 3`; t does not fit `${{ value.x }}` (no x)",
        "  … 40 more rules, of which none fits",
        "* otherwise: no rule fits",
    ]
