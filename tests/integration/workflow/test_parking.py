"""Runs that wait long leave memory and come back when they are due or addressed."""

import asyncio
from collections.abc import Callable

import pytest

from services.workflow import parking, service
from services.workflow.engine import Engine
from services.workflow.store import Store
from stretto.contracts.ids import parse_run_id
from stretto.runtime.errors import TransientError
from tests.integration.workflow.definitions import ASKS, ONE, RETRIED, TWO, WAITS
from tests.integration.workflow.partners import silent
from tests.integration.workflow.world import World, eventually, until

Held = Callable[[], set[str]]


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parking, "LOOK_S", 0.05)
    monkeypatch.setattr(parking, "IDLE_S", 0.2)
    monkeypatch.setattr(parking, "AHEAD_S", 0.5)
    monkeypatch.setattr(service, "SETTLE_S", 0.05)


def held(engines: list[Engine], run: str) -> bool:
    return parse_run_id(run) in engines[-1].loader.slots


async def parked(world: World, run: str) -> bool:
    [row] = await world.sql("select wake_at from workflow.run where run_id = $1", run)
    return row["wake_at"] is not None


async def test_a_run_that_waits_long_leaves_memory_and_a_message_brings_it_back(
    engines: list[Engine], alone: World
) -> None:
    async with alone.service():
        await alone.define(ASKS)
        run = await alone.start("asks")
        await alone.waits(run, "signal", "approval")
        await until(lambda: not held(engines, run))
        assert await parked(alone, run)

        assert "rejected" not in await alone.control(run, "signal", name="go")

        assert held(engines, run)
        assert not await parked(alone, run)
        await until(lambda: not held(engines, run))
        await alone.control(run, "approve", by="ops")
        await alone.status(run, "completed")


async def test_a_run_that_waits_for_a_place_leaves_memory_and_its_place_brings_it_back(
    engines: list[Engine], alone: World
) -> None:
    alone.execution.tasks["work"] = silent
    async with alone.service():
        await alone.define("workflow: k\nconcurrency: {key: one}\nsteps: {do: {task: work}}\n")
        first = await alone.start("k")
        second = await alone.start("k")
        await until(lambda: not held(engines, second))
        assert await parked(alone, second)

        await alone.control(first, "terminate")

        await until(lambda: len(alone.execution.held) == 2)
        assert held(engines, second)
        assert not await parked(alone, second)


async def test_a_parked_run_is_there_in_time_for_its_timer(
    engines: list[Engine], alone: World
) -> None:
    async with alone.service():
        await alone.define(WAITS)
        run = await alone.start("waits", {"for": 1.5})
        await eventually(lambda: parked(alone, run))
        await until(lambda: not held(engines, run))

        await alone.status(run, "completed")


async def test_a_parked_run_of_an_instance_that_has_ended_wakes_in_another(
    engines: list[Engine], alone: World
) -> None:
    async with alone.service("first"):
        await alone.define(WAITS)
        await alone.define(ASKS)
        run = await alone.start("waits", {"for": 2.0})
        quiet = await alone.start("asks")
        for each in (run, quiet):
            await eventually(lambda r=each: parked(alone, r))

    async with alone.service("second"):
        await alone.status(run, "completed")
        assert not held(engines, quiet)  # nobody has folded it
        again = await alone.try_start("asks", run_id=quiet)
        assert again["existing"] is True


async def test_a_paused_run_is_parked_and_resumed(engines: list[Engine], alone: World) -> None:
    alone.execution.tasks["work"] = silent
    async with alone.service():
        await alone.define(RETRIED)
        run = await alone.start("retried")
        await until(lambda: alone.execution.held)
        await alone.control(run, "pause")
        alone.execution.answer(alone.execution.held.popleft(), output=1)
        await eventually(lambda: parked(alone, run))

        await alone.control(run, "resume")

        await alone.status(run, "completed")


async def test_what_is_out_or_due_soon_stays_in_memory(engines: list[Engine], alone: World) -> None:
    alone.execution.tasks["work"] = silent
    async with alone.service():
        for source in (ONE, ASKS, TWO):
            await alone.define(source)
        works = await alone.start("one")
        alone.decision.losing = 1_000
        asks = await alone.start("two", {"n": 1})
        idle = await alone.start("asks")
        await eventually(lambda: parked(alone, idle))

        assert held(engines, works) and held(engines, asks)
        assert not await parked(alone, works)


async def test_a_run_of_which_others_have_written_is_folded_again_instead_of_parked(
    engines: list[Engine], alone: World
) -> None:
    async with alone.service():
        await alone.define(ASKS)
        run = await alone.start("asks")
        await alone.waits(run, "signal", "approval")
        await alone.sql("insert into workflow.event values ($1, 4, 'run.paused', now(), '{}')", run)

        await eventually(lambda: parked(alone, run))

        assert await alone.control(run, "resume") == {"run_id": run, "command": "resume"}


async def test_an_open_run_that_nobody_holds_is_found(
    engines: list[Engine], alone: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parking, "RECONCILE_EVERY", 1)
    monkeypatch.setattr(parking, "IDLE_S", 3600.0)
    async with alone.service():
        await alone.define(WAITS)
        run = await alone.start("waits", {"for": 0.5})
        await alone.waits(run, "timer")

        engines[-1].loader.forget(parse_run_id(run))

        await alone.status(run, "completed")


async def test_parking_that_cannot_be_noted_is_put_off(
    engines: list[Engine], alone: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Store.park
    tries = []

    async def park(self: Store, runs: list[tuple[bytes, int, int]]) -> object:
        tries.append(runs)
        if len(tries) == 1:
            raise TransientError("postgres.unavailable", "not now")
        return await real(self, runs)

    monkeypatch.setattr(Store, "park", park)
    async with alone.service():
        await alone.define(ASKS)
        run = await alone.start("asks")
        await eventually(lambda: parked(alone, run))
        assert len(tries) == 2
        await asyncio.sleep(0)
