"""What an instance of the decision service cannot answer now, or at all."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from services.decision.answering import Answering
from services.decision.core.plans import PlanCache
from services.decision.held import Held
from stretto.bus.service import Refusal
from stretto.contracts.frames import DecidedRecord, DecideFrame, DecideRecord
from stretto.runtime.errors import TransientError

from .plans import plan


async def test_held_answers_that_cannot_be_stored_are_left_to_be_asked_for_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    answering = Answering.__new__(Answering)
    answering._held = Held()
    answering._cache = PlanCache(1)
    record = DecideRecord(b"r" * 16, "step", 1, 3, 0, (0,))
    answering._held.take(DecideFrame([plan("input")], [b"{}"], [record], 0), record)
    published: list[dict[int, list[DecidedRecord]]] = []

    async def away(answers: Any) -> None:
        published.append(answers)
        raise TransientError("bus.publish_timeout", "expected an answer, but none came")

    def answer(_frame: object, _plans: object, _values: object, asked: Any) -> Any:
        return DecidedRecord(asked.run_id, asked.path, asked.turn), 0

    answering._publish = away  # type: ignore[method-assign]
    answering._answer = answer  # type: ignore[method-assign]

    await answering._answer_held()

    assert [list(answers) for answers in published] == [[3]]
    assert caplog.messages == ["answers were not stored"]
    assert not answering._held.records


@pytest.mark.parametrize("request_", [b"", b"{}", b'{"plan": {}, "values": 7}'])
async def test_a_question_that_is_none_is_refused_with_what_is_wrong(request_: bytes) -> None:
    answering = cast(Answering, SimpleNamespace())

    with pytest.raises(Refusal, match="expected a plan and its values, but ") as refused:
        await Answering._explain(answering, request_)

    assert refused.value.code == "request_invalid"
