"""What instances say of their lanes, which lane is given, and who rests after that."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import msgspec

from services.execution import lane as lane_module
from services.execution.core.shares import Shares
from services.execution.lane import Lane
from services.execution.sharing import SAY_S, Sharing
from stretto.runtime.errors import TransientError
from stretto.testkit.clock import FakeClock


class Held:
    """A lane that is ours (`own`: so many tasks of the service itself run in it), or is not."""

    def __init__(self, number: int, own: int | None) -> None:
        self.number = number
        self.desk = None if own is None else SimpleNamespace(counts=SimpleNamespace(own=own))
        self.given = False

    def give(self) -> None:
        self.given = True


class Bus:
    """A connection that is away, then refuses, then takes what is said."""

    def __init__(self) -> None:
        self.connected = [False, True, True]
        self.refuses = [True, False]
        self.said: list[Any] = []

    @property
    def is_connected(self) -> bool:
        return self.connected.pop(0) if self.connected else True

    async def publish(self, _subject: str, data: bytes) -> None:
        if self.refuses and self.refuses.pop(0):
            raise TransientError("bus.away", "expected the bus, but it is away")
        self.said.append(msgspec.json.decode(data))


async def test_lanes_are_said_every_second_while_there_is_a_bus() -> None:
    bus, clock = Bus(), FakeClock()
    context = SimpleNamespace(connection=bus, clock=clock, instance="e1")
    lanes = [Held(0, 0), Held(1, None)]
    running = asyncio.create_task(
        Sharing(cast(Any, context), cast(Any, lanes), Shares("e1", 2)).run()
    )
    for _ in range(3):
        await asyncio.wait_for(clock.until_sleeping(), 10)
        await clock.advance(SAY_S)
    await asyncio.wait_for(clock.until_sleeping(), 10)
    running.cancel()

    assert bus.said == [{"here": "e1", "lanes": [0]}]


def test_the_last_lane_in_which_no_task_of_ours_runs_is_given() -> None:
    lanes = [Held(0, 0), Held(1, 0), Held(2, 3), Held(3, None)]
    busy = [Held(0, 1), Held(1, None)]

    for each in (lanes, busy):
        Sharing(cast(Any, None), cast(Any, each), Shares("e1", 4))._give()

    assert [lane.number for lane in lanes if lane.given] == [1]
    assert not any(lane.given for lane in busy), "they are given when what runs has ended"


def lane_of(clock: FakeClock) -> Lane:
    context = SimpleNamespace(clock=clock, stopping=asyncio.Event())
    return Lane(cast(Any, context), 0, cast(Any, None), cast(Any, None))


async def test_who_has_given_a_lane_rests_until_another_has_it_or_nobody_wants_it() -> None:
    clock = FakeClock()
    lane = lane_of(clock)
    await asyncio.wait_for(lane._rest(), 10)  # nothing was given

    lane.give()
    resting = asyncio.create_task(lane._rest())
    await asyncio.wait_for(clock.until_sleeping(), 10)
    assert not resting.done()
    await clock.advance(lane_module.REST_S)
    await asyncio.wait_for(resting, 10)

    lane.give()
    resting = asyncio.create_task(lane._rest())
    await asyncio.wait_for(clock.until_sleeping(), 10)
    lane._displaced = True
    await clock.advance(lane_module.LOOK_S)
    await asyncio.wait_for(resting, 10)
