"""Publishing: acknowledged means stored, whatever happens to the server meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from stretto.bus.api import Answer, ask_api
from stretto.bus.api_errors import Missing
from stretto.bus.connection import Connection
from stretto.bus.ensure import delete_stream, ensure
from stretto.bus.publisher import Outgoing, Publisher
from stretto.bus.topology import Stream
from stretto.bus.wire import publish_command
from stretto.runtime.errors import PermanentError, TransientError
from stretto.testkit.servers import NatsServer
from tests.frozen import freeze, thaw

from .reading import read_all

Eventually = Callable[[Callable[[], bool]], Awaitable[None]]

ORDERS = Stream(name="ORDERS", subjects=("orders.*",), storage="file")


async def test_a_message_is_stored_with_its_headers(bus: Connection) -> None:
    await ensure(bus, [ORDERS])
    async with Publisher(bus) as publisher:
        ack = await publisher.publish("orders.a", b"one", msg_id="1", headers={"k": "ü: v"})
        assert (ack.stream, ack.seq, ack.duplicate) == ("ORDERS", 1, False)
        ack = await publisher.publish("orders.a", b"two")
        assert ack.seq == 2
    one, two = await read_all(bus, "ORDERS")
    assert (one.subject, one.data) == ("orders.a", b"one")
    assert one.headers == {"Nats-Msg-Id": "1", "k": "ü: v"}
    assert (two.data, two.headers) == (b"two", {})


async def test_the_same_id_is_stored_once_and_reported_as_duplicate(bus: Connection) -> None:
    await ensure(bus, [ORDERS])
    async with Publisher(bus) as publisher:
        first = await publisher.publish("orders.a", b"one", msg_id="same")
        second = await publisher.publish("orders.a", b"one", msg_id="same")
    assert not first.duplicate
    assert second.duplicate
    assert second.seq == first.seq
    assert len(await read_all(bus, "ORDERS")) == 1


async def test_many_are_stored_in_order_and_answered_in_order(bus: Connection) -> None:
    await ensure(bus, [ORDERS])
    async with Publisher(bus, window=50) as publisher:
        acks = await publisher.publish_many(
            Outgoing("orders.a", b"%d" % n, f"m{n}") for n in range(500)
        )
        assert [ack.seq for ack in acks] == list(range(1, 501))
        assert await publisher.publish_many([]) == []
    assert [int(m.data) for m in await read_all(bus, "ORDERS")] == list(range(500))


async def test_a_message_is_sent_in_this_turn_where_it_need_not_wait(bus: Connection) -> None:
    await ensure(bus, [ORDERS])
    async with Publisher(bus, window=2) as publisher:
        assert publisher.send_now("orders.a", b"none hears the answer yet") is None
        await publisher.publish("orders.a", b"first")

        sent = [publisher.send_now("orders.a", b"%d" % n, msg_id=f"now-{n}") for n in range(3)]

        assert sent[2] is None, "the window is full"
        assert [(await each)[0].seq for each in sent[:2] if each] == [2, 3]
        with pytest.raises(PermanentError, match="expected a message of at most"):
            publisher.send_now("orders.a", b"x" * (bus.max_payload_bytes + 1))
        assert publisher.out == 0
    assert [m.data for m in await read_all(bus, "ORDERS")] == [b"first", b"0", b"1"]


async def test_no_more_than_the_window_is_out(bus: Connection) -> None:
    await ensure(bus, [ORDERS])
    most = 0
    async with Publisher(bus, window=10, window_bytes=100_000) as publisher:

        async def publish(number: int) -> None:
            nonlocal most
            future = await publisher.send("orders.a", b"x" * 100, msg_id=str(number))
            most = max(most, publisher.out)
            await future

        async with asyncio.TaskGroup() as group:
            for number in range(100):
                group.create_task(publish(number))
        assert most == 10

        # Bytes count as well: the second large one waits for the first.
        first = await publisher.send("orders.a", b"x" * 100_000)
        second = asyncio.ensure_future(publisher.send("orders.a", b"x" * 100_000))
        await asyncio.sleep(0)
        assert publisher.out == 1
        await first
        await (await second)
    assert len(await read_all(bus, "ORDERS")) == 102


async def test_who_stops_waiting_for_room_gives_its_turn_to_the_next(bus: Connection) -> None:
    await ensure(bus, [ORDERS])
    async with Publisher(bus, window=1) as publisher:
        first = await publisher.send("orders.a", b"1")
        leaver = asyncio.ensure_future(publisher.send("orders.a", b"2"))
        stayer = asyncio.ensure_future(publisher.send("orders.a", b"3"))
        await asyncio.sleep(0)
        let_in = publisher._let_in

        def let_in_and_leave() -> None:
            let_in()
            leaver.cancel()  # its turn has come, and it has not run yet

        publisher._let_in = let_in_and_leave  # type: ignore[method-assign]
        await first
        async with asyncio.timeout(10):
            await (await stayer)
    assert [m.data for m in await read_all(bus, "ORDERS")] == [b"1", b"3"]


async def test_without_a_stream_it_is_tried_until_somebody_makes_it(bus: Connection) -> None:
    asked = asyncio.Event()
    async with Publisher(bus, on_missing=asked.set) as publisher:
        publishing = asyncio.ensure_future(publisher.publish("orders.a", b"one", msg_id="1"))
        async with asyncio.timeout(10):
            await asked.wait()
            await ensure(bus, [ORDERS])
            assert (await publishing).seq == 1


async def test_without_a_stream_it_fails_at_the_deadline_with_the_reason(bus: Connection) -> None:
    async with Publisher(bus, deadline_s=0.3) as publisher:
        with pytest.raises(TransientError, match=r"orders\.a.*no such stream") as caught:
            await publisher.publish("orders.a", b"one")
        assert caught.value.code == "bus.publish_timeout"
        assert publisher.out == 0


async def test_a_full_stream_pushes_back_until_there_is_room(bus: Connection) -> None:
    await ensure(
        bus, [Stream(name="S", subjects=("s",), max_messages=1, discard="new", storage="memory")]
    )
    async with Publisher(bus, deadline_s=0.3) as publisher:
        await publisher.publish("s", b"1")
        with pytest.raises(TransientError, match="maximum messages") as caught:
            await publisher.publish("s", b"2")
        assert caught.value.detail["err_code"] == 10077
    async with Publisher(bus) as publisher:
        waiting = asyncio.ensure_future(publisher.publish("s", b"3"))
        await asyncio.sleep(0.1)
        assert not waiting.done()
        assert len(await read_all(bus, "S", delete=True)) == 1
        async with asyncio.timeout(10):
            await waiting


async def test_what_the_stream_refuses_for_good_fails_at_once(bus: Connection) -> None:
    await ensure(bus, [Stream(name="S", subjects=("s",), max_message_bytes=100)])
    async with Publisher(bus) as publisher:
        with pytest.raises(PermanentError) as caught:
            await publisher.publish_many(
                [Outgoing("s", b"1"), Outgoing("s", b"x" * 200), Outgoing("s", b"3")]
            )
        assert caught.value.detail["err_code"] == 10054
        with pytest.raises(PermanentError, match="white space"):
            await publisher.publish_many([Outgoing("bad subject", b""), Outgoing("s", b"4")])
    assert [m.data for m in await read_all(bus, "S")] == [b"1", b"3", b"4"]


async def test_a_closed_publisher_fails_what_is_out_and_what_comes(bus: Connection) -> None:
    publisher = Publisher(bus)
    out = await publisher.send("no.stream", b"1")
    await publisher.close()
    await publisher.close()
    for attempt in (out, publisher.publish("no.stream", b"2")):
        with pytest.raises(TransientError) as caught:
            await attempt
        assert caught.value.code == "bus.closed"


async def test_what_is_out_fails_when_the_connection_is_closed(
    own_server: NatsServer, own_bus: Connection
) -> None:
    publisher = Publisher(own_bus, ack_timeout_s=0.1)
    out = await publisher.send("no.stream", b"1")
    await own_bus.close()
    with pytest.raises(TransientError, match="connection was closed"):
        await out
    await publisher.close()


async def test_while_the_server_is_away_it_waits_and_then_says_so(
    own_server: NatsServer, own_bus: Connection, eventually: Eventually
) -> None:
    await ensure(own_bus, [ORDERS])
    await own_server.kill()
    await eventually(lambda: not own_bus.is_connected)
    async with Publisher(own_bus, deadline_s=0.2) as publisher:
        with pytest.raises(TransientError, match="server is away"):
            await publisher.publish("orders.a", b"1")


async def test_a_frozen_server_gets_it_again_with_the_same_id(
    own_server: NatsServer, own_bus: Connection
) -> None:
    await ensure(own_bus, [ORDERS])
    async with Publisher(own_bus, ack_timeout_s=0.1) as publisher:
        await publisher.publish("orders.a", b"0")
        assert own_server.pid is not None
        freeze(own_server.pid)
        publishing = asyncio.ensure_future(publisher.publish("orders.a", b"1", msg_id="1"))
        hopeless = Publisher(own_bus, ack_timeout_s=0.05, deadline_s=0.3)
        with pytest.raises(TransientError, match="no answer came to"):
            await hopeless.publish("orders.a", b"2", msg_id="2")
        thaw(own_server.pid)
        async with asyncio.timeout(10):
            await publishing
        await hopeless.close()
    stored = [m.data for m in await read_all(own_bus, "ORDERS")]
    assert stored.count(b"1") == 1
    assert stored.count(b"2") <= 1


async def test_everything_acknowledged_survives_kills_of_the_server(
    own_server: NatsServer, own_bus: Connection
) -> None:
    await ensure(own_bus, [ORDERS])
    total = 3000
    acked: list[int] = []
    shares = [0.2, 0.5, 0.8]
    enough = asyncio.Event()
    async with Publisher(own_bus, window=100, ack_timeout_s=1) as publisher:

        async def publish() -> None:
            for base in range(0, total, 50):
                numbers = range(base, base + 50)
                await publisher.publish_many(
                    Outgoing("orders.a", b"%d" % n, f"id-{n}") for n in numbers
                )
                acked.extend(numbers)
                if shares and len(acked) > total * shares[0]:
                    shares.pop(0)
                    enough.set()

        async def kill() -> None:
            for _ in shares:
                await enough.wait()
                enough.clear()
                await own_server.kill()
                await own_server.start()

        async with asyncio.timeout(60), asyncio.TaskGroup() as group:
            group.create_task(publish())
            group.create_task(kill())
    stored = [int(m.data) for m in await read_all(own_bus, "ORDERS")]
    assert set(stored) == set(range(total))
    assert len(stored) == total, "repeated publishes were not recognised by their id"


async def test_it_goes_on_when_the_store_is_wiped_and_made_again(
    own_server: NatsServer, own_bus: Connection
) -> None:
    await ensure(own_bus, [ORDERS])
    async with Publisher(own_bus) as publisher:
        await publisher.publish("orders.a", b"1", msg_id="1")
        await own_server.wipe_store()
        publishing = asyncio.ensure_future(publisher.publish("orders.a", b"2", msg_id="2"))
        await ensure(own_bus, [ORDERS])
        async with asyncio.timeout(10):
            await publishing
    assert [m.data for m in await read_all(own_bus, "ORDERS")] == [b"2"]


async def test_core_messages_cost_no_acknowledgement(bus: Connection) -> None:
    got: list[bytes] = []
    await bus.subscribe("hint", lambda _s, _r, _b, data: got.append(data))
    async with Publisher(bus) as publisher:
        await publisher.publish_core("hint", b"1", headers={"a": "b"})
        await publisher.publish_encoded([publish_command(b"hint", b"", b"", b"2")])
        assert publisher.out == 0
    await bus.flush()
    assert got == [b"1", b"2"]


async def test_deleting_a_stream_twice_is_fine(bus: Connection) -> None:
    await ensure(bus, [ORDERS])
    assert await delete_stream(bus, "ORDERS")
    assert not await delete_stream(bus, "ORDERS")
    with pytest.raises(Missing):
        await ask_api(bus, "STREAM.INFO.ORDERS", None, Answer, asked="see it")


async def test_answers_that_cannot_be_understood_are_as_none(
    bus: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    def nonsense(_subject: bytes, reply: bytes, _block: bytes, _data: bytes) -> None:
        bus.send(b"PUB %b 1\r\n{\r\n" % reply)
        bus.send(b"PUB %bx 2\r\n{}\r\n" % reply)
        for answer in (b'{"error": {"code": 400, "err_code": 10054}}', b"{}"):
            # Late answers to messages that are not out (any more).
            bus.send(publish_command(reply + b"99", b"", b"", answer))
        bus.send(publish_command(reply + b"99", b"", b"NATS/1.0 503\r\n\r\n", b""))

    await bus.subscribe("fake.stream", nonsense)
    async with Publisher(bus, deadline_s=0.3) as publisher:
        with pytest.raises(TransientError, match="no answer came"):
            await publisher.publish("fake.stream", b"")
    assert "not understood" in caplog.text


async def test_a_message_that_nobody_awaits_any_more_is_still_stored(bus: Connection) -> None:
    await ensure(bus, [ORDERS])
    async with Publisher(bus) as publisher:
        out = await publisher.send("orders.a", b"1")
        out.cancel()
        await publisher.publish("orders.a", b"2")
        assert publisher.out == 0
    assert len(await read_all(bus, "ORDERS")) == 2


async def test_an_unused_publisher_closes(bus: Connection) -> None:
    async with Publisher(bus):
        pass


async def test_waiting_for_room_ends_when_the_publisher_is_closed(bus: Connection) -> None:
    publisher = Publisher(bus, window=1)
    first = await publisher.send("no.stream", b"1")
    waiting = asyncio.ensure_future(publisher.send("no.stream", b"2"))
    leaving = asyncio.ensure_future(publisher.send("no.stream", b"3"))
    await asyncio.sleep(0)
    leaving.cancel()
    await asyncio.sleep(0)
    await publisher.close()
    for attempt in (first, waiting):
        with pytest.raises(TransientError):
            await attempt


async def test_an_answer_of_the_api_that_is_not_json_is_transient(bus: Connection) -> None:
    await bus.subscribe(
        "$JS.API.FAKE", lambda _s, reply, _b, _d: bus.send(b"PUB %b 1\r\n{\r\n" % reply)
    )
    with pytest.raises(TransientError) as caught:
        await ask_api(bus, "FAKE", {"a": 1}, Answer, asked="have an answer")
    assert caught.value.code == "bus.bad_answer"
