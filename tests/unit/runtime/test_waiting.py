"""Waiting for what is not there yet: for ever, and saying so."""

import asyncio
import logging
from itertools import pairwise

import pytest

from stretto.runtime.errors import NotReachable, PermanentError
from stretto.runtime.health import Component
from stretto.runtime.waiting import MAX_WAIT_S, SAY_EVERY_TRIES, wait_for
from stretto.testkit.clock import FakeClock

AWAY = NotReachable("test.away", "expected it to answer, but it is away")


async def test_what_is_there_is_returned_at_once() -> None:
    component = Component("postgres", "starting")

    async def attempt() -> str:
        return "pool"

    assert await wait_for("Postgres", attempt, component=component) == "pool"
    assert component.why is None


async def test_it_tries_until_it_succeeds_and_says_what_it_waits_for(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    clock, component, tries = FakeClock(), Component("postgres", "starting"), 0
    whys = []

    async def attempt() -> int:
        nonlocal tries
        tries += 1
        whys.append(component.why)
        if tries <= 2 * SAY_EVERY_TRIES:
            raise AWAY if tries % 2 else OSError("refused")
        return tries

    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(wait_for("Postgres", attempt, component=component, clock=clock))
        while not waiting.done():
            await clock.until_sleeping()
            await clock.advance(MAX_WAIT_S)
            await asyncio.sleep(0)

    assert waiting.result() == 2 * SAY_EVERY_TRIES + 1
    assert component.why is None
    assert whys[1] == f"waits for Postgres: {AWAY}"
    messages = [record.message for record in caplog.records]
    assert messages == ["waiting", "waiting", "found"]


async def test_the_waits_grow_up_to_a_limit() -> None:
    clock, component, at = FakeClock(), Component("x", "starting"), list[float]()

    async def attempt() -> None:
        at.append(clock.monotonic())
        if len(at) < 12:
            raise AWAY

    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(wait_for("x", attempt, component=component, clock=clock))
        while not waiting.done():
            await clock.until_sleeping()
            await clock.advance(0.01)
            await asyncio.sleep(0)
            if clock.sleeping == 0 and not waiting.done():
                await asyncio.sleep(0)

    waits = [later - earlier for earlier, later in pairwise(at)]
    assert 0.04 <= waits[0] <= 0.12
    assert all(wait <= MAX_WAIT_S + 0.02 for wait in waits)
    assert waits[-1] >= MAX_WAIT_S / 2 - 0.02


async def test_what_cannot_be_mended_by_waiting_is_raised() -> None:
    async def attempt() -> None:
        raise PermanentError("test.refused", "expected to be let in, but the password is wrong")

    component = Component("x", "starting")
    with pytest.raises(PermanentError):
        await wait_for("x", attempt, component=component)
    assert component.why == "waits for x"
