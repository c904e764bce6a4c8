"""A pull loop whose consumer, stream, server or connection goes away: nothing is lost."""

from __future__ import annotations

import asyncio
from typing import Any

from stretto.bus.connection import Connection
from stretto.bus.ensure import delete_consumer, delete_stream, ensure
from stretto.bus.message import Message, ack_all
from stretto.bus.pull import PullLoop
from stretto.bus.request import Reply
from stretto.bus.topology import Consumer, Stream
from stretto.runtime.errors import TransientError
from stretto.testkit.servers import NatsServer
from tests.frozen import freeze, thaw
from tests.integration.bus.work import CONSUMER, MEMORY, Eventually, gone, left, publish, take

WORK = Stream(name="WORK", subjects=("work.*",), storage="file", retention="workqueue")


async def test_a_consumer_deleted_under_the_loop_is_made_again(bus: Connection) -> None:
    made = 0

    async def make() -> None:
        nonlocal made
        made += 1
        if made == 1:
            raise TransientError("test.busy", "expected to make it, but the first time fails")
        await ensure(bus, [MEMORY], [CONSUMER])

    await ensure(bus, [MEMORY], [CONSUMER])
    await publish(bus, 0, 3)
    async with PullLoop(bus, "WORK", "workers", on_missing=make) as loop:
        old = await take(loop, 3)
        await delete_consumer(bus, "WORK", "workers")
        waiting = asyncio.ensure_future(take(loop, 3))
        async with asyncio.timeout(10):
            again = await waiting
        assert made == 2
        # Acknowledgements of the consumer that is gone would acknowledge the wrong delivery.
        ack_all(old)
        await bus.flush()
        assert loop.dropped_acks == 3
        assert await left(bus) == 3
        ack_all(again)
        await gone(bus)


async def test_a_stream_deleted_under_the_loop_is_made_again(bus: Connection) -> None:
    async def make() -> None:
        await ensure(bus, [MEMORY], [CONSUMER])

    await make()
    async with PullLoop(bus, "WORK", "workers", on_missing=make) as loop:
        assert await loop.next_batch(timeout_s=0.05) == []
        for number in range(3):
            await delete_stream(bus, "WORK")
            taking = asyncio.ensure_future(take(loop, 1))
            await publish(bus, number, number + 1)
            async with asyncio.timeout(10):
                [message] = await taking
            assert int(message.data) == number
            message.ack()


async def test_who_takes_with_a_short_time_finds_a_consumer_that_was_long_missing(
    bus: Connection,
) -> None:
    async with PullLoop(bus, "WORK", "workers") as loop:
        for _ in range(12):  # the time between two tries grows beyond that of a call
            assert await loop.next_batch(timeout_s=0.05) == []
        await ensure(bus, [MEMORY], [CONSUMER])
        await publish(bus, 0, 1)
        found: list[Message] = []
        async with asyncio.timeout(10):
            while not found:
                found = await loop.next_batch(timeout_s=0.05)
        assert found[0].data == b"0"


async def test_a_frozen_server_is_noticed_and_asked_again(
    own_server: NatsServer, own_bus: Connection
) -> None:
    await ensure(own_bus, [MEMORY], [CONSUMER])
    async with PullLoop(own_bus, "WORK", "workers", heartbeat_s=0.1, expires_s=1) as loop:
        assert await loop.next_batch(timeout_s=0.05) == []
        assert own_server.pid is not None
        freeze(own_server.pid)
        assert await loop.next_batch(timeout_s=0.5) == []
        thaw(own_server.pid)
        await publish(own_bus, 0, 1)
        async with asyncio.timeout(20):
            [message] = await take(loop, 1)
        assert message.data == b"0"


async def test_nothing_is_lost_when_the_server_is_killed(
    own_server: NatsServer, own_bus: Connection
) -> None:
    await ensure(own_bus, [WORK], [CONSUMER])
    total = 2000
    await publish(own_bus, 0, total)
    done: dict[int, int] = {}
    enough = asyncio.Event()

    async def work(loop: PullLoop) -> None:
        while len(done) < total:
            batch = await loop.next_batch(20, timeout_s=1)
            ack_all(batch)
            for message in batch:
                done[int(message.data)] = done.get(int(message.data), 0) + 1
            if len(done) >= total // 4:
                enough.set()

    async def kill() -> None:
        await enough.wait()
        for _ in range(2):
            await own_server.kill()
            await own_server.start()

    async with (
        PullLoop(own_bus, "WORK", "workers", 50) as loop,
        asyncio.timeout(60),
        asyncio.TaskGroup() as group,
    ):
        group.create_task(work(loop))
        group.create_task(kill())
    assert set(done) == set(range(total))
    # What was acknowledged in the server's last moments comes again: it writes them down later.
    assert max(done.values()) <= 3


