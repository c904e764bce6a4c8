"""What execution does while the bus does not take what it says, or brings what nobody can read."""

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest

from services.execution.lane import SAY_S, Lane, _take_note
from services.execution.parts import Parts, Question
from stretto.bus.request import Reply
from stretto.contracts.codec import json_encode
from stretto.runtime.errors import TransientError
from stretto.testkit.clock import FakeClock

AWAY = TransientError("bus.away", "expected the bus, but it is away")


class Away:
    """A bus that takes nothing: publisher and connection of a service."""

    is_connected = True

    def __init__(self) -> None:
        self.tried = asyncio.Semaphore(0)

    async def send(self, *_: object) -> None:
        raise AWAY

    async def publish(self, *_: object) -> None:
        self.tried.release()
        raise AWAY

    async def request(self, *_: object, **__: object) -> Reply:
        raise AWAY


def lane(bus: object, clock: FakeClock) -> Lane:
    context = SimpleNamespace(connection=bus, publisher=bus, clock=clock, instance="i1")
    return Lane(cast(Any, context), 0, cast(Any, None), cast(Any, None))


async def test_a_lane_goes_on_while_the_bus_takes_nothing(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    of = lane(Away(), FakeClock())

    class Desk:
        async def take(self, _message: object) -> None:
            raise AWAY

    await of._knock()
    await of._unpin()
    await of._take(cast(Any, Desk()), cast(Any, None))

    assert caplog.messages == ["cannot knock", "cannot unpin", "frame left to another delivery"]


async def test_that_a_lane_is_ours_is_said_again_when_it_could_not_be_said() -> None:
    bus, clock = Away(), FakeClock()
    saying = asyncio.create_task(lane(bus, clock)._say_active())

    for _ in range(3):
        await asyncio.wait_for(bus.tried.acquire(), 10)
        await asyncio.wait_for(clock.until_sleeping(), 10)
        await clock.advance(SAY_S)
    bus.is_connected = False
    await asyncio.wait_for(clock.until_sleeping(), 10)
    saying.cancel()

    assert not saying.done()


async def test_the_outcome_of_a_knock_is_taken_whatever_it_is() -> None:
    failed, given_up = (asyncio.get_running_loop().create_future() for _ in range(2))
    failed.set_exception(AWAY)
    given_up.cancel()

    _take_note(failed)
    _take_note(given_up)

    assert failed.exception() is AWAY


class Others:
    """A bus on which other instances answer what the test says."""

    inbox_prefix = "_INBOX"

    def __init__(self, *answers: bytes) -> None:
        self._answers = answers
        self._take: Callable[..., None] | None = None
        self.said: list[bytes] = []

    async def subscribe(self, _subject: str, sink: Callable[..., None]) -> int:
        self._take = sink
        return 1

    async def unsubscribe(self, _subscription: int) -> None:
        return None

    async def wait_connected(self) -> None:
        return None

    def check_size(self, _size: int) -> None:
        raise AWAY

    def send(self, command: bytes) -> None:
        self.said.append(command)
        assert self._take is not None
        for answer in self._answers:
            self._take(b"", b"", b"", answer)


def part(instance: str, *lanes: int) -> bytes:
    counts = {"watched": 0, "known": 0, "unbound": 0, "held": 0, "out": 0, "own": 0}
    return json_encode({"instance": instance, "lanes": [{"lane": n, **counts} for n in lanes]})


def parts_of(bus: Others, lanes: int) -> Parts:
    idle = [SimpleNamespace(number=n, desk=None) for n in range(lanes)]
    roster = SimpleNamespace(present=lambda: ())
    return Parts("i1", cast(Any, bus), cast(Any, roster), cast(Any, idle), {})


async def test_the_parts_of_others_are_gathered_until_every_lane_is_heard_of(
    caplog: pytest.LogCaptureFixture,
) -> None:
    bus = Others(b"{", part("i1", 0), part("i2", 0), part("i3", 1, 2))

    found = await parts_of(bus, 3).gather(Question())

    assert [each.instance for each in found] == ["i1", "i2", "i3"]
    assert caplog.messages == ["part not understood"]


async def test_who_works_on_no_lane_and_who_asks_for_nothing_gets_no_answer() -> None:
    bus = Others()
    parts = parts_of(bus, 1)

    parts._asked(b"", b"here", b"", json_encode(Question()))
    parts._asked(b"", b"here", b"", b"{")

    assert bus.said == []
