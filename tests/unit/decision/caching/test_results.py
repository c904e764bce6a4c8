"""A known result is given for the same plan and values, and is what would be worked out."""

from typing import Any

import pytest

from services.decision.caching import results as results_module
from services.decision.caching.engine import engine_digest
from services.decision.caching.results import Results
from services.decision.caching.worth import DEAR_US, TIMES_DEAR
from services.decision.core.evaluate import ABSENT, FrameValues, evaluate
from services.decision.core.plans import PlanCache
from stretto.contracts.codec import json_encode
from stretto.contracts.frames import DecidedRecord, DecideFrame, DecideRecord
from stretto.expression.functions import FUNCTIONS
from tests.unit.decision.plans import plan

TEMPLATE = plan("input", "steps.a.output", template={"twice": "${{ input * 2 }}"}, lenient=True)
SWITCH = plan("input", cases=("input > 1", None), values={"x": "${{ input }}"})
ITEMS = plan("input", condition="input != 3", items="[input, input]")


def frame(encoded: bytes, *values: Any) -> DecideFrame:
    """A frame with a record for each value; each has an id of its own."""
    return DecideFrame(
        plans=[encoded],
        values=[json_encode(value) for value in values],
        records=[
            DecideRecord(
                n.to_bytes(16, "big"),
                f"s{n}",
                n,
                0,
                0,
                (n, ABSENT) if encoded is TEMPLATE else (n,),
            )
            for n in range(len(values))
        ],
    )


def worked_out(asked: DecideFrame, record: DecideRecord) -> DecidedRecord:
    return evaluate(PlanCache().get(asked.plans[0]), FrameValues(asked.values), record)


def made_dear(results: Results, encoded: bytes, us: int = 10 * DEAR_US) -> None:
    for _ in range(TIMES_DEAR):
        results.took(encoded, us)


def answered(results: Results, asked: DecideFrame) -> list[tuple[DecidedRecord, bool]]:
    """What the service does: each answer, and whether it was known."""
    known = results.of(asked)
    assert known is not None
    told = []
    for record in asked.records:
        found = known.get(record)
        answer = worked_out(asked, record) if found is None else found
        if found is None:
            assert known.took(record, answer)
        told.append((answer, found is not None))
    return told


@pytest.mark.parametrize("encoded", [TEMPLATE, SWITCH, ITEMS])
def test_a_known_result_is_what_would_be_worked_out_for_that_record(encoded: bytes) -> None:
    results = Results(1_000_000)
    made_dear(results, encoded)
    first = frame(encoded, 1, 2, 3, 4)
    assert [known for _, known in answered(results, first)] == [False] * 4
    again = frame(encoded, 4, 3, 2, 1)
    for (answer, known), record in zip(answered(results, again), again.records, strict=True):
        assert known
        assert answer == worked_out(again, record)
    counts = results.counts()
    assert (counts.hits, counts.misses, counts.entries) == (4, 4, 4)
    assert counts.bytes > 0


def test_values_of_another_type_are_others() -> None:
    results = Results(1_000_000)
    encoded = plan("input", template="${{ type(input) == int ? 'whole' : 'other' }}")
    made_dear(results, encoded)
    told = answered(results, frame(encoded, 1, 1.0, True, "1", 1))
    assert [known for _, known in told] == [False, False, False, False, True]
    assert [answer.output for answer, _ in told] == [
        b'"whole"', b'"other"', b'"other"', b'"other"', b'"whole"'
    ]  # fmt: skip


def test_errors_are_not_kept() -> None:
    results = Results(1_000_000)
    encoded = plan("input", template="${{ 1 / input }}")
    made_dear(results, encoded)
    for _ in range(2):
        ((answer, known),) = answered(results, frame(encoded, 0))
        assert answer.error is not None
        assert not known
    assert results.counts().entries == 0


def test_a_frame_without_dear_plans_is_not_looked_at() -> None:
    results = Results(1_000_000)
    assert results.of(frame(SWITCH, 1)) is None
    made_dear(results, TEMPLATE)
    assert results.dear == 1
    assert results.of(frame(SWITCH, 1)) is None


def test_records_of_plans_that_are_not_dear_or_not_there_are_left_alone() -> None:
    results = Results(1_000_000)
    made_dear(results, SWITCH)
    asked = DecideFrame(plans=[SWITCH, ITEMS], values=[b"1"], records=[])
    known = results.of(asked)
    assert known is not None
    for plan_number in (1, 2, -1):
        record = DecideRecord(bytes(16), "s", 1, 0, plan_number, (0,))
        assert known.get(record) is None
        assert not known.took(record, DecidedRecord(bytes(16), "s", 1))
    wrong = DecideRecord(bytes(16), "s", 1, 0, 0, (5,))
    assert known.get(wrong) is None
    assert known.took(wrong, DecidedRecord(bytes(16), "s", 1))
    assert results.counts().entries == 0


def test_a_plan_that_turns_out_cheap_is_forgotten() -> None:
    results = Results(1_000_000)
    made_dear(results, SWITCH)
    known = results.of(frame(SWITCH, 1))
    assert known is not None
    record = frame(SWITCH, 1).records[0]
    for _ in range(100):
        known.took(record, DecidedRecord(bytes(16), "s", 1, took_us=1))
    assert results.dear == 0
    assert results.of(frame(SWITCH, 1)) is None


def test_nothing_is_looked_up_or_kept_while_it_does_not_pay() -> None:
    results = Results(1_000_000)
    made_dear(results, SWITCH)
    known = None
    for number in range(300):
        asked = frame(SWITCH, number)
        known = results.of(asked)
        assert known is not None
        known.get(asked.records[0])
    assert known is not None
    before = results.counts()
    asked = frame(SWITCH, "new")
    known = results.of(asked)
    assert known is not None
    assert known.get(asked.records[0]) is None
    known.took(asked.records[0], DecidedRecord(bytes(16), "s", 1, took_us=500))
    assert results.counts() == before


def test_so_many_plans_are_dear_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results_module, "MAX_COSTS", 2)
    results = Results(1_000_000)
    for encoded in (SWITCH, ITEMS, TEMPLATE):
        made_dear(results, encoded)
    assert results.dear == 2
    assert results.of(frame(SWITCH, 1)) is None
    assert results.of(frame(ITEMS, 1)) is not None
    for number in range(5):
        results.took(b"%d" % number, DEAR_US)
    assert results.dear == 2


async def test_without_redis_there_is_nothing_to_fetch() -> None:
    results = Results(1_000_000)
    await results.fetch([None])
    assert results.counts().entries == 0


def test_the_engine_has_one_digest_until_its_functions_are_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    digest = engine_digest()
    assert len(digest) == 16
    assert engine_digest() == digest
    some = next(iter(FUNCTIONS.values()))
    own = type(some)(
        "acme.f", some.parameters, some.returns, some.apply, "about", package="acme-functions"
    )
    monkeypatch.setitem(FUNCTIONS, "acme.f", own)
    assert engine_digest() != digest