async def test_acknowledgements_after_a_wipe_do_not_touch_the_new_store(
    own_server: NatsServer, own_bus: Connection, eventually: Eventually
) -> None:
    made = asyncio.Event()

    async def make() -> None:
        await ensure(own_bus, [WORK], [CONSUMER])
        made.set()

    await make()
    made.clear()
    await publish(own_bus, 0, 5)
    async with PullLoop(own_bus, "WORK", "workers", on_missing=make) as loop:
        old = await take(loop, 5)
        await own_server.kill()
        await eventually(lambda: not own_bus.is_connected)
        ack_all(old)  # parked: the server may come back with another store
        await own_server.wipe_store()

        taking = asyncio.ensure_future(take(loop, 5))
        async with asyncio.timeout(20):
            await made.wait()
            await publish(own_bus, 100, 105)
            new = await taking
        assert [m.stream_seq for m in new] == [m.stream_seq for m in old]
        ack_all(old)
        await own_bus.flush()
        assert await left(own_bus) == 5, "an old acknowledgement removed a new message"
        assert loop.dropped_acks == 10
        ack_all(new)
        await gone(own_bus)


async def test_acknowledgements_given_while_away_count_when_the_same_store_comes_back(
    own_server: NatsServer, own_bus: Connection, eventually: Eventually
) -> None:
    await ensure(own_bus, [WORK], [Consumer(stream="WORK", name="workers", ack_wait_s=60)])
    await publish(own_bus, 0, 5)
    async with PullLoop(own_bus, "WORK", "workers") as loop:
        messages = await take(loop, 5)
        await own_server.stop()
        await eventually(lambda: not own_bus.is_connected)
        ack_all(messages)
        await own_server.start()
        assert await loop.next_batch(timeout_s=1) == []
        await gone(own_bus)
        assert loop.dropped_acks == 0
    messages[0].ack()  # after the end it is dropped, not an error


async def test_a_server_lost_while_being_asked_is_asked_again(
    own_server: NatsServer, own_bus: Connection
) -> None:
    await ensure(own_bus, [WORK], [CONSUMER])
    await publish(own_bus, 0, 1)
    async with PullLoop(own_bus, "WORK", "workers") as loop:
        new_inbox = loop._new_inbox
        lost = 0

        async def lose_then_open() -> None:
            nonlocal lost
            if lost == 0:
                lost += 1
                await own_server.restart()
                await own_bus.wait_connected()
            await new_inbox()

        loop._new_inbox = lose_then_open  # type: ignore[method-assign]
        async with asyncio.timeout(20):
            [message] = await take(loop, 1)
        assert message.data == b"0"
        assert lost == 1


async def test_an_api_that_is_busy_is_asked_again(bus: Connection) -> None:
    await ensure(bus, [MEMORY], [CONSUMER])
    await publish(bus, 0, 1)
    request, failures = bus.request, 2

    async def fail_first(subject: str, *args: Any, **more: Any) -> Reply:
        nonlocal failures
        if failures:
            failures -= 1
            raise TransientError("test.busy", "expected an answer, but the server is busy")
        return await request(subject, *args, **more)

    bus.request = fail_first  # type: ignore[method-assign]
    async with PullLoop(bus, "WORK", "workers") as loop:
        assert len(await take(loop, 1)) == 1
    assert failures == 0


async def test_a_consumer_deleted_while_nothing_was_asked_is_made_again(bus: Connection) -> None:
    made = asyncio.Event()

    async def make() -> None:
        made.set()
        await ensure(bus, [MEMORY], [CONSUMER])

    await ensure(bus, [MEMORY], [CONSUMER])
    async with PullLoop(bus, "WORK", "workers", capacity=0, on_missing=make) as loop:
        assert await loop.next_batch(timeout_s=0.1) == []
        await delete_consumer(bus, "WORK", "workers")
        loop.set_capacity(10)
        await publish(bus, 0, 1)
        async with asyncio.timeout(10):
            assert len(await take(loop, 1)) == 1
        assert made.is_set()


async def test_after_the_end_acknowledgements_count_only_over_the_same_connection(
    own_server: NatsServer, own_bus: Connection
) -> None:
    await ensure(own_bus, [WORK], [Consumer(stream="WORK", name="workers", ack_wait_s=60)])
    await publish(own_bus, 0, 2)
    loop = PullLoop(own_bus, "WORK", "workers")
    first, second = await take(loop, 2)
    await loop.close()
    first.ack()
    await gone(own_bus, but=1)
    await own_server.restart()
    async with asyncio.timeout(10):
        while own_bus.generation == 1:  # noqa: ASYNC110 - the loss is noticed by the read loop
            await asyncio.sleep(0.01)
    second.ack()
    assert loop.dropped_acks == 1
