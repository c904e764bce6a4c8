"""Every run of a pattern that ends is replayed from its own log, and must go the same way."""

import pytest

from services.testing import World, replaying
from services.testing.recorded import recorded_of
from services.testing.tested_run import TestedRun
from stretto.contracts.ids import run_id_text
from stretto.testing.replayed import Recording


@pytest.fixture(autouse=True)
def every_run_replays_as_it_went(monkeypatch: pytest.MonkeyPatch) -> None:
    closed = World._closed

    def closed_and_replayed(world: World, run: TestedRun) -> None:
        closed(world, run)
        if isinstance(world, replaying.Again):
            return
        facts = replaying.facts_of(run)
        recording = Recording(run_id=run_id_text(run.run.id), facts=facts)
        again = replaying.replay_graph(run.run.graph, recording, recorded_of(facts))
        assert (again.verdict, again.differences, again.refused) == ("same", [], [])

    monkeypatch.setattr(World, "_closed", closed_and_replayed)
