"""What the checker makes of when a worker said that it begins, if it did."""

from typing import Any, cast

import pytest

from stretto.conformance.findings import Verdict
from stretto.conformance.stage import Said, Stage
from stretto.conformance.trials import accepts
from stretto.contracts.public import TaskResult

RESULT_AT = 10.0


class Told:
    """A stage on which a worker said at these instants that it begins."""

    def __init__(self, *times: float, answers: bool = True) -> None:
        self.accepted = {"t": list(times)} if times else {}
        self._answers = answers

    def task(self, _name: str, _input: object, **asked: object) -> dict[str, Any]:
        assert asked == {"accept": True}
        return {"id": "t"}

    async def send(self, _task: object) -> None:
        return None

    async def result(self, id_: str, _patience_s: float) -> Said | None:
        return Said(TaskResult(id=id_, status="completed"), RESULT_AT) if self._answers else None

    async def until(self, _ready: object, _patience_s: float) -> None:
        return None


@pytest.mark.parametrize(
    ("stage", "verdict", "sentence"),
    [
        (Told(1.0), Verdict.KEPT, "it says that it begins"),
        (Told(1.0, answers=False), Verdict.KEPT, "it says that it begins"),
        (Told(), Verdict.WRONG, "but none came"),
        (Told(11.0), Verdict.WRONG, "but it was after it"),
        (Told(1.0, 2.0), Verdict.WARNING, "it was accepted 2 times"),
    ],
)
async def test_a_worker_says_once_and_first_that_it_begins(
    stage: Told, verdict: Verdict, sentence: str
) -> None:
    [finding] = await accepts(cast(Stage, stage))

    assert finding.verdict is verdict
    assert sentence in finding.sentence
