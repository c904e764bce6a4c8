"""Acknowledgements that may wait for others."""

import asyncio
from typing import cast

from stretto.bus.connection import Connection
from stretto.bus.pull_settling import Settling


class Line:
    """A connection that keeps what is sent over it."""

    def __init__(self) -> None:
        self.is_connected = True
        self.generation = 1
        self.sent: list[bytes] = []
        self.some = asyncio.Event()

    def send_later(self, command: bytes) -> None:
        self.sent.append(command)
        self.some.set()

    send = send_later


def settling(patience_s: float) -> tuple[Settling, Line]:
    line = Line()
    made = Settling(cast(Connection, line))
    made.found("then")
    made.patience_s = patience_s
    return made, line


async def test_acknowledgements_wait_for_others_but_nothing_else_does() -> None:
    made, line = settling(0.01)
    made.done(0, [b"a"])
    made.done(0, [b"b", b"c"])
    made.settle(0, [b"nak"])
    assert line.sent == [b"nak"]
    line.some.clear()
    async with asyncio.timeout(5):
        await line.some.wait()
    assert line.sent == [b"nak", b"abc"]


async def test_without_patience_they_go_at_once() -> None:
    made, line = settling(0)
    made.done(0, [b"a"])
    assert line.sent == [b"a"]


async def test_those_of_a_store_that_is_gone_are_dropped() -> None:
    made, line = settling(60)
    made.done(0, [b"old"])
    made.lost()
    assert made.found("later")
    made.done(made.epoch, [b"new"])
    made.flush()
    assert (line.sent, made.dropped) == ([b"new"], 1)


async def test_at_the_end_nothing_waits_any_longer() -> None:
    made, line = settling(60)
    made.done(0, [b"a"])
    made.close()
    made.done(0, [b"b"])
    assert line.sent == [b"a", b"b"]
