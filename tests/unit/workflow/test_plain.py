"""Questions that are answered in the workflow service: as the decision service answers them."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from services.decision.core.evaluate import FrameValues, evaluate
from services.decision.core.plans import PlanCache
from services.workflow import plain
from services.workflow.core.effects import Ask
from services.workflow.plain import MAX_PATHS, MAX_PLAN_BYTES, MAX_VALUES_BYTES, answer, plain_plan
from stretto.contracts.asks import Ask as AskOf
from stretto.contracts.asks import AskPlan, DevicesPlan
from stretto.contracts.frames import DecidedRecord, DecideRecord

RUN_ID = b"r" * 16
INPUT, OUTPUT = ("input",), ("steps", "a b", "output")
VALUES: tuple[bytes | None, ...] = (
    b'{"n":1,"x":5.0,"big":123456789012345678901,"t":"\\u00e9\\"","items":[1,{"k":[]},null]}',
    b'{"n":[1,2,{"deep":true}],"none":null}',
)


def plan_of(paths: tuple[tuple[str, ...], ...] = (INPUT, OUTPUT), **fields: Any) -> bytes:
    raw = {
        key: {name: msgspec.Raw(text) for name, text in value.items()}
        if key == "values"
        else msgspec.Raw(value)
        if key == "template"
        else value
        for key, value in fields.items()
    }
    plan = AskPlan(workflow="w", version=1, step="s", paths=paths, **raw)
    return msgspec.json.encode(plan)


def by_decision(encoded: bytes, values: tuple[bytes | None, ...]) -> DecidedRecord:
    there = [value for value in values if value is not None]
    indices = tuple(-1 if value is None else there.index(value) for value in values)
    record = DecideRecord(RUN_ID, "s", 7, 0, 0, indices)
    return evaluate(PlanCache().get(encoded), FrameValues(there), record)


def by_itself(encoded: bytes, values: tuple[bytes | None, ...]) -> DecidedRecord | None:
    known = plain_plan(encoded)
    return known and answer(known, RUN_ID, Ask("s", 7, AskOf(plan=encoded)), values)


@pytest.mark.parametrize(
    "fields",
    [
        {"template": b'{"n":"${{ input.n }}"}'},
        {"template": b'["${{input.x}}", "${{ input.big }}", "${{ input.t }}", 5.0, true]'},
        {"template": b'"no. ${{ input.n }}: ${{ input.items }} $${{ steps[\\"a b\\"].output.n[2]"'},
        {"template": b'{"a":{"b":["${{ steps[\\"a b\\"].output.n[2].deep }}"]},"c":"x"}'},
        {"template": b"\"${{ steps['a b'].output }}\""},
        {"template": b'{"nothing":"to fill in"}'},
        {"items": "input.items"},
        {"items": "${{ input.items }}", "template": b'{"n":"${{ input.n }}"}'},
        {"values": {"priority": b'"${{ input.n }}"', "rate": b'{"key":"k-${{ input.t }}"}'}},
        {},
    ],
)
def test_a_plain_question_is_answered_as_the_decision_service_answers_it(
    fields: dict[str, Any],
) -> None:
    encoded = plan_of(**fields)

    assert by_itself(encoded, VALUES) == by_decision(encoded, VALUES)


def test_what_did_not_run_is_null_in_the_output_of_a_run() -> None:
    template = b'{"n":"${{ steps[\\"a b\\"].output.n }}","m":"${{ input.n }}"}'
    encoded = plan_of(template=template, lenient=True)
    values = (VALUES[0], None)

    found = by_itself(encoded, values)

    assert found == by_decision(encoded, values)
    assert found is not None and found.output == b'{"n":null,"m":1}'


@pytest.mark.parametrize(
    "fields",
    [
        {"condition": "input.n", "template": b'"${{ input.n }}"'},
        {"template": b'"${{ input.n + 1 }}"'},
        {"template": b'{"a":["${{ input.n }}","x ${{ size(input.items) }}"]}'},
        {"template": b'"${{ true }}"'},
        {"template": b'"${{ input.n"'},
        {"template": b'"${{ input.in }}"'},
        {"items": "[input.n]"},
        {"items": "${{ input.items }} and more"},
        {"cases": ("input.n == 1",)},
        {"devices": DevicesPlan()},
        {"values": {"priority": b'"${{ input.n * 2 }}"'}},
        {"paths": (INPUT, ("input", "n"))},
        {"template": b'"%b"' % (b"x" * MAX_PLAN_BYTES)},
        {"template": b'["%b"]' % b'","'.join([b"${{ input.n }}"] * (MAX_PATHS + 1))},
    ],
)
def test_what_is_to_be_worked_out_is_not_plain(fields: dict[str, Any]) -> None:
    assert plain_plan(plan_of(**fields)) is None


def test_what_is_no_plan_is_asked() -> None:
    assert plain_plan(b'{"no":"plan"}') is None


@pytest.mark.parametrize(
    ("fields", "values"),
    [
        ({"template": b'"${{ input.m }}"'}, VALUES),
        ({"template": b'"${{ input.n.m }}"'}, VALUES),
        ({"template": b'"${{ steps[\\"a b\\"].output.n }}"'}, (VALUES[0], None)),
        ({"items": "input.n"}, VALUES),
        ({"template": b'"${{ input.n }}"'}, (b'"%b"' % (b"x" * MAX_VALUES_BYTES), None)),
        ({"template": b'"${{ input }}"'}, (b"[" * 4_000 + b"]" * 4_000, None)),
        ({"template": b'"${{ input }}"'}, (b"no JSON", None)),
    ],
)
def test_what_goes_wrong_or_takes_long_is_asked(
    fields: dict[str, Any], values: tuple[bytes | None, ...]
) -> None:
    encoded = plan_of(**fields)

    assert plain_plan(encoded) is not None
    assert by_itself(encoded, values) is None


def test_a_plan_is_looked_at_once() -> None:
    encoded = plan_of(template=b'"${{ input.n }}"')

    assert plain.plain_plan(encoded) is plain.plain_plan(bytes(bytearray(encoded)))
