"""Steps that ask for nothing but paths go on without the decision service (ADR 0025)."""

import asyncio
import json

import pytest

from services.workflow import batch
from tests.integration.workflow.definitions import PLAIN
from tests.integration.workflow.world import World, until

GIVEN = {"n": 1, "items": [1, "two", {"three": 3}]}
OUTPUT = {"answer": "no. 1", "all": [{"n": each} for each in GIVEN["items"]]}  # type: ignore[attr-defined]


async def test_a_run_whose_questions_are_plain_needs_no_decision(world: World) -> None:
    await world.define(PLAIN)

    run = await world.start("plain", GIVEN)

    assert (await world.status(run, "completed"))["output"] == OUTPUT
    assert world.decision.asked == []


async def test_the_log_says_the_same_whoever_has_answered(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.define(PLAIN)
    itself = await world.start("plain", GIVEN)
    await world.status(itself, "completed")
    monkeypatch.setattr(batch, "MAX_PLAIN", 0)

    asked = await world.start("plain", GIVEN)
    await world.status(asked, "completed")

    assert len(world.decision.asked) == 7
    said = [[(row["type"], row["data"]) for row in await world.log(run)] for run in (itself, asked)]
    assert sorted(map(str, said[0])) == sorted(map(str, said[1]))


async def test_beyond_what_one_round_answers_the_decision_service_does(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch, "MAX_PLAIN", 2)
    await world.define(PLAIN)

    run = await world.start("plain", GIVEN)

    assert (await world.status(run, "completed"))["output"] == OUTPUT
    assert 0 < len(world.decision.asked) < 7


async def test_a_path_that_leads_nowhere_is_told_by_the_decision_service(world: World) -> None:
    await world.define(PLAIN)

    run = await world.start("plain", {"m": 1, "items": []})

    failure = (await world.status(run, "failed"))["failure"]
    assert "input.n" in json.dumps(failure) and len(world.decision.asked) == 1


async def test_many_runs_go_on_while_no_decision_service_is_there(world: World) -> None:
    await world.define(PLAIN)
    world.decision.losing = 1_000_000

    runs = await asyncio.gather(*[world.start("plain", GIVEN) for _ in range(30)])

    for run in runs:
        await world.status(run, "completed")
    await until(lambda: world.decision.asked == [])
