"""Ranking with matches that instances share: asked for before, offered after they were dear."""

from types import SimpleNamespace
from typing import Any, cast

from services.decision.ranking import Ranking
from services.decision.settings import DecisionSettings
from stretto.contracts.codec import json_encode
from stretto.contracts.routes import RankQuestion, RankRequest
from stretto.telemetry.metrics import Metrics
from stretto.testkit.clock import FakeClock


class Shared:
    """What is shared, as it is asked for and offered."""

    def __init__(self) -> None:
        self.asked: list[int] = []
        self.offered: list[object] = []

    async def fetch(self, _routes: object, questions: list[RankQuestion]) -> None:
        self.asked.append(len(questions))

    def offer(self, fleet: object, asked: object, _matched: object) -> None:
        self.offered.append((fleet, asked))


async def test_what_others_have_worked_out_is_asked_for_before_it_is_worked_out_again() -> None:
    shared = Shared()
    context = SimpleNamespace(
        settings=DecisionSettings(nats_url="nats://none"), metrics=Metrics(), clock=FakeClock()
    )
    ranking = Ranking(cast(Any, context), None, cast(Any, shared))

    await ranking.rank(json_encode(RankRequest(questions=[])))
    matches = ranking._routes.matches
    assert matches.on_dear is not None
    matches.on_dear(cast(Any, "asked"), cast(Any, "matched"))

    assert shared.asked == [0]
    assert shared.offered == [(ranking._routes.fleet, "asked")]
