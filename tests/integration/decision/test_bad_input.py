"""Bad input, through the service: an error with its place and the values, bounded, no secrets."""

from typing import Any

import msgspec
import pytest

from services.decision.routing.answers import Routes
from stretto.contracts.codec import json_encode
from stretto.contracts.frames import DecidedRecord, DecideFrame, DecideRecord
from stretto.contracts.public import Presence
from stretto.contracts.routes import RankQuestion
from tests.integration.decision.asking import Asker, key_of
from tests.integration.decision.conftest import Decision
from tests.unit.decision.plans import failure_of, plan


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


SECRET = "hunter2-and-more"
INPUT: dict[str, Any] = {
    "total": 12, "zero": 0, "region": "eu", "nothing": None, "many": list(range(1_001)),
    "big": 9_223_372_036_854_775_807, "pattern": "(a+", "long": "x" * 100_000,
    "deep": nested(100), "items": [{"qty": 2}, {"qty": 0}],
    "password": SECRET, "nested": {"api_key": SECRET, "pin": 987_654}, "tokens": [SECRET],
}  # fmt: skip

BAD = [
    # what, the expression, code, said
    ("unknown name", "inptu.total > 1", "syntax",
     "if: expected a declared name, but `inptu` is not, at 1:1 of `inptu.total > 1`"),
    ("unknown field", "input.totl > 1", "missing_path",
     "expected `input.totl`, but `input` has no `totl` (did you mean `total`?), at 1:7 of"),
    ("unknown function", "siez(input.many) > 1", "syntax",
     "expected a known function, but `siez` is not, at 1:1 of"),
    ("not an expression", "input.total >", "syntax", "but the expression ends, at 1:14 of"),
    ("wrong types", "input.region > 5", "type_mismatch",
     'but got string, int64 (input.region = "eu"), at 1:14 of `input.region > 5`'),
    ("no bool", "input.region", "type_mismatch", 'expected a bool, but got "eu", at 1:1 of'),
    ("division by zero", "input.total / input.zero > 1", "division_by_zero",
     "other than zero (input.total = 12, input.zero = 0), at 1:13 of"),
    ("in a round", "input.items.all(i, 4 / i.qty > 1)", "division_by_zero", "at 1:22 of"),
    ("overflow", "input.big * 2 > 1", "overflow", "(input.big = 9223372036854775807), at 1:11 of"),
    ("conversion", "int(1e300 * 1e300) > 1", "overflow", "at 1:1 of"),
    ("null", "input.total > 0 && input.nothing + 1 > 0", "type_mismatch",
     "(input.total = 12, input.nothing = null), at 1:34 of"),
    ("regular expression", "input.region.matches(input.pattern)", "invalid",
     "invalid regular expression"),
    ("regular expression of ours", "size(regex.extractAll(input.region, input.pattern)) > 0",
     "invalid", "at 1:12 of"),
    ("deep nesting", "input.deep == [1]", "too_large", "at 1:7 of"),
    ("too many rounds", "input.many.map(x, x).size() > 1", "too_large", "at 1:12 of"),
    ("too costly", "input.long.replace('x', input.long).size() > 1", "too_large", "at 1:12 of"),
    ("secret", "input.password > 5", "type_mismatch", "(input.password = "),
    ("secret inside", "input.nested.api_key + 1 > 2", "type_mismatch", "(input.nested.api_key = "),
    ("secret number", "input.nested.pin > 'a'", "type_mismatch", "(input.nested.pin = "),
    ("secret in a list", "int(input.tokens[0]) > 1", "invalid", "(input.tokens[0] = "),
    ("secret in a text", "('a' + input.password).matches('(' + input.password)", "invalid", ""),
]  # fmt: skip


async def test_each_is_told_with_its_place_and_its_values(decision: Decision, asker: Asker) -> None:
    frame = DecideFrame(
        plans=[plan("input", condition=expression) for _, expression, _, _ in BAD],
        values=[json_encode(INPUT)],
        records=[
            DecideRecord(number.to_bytes(16, "big"), "step", 1, 0, number, (0,))
            for number in range(len(BAD))
        ],
    )
    await asker.publish(frame)
    await asker.read([key_of(record) for record in frame.records])

    for record, (what, _, code, said) in zip(frame.records, BAD, strict=True):
        got, message = failure_of(asker.answers[key_of(record)])
        assert (got, said in message) == (code, True), (what, got, message)
        assert len(message) < 400, what
        assert "hunter2" not in message and "987654" not in message, (what, message)


async def test_many_bad_records_spoil_no_good_ones(decision: Decision, asker: Asker) -> None:
    bad = plan("input", condition="input.items.all(i, 4 / i.qty > 1)")
    good = plan("input", condition="input.total > 1")
    frame = DecideFrame(
        plans=[bad, good],
        values=[json_encode({"items": INPUT["items"]}), json_encode({"total": 2})],
        records=[
            DecideRecord(number.to_bytes(16, "big"), "step", 2, 0, number % 2, (number % 2,))
            for number in range(400)
        ],
    )
    await asker.publish(frame)
    await asker.read([key_of(record) for record in frame.records])
    answers: list[DecidedRecord] = [asker.answers[key_of(record)] for record in frame.records]
    assert sum(answer.error is None for answer in answers) == 200


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"strategy": "sticky", "by": "input.x / input.x", "paths": [["input"]]}, "at 1:9 of"),
        ({"where": "devcie.x == 1"}, "at 1:1 of `devcie.x == 1`"),
    ],
)
def test_a_route_tells_its_place_too(asked: dict[str, Any], said: str) -> None:
    routes = Routes(explore=0.0)
    routes.heard("default", "d", Presence(tasks=["t"], slots=1), 0)
    values = [msgspec.Raw(b'{"x": 0, "site": 4}')] if "paths" in asked else []
    question = RankQuestion(
        id="i", namespace="default", task="t", plan=msgspec.Raw(json_encode(asked)), values=values
    )
    answer = routes.answer(question, 0)
    assert answer.failure is not None
    assert said in answer.failure.message
