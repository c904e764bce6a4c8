"""Room for messages is given in turn, also to those behind who gave up; other ends of the bus."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from stretto.bus import connection as connection_module
from stretto.bus.connection import Connection, connect
from stretto.bus.publisher import Publisher
from stretto.bus.service import Service
from stretto.runtime.errors import PermanentError

from .test_late_answers import STORED, Wire


def full() -> tuple[Publisher, Wire]:
    wire = Wire()
    return Publisher(cast(Any, wire), window=1, ack_timeout_s=60.0), wire


async def answer(wire: Wire) -> None:
    """Acknowledge what is sent next."""
    command = await asyncio.wait_for(wire.sent.get(), 10)
    wire.sinks[0](command.split(b" ")[2], b"", b"", STORED)


async def test_who_gives_up_its_turn_before_it_came_costs_nobody_else_the_place() -> None:
    publisher, wire = full()
    await publisher.send("a", b"1")
    first, second, third = (asyncio.create_task(publisher.send("a", b"%d" % n)) for n in (2, 3, 4))
    await asyncio.sleep(0)

    first.cancel()
    await asyncio.wait([first])
    assert len([turn for turn in publisher._room if not turn.done()]) == 2, "nobody was woken"

    await answer(wire)
    await asyncio.wait([second])
    assert not third.done()
    await answer(wire)
    await asyncio.wait([third])
    await publisher.close()
    for sent in (second, third):
        (await sent).exception()


async def test_room_that_nobody_waits_for_any_more_is_left() -> None:
    publisher, wire = full()
    await publisher.send("a", b"1")
    waiting = [asyncio.create_task(publisher.send("a", b"%d" % n)) for n in (2, 3)]
    await asyncio.sleep(0)
    for each in waiting:
        each.cancel()
    await asyncio.wait(waiting)

    await answer(wire)

    assert not publisher._room
    await asyncio.wait_for(publisher.send("a", b"4"), 10)
    await publisher.close()


async def test_who_is_cancelled_when_its_turn_has_come_gives_it_to_the_next() -> None:
    publisher, wire = full()
    await publisher.send("a", b"1")
    first, second = (asyncio.create_task(publisher.send("a", b"%d" % n)) for n in (2, 3))
    await asyncio.sleep(0)
    await answer(wire)

    first.cancel()
    await asyncio.wait([first])
    await asyncio.wait_for(asyncio.wait([second]), 10)

    assert first.cancelled() and publisher.out == 1
    await publisher.close()
    (await second).exception()


async def test_a_service_whose_connection_is_closed_answers_nobody() -> None:
    wire = Wire()
    service = Service(cast(Any, wire), "s", {})

    wire.is_closed = True
    service._answer(b"_INBOX.1", b"{}", None)
    assert wire.sent.empty()
    wire.is_closed = False
    service._answer(b"_INBOX.1", b"{}", None)

    assert not wire.sent.empty()


async def test_what_keeps_a_connection_for_ever_is_told_as_it_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    odd = PermanentError("bus.no_jetstream", "expected JetStream, but it is off")

    async def dial(*_: object) -> None:
        raise odd

    monkeypatch.setattr(Connection, "_dial", dial)

    with pytest.raises(PermanentError) as raised:
        await connect("nats://127.0.0.1:1", "test")

    assert raised.value is odd
    assert connection_module.connect is connect
