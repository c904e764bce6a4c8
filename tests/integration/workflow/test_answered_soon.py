"""A round that waits a moment for the answers to its questions, and commits them with it."""

import asyncio
from datetime import datetime

import pytest

from services.workflow import foreseeing
from services.workflow.patience import Patience
from services.workflow.store import Append, Store
from tests.integration.workflow.definitions import TWO
from tests.integration.workflow.world import World, until


class Commits:
    """The types of the events of each commit of one run."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.types: list[list[str]] = []
        real = Store.append

        async def append(store: Store, rows: Append) -> None:
            await real(store, rows)
            self.types.append(list(rows.types))

        monkeypatch.setattr(Store, "append", append)


def patient(monkeypatch: pytest.MonkeyPatch, *, wait: bool) -> None:
    """Let every round wait for as long as an answer takes, or none."""
    monkeypatch.setattr(Patience, "pays", lambda _self: wait)
    monkeypatch.setattr(foreseeing, "ANSWERED_SOON_S", 10.0)


async def test_what_follows_an_answer_is_committed_with_what_asked(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.define(TWO)
    patient(monkeypatch, wait=True)
    commits = Commits(monkeypatch)

    run = await world.start("two", {"n": 1})
    state = await world.status(run, "completed")

    assert state["output"] == {"answer": 1}
    assert commits.types == [
        ["run.started", "step.activated", "step.scheduled"],
        ["step.completed", "step.activated", "step.scheduled"],
        ["step.completed", "run.finishing", "run.completed"],
    ]
    assert len(world.execution.dispatched) == 2


async def test_without_patience_each_answer_has_its_own_commit(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.define(TWO)
    patient(monkeypatch, wait=False)
    commits = Commits(monkeypatch)

    run = await world.start("two", {"n": 1})
    await world.status(run, "completed")

    assert commits.types[:2] == [["run.started", "step.activated"], ["step.scheduled"]]
    assert len(commits.types) == 6


async def test_the_bus_tells_the_instants_of_the_log_whoever_tells_them(
    alone: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    patient(monkeypatch, wait=True)
    async with alone.service("first"):
        await alone.define(TWO)
        run = await alone.start("two", {"n": 1})
        await alone.status(run, "completed")
        rows = await alone.log(run)
        await until(lambda: alone.told_once(run) == [row["seq"] for row in rows])

    instants = {row["seq"]: row["at"] for row in rows}
    told = [event for message in alone.events(run) for event in message["events"]]
    assert all(datetime.fromisoformat(e["at"]) == instants[e["seq"]] for e in told)
    [closed] = alone.heard.json("stretto.closed.default.two")
    assert datetime.fromisoformat(closed["closed_at"]) == instants[len(rows)]


async def test_another_arrival_ends_the_wait(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await world.define(TWO)
    patient(monkeypatch, wait=True)
    world.decision.losing = 1

    first = asyncio.create_task(world.start("two", {"n": 1}))
    await until(lambda: len(world.decision.asked) == 1)
    assert await world.sql("select from workflow.run") == []
    second = await world.start("two", {"n": 2})

    assert (await world.state(await first))["status"] == "running"
    await world.status(second, "completed")
