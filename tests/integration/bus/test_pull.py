"""Pulling: natural batches, bounded, and it goes on whatever happens to the consumer."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from stretto.bus.connection import Connection, connect
from stretto.bus.ensure import ensure
from stretto.bus.message import Message, ack_all, ack_up_to, in_progress_all
from stretto.bus.pull import PullLoop
from stretto.bus.topology import Consumer, Stream
from stretto.bus.wire import publish_command
from stretto.runtime.errors import PermanentError, TransientError
from tests.integration.bus.work import CONSUMER, MEMORY, Eventually, gone, publish, take

PINNED = Consumer(
    stream="WORK", name="workers", ack_wait_s=1, priority_group="active", priority_timeout_s=1
)


async def info(bus: Connection) -> dict[str, int]:
    """Return what the server says about the consumer."""
    reply = await bus.request("$JS.API.CONSUMER.INFO.WORK.workers")
    answer: dict[str, int] = msgspec.json.decode(reply.data)
    return answer


async def test_all_that_has_arrived_comes_at_once_and_is_gone_when_acknowledged(
    bus: Connection,
) -> None:
    await ensure(bus, [MEMORY], [CONSUMER])
    await publish(bus, 0, 250)
    async with PullLoop(bus, "WORK", "workers", 100) as loop:
        got: list[int] = []
        while len(got) < 250:
            batch = await loop.next_batch()
            assert 1 <= len(batch) <= 100
            assert [m.stream_seq for m in batch] == [int(m.data) + 1 for m in batch]
            assert all(m.num_delivered == 1 for m in batch)
            got += [int(m.data) for m in batch]
            ack_all(batch)
        assert got == list(range(250))
        assert await loop.next_batch(timeout_s=0.05) == []
        await gone(bus)


async def test_idle_a_batch_is_one_message_and_comes_at_once(bus: Connection) -> None:
    await ensure(bus, [MEMORY], [CONSUMER])
    async with PullLoop(bus, "WORK", "workers") as loop:
        for number in range(20):
            waiting = asyncio.ensure_future(loop.next_batch())
            await asyncio.sleep(0)
            await publish(bus, number, number + 1)
            async with asyncio.timeout(5):
                [message] = await waiting
            assert int(message.data) == number
            message.ack()


async def test_a_request_that_expired_is_followed_by_the_next(bus: Connection) -> None:
    await ensure(bus, [MEMORY], [CONSUMER])
    async with PullLoop(bus, "WORK", "workers", 10, expires_s=0.3) as loop:
        assert await loop.next_batch(timeout_s=0.01) == []
        for _ in range(4):
            assert await loop.next_batch(timeout_s=0.35) == []
            async with asyncio.timeout(5):
                while (await info(bus))["num_waiting"] == 0:
                    assert await loop.next_batch(timeout_s=0.01) == []
        assert loop._requests.made >= 4
        await publish(bus, 0, 30)
        got = 0
        while got < 30:
            got += len(await loop.next_batch(timeout_s=5))


async def test_never_more_is_asked_for_than_the_capacity(
    bus: Connection, eventually: Eventually
) -> None:
    await ensure(bus, [MEMORY], [CONSUMER])
    await publish(bus, 0, 100)
    async with PullLoop(bus, "WORK", "workers", 50, capacity=20, hold=True) as loop:
        first = await loop.next_batch(5)
        assert len(first) == 5
        await eventually(lambda: loop.buffered == 15)
        second = await loop.next_batch()
        assert len(second) == 15
        # All slots are taken: nothing more comes until some are released.
        assert await loop.next_batch(timeout_s=0.1) == []
        assert (await info(bus))["num_ack_pending"] == 20
        ack_all(second)
        loop.release(15)
        third = await loop.next_batch(timeout_s=5)
        assert 1 <= len(third) <= 15
        loop.set_capacity(40)
        await eventually(lambda: loop.buffered + len(third) == 35)
        assert loop.capacity == 40


async def test_without_a_word_a_message_comes_again_and_with_one_it_does_not(
    bus: Connection,
) -> None:
    await ensure(bus, [MEMORY], [CONSUMER])
    await publish(bus, 0, 3)
    async with PullLoop(bus, "WORK", "workers") as loop:
        kept, silent, finished = await take(loop, 3)
        finished.term()
        for _ in range(4):
            in_progress_all([kept])
            kept.in_progress()
            again = await loop.next_batch(timeout_s=0.4)
            if again:
                break
        assert [m.data for m in again] == [silent.data]
        assert again[0].num_delivered == 2
        assert again[0].timestamp_ns == silent.timestamp_ns
        ack_all([kept, again[0]])
        await gone(bus)


async def test_one_acknowledgement_can_say_all_before_it(bus: Connection) -> None:
    stream = Stream(name="WORK", subjects=("work.*",), storage="memory", retention="interest")
    await ensure(bus, [stream], [Consumer(stream="WORK", name="workers", ack_policy="all")])
    await publish(bus, 0, 10)
    async with PullLoop(bus, "WORK", "workers") as loop:
        messages = await take(loop, 10)
        ack_up_to(messages[7])
        await gone(bus, but=2)


async def test_what_was_not_handed_out_is_given_back_at_the_end(
    bus: Connection, eventually: Eventually
) -> None:
    await ensure(bus, [MEMORY], [Consumer(stream="WORK", name="workers", ack_wait_s=60)])
    await publish(bus, 0, 10)
    loop = PullLoop(bus, "WORK", "workers")
    [first] = await loop.next_batch(1)
    await eventually(lambda: loop.buffered == 9)
    await loop.close()
    await loop.close()
    with pytest.raises(TransientError):
        await loop.next_batch()
    async with PullLoop(bus, "WORK", "workers") as other:
        messages = await take(other, 9)
        assert {m.data for m in messages}.isdisjoint({first.data})
        assert await other.next_batch(timeout_s=0.1) == []


async def test_a_consumer_that_is_missing_is_waited_for(bus: Connection) -> None:
    async with PullLoop(bus, "WORK", "workers") as loop:
        assert await loop.next_batch(timeout_s=0.2) == []
        await ensure(bus, [MEMORY], [CONSUMER])
        await publish(bus, 0, 1)
        [message] = await loop.next_batch(timeout_s=10)
        assert message.data == b"0"


async def test_a_request_that_the_server_refuses_is_a_permanent_error(bus: Connection) -> None:
    await ensure(bus, [MEMORY], [PINNED])
    async with PullLoop(bus, "WORK", "workers", group="unknown") as loop:
        with pytest.raises(PermanentError, match="Priority Group") as caught:
            await loop.next_batch(timeout_s=5)
        assert caught.value.code == "bus.pull_refused"


async def test_a_consumer_that_allows_less_is_not_asked_in_a_hot_loop(bus: Connection) -> None:
    await ensure(bus, [MEMORY])
    config = {"durable_name": "workers", "ack_policy": "explicit", "max_batch": 10}
    await bus.request(
        "$JS.API.CONSUMER.CREATE.WORK.workers",
        msgspec.json.encode({"stream_name": "WORK", "config": config}),
    )
    async with PullLoop(bus, "WORK", "workers", 500) as loop:
        assert await loop.next_batch(timeout_s=0.5) == []
        assert loop._requests.made < 10


async def test_one_of_two_pinned_loops_gets_everything_and_the_other_takes_over(
    nats_url: str, bus: Connection
) -> None:
    await ensure(bus, [MEMORY], [PINNED])
    async with await connect(nats_url, "one") as one, await connect(nats_url, "two") as two:
        loops = {
            name: PullLoop(connection, "WORK", "workers", 10, group="active", expires_s=0.3)
            for name, connection in (("one", one), ("two", two))
        }
        got: dict[str, list[int]] = {"one": [], "two": []}
        total = 0
        changed = asyncio.Condition()

        async def run(name: str) -> None:
            nonlocal total
            while True:
                batch = await loops[name].next_batch(timeout_s=0.2)
                ack_all(batch)
                async with changed:
                    got[name] += [int(m.data) for m in batch]
                    total += len(batch)
                    changed.notify_all()

        async with asyncio.timeout(30), asyncio.TaskGroup() as group:
            tasks = {name: group.create_task(run(name)) for name in loops}
            for part in range(6):
                await publish(bus, part * 25, part * 25 + 25)
                async with changed:
                    await changed.wait_for(lambda part=part: total == part * 25 + 25)
                await asyncio.sleep(0.3)  # longer than a request: the pin must survive it
            active = "one" if got["one"] else "two"
            other = "two" if active == "one" else "one"
            assert got[active] == list(range(150))
            assert got[other] == []
            assert loops[active].is_pinned
            assert not loops[other].is_pinned

            tasks[active].cancel()
            await loops[active].close()
            await publish(bus, 150, 175)
            async with changed:
                await changed.wait_for(lambda: total == 175)
            # What was on its way to the one that has just left comes after the rest.
            assert sorted(got[other]) == list(range(150, 175))
            assert loops[other].is_pinned
            tasks[other].cancel()
        await loops[other].close()


async def test_a_pinned_loop_that_slept_too_long_forgets_its_pin(
    nats_url: str, bus: Connection
) -> None:
    await ensure(bus, [MEMORY], [PINNED])
    async with (
        PullLoop(
            bus, "WORK", "workers", 1, capacity=1, hold=True, group="active", expires_s=0.3
        ) as sleeper,
        await connect(nats_url, "other") as connection,
        PullLoop(connection, "WORK", "workers", 10, group="active", expires_s=0.3) as other,
    ):
        await publish(bus, 0, 1)
        ack_all(await take(sleeper, 1))
        assert sleeper.is_pinned
        await publish(bus, 1, 5)
        taken = await take(other, 4)
        ack_all(taken)
        assert other.is_pinned
        sleeper.release(1)
        assert await sleeper.next_batch(timeout_s=1) == []
        assert not sleeper.is_pinned
        await publish(bus, 5, 6)
        assert [m.data for m in await take(other, 1)] == [b"5"]


async def test_closing_the_connection_ends_the_loop_at_once(nats_url: str, bus: Connection) -> None:
    await ensure(bus, [MEMORY], [CONSUMER])
    connection = await connect(nats_url, "test")
    loop = PullLoop(connection, "WORK", "workers")
    waiting = asyncio.ensure_future(loop.next_batch())
    while (await info(bus))["num_waiting"] == 0:  # noqa: ASYNC110 - the server knows
        await asyncio.sleep(0.01)
    with pytest.raises(AssertionError, match="one task at a time"):
        await loop.next_batch()
    await connection.close()
    async with asyncio.timeout(1):
        with pytest.raises(TransientError):
            await waiting
    await loop.close()


async def test_what_is_not_from_a_stream_is_ignored(bus: Connection) -> None:
    await ensure(bus, [MEMORY], [CONSUMER])
    async with PullLoop(bus, "WORK", "workers") as loop:
        assert await loop.next_batch(timeout_s=0.1) == []
        assert loop._subscription is not None
        inbox = loop._subscription.subject.replace("*", "")
        await bus.publish(inbox + "1", b"a guess")
        bus.send(publish_command(f"{inbox}x".encode(), b"", b"NATS/1.0 408 Guess\r\n\r\n", b""))
        await bus.flush()
        assert await loop.next_batch(timeout_s=0.1) == []
        assert loop._requests.owed == 500


async def test_a_message_is_offered_first_to_who_takes_it_at_once(bus: Connection) -> None:
    await ensure(bus, [MEMORY], [CONSUMER])
    async with PullLoop(bus, "WORK", "workers") as loop:
        taken: list[int] = []
        some = asyncio.Event()

        def even(message: Message) -> bool:
            if int(message.data) % 2:
                return False
            taken.append(int(message.data))
            some.set()
            message.ack()
            return True

        loop.at_once = even
        waiting = asyncio.ensure_future(loop.next_batch())
        await asyncio.sleep(0)
        await publish(bus, 0, 1)
        async with asyncio.timeout(5):
            await some.wait()
        assert not waiting.done()
        await publish(bus, 1, 2)
        [odd] = await waiting
        assert (taken, int(odd.data)) == ([0], 1)
        await publish(bus, 2, 3)  # nobody waits: it stays in its order
        [late] = await loop.next_batch()
        assert (taken, int(late.data)) == ([0], 2)
        ack_all([odd, late])
        await gone(bus)


async def test_the_alarm_of_a_wait_serves_the_next_one_as_well(bus: Connection) -> None:
    await ensure(bus, [MEMORY], [CONSUMER])
    async with PullLoop(bus, "WORK", "workers", heartbeat_s=0.1) as loop:
        assert await loop.next_batch(timeout_s=0.01) == []
        waiting = asyncio.ensure_future(loop.next_batch())
        await asyncio.sleep(0.3)  # longer than the alarm that the first wait has left
        assert not waiting.done()
        await publish(bus, 0, 1)
        async with asyncio.timeout(5):
            ack_all(await waiting)
        await gone(bus)
