"""What the engine does when it cannot go on: gives up, sets aside, puts off."""

import asyncio
from collections.abc import Iterable

import pytest

from services.workflow import acting, outgoing, registry, service
from services.workflow.core.effects import open_effects
from services.workflow.core.state import Run
from services.workflow.engine import Engine
from services.workflow.rows import Append
from services.workflow.slots import Slot
from services.workflow.store import Store
from stretto.bus.deadletter import DeadLetters
from stretto.bus.publisher import Outgoing, Publisher
from stretto.contracts.ids import parse_run_id
from stretto.postgres import Database
from stretto.postgres.errors import Conflict
from stretto.runtime.errors import PermanentError, TransientError
from tests.integration.workflow.definitions import ASKS, ONE, TWO
from tests.integration.workflow.partners import silent
from tests.integration.workflow.processes import shares
from tests.integration.workflow.world import World, eventually, until


async def test_a_round_that_cannot_be_committed_gives_up_when_its_partitions_are_gone(
    engines: list[Engine], alone: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    stuck = asyncio.Event()

    async def append(_store: Store, _rows: Append) -> None:
        stuck.set()
        raise TransientError("postgres.unavailable", "cut off")

    async with alone.service():
        await alone.define(TWO)
        with monkeypatch.context() as patch:
            patch.setattr(Store, "append", append)
            await alone.publisher.publish("stretto.start.default.two", b'{"input": {"n": 1}}')
            await stuck.wait()
            async with asyncio.timeout(10):
                await engines[0].lost({0, 1})
        await engines[0].gained({0, 1})

        await until(lambda: alone.heard.json("stretto.closed.default.two.completed"))
    [count] = await alone.sql("select count(*) from workflow.run")
    assert count[0] == 1


async def test_a_run_whose_effects_cannot_be_made_is_set_aside_as_it_was_committed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.define(ONE)
    real = outgoing._dispatch_record

    def dispatch(slot: Slot, *more: object) -> object:
        if slot.row.caller_id == "sick":
            raise AssertionError("a bug")
        return real(slot, *more)  # type: ignore[arg-type]

    monkeypatch.setattr(outgoing, "_dispatch_record", dispatch)
    sick = await world.start("one", id="sick")
    sound = await world.start("one", id="sound")

    await world.status(sound, "completed")
    assert (await world.control(sick, "cancel"))["rejected"]["code"] == "run_at_fault"
    assert await world.types(sick) == ["run.started", "step.scheduled"]


async def test_a_run_whose_timers_cannot_be_told_is_set_aside_at_a_take_over(
    engines: list[Engine], alone: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with alone.service():
        await alone.define(ASKS)
        sick, sound = [await alone.start("asks") for _ in range(2)]
        for run in (sick, sound):
            await alone.waits(run, "signal", "approval")

    def broken(run: Run) -> Iterable[object]:
        if run.id == parse_run_id(sick):
            raise LookupError("a bug")
        return open_effects(run)

    monkeypatch.setattr(acting, "open_effects", broken)
    async with alone.service():
        answers = [await alone.control(run, "signal", name="go") for run in (sick, sound)]

    assert answers[0]["rejected"]["code"] == "run_at_fault"
    assert answers[1]["command"] == "signal"


async def test_a_definition_that_always_finds_its_version_taken_is_refused(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def taken(_self: Database, _sql: str, *_args: object) -> None:
        raise Conflict("postgres.conflict", "somebody was first")

    with monkeypatch.context() as patch:
        patch.setattr(registry, "MAX_TRIES", 2)
        patch.setattr(Database, "execute", taken)
        answer = await world.define(ONE)

    assert answer["rejected"]["code"] == "definition_contended"


async def test_a_definition_whose_dead_letter_cannot_be_stored_comes_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.workflow.definitions.LIVE_PATH_S", 0.0)
    buried = asyncio.Event()

    async def fails(_self: object, *_: object) -> object:
        raise PermanentError("postgres.refused", "not allowed")

    async def bury(_self: DeadLetters, *_: object) -> None:
        buried.set()
        raise TransientError("bus.publish_timeout", "not now")

    with monkeypatch.context() as patch:
        patch.setattr(registry.Registry, "register", fails)
        patch.setattr(DeadLetters, "bury", bury)
        answer = await world.define(ONE)
        await buried.wait()

    assert answer["rejected"]["code"] == "postgres.refused"


async def test_forwarding_that_fails_leaves_the_start_in_its_stream(
    alone: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "OWNERSHIP_S", 0.1)
    alone.execution.tasks["work"] = silent
    real = Publisher.publish_many
    failed = []

    async def publish_many(self: Publisher, messages: list[Outgoing]) -> object:
        if messages[0].subject.startswith("stretto.inbox") and not failed:
            failed.append(messages)
            raise TransientError("bus.publish_timeout", "not now")
        return await real(self, messages)

    monkeypatch.setattr(Publisher, "publish_many", publish_many)
    async with alone.service("a"), alone.service("b"):
        await eventually(lambda: shares(alone), lambda s: s == [1, 1])
        await alone.define(ONE)
        for _ in range(12):
            await alone.publisher.publish("stretto.start.default.one", b"{}")
        await until(lambda: len(alone.execution.held) == 12)

    assert failed
