"""A round that cannot be committed: nothing of it is acknowledged, all of it is given back."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest

from services.workflow import engine as engine_module
from services.workflow import service
from services.workflow.core.commands import CONTINUE
from services.workflow.engine import Abandoned, Engine
from services.workflow.inbox import Addressed, Arrival
from services.workflow.service import WorkflowService
from stretto.bus.message import Message

from .builders import RUN_ID

PATIENCE_S = 20.0


class Kept:
    """A message that says what was done with it."""

    def __init__(self) -> None:
        self.done: list[str] = []

    def ack(self) -> None:
        self.done.append("ack")

    def give_back(self) -> None:
        self.done.append("given back")


def engine_with(carry_out: Callable[[list[Any]], Awaitable[None]]) -> Engine:
    engine = Engine.__new__(Engine)
    engine._lock = asyncio.Lock()
    engine.owned = {1}
    engine._unfinished = []
    engine._round = carry_out  # type: ignore[method-assign]
    return engine


def arrival(message: Kept) -> Arrival:
    return Arrival([Addressed(RUN_ID, CONTINUE)], cast(Message, message), 1)


async def test_an_abandoned_round_is_given_back_and_the_next_one_is_taken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(engine_module, "ack_all", lambda kept: [each.ack() for each in kept])
    rounds = 0

    async def carry_out(_items: list[Any]) -> None:
        nonlocal rounds
        rounds += 1
        if rounds == 1:
            raise Abandoned

    engine, first, second = engine_with(carry_out), Kept(), Kept()

    await engine.process([arrival(first)])
    await engine.process([arrival(second)])

    assert (first.done, second.done) == (["given back"], ["ack"])
    assert engine._held == []


async def test_a_round_that_is_cancelled_is_given_back() -> None:
    begun = asyncio.Event()

    async def carry_out(_items: list[Any]) -> None:
        begun.set()
        await asyncio.Event().wait()

    engine, message = engine_with(carry_out), Kept()
    going = asyncio.create_task(engine.process([arrival(message)]))
    async with asyncio.timeout(PATIENCE_S):
        await begun.wait()
        going.cancel()
        await asyncio.wait([going])

    assert going.cancelled()
    assert message.done == ["given back"]
    assert not engine._lock.locked()


async def test_a_round_that_does_not_end_does_not_hold_up_the_end_of_the_service(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(service, "DRAIN_S", 0.01)
    done: list[str] = []

    async def never() -> None:
        await asyncio.Event().wait()

    async def note(what: str) -> None:
        done.append(what)

    workflow = WorkflowService.__new__(WorkflowService)
    parts = {
        "_feeders": SimpleNamespace(stop=lambda: note("no more is read")),
        "_engine": SimpleNamespace(stop=never),
        "_sender": SimpleNamespace(drained=lambda _s: note("what was committed is sent")),
        "_ownership": SimpleNamespace(drop=lambda: note("partitions are free")),
        "_settling": [],
    }
    for name, part in parts.items():
        setattr(workflow, name, part)
    rounds = asyncio.create_task(never())

    with caplog.at_level(logging.WARNING):
        async with asyncio.timeout(PATIENCE_S):
            await workflow._stop(rounds, [])

    assert rounds.cancelled()
    assert done == ["no more is read", "what was committed is sent", "partitions are free"]
    assert "a round is not committed" in caplog.messages
