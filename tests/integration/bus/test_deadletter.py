"""Dead letters hold what is needed to understand them, and no more."""

from __future__ import annotations

import msgspec

from stretto.bus.connection import Connection
from stretto.bus.deadletter import EXCERPT_BYTES, DeadLetters
from stretto.bus.ensure import ensure
from stretto.bus.publisher import Publisher
from stretto.bus.pull import PullLoop
from stretto.bus.topology import Consumer, Stream
from stretto.contracts.public import DeadLetter

from .reading import read_all

WORK = Stream(name="WORK", subjects=("work.*",), retention="workqueue")
DLQ = Stream(name="DLQ", subjects=("stretto.dlq.*",))
CONSUMER = Consumer(stream="WORK", name="c", ack_wait_s=1)


async def test_a_buried_message_is_in_the_dead_letters_and_does_not_come_again(
    bus: Connection,
) -> None:
    await ensure(bus, [WORK, DLQ], [CONSUMER])
    async with Publisher(bus) as publisher, PullLoop(bus, "WORK", "c") as loop:
        letters = DeadLetters(publisher, "demo")
        payload = b"\xff{" + b"x" * 10_000
        await publisher.publish("work.a", payload, headers={"k": "v" * 1000})
        [message] = await loop.next_batch()
        await letters.bury(message, "demo.malformed", "expected JSON, but it is not")
        await letters.bury(message, "demo.malformed", "expected JSON, but it is not")
        assert await loop.next_batch(timeout_s=1.3) == []

    [stored] = await read_all(bus, "DLQ")
    assert stored.subject == "stretto.dlq.demo"
    letter = msgspec.json.decode(stored.data, type=DeadLetter)
    assert (letter.service, letter.subject) == ("demo", "work.a")
    assert (letter.reason.code, letter.size_bytes) == ("demo.malformed", len(payload))
    assert letter.excerpt.startswith("�{xxx")
    assert len(letter.excerpt) == EXCERPT_BYTES
    assert letter.headers == {"k": "v" * 512}
    assert letter.at


async def test_what_came_without_a_stream_can_be_a_dead_letter_too(bus: Connection) -> None:
    await ensure(bus, [DLQ])
    async with Publisher(bus) as publisher:
        letters = DeadLetters(publisher, "demo")
        for _ in range(2):
            await letters.publish("stretto.presence.a.b", b"?", code="demo.x", reason="because")
    assert len(await read_all(bus, "DLQ")) == 1, "the same letter twice is one"
